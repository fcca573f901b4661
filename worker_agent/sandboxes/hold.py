"""The agent's hold on one running container: kill, freeze, meter and hear of it, without asking the engine anything."""

import contextlib
import os
import select
import signal
import socket
import time

from worker_agent.errors import EngineUnavailableError
from worker_agent.sandboxes import netns
from worker_agent.sandboxes.cgroup import Layout, Reading
from worker_agent.sandboxes.engine import ContainerSpec, Ending, Engine
from worker_agent.sandboxes.log_buffer import LogBuffer
from worker_agent.sandboxes.runtime_api import RuntimeApi


class Hold:
    """One container that was started, and everything of it that the agent keeps open until `end`."""

    def __init__(self, engine: Engine, layout: Layout, container: str, pid: int) -> None:
        self.container = container
        self.log = LogBuffer()
        self._engine = engine
        with contextlib.ExitStack() as opened:
            self._pidfd = os.pidfd_open(pid)
            opened.callback(os.close, self._pidfd)
            self.cgroup = layout.of(pid)
            opened.callback(self.cgroup.close)
            listeners = netns.listen_inside(pid)
            self._control = listeners.control
            opened.callback(self._control.close)
            self.api = RuntimeApi(listeners.runtime_api, listeners.log, self._pidfd, self.log)
            opened.callback(self.api.close)
            self._opened = opened.pop_all()

    @classmethod
    def of_new(cls, engine: Engine, layout: Layout, spec: ContainerSpec) -> "Hold":
        """Create and start a container, and take hold of it; raise EngineUnavailableError and leave nothing."""
        container = engine.create(spec)
        with contextlib.ExitStack() as undo:
            undo.callback(engine.remove, container)
            pid = engine.start(container)
            try:
                hold = cls(engine, layout, container, pid)
            except OSError as error:
                raise EngineUnavailableError(f"a container ended while it was being set up: {error}") from error
            undo.pop_all()
        return hold

    def first_process(self, deadline: float) -> socket.socket:
        """Wait until the first process is ready, and give its control link; raise OSError when it does not come.

        There is one such link: the name is closed at once, so user code never finds it.
        """
        ready = self._poll(self._control.fileno(), timeout_s=max(0.0, deadline - time.monotonic()))
        if self._control.fileno() not in ready:
            raise TimeoutError("it ended" if ready else "it did not come in time")
        link, _ = self._control.accept()
        self._control.close()
        return link

    def is_alive(self) -> bool:
        """Tell whether the first process still runs."""
        return not self._poll(timeout_s=0)

    def read(self) -> Reading | None:
        """Read the counters; None when it died and the engine was quicker to tidy up than this."""
        try:
            return self.cgroup.read()
        except OSError:
            return None

    def ending(self, oom_kills_before: int) -> Ending:
        """Tell how the first process ended. Of memory its cgroup knows best, for the moment it is still there."""
        kills = self._oom_kills()
        told = self._engine.ending(self.container)
        return told if kills is None else Ending(told.exit_code, kills > oom_kills_before)

    def end(self) -> None:
        """Kill every process in it, let go, and have it removed soon; a second time does nothing. Never raises."""
        if self._pidfd < 0:
            return
        self._kill()
        self._opened.close()
        self._pidfd = -1
        self._engine.remove_soon(self.container)

    def _oom_kills(self) -> int | None:
        try:
            return self.cgroup.oom_kills()
        except OSError:
            return None

    def _kill(self) -> None:
        with contextlib.suppress(OSError):  # gone with all that was in it, or cgroup v1
            if self.cgroup.kill():
                return
        # The first process of a process namespace takes all others with it: one signal, and no race with forks. What
        # is frozen on cgroup v1 dies when it is thawed, and nothing of it runs before.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.cgroup.thaw()

    def _poll(self, *others: int, timeout_s: float) -> list[int]:
        """Wait for the end of the first process, or for one of the other descriptors; give those that are ready."""
        waiting = select.poll()
        for descriptor in (self._pidfd, *others):
            waiting.register(descriptor, select.POLLIN)
        return [descriptor for descriptor, _ in waiting.poll(timeout_s * 1000)]
