"""The values that cross between controller and worker, checked when they are made; `codec` spells them as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: Bytes in one of the MiB that names ending in `_mb` count. Names ending in `_us` hold whole microseconds, since the
#: Unix epoch (`_at_us`) or as a span; other sizes are bytes.
MIB = 1024 * 1024

#: The number of a function's unpublished version.
LATEST = "$LATEST"


class ContractError(ValueError):
    """A text is not the value it should be: wrong JSON, a field missing, or a field of the wrong type."""


class Mode(StrEnum):
    """Whether the caller waits for the answer."""

    SYNC = "sync"
    ASYNC = "async"


class Status(StrEnum):
    """Where an Invocation stands in the ledger."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  #: the function's fault: an error, a timeout, out of memory; billed
    EXPIRED = "expired"  #: its deadline passed while it waited; never ran, not billed
    ABANDONED = "abandoned"  #: the platform gave up after its last attempt; not billed


#: The statuses nothing follows: a row that has one is never run, changed or billed again.
TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.EXPIRED, Status.ABANDONED})


class PeakScope(StrEnum):
    """What a memory peak is the peak of."""

    INVOCATION = "invocation"  #: the counter was reset before this run
    SANDBOX = "sandbox"  #: the kernel cannot reset it: the highest since the sandbox started


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One immutable zip that several functions may share; it is unpacked beside the function's own code."""

    arn: str  #: with the layer's version
    code_sha256: str  #: hex; names the zip in S3
    code_bytes: int  #: size of the zip
    unpacked_bytes: int  #: memory that the unpacked files take in the sandbox's own mount

    def __post_init__(self) -> None:
        _require(bool(self.arn and self.code_sha256), "a layer names its ARN and its zip")
        _require(self.code_bytes >= 0, "code_bytes must not be negative")
        _require(self.unpacked_bytes >= 0, "unpacked_bytes must not be negative")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One immutable zip and configuration of a function: all that a worker must know to run it."""

    tenant: str
    function: str
    version_id: str  #: digest over code and configuration: two versions never share one
    arn: str
    runtime: str
    handler: str
    memory_mb: int
    timeout_s: int
    code_sha256: str  #: hex; names the zip in S3
    code_bytes: int  #: size of the zip
    unpacked_bytes: int  #: memory that the unpacked files take in the sandbox's own mount
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()  #: in the order they are unpacked: a later one's files stand over an earlier one's
    number: str = LATEST  #: what it was published as, `1` and so on

    @property
    def total_unpacked_bytes(self) -> int:
        """Memory that all its unpacked files take, layers' and its own: what counts beside its own memory."""
        return self.unpacked_bytes + sum(layer.unpacked_bytes for layer in self.layers)

    def __post_init__(self) -> None:
        _require(self.memory_mb > 0, "memory_mb must be positive")
        _require(self.timeout_s > 0, "timeout_s must be positive")
        _require(bool(self.tenant and self.function and self.version_id), "a version names its tenant, function and id")


