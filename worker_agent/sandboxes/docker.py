"""Makes Stems out of locked-down containers, and turns a Stem into a Sandbox without the engine."""

import json
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shared_lua.contract import MIB, Invocation, LiveLog, Version
from worker_agent import log
from worker_agent.clock import elapsed_us
from worker_agent.errors import EngineUnavailableError, SandboxGoneError
from worker_agent.sandboxes.cgroup import Layout, Reading
from worker_agent.sandboxes.engine import ContainerSpec, Ending, Engine
from worker_agent.sandboxes.environment import environment
from worker_agent.sandboxes.hold import Hold
from worker_agent.sandboxes.images import image_name
from worker_agent.sandboxes.ownership import AGENT_LABEL, Owner, is_alive
from worker_agent.sandboxes.runtime_api import End, Event, How
from worker_agent.sandboxes.sandbox import Ran, Started, StartFailed

NOTHING = Reading(cpu_us=0, cpu_system_us=0, peak_memory_bytes=0, io_read_bytes=0, io_write_bytes=0)
#: The memory limit of a Stem: that of the largest Version with the most code, so that becoming one only lowers it.
STEM_MEMORY_BYTES = 11 * 1024 * MIB
#: After its answer a runtime asks for the next event within a millisecond, or a hundred where its CPU share is small.
#: One that does not is doing work that nobody pays for: it is destroyed, and another sandbox gets the event.
READY_PATIENCE_S = 1.0


@dataclass(frozen=True)
class Limits:
    """Limits of every sandbox, independent of its function's configuration."""

    pids: int = 128
    open_files: int = 1024
    tmp_bytes: int = 512 * MIB
    code_bytes: int = 256 * MIB
    layer_bytes: int = 256 * MIB
    stem_timeout_s: float = 30.0
    start_timeout_s: float = 10.0


class DockerSandboxes:
    """Makes Stems on one engine."""

    def __init__(self, engine: Engine, layout: Layout, owner: Owner, limits: Limits) -> None:
        self._engine = engine
        self._layout = layout
        self._owner = owner
        self._limits = limits

    def check(self) -> None:
        """Raise EngineUnavailableError when no Stem can be made now."""
        self._engine.ping()

    def make_stem(self, runtime: str) -> "DockerStem":
        """Make a Stem; raise EngineUnavailableError or ImageMissingError and leave nothing behind."""
        self.check()
        hold = Hold.of_new(self._engine, self._layout, self._spec(runtime))
        try:
            link = hold.first_process(time.monotonic() + self._limits.stem_timeout_s)
        except OSError as error:
            hold.end()
            raise EngineUnavailableError(f"the first process of {runtime} is not ready: {error}") from error
        return DockerStem(runtime, hold, link, self._limits.start_timeout_s)

    def sweep(self) -> None:
        """Remove the containers of this host's dead agents, and no others."""
        for container, labels in self._engine.labelled(AGENT_LABEL):
            if not is_alive(labels[AGENT_LABEL]):
                self._engine.remove(container)

    def close(self) -> int:
        """Remove every container of this agent; return how many there were."""
        try:
            self.check()
        except EngineUnavailableError:
            self._engine.leave_removals()
            raise
        self._engine.finish_removals()
        mine = self._engine.labelled(f"{AGENT_LABEL}={self._owner.agent}")
        for container, _ in mine:
            self._engine.remove(container)
        return len(mine)

    def _spec(self, runtime: str) -> ContainerSpec:
        return ContainerSpec(
            image=image_name(runtime),
            memory_bytes=STEM_MEMORY_BYTES,
            pids=self._limits.pids,
            open_files=self._limits.open_files,
            tmp_bytes=self._limits.tmp_bytes,
            code_bytes=self._limits.code_bytes,
            layer_bytes=self._limits.layer_bytes,
            labels=self._owner.labels(),
        )


