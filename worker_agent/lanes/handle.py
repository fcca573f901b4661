"""Carries one Delivery from its claim to its one terminal record; never acknowledges it: the loop does, last."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from shared_lua.contract import Invocation, Mode, Outcome, Settlement, decode, fence
from worker_agent import log
from worker_agent.clock import now_us
from worker_agent.errors import (
    AwsUnavailableError,
    EngineUnavailableError,
    PlatformError,
    RecordRefusedError,
    RedisUnavailableError,
)
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.metrics import Metrics
from worker_agent.runs import outcomes, tries
from worker_agent.runs.execute import Executor
from worker_agent.stores.completion_events import CompletionEvents
from worker_agent.stores.durable_lane import Deferral, Delivery
from worker_agent.stores.ledger import Ledger, SupersededError, TriedError, UnknownInvocationError
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.stores.refused_records import RefusedRecords
from worker_agent.stores.s3 import Store
from worker_agent.tracing import Tracer

#: Runs of one Invocation that may fail by the platform's fault. The queue hands it out once more, to be settled.
MAX_ATTEMPTS = 5
#: The largest answer that travels in the ledger row, in bytes as JSON spells it there; larger ones go to S3. The row
#: may have 400 KB with everything in it: what could not be written would run again, for nothing.
MAX_LEDGER_ANSWER_BYTES = 200_000
#: Pauses before the terminal record is tried again: running user code twice costs more than some waiting.
SETTLE_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
#: What waits for the engine comes back after the first of these, then twice that, up to the second; what a caller waits
#: for comes back after the third, for another worker to take.
FIRST_PAUSE_S = 2
LONGEST_PAUSE_S = 60
SYNC_PAUSE_S = 1


T = TypeVar("T")


class DrainedError(PlatformError):
    """The agent stops and ended this run itself: another worker has it next."""


class Handler:
    """Handles Deliveries. `cancelled` is set when the agent is about to end runs itself."""

    def __init__(  # noqa: PLR0913  (one Delivery's way passes all of them)
        self,
        *,
        ledger: Ledger,
        store: Store,
        redis_adapter: RedisAdapter,
        executor: Executor,
        engine: EngineWatch,
        metrics: Metrics,
        tracer: Tracer,
        ends: CompletionEvents,
        retry_pause_s: int,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._redis = redis_adapter
        self._executor = executor
        self._engine = engine
        self._metrics = metrics
        self._tracer = tracer
        self._completion_events = ends
        self._retry_pause_s = retry_pause_s
        self._refused = RefusedRecords(store, metrics)
        self.cancelled = threading.Event()

    def handle(self, delivery: Delivery) -> Deferral | None:
        """Run and settle it, or find it settled; give a Postponement when it must come again, with all its attempts.

        What is raised means that the Delivery is to be given back, which costs it an attempt.
        """
        invocation = decode(Invocation, delivery.body)
        if self._should_wait(invocation, delivery):
            return Deferral(invocation, _pause_s(invocation))
        try:
            return self._carry(invocation, delivery)
        except TriedError as error:
            return self._next_try(invocation, error.tries)
        except (UnknownInvocationError, SupersededError) as error:
            log.warn("dropped", f"not run: {error}", invocation_id=invocation.invocation_id)
        except EngineUnavailableError as error:
            log.warn("postponed", str(error), invocation_id=invocation.invocation_id)
            if invocation.permits:
                self._free_permit(invocation)
            return Deferral(invocation, _pause_s(invocation))
        return None

    def _should_wait(self, invocation: Invocation, delivery: Delivery) -> bool:
        """Tell, before there is a claim, whether it cannot start here and it is better to let it come again."""
        if _is_over(invocation, delivery):
            return False
        if self._is_stuck(invocation):
            return not self._is_hopeless(invocation)
        return not self._has_permit(invocation)

    def _has_permit(self, invocation: Invocation) -> bool:
        """Tell whether its tenant or function may run one more, and take that place.

        Without Redis nobody can count: work that was accepted is better done than left.
        """
        try:
            return invocation.permits is None or self._redis.take_permit(invocation)
        except RedisUnavailableError as error:
            log.warn("not_counted", str(error), invocation_id=invocation.invocation_id)
            return True

    def _is_stuck(self, invocation: Invocation) -> bool:
        return self._engine.is_down and not self._executor.can_start(invocation.version)

    def _is_hopeless(self, invocation: Invocation) -> bool:
        """Tell, of one that cannot start here, whether its caller would wait in vain: no other worker can start it."""
        return invocation.mode is Mode.SYNC and not self._engine.others_answer()

    def _carry(self, invocation: Invocation, delivery: Delivery) -> Deferral | None:
        """Claim it, bring it to its end, and tell who waits for it; or put it back for its next try."""
        ordinal = fence(invocation.enqueue_generation, delivery.attempt)
        settled = self._ledger.claim(invocation.invocation_id, ordinal, invocation.tries)
        if settled:
            self._finish(invocation, settled, repeated=True)
            return None
        before = self._ledger.before(invocation.invocation_id) if invocation.tries else None
        end = self.conclude(invocation, delivery)
        whole = tries.together(before, end) if before else end
        try:
            if tries.may_follow(invocation, end.outcome, end.settled_at_us, self._retry_pause_s):
                return self._retry(invocation, whole)
            self._finish(invocation, self._settle(invocation, whole))
        except RecordRefusedError as error:
            self._refuse(invocation, whole, error)
        return None

    def _refuse(self, invocation: Invocation, settlement: Settlement, error: RecordRefusedError) -> None:
        """Keep in S3 what the ledger will never take: another run would end the same way, and be for nothing.

        The caller has its answer and the permits are free, but the row stays open until an operator mends it, and
        nobody is told of the end: the controller would read it from the row.
        """
        _patiently(lambda: self._refused.keep(invocation, settlement, error))
        self._answer(invocation, settlement)

    def _finish(self, invocation: Invocation, settlement: Settlement, *, repeated: bool = False) -> None:
        """Tell of an end that is recorded. A redelivery tells of it again: better twice than never."""
        self._answer(invocation, settlement)
        log.ended("settled_before" if repeated else "settled", invocation, settlement)
        if invocation.listener(settlement.outcome.status):
            self._completion_events.tell(invocation)

    def _retry(self, invocation: Invocation, so_far: Settlement) -> Deferral | None:
        """Record a failed try, then let the next one come: whoever dies in between, its Delivery finds it recorded."""
        won = _patiently(lambda: self._ledger.retry(so_far, invocation.tries))
        if not won and (settled := self._ledger.standing(invocation.invocation_id, invocation.tries)):
            self._finish(invocation, settled, repeated=True)
            return None
        log.note(
            "tried",
            f"{invocation.version.function} {so_far.outcome.error_type}",
            invocation_id=invocation.invocation_id,
            tries=so_far.tries,
        )
        return self._next_try(invocation, so_far.tries)

    def _next_try(self, invocation: Invocation, made: int) -> Deferral:
        """Let it come again after a pause, when `made` tries are recorded; others may have its permit meanwhile."""
        self._free_permit(invocation)
        after_s = min(tries.pause_s(made, self._retry_pause_s), _left_s(invocation))
        return Deferral(tries.following(invocation, made), after_s)

    def _free_permit(self, invocation: Invocation) -> None:
        """Let others have the permit that it took to run, until it comes again."""
        try:
            self._redis.free_permit(invocation)
        except RedisUnavailableError as error:
            log.warn("permit_not_freed", str(error), invocation_id=invocation.invocation_id)

    def hold(self, delivery: Delivery, until_us: int) -> None:
        """Keep a Delivery's Invocation from every other attempt until then, whatever its lane does."""
        self._ledger.hold(decode(Invocation, delivery.body).invocation_id, until_us)

    def conclude(self, invocation: Invocation, delivery: Delivery) -> Settlement:
        """Run what is claimed, to be settled by the caller; raise PlatformError when somebody else must have it.

        Not run is what is too late, what has used up its attempts, and what nobody can run while its caller waits.
        """
        if delivery.attempt > MAX_ATTEMPTS:
            return self._give_up(invocation, outcomes.abandoned(invocation, MAX_ATTEMPTS), delivery)
        if delivery.received_at_us > invocation.start_by_us:
            return self._give_up(invocation, outcomes.expired(invocation, delivery.attempt), delivery)
        if self._is_stuck(invocation) and self._is_hopeless(invocation):
            return self._give_up(invocation, outcomes.unstartable(invocation), delivery)
        try:
            settlement = self._execute(invocation, delivery)
        except EngineUnavailableError:
            if self._engine.look() or not self._is_hopeless(invocation):
                raise
            return self._give_up(invocation, outcomes.unstartable(invocation), delivery)
        self._tracer.record(invocation, settlement)
        return self._fit(settlement)

    def _give_up(self, invocation: Invocation, outcome: Outcome, delivery: Delivery) -> Settlement:
        """Settle what was not run, and keep it for a redrive if S3 can be reached: its record does not wait for S3.

        What had tries before ends with the error of the last: that is no matter for a redrive.
        """
        try:
            if not invocation.tries:
                self._store.put_abandoned_payload(invocation)
        except AwsUnavailableError as error:
            log.warn("not_kept", f"it cannot be redriven: {error}", invocation_id=invocation.invocation_id)
        return _unexecuted(invocation, outcome, delivery)

    def _execute(self, invocation: Invocation, delivery: Delivery) -> Settlement:
        payload = (
            self._store.payload(invocation.invocation_id) if invocation.payload is None else invocation.payload.encode()
        )
        queue_us = max(0, delivery.received_at_us - invocation.admitted_at_us)
        settlement = self._executor.execute(invocation, payload, queue_us, delivery.attempt)
        if self.cancelled.is_set():
            raise DrainedError("the agent stopped during the run")
        return settlement

    def _fit(self, settlement: Settlement) -> Settlement:
        """Move an answer too large for the ledger into S3, before there is a record that points there."""
        payload = settlement.outcome.payload
        if payload is None or _bytes_in_json(payload) <= MAX_LEDGER_ANSWER_BYTES:
            return settlement
        self._store.put_result(settlement.invocation_id, payload)
        return dataclasses.replace(settlement, outcome=dataclasses.replace(settlement.outcome, payload=None))

    def _settle(self, invocation: Invocation, settlement: Settlement) -> Settlement:
        """Write the terminal record; give the one that stands, which may be another attempt's."""
        won = _patiently(lambda: self._ledger.settle(invocation.version, settlement, invocation.tries))
        if won:
            self._metrics.settled(settlement)
            return settlement
        return self._ledger.standing(settlement.invocation_id, invocation.tries) or settlement

    def _answer(self, invocation: Invocation, settlement: Settlement) -> None:
        if invocation.mode is not Mode.SYNC and invocation.permits is None:
            return
        try:
            self._redis.settle(invocation, settlement)
        except RedisUnavailableError as error:
            # The record stands, and the caller was given its address when Redis failed on that side as well.
            log.warn("answer_not_given", str(error), invocation_id=invocation.invocation_id)