@dataclass(frozen=True, kw_only=True)
class Permits:
    """How many may run at once of what an Invocation belongs to, as it was admitted."""

    limit: int
    reserved: bool  #: for its function alone; else all functions of the tenant without reserved ones share them


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One requested run, complete in itself: a worker needs no further look-up to run it."""

    invocation_id: str
    version: Version
    mode: Mode
    admitted_at_us: int
    deadline_us: int  #: minted once, at admission: the moment by which it must have ended
    payload: str | None = None  #: the event as JSON text; None when it waits in S3 under `keys.payload`
    trace_header: str | None = None  #: X-Ray's, as in `X-Amzn-Trace-Id`
    client_context: str | None = None  #: JSON text, decoded from the caller's base64
    function_arn: str | None = None  #: as the caller named it, with its qualifier; None for the version's own
    permits: Permits | None = None  #: among which it needs one to run; None when it was given one at admission
    enqueue_generation: int = 0  #: how often it was put into a lane anew: to wait, to be retried, or from a dead worker
    retries: int = 0  #: how often it may be tried again in all, after runs that ended in the function's error
    on_success: str | None = None  #: ARN of what is to be told when it succeeds; None for none
    on_failure: str | None = None  #: the same for every other end
    chain: int = 0  #: how many Invocations led to it, each by the end of the one before

    def __post_init__(self) -> None:
        counts = (self.enqueue_generation, self.retries, self.chain)
        _require(min(counts) >= 0, "enqueue_generation, retries and chain must not be negative")

    @property
    def start_by_us(self) -> int:
        """The last moment at which a run still has its whole timeout."""
        return self.deadline_us - self.version.timeout_s * 1_000_000

    def listener(self, status: Status) -> str | None:
        """Give the ARN of what is to be told of this end, None for none."""
        return self.on_success if status is Status.SUCCEEDED else self.on_failure


#: A fence is one number: the enqueue generation, times this, and the attempt at that generation.
_ATTEMPTS = 1000


def fence(enqueue_generation: int, attempt: int) -> int:
    """Give the fence of a Delivery: higher for a later enqueue generation, and within one for a later attempt.

    Attempts count from 1. Attempt 0 is the fence of a row that waits for the first Delivery of a generation.
    """
    return enqueue_generation * _ATTEMPTS + min(attempt, _ATTEMPTS - 1)


def attempt_of(fence: int) -> int:
    """Give the attempt that a fence stands for, 0 before the first: what people are shown."""
    return fence % _ATTEMPTS


def enqueue_generation_of(fence: int) -> int:
    """Give the enqueue generation that a fence stands for."""
    return fence // _ATTEMPTS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an Invocation ended. `payload` is the function's own JSON, or Lambda's error object."""

    status: Status
    payload: str | None  #: None when it is too large to carry and waits in S3 under `keys.result`
    error_type: str | None = None  #: e.g. `Sandbox.Timedout`; None on success
    log_tail: str = ""  #: the last 4 KiB of the log, REPORT line included
    executed: bool = True  #: False when no run of user code came to an end, and nothing is billed

    def __post_init__(self) -> None:
        _require(self.status in TERMINAL, f"an outcome is terminal, {self.status} is not")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What the kernel says one Invocation took, and how long each phase lasted."""

    queue_us: int  #: admission to receipt by the worker, on two hosts' wall clocks
    start_us: int  #: making a sandbox ready, with the wait for its zips and for a Stem; 0 when warm
    run_us: int  #: event handed over to answer in flight
    cpu_us: int  #: of all processes of the sandbox, from its assignment (when cold) on, and during the run
    cpu_system_us: int = 0  #: the part of `cpu_us` that the kernel spent for it; sampled on cgroup v1
    freeze_us: int = 0  #: thawing before the run and freezing after it
    io_read_bytes: int = 0  #: from block devices, during the run; memory-backed mounts do not count
    io_write_bytes: int = 0
    peak_memory_bytes: int  #: the function's own: without the unpacked code
    peak_scope: PeakScope
    cold: bool  #: a sandbox became this Version for this Invocation
    complete: bool = True  #: False when the sandbox's counters were gone before the last reading


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What a Usage costs, in whole picodollars (10⁻¹² USD), rounded up once, in `billing`."""

    billed_us: int
    memory_mb: int
    duration_pico_usd: int
    request_pico_usd: int

    @property
    def total_pico_usd(self) -> int:
        """Everything this Invocation costs."""
        return self.duration_pico_usd + self.request_pico_usd


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The one terminal record of an Invocation: how it ended, what all its tries took and cost together."""

    invocation_id: str
    outcome: Outcome
    attempt: int  #: which Delivery it was, from 1
    settled_at_us: int
    usage: Usage | None = None  #: None when nothing ran
    charge: Charge | None = None  #: None when nothing is billed
    tries: int = 1  #: how often it was run to an end that counts; meaningless where nothing ran


@dataclass(frozen=True, kw_only=True)
class LiveLog:
    """What a function has printed so far in a run that is not over."""

    total_bytes: int  #: printed, kept or not: it only grows
    tail: str  #: the last 16 KiB


@dataclass(frozen=True, kw_only=True)
class Provision:
    """How many sandboxes of a Version the fleet is to keep warm."""

    version: Version
    wanted: int

    def __post_init__(self) -> None:
        _require(self.wanted > 0, "wanted must be positive")


@dataclass(frozen=True, kw_only=True)
class Held:
    """How many of them a worker has, how many of these are idle, and why no more, where there is a reason."""

    held: int
    idle: int
    reason: str | None = None


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ContractError(sentence)
