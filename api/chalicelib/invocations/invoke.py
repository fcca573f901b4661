"""Brings requests to a lane and waits for their outcomes."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.admission.admit import Admission
from chalicelib.admission.request import Admitted, InvokeRequest
from chalicelib.config import Settings
from chalicelib.errors import UnavailableError, UnservedAgainError, UnservedError
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.idempotency import MOST_LOOKS, Idempotency, IdempotentCall, KeyHolder
from chalicelib.invocations.ledger import Ledger
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.invocations.polling import poll
from chalicelib.storage.redis_adapter import RedisAdapter
from chalicelib.tenants.authentication import Principal
from chalicelib.tracing import Tracing
from shared_lua.contract import Invocation, Mode, Outcome, Settlement, Status
from shared_lua.scripts import Decision

#: Between recording an Invocation and enqueueing it lie milliseconds. A controller that has not enqueued it after this
#: long is dead.
LEFT_AFTER_US = 30_000_000
#: How long a call waits for a place on an express lane before it goes by the queue, which has capacity of its own and
#: reaches a worker that starts only now.
WAITS_S = 2.0


@dataclass(frozen=True)
class Reply:
    """What a caller gets: the Invocation's id, and its outcome unless it is still to come."""

    invocation_id: str
    version: str  #: the number of the version that ran or will run
    outcome: Outcome | None
    replayed: bool = False  #: it is the answer to an earlier call with the same Idempotency-Key


@dataclass(frozen=True)
class _Seen:
    """The end of an Invocation, as a repeated call sees it: None when it was refused after all."""

    settlement: Settlement | None