class DockerStem:
    """One container whose first process has loaded its runtime client and waits for a function."""

    def __init__(self, runtime: str, hold: Hold, link: socket.socket, start_timeout_s: float) -> None:
        self.runtime = runtime
        self._hold = hold
        self._link = link
        self._start_timeout_s = start_timeout_s

    def alive(self) -> bool:
        """Return whether it can still become a Version."""
        return self._hold.is_alive()

    def become(
        self, version: Version, code: bytes, layers: Sequence[bytes] = (), waited_us: int = 0
    ) -> "DockerSandbox":
        """Become a Version, ready for work; raise StartFailed when the function cannot start. Only once.

        `layers` are the zips of the Version's layers, in order; `waited_us` is how long this start has waited so far.
        """
        began, before = time.monotonic(), self._hold.read() or NOTHING
        deadline = began + self._start_timeout_s
        try:
            self._assign(version, [*layers, code], deadline)
            sandbox = DockerSandbox(self._hold, version)
            sandbox.await_ready(deadline, began, before, waited_us)
        except BaseException:
            self._hold.end()
            raise
        finally:
            self._link.close()
        return sandbox

    def destroy(self, reason: str) -> None:
        """End and remove it; never raises."""
        log.note("stem_ended", reason, container=self._hold.container)
        self._link.close()
        self._hold.end()

    def _assign(self, version: Version, zips: Sequence[bytes], deadline: float) -> None:
        """Set its memory limit and send its first process the assignment: a length of 4 bytes, JSON, the zips."""
        head = json.dumps(_assignment(version, [len(data) for data in zips])).encode()
        try:
            # The code lies in the sandbox's memory, beside the memory that the function was configured with.
            self._hold.cgroup.limit_memory(version.memory_mb * MIB + version.total_unpacked_bytes)
            self._send(len(head).to_bytes(4, "big") + head, deadline)
        except OSError as error:  # no user code has run yet: the image or the host is at fault
            raise EngineUnavailableError(f"a stem did not take its assignment: {error}") from error
        self._send_zips(zips, deadline)

    def _send_zips(self, zips: Sequence[bytes], deadline: float) -> None:
        """Send the zips, which are unpacked as they arrive. Running out of memory or time is the function's fault."""
        try:
            for data in zips:
                self._send(data, deadline)
        except TimeoutError:
            return
        except OSError as error:
            if not self._hold.ending(0).was_killed_for_memory:
                raise EngineUnavailableError(f"a stem did not take its code: {error}") from error

    def _send(self, data: bytes, deadline: float) -> None:
        self._link.settimeout(max(0.001, deadline - time.monotonic()))
        self._link.sendall(data)


def _assignment(version: Version, sizes: Sequence[int]) -> dict[str, object]:
    """Return the JSON of an assignment. `sizes` are those of the layers' zips and the Version's own, in this order."""
    *layer_bytes, code_bytes = sizes
    return {
        "environment": environment(version),
        "handler": version.handler,
        "layer_arns": [layer.arn for layer in version.layers],
        "layer_bytes": layer_bytes,
        "code_bytes": code_bytes,
    }


