"""Makes sandboxes out of locked-down containers and drives them; on the warm path it never asks the engine anything."""

import contextlib
import json
import os
import select
import signal
import time
from dataclasses import dataclass

from shared_lua.contract import MIB, Invocation, Version
from worker_agent import log, netns
from worker_agent.cgroup import Layout, Meter, Reading
from worker_agent.engine import ContainerSpec, Engine
from worker_agent.environment import environment
from worker_agent.errors import EngineUnavailableError, SandboxGoneError
from worker_agent.images import image_name
from worker_agent.log_buffer import LogBuffer
from worker_agent.ownership import AGENT_LABEL, Owner, is_alive
from worker_agent.runtime_api import End, Event, How, RuntimeApi
from worker_agent.sandbox import Ran, Started, StartFailed

NOTHING = Reading(cpu_us=0, peak_memory_bytes=0, oom_kills=0)


@dataclass(frozen=True)
class Limits:
    """What every sandbox gets, whatever its function's configuration."""

    pids: int = 128
    open_files: int = 1024
    tmp_bytes: int = 512 * MIB
    code_bytes: int = 256 * MIB
    start_timeout_s: float = 10.0


class DockerSandboxes:
    """Makes DockerSandboxes on one engine."""

    def __init__(self, engine: Engine, layout: Layout, owner: Owner, limits: Limits) -> None:
        self._engine = engine
        self._layout = layout
        self._owner = owner
        self._limits = limits

    def check(self) -> None:
        """Raise EngineUnavailableError when no sandbox could be made now."""
        self._engine.ping()

    def start(self, version: Version, code: bytes) -> "DockerSandbox":
        """Make a sandbox and wait until its function asks for work; StartFailed when the function cannot start."""
        began = time.monotonic()
        container = self._engine.create(self._spec(version))
        with contextlib.ExitStack() as undo:
            undo.callback(self._engine.remove, container)
            sandbox = DockerSandbox(self._engine, container, version, self._attach(container))
            undo.callback(sandbox.close)
            sandbox.become(code, began, self._limits.start_timeout_s)
            undo.pop_all()
        return sandbox

    def sweep(self) -> int:
        """Remove the containers of dead agents of this host, and no others; give how many."""
        dead = [id_ for id_, labels in self._engine.labelled(AGENT_LABEL) if not is_alive(labels[AGENT_LABEL])]
        for container in dead:
            self._engine.remove(container)
        return len(dead)

    def close(self) -> int:
        """Remove every container of this agent; give how many there were."""
        mine = self._engine.labelled(f"{AGENT_LABEL}={self._owner.agent}")
        for container, _ in mine:
            self._engine.remove(container)
        return len(mine)

    def _spec(self, version: Version) -> ContainerSpec:
        return ContainerSpec(
            image=image_name(version.runtime),
            # The code lies in the sandbox's memory; it must not eat into what the function was promised.
            memory_bytes=version.memory_mb * MIB + version.unpacked_bytes,
            pids=self._limits.pids,
            open_files=self._limits.open_files,
            tmp_bytes=self._limits.tmp_bytes,
            code_bytes=self._limits.code_bytes,
            labels=self._owner.labels(),
        )

    def _attach(self, container: str) -> "_Attached":
        """Start the container and get hold of all the agent needs of it, without the engine from here on."""
        pid = self._engine.start(container)
        with contextlib.ExitStack() as undo:
            try:
                pidfd = os.pidfd_open(pid)
                undo.callback(os.close, pidfd)
                meter = self._layout.meter(pid)
                undo.callback(meter.close)
                attached = _Attached(pidfd, meter, netns.listen_inside(pid))
            except OSError as error:
                raise EngineUnavailableError(f"a container ended while it was being set up: {error}") from error
            undo.pop_all()
        return attached


@dataclass(frozen=True)
class _Attached:
    """The agent's holds on a running container."""

    pidfd: int
    meter: Meter
    listeners: netns.Listeners


