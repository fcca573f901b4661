"""From a call to an Invocation on a lane, and back from its answer; never runs user code."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.admission.admit import Admission, Admitted, Wanted
from chalicelib.config import Settings
from chalicelib.errors import UnavailableError, UnservedAgainError, UnservedError
from chalicelib.functions.event_invoke import DEFAULT_RETRIES, EventInvoke
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.idempotency import LOOKS, First, Idempotency, Once
from chalicelib.invocations.ledger import Ledger
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.invocations.polling import poll
from chalicelib.storage.redis_adapter import RedisAdapter
from chalicelib.storage.throttle import Throttles
from chalicelib.tenants.authentication import Principal
from chalicelib.tracing import Tracing
from shared_lua.contract import Invocation, Mode, Outcome, Settlement, Status, encode
from shared_lua.scripts import Decision

#: An event that takes more than this in its message, where quotes are escaped, goes through S3 instead.
MAX_QUEUED_BYTES = 128 * 1024
#: The most that JSON makes of one character, `\u0000`, in bytes: what fits so is not spelt out to see whether it does.
WORST_BYTES = 6
#: Between recording an Invocation and queueing it lie milliseconds; after this long whoever recorded it is dead.
LEFT_AFTER_US = 30_000_000
#: How long a call waits for a place on an express lane before it goes by the queue, which has places of its own and
#: reaches a worker that starts only now.
WAITS_S = 2.0


@dataclass(frozen=True, kw_only=True)
class InvokeRequest:
    """What a caller asks to be run."""

    function: str
    event: bytes
    mode: Mode
    qualifier: str | None = None
    client_context: str | None = None
    chain: int = 0  #: how many Invocations led to it, each by the end of the one before
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Reply:
    """What a caller gets: the Invocation's id, and its outcome unless it is still to come."""

    invocation_id: str
    version: str  #: the number of the version that ran or will run
    outcome: Outcome | None
    replayed: bool = False  #: it is the answer to an earlier call with the same Idempotency-Key


@dataclass(frozen=True)
class _Seen:
    """The end of an Invocation, as whoever repeats its call sees it: None when it was refused after all."""

    settlement: Settlement | None


class _Minted:
    """Mints what an admission drafts, and keeps the last one: the one that lies on a lane, if any does."""

    def __init__(self, mint: Callable[[Admitted], Invocation]) -> None:
        self._mint = mint
        self.last: Invocation
        self.item: str  #: it, as it lies there

    def encoded(self, draft: Admitted) -> str:
        """Give the Invocation of a draft as contract JSON."""
        self.last = self._mint(draft)
        self.item = encode(self.last)
        return self.item