class DockerSandbox:
    """One container with one Version in it, for one thread at a time: the one that holds its lease."""

    def __init__(self, hold: Hold, version: Version) -> None:
        self.version = version
        self.started = Started(0, 0)
        self._hold = hold
        self._oom_kills = 0
        self._frozen = False
        self._usable = True
        self._runs = False

    @property
    def container(self) -> str:
        """The engine's id of its container."""
        return self._hold.container

    def await_ready(self, deadline: float, began: float, before: Reading, waited_us: int) -> None:
        """Wait until the function asks for work, then set its CPU limit; raise StartFailed when it does not."""
        end = self._hold.api.wait_ready(deadline)
        after = self._hold.read()
        start_us, last = elapsed_us(began), after or before
        cpu_us, system_us = last.cpu_us - before.cpu_us, last.cpu_system_us - before.cpu_system_us
        self.started = Started(start_us, cpu_us, system_us, waited_us)
        if end.how is not How.READY:
            raise StartFailed(self._ran(end, after, after, run_us=0), self.started)
        try:
            self._hold.cgroup.limit_cpu(self.version.memory_mb)
        except OSError as error:
            raise StartFailed(self._ran(End(How.DIED), after, None, run_us=0), self.started) from error

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        """Run one event within the Version's timeout; SandboxGoneError when it had died before it saw the event."""
        thaw_us = self._thaw()
        before = self._begin()
        began, self._runs = time.monotonic(), True
        end = self._hold.api.invoke(_event(invocation, payload), began + self.version.timeout_s)
        run_us = elapsed_us(began)
        return self._ran(end, before, self._hold.read(), run_us, thaw_us)

    def printed(self) -> LiveLog:
        """Return what the function has printed in the run under way; empty between two. Safe for any thread."""
        return self._hold.log.so_far() if self._runs else LiveLog(total_bytes=0, tail="")

    def rest(self) -> int:
        """Freeze it until the next Invocation, as nobody pays for what runs in between; return how long it took, µs."""
        began = time.monotonic()
        try:
            self._hold.cgroup.freeze()
        except OSError:  # it died after its answer
            self._usable = False
        self._frozen = True
        return elapsed_us(began)

    def alive(self) -> bool:
        """Return whether it can serve another Invocation."""
        return self._usable and self._hold.is_alive()

    def destroy(self, reason: str) -> None:
        """Kill every process in it and remove it. Never raises: what the engine fails to remove is swept later."""
        log.note("sandbox_ended", reason, container=self.container, function=self.version.function)
        self._usable = False
        self._hold.end()

    def _begin(self) -> Reading:
        """Check that the runtime is ready, reset the counters, and return them as they are before the run."""
        end = self._hold.api.wait_ready(time.monotonic() + READY_PATIENCE_S)
        if end.how is not How.READY:
            self._usable = False
            raise SandboxGoneError(f"a sandbox was not ready for another event: {end.how.value}")
        self._hold.log.take()  # printed between two Invocations: belongs to neither
        try:
            self._oom_kills = self._hold.cgroup.oom_kills()
            self._hold.cgroup.reset_peak()
            return self._hold.cgroup.read()
        except OSError as error:
            self._usable = False
            raise SandboxGoneError("a sandbox died before it saw the event") from error

    def _thaw(self) -> int:
        if not self._frozen:
            return 0
        began = time.monotonic()
        try:
            self._hold.cgroup.thaw()
        except OSError as error:
            self._usable = False
            raise SandboxGoneError("a sandbox died while it was frozen") from error
        self._frozen = False
        return elapsed_us(began)

    def _ran(self, end: End, before: Reading | None, after: Reading | None, run_us: int, thaw_us: int = 0) -> Ran:
        """Put a Ran together. After a crash or a timeout the sandbox is not usable again."""
        ending = self._hold.ending(self._oom_kills) if end.how is How.DIED else Ending(None, False)
        first = before or NOTHING
        last = after or first
        self._runs = False
        self._usable = end.how in (How.READY, How.ANSWERED, How.FAILED, How.TOO_LARGE)
        return Ran(
            end=end,
            log=self._hold.log.take(),
            run_us=run_us,
            thaw_us=thaw_us,
            cpu_us=last.cpu_us - first.cpu_us,
            cpu_system_us=last.cpu_system_us - first.cpu_system_us,
            peak_memory_bytes=max(0, last.peak_memory_bytes - self.version.total_unpacked_bytes),
            peak_scope=self._hold.cgroup.peak_scope,
            io_read_bytes=last.io_read_bytes - first.io_read_bytes,
            io_write_bytes=last.io_write_bytes - first.io_write_bytes,
            oom_killed=ending.was_killed_for_memory,
            complete=after is not None,
            exit_reason=_reason(ending),
        )


def _event(invocation: Invocation, payload: bytes) -> Event:
    version = invocation.version
    return Event(
        request_id=invocation.invocation_id,
        payload=payload,
        deadline_ms=int(time.time() * 1000) + version.timeout_s * 1000,
        function_arn=invocation.function_arn or version.arn,
        trace_header=invocation.trace_header,
        client_context=invocation.client_context,
    )


def _reason(ending: Ending) -> str:
    """Describe how a first process ended, in Lambda's words."""
    code = ending.exit_code
    if not code:
        return "Runtime exited without providing a reason"
    if code - 128 in set(signal.Signals):
        return f"Runtime exited with error: signal: {signal.Signals(code - 128).name}"
    return f"Runtime exited with error: exit status {code}"
