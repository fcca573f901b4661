"""What a caller asks to be run, and the same once it was admitted."""

from dataclasses import dataclass

from shared_lua.contract import Invocation, Mode
from shared_lua.scripts import Decision


@dataclass(frozen=True, kw_only=True)
class InvokeRequest:
    """What a caller asks to be run."""

    function: str
    event: bytes
    mode: Mode
    qualifier: str | None = None
    client_context: str | None = None
    chain: int = 0  #: how many Invocations led to it, each started by the end of the one before
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Admitted:
    """An Invocation that may run, and where it is."""

    invocation: Invocation
    event: str  #: JSON text; the Invocation itself carries none that is too large for a message
    decision: Decision = Decision.GO  #: EXPRESS or WAITS when Redis has it already; GO when it must still be enqueued
    item: str = ""  #: the Invocation as contract JSON, as Redis got it; empty when it may not take the express lane