@dataclass(frozen=True, kw_only=True)
class Invoker:
    """The use-cases. Nothing is stored nor queued for a request that is refused."""

    admission: Admission
    ledger: Ledger
    idempotency: Idempotency
    payloads: PayloadStore
    lane: DurableLane
    answers: RedisAdapter
    tracing: Tracing
    settings: Settings
    now_us: Callable[[], int]
    throttles: Throttles

    def check(self, principal: Principal, request: InvokeRequest) -> None:
        """Raise what `invoke` would raise, and run nothing."""
        limits.event_text(request.event)
        self.admission.admit(principal, Wanted(request.function, request.qualifier, Mode.ASYNC))

    def invoke(self, principal: Principal, request: InvokeRequest) -> Reply:
        """Hand the request to a worker and, when synchronous, wait for its outcome.

        Raises what is wrong with the request, UnavailableError, and UnservedError when the platform gave it up.
        """
        event = limits.event_text(request.event)
        if request.idempotency_key is not None:
            return self._invoke_once(principal, request, event, request.idempotency_key)
        minted = _Minted(lambda admitted: self._mint(admitted, request, event))
        express = minted.encoded if request.mode is Mode.SYNC and _fits(event) else None
        with self.tracing.subsegment("admission"):
            admitted = self.admission.admit(
                principal, Wanted(request.function, request.qualifier, request.mode, express)
            )
        self.throttles.admission.give_up()
        if admitted.decision is Decision.WAITS:
            return self._reply_behind(minted, event)
        if admitted.decision is Decision.EXPRESS:
            return self._reply_express(minted.last)
        invocation = self._mint(admitted, request, event)
        with self.tracing.subsegment("queue"):
            self._send(invocation, event, self.ledger.open)
        return self._reply(invocation)

    def queue_once(self, tenant: str, request: InvokeRequest, invocation_id: str) -> bool:
        """Queue a request under an id that stands for it, and for the same event, however often asked to.

        False when the id was taken only just now: whoever took it is about to queue it. Raises what `invoke` raises of
        an asynchronous request.
        """
        event = limits.event_text(request.event)
        admitted = self.admission.inside(
            tenant, Wanted(request.function, request.qualifier, request.mode), invocation_id
        )
        invocation = self._mint(admitted, request, event)
        if invocation.payload is None:
            self.payloads.put(invocation_id, event)
        if not self.ledger.open_once(invocation):
            return self._queue_again(invocation)
        try:
            self.lane.send(invocation)
        except UnavailableError:
            if self.ledger.forget(invocation_id):
                raise  # the next to ask opens it anew
        return True

    def _queue_again(self, invocation: Invocation) -> bool:
        """Queue what has long been recorded and still waits: whoever recorded it may have died before queueing it.

        At worst it is in the queue twice then, and the ledger lets it end once. Its deadline stays the first one.
        """
        row = self.ledger.find(invocation.invocation_id)
        if row is None or row.status is not Status.QUEUED or row.tries:
            return True
        late_us = invocation.admitted_at_us - row.created_at_us
        if late_us < LEFT_AFTER_US:
            return False
        deadline_us = invocation.deadline_us - late_us
        self.lane.send(dataclasses.replace(invocation, admitted_at_us=row.created_at_us, deadline_us=deadline_us))
        return True

    def accept(self, principal: Principal, request: InvokeRequest, record: Callable[[Invocation], None]) -> Invocation:
        """Queue an asynchronous request that `record` writes down; raise what `invoke` and `record` raise."""
        event = limits.event_text(request.event)
        admitted = self.admission.admit(principal, Wanted(request.function, request.qualifier, Mode.ASYNC))
        invocation = self._mint(admitted, request, event)
        with self.tracing.subsegment("queue"):
            self._send(invocation, event, record)
        return invocation

    def _invoke_once(self, principal: Principal, request: InvokeRequest, event: str, key: str) -> Reply:
        """Do what `invoke` does for the first call with a key; give every other one the answer to that."""
        limits.check_idempotency_key(key)
        wanted = Wanted(request.function, request.qualifier, request.mode, takes_permit=False)
        admitted = self.admission.admit(principal, wanted)
        self.throttles.admission.give_up()
        invocation = self._mint(admitted, request, event)
        once = Once(
            key=key, mode=request.mode, qualifier=request.qualifier, event=event, client_context=request.client_context
        )
        for _ in range(LOOKS):
            first = self.idempotency.open(once, invocation)
            if first.invocation_id == invocation.invocation_id:
                self._accept(principal, wanted, once, invocation)
                return self._reply(invocation)
            if reply := self._repeat(first, request.mode):
                return reply
        raise UnavailableError("The record of Idempotency-Keys")

    def _accept(self, principal: Principal, wanted: Wanted, once: Once, invocation: Invocation) -> None:
        """Enqueue an Invocation that is recorded already; nothing is left of it when it is refused."""
        try:
            if invocation.mode is Mode.SYNC:
                self.admission.take_permit(principal, wanted, invocation.invocation_id)
            with self.tracing.subsegment("queue"):
                self._send(invocation, once.event, lambda _: None)
        except Exception:
            self.idempotency.forget(once, invocation)
            raise

    def _reply_behind(self, minted: _Minted, event: str) -> Reply:
        """Give the answer of what waits for a place on a lane; have it run by the queue when it gets none soon."""
        invocation = minted.last
        waits_s = min(WAITS_S, self.settings.sync_wait_s / 2)
        outcome = self._wait(invocation.invocation_id, waits_s)
        if outcome:
            return self._replied(invocation, outcome)
        if not self._withdrawn(invocation.invocation_id, minted.item):
            return self._reply_express(invocation, waits_s)
        with self.tracing.subsegment("queue"):
            # A worker may have it, or have ended it, all the same: when Redis did not say, or had forgotten.
            self._send(invocation, event, self.ledger.open_once)
        return self._reply(invocation, waits_s)

    def _withdrawn(self, invocation_id: str, item: str) -> bool:
        """Take back what waits for a place; False when a worker has it, or had it.

        When Redis cannot say it may be forgotten there, and run by nobody: at worst it runs twice, and ends once.
        """
        try:
            return self.answers.cancel(invocation_id, item)
        except UnavailableError:
            return True

    def _reply_express(self, invocation: Invocation, waited_s: float = 0.0) -> Reply:
        """Give the answer of what lies on a worker's lane. Whose caller waits no more must have a record to look at."""
        reply = self._reply(invocation, waited_s)
        if reply.outcome is None:
            self.ledger.note_running(invocation)
        return reply

    def _reply(self, invocation: Invocation, waited_s: float = 0.0) -> Reply:
        wait_s = self.settings.sync_wait_s - waited_s
        outcome = self._wait(invocation.invocation_id, wait_s) if invocation.mode is Mode.SYNC else None
        return self._replied(invocation, outcome)

    def _replied(self, invocation: Invocation, outcome: Outcome | None) -> Reply:
        if outcome and outcome.status in (Status.EXPIRED, Status.ABANDONED):
            raise UnservedError(_sentence(outcome))
        return Reply(invocation.invocation_id, invocation.version.number, outcome)

    def _repeat(self, first: First, mode: Mode) -> Reply | None:
        """Give what the first call gets; None when that one was refused after all.

        Its answer on Redis is for one caller only, so this one reads the ledger.
        """
        wait_s = self.settings.sync_wait_s if mode is Mode.SYNC else 0
        with self.tracing.subsegment("wait"):
            seen = poll(lambda: self._end_seen(first.invocation_id), wait_s)
        if seen and seen.settlement is None:
            return None
        outcome = self._whole(seen.settlement) if seen and seen.settlement and mode is Mode.SYNC else None
        if outcome and outcome.status in (Status.EXPIRED, Status.ABANDONED):
            raise UnservedAgainError(_sentence(outcome))
        return Reply(first.invocation_id, first.version, outcome, replayed=True)

    def _end_seen(self, invocation_id: str) -> _Seen | None:
        """Give the Settlement, or that there is no row any more; None while neither is so."""
        row = self.ledger.find(invocation_id)
        return None if row and row.settlement is None else _Seen(row.settlement if row else None)

    def _mint(self, admitted: Admitted, request: InvokeRequest, event: str) -> Invocation:
        version = admitted.version
        now_us = self.now_us()
        done = admitted.event_invoke or EventInvoke(retries=0, max_age_s=self.settings.sync_queue_s)
        queue_s = done.max_age_s or self.settings.async_queue_s
        return Invocation(
            invocation_id=admitted.invocation_id,
            version=version,
            mode=request.mode,
            admitted_at_us=now_us,
            deadline_us=now_us + (queue_s + version.timeout_s) * 1_000_000,
            payload=event if _fits(event) else None,
            trace_header=self.tracing.header(),
            client_context=request.client_context,
            function_arn=admitted.arn,
            permits=admitted.permits,
            retries=DEFAULT_RETRIES if done.retries is None else done.retries,
            on_success=done.on_success,
            on_failure=done.on_failure,
            chain=request.chain,
        )

    def _send(self, invocation: Invocation, event: str, record: Callable[[Invocation], object]) -> None:
        """Payload, row, message, in this order: a worker that has the message finds everything it needs."""
        try:
            with self.throttles.queue.taken():
                if invocation.payload is None:
                    self.payloads.put(invocation.invocation_id, event)
                record(invocation)
                self.lane.send(invocation)
        except UnavailableError:
            # The caller is told that nothing was accepted; a message sent after all finds no row and is not run. If a
            # worker has it by now, only the lane's answer was lost: its record stands, and the caller goes on.
            if not self.ledger.forget(invocation.invocation_id):
                return
            if invocation.payload is None:
                self.payloads.forget(invocation.invocation_id)
            self.answers.free_permits(invocation.invocation_id, invocation.version.tenant, invocation.version.function)
            raise

    def _wait(self, invocation_id: str, wait_s: float) -> Outcome | None:
        """Give the outcome, None when it does not come in time or cannot be fetched: the ledger will have it."""
        try:
            with self.tracing.subsegment("wait"):
                settlement = self.answers.wait_answer(invocation_id, wait_s)
            return self._whole(settlement) if settlement else None
        except UnavailableError:
            return None

    def _whole(self, settlement: Settlement) -> Outcome:
        outcome = settlement.outcome
        return Outcome(
            status=outcome.status,
            payload=self.payloads.answer(settlement),
            error_type=outcome.error_type,
            log_tail=outcome.log_tail,
            executed=outcome.executed,
        )


def _fits(event: str) -> bool:
    """Tell whether an event travels in its message, where quotes are escaped."""
    if len(event) * WORST_BYTES + 2 <= MAX_QUEUED_BYTES:
        return True
    return len(event) <= MAX_QUEUED_BYTES and len(json.dumps(event, ensure_ascii=False).encode()) <= MAX_QUEUED_BYTES


def _sentence(outcome: Outcome) -> str | None:
    """Give what the worker said about work it could not do: the message of Lambda's error object."""
    try:
        said = json.loads(outcome.payload or "")["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return outcome.error_type
    return str(said)
