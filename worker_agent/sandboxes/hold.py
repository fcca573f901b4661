"""All that the agent keeps open of one container, to kill, freeze, meter and talk to it without the engine."""

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
    """One running container, with its descriptors and sockets, which stay open until `end`."""

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
        """Create and start a container and open all of it; raise EngineUnavailableError and leave nothing behind."""
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
        """Wait for the first process to connect, and return its control link; raise OSError when it does not.

        The listener is closed at once, so that user code finds nothing to connect to.
        """
        ready = self._poll(self._control.fileno(), timeout_s=max(0.0, deadline - time.monotonic()))
        if self._control.fileno() not in ready:
            raise TimeoutError("it ended" if ready else "it did not connect in time")
        link, _ = self._control.accept()
        self._control.close()
        return link

    def is_alive(self) -> bool:
        """Return whether the first process still runs."""
        return not self._poll(timeout_s=0)

    def read(self) -> Reading | None:
        """Read the counters; None when it died and the engine has removed its cgroup already."""
        try:
            return self.cgroup.read()
        except OSError:
            return None

    def ending(self, oom_kills_before: int) -> Ending:
        """Return how the first process ended; its cgroup, while there is one, knows best if memory was the cause."""
        kills = self._oom_kills()
        ending = self._engine.ending(self.container)
        return ending if kills is None else Ending(ending.exit_code, kills > oom_kills_before)

    def end(self) -> None:
        """Kill every process in it, close everything, and have it removed soon; never raises, and may be repeated."""
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
        # The first process of a pid namespace takes all others with it: one signal, and no race with forks. On cgroup
        # v1 a frozen process dies when it is thawed, before it runs again.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.cgroup.thaw()

    def _poll(self, *others: int, timeout_s: float) -> list[int]:
        """Wait for the end of the first process, or for one of the other descriptors; return those that are ready."""
        waiting = select.poll()
        for descriptor in (self._pidfd, *others):
            waiting.register(descriptor, select.POLLIN)
        return [descriptor for descriptor, _ in waiting.poll(timeout_s * 1000)]
