"""Runs one Invocation: leases a sandbox, runs the event in it, measures and charges."""

import time
from collections.abc import Callable

from shared_lua.contract import Charge, Invocation, PeakScope, Settlement, Usage, Version
from worker_agent.clock import elapsed_us, now_us
from worker_agent.errors import SandboxGoneError
from worker_agent.pool.slots import Lease, Pool, SandboxRequest, Slot
from worker_agent.pool.stems import Stems
from worker_agent.runs import outcomes, report
from worker_agent.runs.billing import Prices, charge
from worker_agent.runs.running import Running
from worker_agent.sandboxes.log_buffer import tail
from worker_agent.sandboxes.runtime_api import End, How
from worker_agent.sandboxes.sandbox import Ran, Sandbox, Started, StartFailed

#: The run of an event whose sandbox was started for it and died before it took it: the function's fault, as a failed
#: start is.
_UNSEEN = Ran(
    end=End(How.DIED),
    log="",
    run_us=0,
    thaw_us=0,
    cpu_us=0,
    cpu_system_us=0,
    peak_memory_bytes=0,
    peak_scope=PeakScope.SANDBOX,
    io_read_bytes=0,
    io_write_bytes=0,
    oom_killed=False,
    complete=False,
    exit_reason="Runtime exited before it took its first event",
)

#: How many leases may find a sandbox that died while idle before the Delivery is returned.
LEASES = 3


class Executor:
    """Runs Invocations in the pool's sandboxes. `code` returns a zip by its digest; `running` lists the runs."""

    def __init__(
        self,
        pool: Pool,
        stems: Stems,
        code: Callable[[str], bytes],
        prices: Prices,
        running: Running | None = None,
    ) -> None:
        self._pool = pool
        self._stems = stems
        self._code = code
        self._prices = prices
        self._running = running or Running()

    def execute(self, invocation: Invocation, payload: bytes, queue_us: int, attempt: int) -> Settlement:
        """Run it and return its Settlement, also for a function's error; raise PlatformError for the platform's."""
        try:
            ran, lease = self._run(invocation, payload)
            started, rest_us, waited_us = lease.started, lease.rest_us, lease.waited_us
        except StartFailed as failed:
            ran, started, rest_us, waited_us = failed.ran, failed.started, 0, 0
        usage = _usage(queue_us + waited_us, ran, started, rest_us)
        # The wait for a zip or a Stem is the platform's: the record shows it, and it is not billed.
        bill = charge(ran.run_us, invocation.version.memory_mb, self._prices, started.start_us if started else 0)
        return self._settlement(invocation, ran, usage, bill, attempt)

    def can_start(self, version: Version) -> bool:
        """Return whether this Version can run without the engine: a sandbox is warm, or a Stem ready."""
        return self._pool.is_warm(version) or self._stems.has(version.runtime)

    def start(self, version: Version, request: SandboxRequest) -> Sandbox | Slot:
        """Start a sandbox, or return the Slot that fulfilled the request before; raise StartFailed or PlatformError."""
        began = time.monotonic()
        code, layers = self._code(version.code_sha256), [self._code(layer.code_sha256) for layer in version.layers]
        stem = self._stems.take(version.runtime, request)
        return stem if isinstance(stem, Slot) else stem.become(version, code, layers, elapsed_us(began))

    def _run(self, invocation: Invocation, payload: bytes) -> tuple[Ran, Lease]:
        """Run it in the first leased sandbox that takes the event."""
        for _ in range(LEASES - 1):
            try:
                return self._run_once(invocation, payload)
            except SandboxGoneError:
                continue  # it did not take the event: try another sandbox
        return self._run_once(invocation, payload)

    def _run_once(self, invocation: Invocation, payload: bytes) -> tuple[Ran, Lease]:
        with self._pool.lease(invocation.version, lambda request: self.start(invocation.version, request)) as lease:
            self._running.add(invocation, lease.sandbox)
            try:
                ran = lease.sandbox.invoke(invocation, payload)
            except SandboxGoneError as gone:
                if lease.started:
                    raise StartFailed(_UNSEEN, lease.started) from gone
                raise
            finally:
                self._running.discard(invocation)
        return ran, lease

    def _settlement(self, invocation: Invocation, ran: Ran, usage: Usage, bill: Charge, attempt: int) -> Settlement:
        payload, error_type = outcomes.answer_or_error(invocation, ran)
        said = "" if ran.end.how in (How.ANSWERED, How.FAILED) else outcomes.message_of(payload) + "\n"
        log = report.framed(ran.log + said, invocation, usage, bill)
        return Settlement(
            invocation_id=invocation.invocation_id,
            outcome=outcomes.outcome(payload, error_type, tail(log)),
            attempt=attempt,
            settled_at_us=now_us(),
            usage=usage,
            charge=bill,
        )


def _usage(queue_us: int, ran: Ran, started: Started | None, rest_us: int) -> Usage:
    """Put the phases together. A start counts for the Invocation that it was made for."""
    return Usage(
        queue_us=queue_us,
        start_us=started.waited_us + started.start_us if started else 0,
        run_us=ran.run_us,
        freeze_us=ran.thaw_us + rest_us,
        cpu_us=ran.cpu_us + (started.cpu_us if started else 0),
        cpu_system_us=ran.cpu_system_us + (started.cpu_system_us if started else 0),
        io_read_bytes=ran.io_read_bytes,
        io_write_bytes=ran.io_write_bytes,
        peak_memory_bytes=ran.peak_memory_bytes,
        peak_scope=ran.peak_scope,
        cold=started is not None,
        complete=ran.complete,
    )