def _is_over(invocation: Invocation, delivery: Delivery) -> bool:
    """Tell whether it is only to be settled, and not to be run."""
    return delivery.attempt > MAX_ATTEMPTS or delivery.received_at_us > invocation.start_by_us


def _pause_s(invocation: Invocation) -> int:
    """Give how long it waits until it comes again: not much longer than it may wait at all."""
    if invocation.mode is Mode.SYNC:
        return SYNC_PAUSE_S
    return min(FIRST_PAUSE_S << min(invocation.enqueue_generation, 10), LONGEST_PAUSE_S, _left_s(invocation))


def _left_s(invocation: Invocation) -> int:
    """Give the whole seconds after which it is too late to start it."""
    return max(0, invocation.start_by_us - now_us()) // 1_000_000 + 1


def _bytes_in_json(text: str) -> int:
    """Give what a text takes inside JSON: a quotation mark takes two bytes there, what cannot be printed up to six."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _unexecuted(invocation: Invocation, outcome: Outcome, delivery: Delivery) -> Settlement:
    return Settlement(
        invocation_id=invocation.invocation_id,
        outcome=outcome,
        attempt=delivery.attempt,
        settled_at_us=now_us(),
    )


def _patiently(write: Callable[[], T]) -> T:
    for pause_s in SETTLE_PAUSES_S:
        try:
            return write()
        except AwsUnavailableError as error:
            log.warn("settle_failed", f"tried again in {pause_s} s: {error}")
            time.sleep(pause_s)
    return write()