class DockerSandbox:
    """One container with one Version in it. Not for two threads at once: the pool leases it to one."""

    def __init__(self, engine: Engine, container: str, version: Version, attached: _Attached) -> None:
        self.version = version
        self.container = container
        self.started = Started(0, 0)
        self._engine = engine
        self._pidfd = attached.pidfd
        self._meter = attached.meter
        self._control = attached.listeners.control
        self._log = LogBuffer()
        self._api = RuntimeApi(attached.listeners.runtime_api, attached.listeners.log, attached.pidfd, self._log)
        self._oom_kills = 0
        self._usable = True

    def become(self, code: bytes, began: float, timeout_s: float) -> None:
        """Assign the Version and wait until it is ready for work; raise StartFailed when it does not get there."""
        deadline = time.monotonic() + timeout_s
        try:
            self._assign(code, deadline)
        except OSError as error:  # no user code has run yet: the image or the host is at fault
            raise EngineUnavailableError(f"a sandbox's first process did not take its assignment: {error}") from error
        end = self._api.wait_ready(deadline)
        reading = self._read()
        self.started = Started(_elapsed_us(began), reading.cpu_us if reading else 0)
        if end.how is not How.READY:
            raise StartFailed(self._ran(end, reading, reading, run_us=0), self.started)
        self._meter.set_cpu(self.version.memory_mb)

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        """Run one event within the Version's timeout; SandboxGoneError when it had died before it saw the event."""
        timeout_s = self.version.timeout_s
        if self._api.wait_ready(time.monotonic() + timeout_s).how is not How.READY:
            self._usable = False
            raise SandboxGoneError("a sandbox died while it was idle")
        self._log.take()  # printed between two Invocations: of neither
        self._meter.reset_peak()
        before = self._meter.read()
        self._oom_kills = before.oom_kills
        began = time.monotonic()
        end = self._api.invoke(_event(invocation, payload), began + timeout_s)
        run_us = _elapsed_us(began)
        return self._ran(end, before, self._read(), run_us)

    def alive(self) -> bool:
        """Tell whether it can serve another Invocation."""
        return self._usable

    def destroy(self, reason: str) -> None:
        """End every process in it, at once, and remove it; never raises: what the engine keeps is swept up later."""
        self.close()
        try:
            self._engine.remove(self.container)
        except EngineUnavailableError as error:
            log.warn("remove_failed", f"a dead container was not removed ({reason}): {error}", container=self.container)

    def close(self) -> None:
        """Kill every process in it and let go of all the agent holds of it; the container is left to be removed."""
        if self._pidfd < 0:
            return
        self._kill()
        self._api.close()
        self._control.close()
        self._meter.close()
        os.close(self._pidfd)
        self._pidfd = -1

    def _kill(self) -> None:
        # The first process of a process namespace takes all others with it: one signal, and no race with forks.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _assign(self, code: bytes, deadline: float) -> None:
        """Tell the first process what it is. Only this once: the socket is closed before any user code runs."""
        self._await_first_process(deadline)
        link, _ = self._control.accept()
        with link:
            self._control.close()
            assignment = {
                "environment": environment(self.version),
                "handler": self.version.handler,
                "code_bytes": len(code),
            }
            head = json.dumps(assignment).encode()
            link.settimeout(max(0.001, deadline - time.monotonic()))
            link.sendall(len(head).to_bytes(4, "big") + head)
            link.sendall(code)

    def _await_first_process(self, deadline: float) -> None:
        waiting = select.poll()
        for descriptor in (self._control.fileno(), self._pidfd):
            waiting.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)]
        if self._control.fileno() not in ready:
            raise TimeoutError("it ended" if ready else "it did not come in time")

    def _ran(self, end: End, before: Reading | None, after: Reading | None, run_us: int) -> Ran:
        """Put a run together. Whatever did not end in an answer leaves the sandbox unfit for another."""
        first = before or NOTHING
        last = after or first
        self._usable = end.how in (How.READY, How.ANSWERED, How.FAILED, How.TOO_LARGE)
        return Ran(
            end=end,
            log=self._log.take(),
            run_us=run_us,
            cpu_us=max(0, last.cpu_us - first.cpu_us),
            peak_memory_bytes=max(0, last.peak_memory_bytes - self.version.unpacked_bytes),
            peak_scope=self._meter.peak_scope,
            oom_killed=last.oom_kills > self._oom_kills,
            complete=after is not None,
            exit_reason=self._exit_reason() if end.how is How.DIED else "",
        )

    def _read(self) -> Reading | None:
        """Read the counters; None when the sandbox died and the engine was quicker to tidy up than this."""
        try:
            return self._meter.read()
        except OSError:
            return None

    def _exit_reason(self) -> str:
        code = self._engine.exit_code(self.container)
        if code is None or code == 0:
            return "Runtime exited without providing a reason"
        if code - 128 in set(signal.Signals):
            return f"Runtime exited with error: signal: {signal.Signals(code - 128).name}"
        return f"Runtime exited with error: exit status {code}"


def _event(invocation: Invocation, payload: bytes) -> Event:
    version = invocation.version
    return Event(
        request_id=invocation.invocation_id,
        payload=payload,
        deadline_ms=int(time.time() * 1000) + version.timeout_s * 1000,
        function_arn=version.arn,
        trace_header=invocation.trace_header,
        client_context=invocation.client_context,
    )


def _elapsed_us(began: float) -> int:
    return int((time.monotonic() - began) * 1_000_000)