@dataclass(frozen=True, kw_only=True)
class Invoker:
    """The use-cases. Nothing is stored nor queued for a request that is refused."""

    admission: Admission
    ledger: Ledger
    idempotency: Idempotency
    payloads: PayloadStore
    lane: DurableLane
    redis: RedisAdapter
    tracing: Tracing
    settings: Settings

    def check(self, principal: Principal, request: InvokeRequest) -> None:
        """Raise what an asynchronous `invoke` would raise, and run nothing."""
        self.admission.admit(principal, dataclasses.replace(request, mode=Mode.ASYNC))

    def invoke(self, principal: Principal, request: InvokeRequest) -> Reply:
        """Bring the request to a worker and, when it is synchronous, wait for its outcome.

        Raises what is wrong with the request, UnavailableError, and UnservedError when the platform gave it up.
        """
        if request.idempotency_key is not None:
            return self._invoke_once(principal, request, request.idempotency_key)
        with self.tracing.subsegment("admission"):
            admitted = self.admission.admit(principal, request)
        if admitted.decision is Decision.WAITS:
            return self._reply_waiting(admitted)
        if admitted.decision is Decision.EXPRESS:
            return self._reply_express(admitted.invocation)
        self._enqueue(admitted, self.ledger.open)
        return self._reply(admitted.invocation)

    def accept(self, principal: Principal, request: InvokeRequest, record: Callable[[Invocation], None]) -> Invocation:
        """Enqueue an asynchronous request that `record` writes down; raise what `invoke` and `record` raise."""
        admitted = self.admission.admit(principal, request)
        self._enqueue(admitted, record)
        return admitted.invocation

    def queue_once(self, tenant: str, request: InvokeRequest, invocation_id: str) -> bool:
        """Enqueue a request under an id that is always the same for it, however often it is asked for.

        False when another call has recorded the id only just now, and is about to enqueue it. Raises what `invoke`
        raises of an asynchronous request.
        """
        admitted = self.admission.admit_internal(tenant, request, invocation_id)
        invocation = admitted.invocation
        if invocation.payload is None:
            self.payloads.put(invocation_id, admitted.event)
        if not self.ledger.open_once(invocation):
            return self._queue_again(invocation)
        try:
            self.lane.send(invocation)
        except UnavailableError:
            if self.ledger.forget(invocation_id):
                raise  # the next call with this id records it anew
        return True

    def _queue_again(self, invocation: Invocation) -> bool:
        """Enqueue an Invocation that was recorded long ago and is still queued: its first controller may have died.

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

    def _invoke_once(self, principal: Principal, request: InvokeRequest, key: str) -> Reply:
        """Do what `invoke` does for the first call with a key; answer every later one with the first one's outcome."""
        limits.check_idempotency_key(key)
        admitted = self.admission.admit(principal, request)
        call = IdempotentCall(
            key=key,
            mode=request.mode,
            qualifier=request.qualifier,
            event=admitted.event,
            client_context=request.client_context,
        )
        for _ in range(MOST_LOOKS):
            holder = self.idempotency.open(call, admitted.invocation)
            if holder.invocation_id == admitted.invocation.invocation_id:
                self._enqueue_recorded(principal, request, call, admitted)
                return self._reply(admitted.invocation)
            if reply := self._repeat(holder, request.mode):
                return reply
        raise UnavailableError("The record of Idempotency-Keys")

    def _enqueue_recorded(
        self, principal: Principal, request: InvokeRequest, call: IdempotentCall, admitted: Admitted
    ) -> None:
        """Enqueue an Invocation that is recorded already; forget its key and its record when it is refused."""
        try:
            if request.mode is Mode.SYNC:
                self.admission.take_permit(principal, request, admitted.invocation.invocation_id)
            self._enqueue(admitted, lambda _: None)
        except Exception:
            self.idempotency.forget(call, admitted.invocation)
            raise

    def _repeat(self, holder: KeyHolder, mode: Mode) -> Reply | None:
        """Give what the first call with a key gets; None when that one was refused after all.

        Its answer in Redis is for one caller only, so this one reads the ledger.
        """
        wait_s = self.settings.sync_wait_s if mode is Mode.SYNC else 0
        with self.tracing.subsegment("wait"):
            seen = poll(lambda: self._end_seen(holder.invocation_id), wait_s)
        if seen and seen.settlement is None:
            return None
        outcome = self._whole(seen.settlement) if seen and seen.settlement and mode is Mode.SYNC else None
        if outcome and outcome.status in (Status.EXPIRED, Status.ABANDONED):
            raise UnservedAgainError(_sentence(outcome))
        return Reply(holder.invocation_id, holder.version, outcome, replayed=True)

    def _end_seen(self, invocation_id: str) -> _Seen | None:
        """Give the Settlement, or that the row is gone; None while the Invocation has not ended."""
        row = self.ledger.find(invocation_id)
        return None if row and row.settlement is None else _Seen(row.settlement if row else None)

    def _reply_waiting(self, admitted: Admitted) -> Reply:
        """Give the answer of an Invocation that waits for capacity; enqueue it when it gets none within WAITS_S."""
        invocation = admitted.invocation
        waits_s = min(WAITS_S, self.settings.sync_wait_s / 2)
        outcome = self._wait(invocation.invocation_id, waits_s)
        if outcome:
            return self._replied(invocation, outcome)
        if not self._cancel(invocation.invocation_id, admitted.item):
            return self._reply_express(invocation, waits_s)
        # A worker may have it, or have ended it, all the same: when Redis did not say, or had forgotten it. So the
        # ledger is asked first, and a record that stands is not written over.
        self._enqueue(admitted, self.ledger.open_once)
        return self._reply(invocation, waits_s)

    def _cancel(self, invocation_id: str, item: str) -> bool:
        """Take back an Invocation that waits for capacity; False when a worker has it, or had it.

        True when Redis cannot say: it may have lost the Invocation, and then no worker would ever run it. At worst it
        runs twice, and ends once.
        """
        try:
            return self.redis.cancel(invocation_id, item)
        except UnavailableError:
            return True

    def _reply_express(self, invocation: Invocation, waited_s: float = 0.0) -> Reply:
        """Give the answer of an Invocation on a worker's lane; record it when its caller waits no longer."""
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

    def _enqueue(self, admitted: Admitted, record: Callable[[Invocation], object]) -> None:
        """Store the payload, the row, the message, in this order: a worker that has the message finds the others."""
        invocation = admitted.invocation
        try:
            with self.tracing.subsegment("queue"):
                if invocation.payload is None:
                    self.payloads.put(invocation.invocation_id, admitted.event)
                record(invocation)
                self.lane.send(invocation)
        except UnavailableError:
            # The caller is told that nothing was accepted; a message sent after all finds no row and is not run. If a
            # worker has it by now, only the queue's answer was lost: its record stands, and the call goes on.
            if not self.ledger.forget(invocation.invocation_id):
                return
            self._free(invocation)
            raise

    def _free(self, invocation: Invocation) -> None:
        """Give back what an Invocation holds that was not enqueued."""
        if invocation.payload is None:
            self.payloads.forget(invocation.invocation_id)
        self.redis.free_permits(invocation.invocation_id, invocation.version.tenant, invocation.version.function)

    def _wait(self, invocation_id: str, wait_s: float) -> Outcome | None:
        """Give the outcome; None when it does not come in time or cannot be fetched: the ledger will have it."""
        try:
            with self.tracing.subsegment("wait"):
                settlement = self.redis.wait_answer(invocation_id, wait_s)
            return self._whole(settlement) if settlement else None
        except UnavailableError:
            return None

    def _whole(self, settlement: Settlement) -> Outcome:
        """Give the outcome with its payload, also when that lies in S3."""
        outcome = settlement.outcome
        return Outcome(
            status=outcome.status,
            payload=self.payloads.answer(settlement),
            error_type=outcome.error_type,
            log_tail=outcome.log_tail,
            executed=outcome.executed,
        )


def _sentence(outcome: Outcome) -> str | None:
    """Give what the worker said about work it could not do: the message of Lambda's error object."""
    try:
        said = json.loads(outcome.payload or "")["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return outcome.error_type
    return str(said)
