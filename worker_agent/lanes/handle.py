"""Handles one Delivery: claims it, runs it, writes its one terminal record. The agent's loop acknowledges it last."""

import dataclasses
import functools
import json
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from shared_lua.codec import decode
from shared_lua.contract import Invocation, Mode, Outcome, Settlement, fence
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

#: Runs of one Invocation that may fail by the platform's fault. The queue delivers it once more, to be settled.
MAX_ATTEMPTS = 5
#: The largest answer in a row of the ledger, in bytes of JSON; larger ones go to S3. DynamoDB refuses a row of more
#: than 400 KB with everything in it, after the function has run.
MAX_LEDGER_ANSWER_BYTES = 200_000
#: Pauses before the terminal record is tried again: running user code twice costs more than some waiting.
SETTLE_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Back-off while the Docker Engine is down: asynchronous starts wait FIRST_PAUSE_S, doubling up to LONGEST_PAUSE_S;
#: synchronous ones wait SYNC_PAUSE_S, so that another worker can take them.
FIRST_PAUSE_S = 2
LONGEST_PAUSE_S = 60
SYNC_PAUSE_S = 1


T = TypeVar("T")


class DrainedError(PlatformError):
    """The agent stops and ended this run itself, so that another worker can start it at once."""


class Handler:
    """Handles Deliveries. The agent sets `cancelled` before it ends runs itself."""

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
        completion_events: CompletionEvents,
        retry_pause_s: int,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._redis = redis_adapter
        self._executor = executor
        self._engine = engine
        self._metrics = metrics
        self._tracer = tracer
        self._completion_events = completion_events
        self._retry_pause_s = retry_pause_s
        self._refused = RefusedRecords(store, metrics)
        self.cancelled = threading.Event()

    def handle(self, delivery: Delivery) -> Deferral | None:
        """Run and settle a Delivery. Returns a Deferral when it must come again later, with all its attempts.

        None means that it can be acknowledged. If anything is raised, it must be returned to the queue, which costs it
        an attempt.
        """
        invocation = decode(Invocation, delivery.body)
        if self._should_wait(invocation, delivery):
            return Deferral(invocation, _pause_s(invocation))
        try:
            return self._carry(invocation, delivery)
        except TriedError as error:
            return self._next_try(invocation, error.enqueue_generation, error.tries)
        except UnknownInvocationError as error:
            log.warn("dropped", f"not run: {error}", invocation_id=invocation.invocation_id)
            if invocation.permits:
                self._free_permit(invocation)
        except SupersededError as error:  # its permit is that of the run that supersedes it
            log.warn("dropped", f"not run: {error}", invocation_id=invocation.invocation_id)
        except EngineUnavailableError as error:
            log.warn("deferred", str(error), invocation_id=invocation.invocation_id)
            if invocation.permits:
                self._free_permit(invocation)
            return Deferral(invocation, _pause_s(invocation))
        return None

    def _should_wait(self, invocation: Invocation, delivery: Delivery) -> bool:
        """Whether it cannot start here and had better come again later. Asked before there is a claim."""
        if _is_over(invocation, delivery):
            return False
        if self._is_stuck(invocation):
            return not self._is_hopeless(invocation)
        return not self._has_permit(invocation)

    def _has_permit(self, invocation: Invocation) -> bool:
        """Take a permit of its tenant or function; False when all are taken.

        Without Redis nothing can be counted, and it runs: work that was accepted is better done than left.
        """
        try:
            return invocation.permits is None or self._redis.take_permit(invocation)
        except RedisUnavailableError as error:
            log.warn("not_counted", str(error), invocation_id=invocation.invocation_id)
            return True

    def _is_stuck(self, invocation: Invocation) -> bool:
        return self._engine.is_down and not self._executor.can_start(invocation.version)

    def _is_hopeless(self, invocation: Invocation) -> bool:
        """Whether a caller waits for what no worker can start now."""
        return invocation.mode is Mode.SYNC and not self._engine.others_answer()

    def _carry(self, invocation: Invocation, delivery: Delivery) -> Deferral | None:
        """Claim it, run it, record its end and answer its caller; or record a failed try and defer the next one."""
        ordinal = fence(invocation.enqueue_generation, delivery.attempt)
        settled = self._ledger.claim(invocation.invocation_id, ordinal)
        if settled:
            self._finish(invocation, settled, repeated=True)
            return None
        # Every try puts the Invocation into the lane anew, so at its first enqueue generation none is recorded.
        before = self._ledger.before(invocation.invocation_id) if invocation.enqueue_generation else None
        end = self.conclude(invocation, delivery, was_tried=before is not None)
        whole = tries.together(before, end) if before else end
        try:
            if tries.may_follow(invocation, whole.tries, end.outcome, end.settled_at_us, self._retry_pause_s):
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
        """Answer the caller and tell the listener of an end that is recorded; a redelivery does both again."""
        self._answer(invocation, settlement)
        log.ended("settled_before" if repeated else "settled", invocation, settlement)
        if invocation.listener(settlement.outcome.status):
            self._completion_events.tell(invocation)

    def _retry(self, invocation: Invocation, so_far: Settlement) -> Deferral | None:
        """Record a failed try, then send the next one. A worker that dies in between leaves its Delivery to do so."""
        generation = invocation.enqueue_generation
        won = _patiently(lambda: self._ledger.retry(so_far, generation))
        if not won and (settled := self._ledger.standing(invocation.invocation_id, generation)):
            self._finish(invocation, settled, repeated=True)
            return None
        log.note(
            "tried",
            f"{invocation.version.function} {so_far.outcome.error_type}",
            invocation_id=invocation.invocation_id,
            tries=so_far.tries,
        )
        return self._next_try(invocation, generation + 1, so_far.tries)

    def _next_try(self, invocation: Invocation, generation: int, made: int) -> Deferral:
        """Let it come again, at this enqueue generation, after the pause that follows `made` tries; free its permit."""
        self._free_permit(invocation)
        after_s = min(tries.pause_s(made, self._retry_pause_s), _left_s(invocation))
        return Deferral(dataclasses.replace(invocation, enqueue_generation=generation - 1), after_s)

    def _free_permit(self, invocation: Invocation) -> None:
        try:
            self._redis.free_permit(invocation)
        except RedisUnavailableError as error:
            log.warn("permit_not_freed", str(error), invocation_id=invocation.invocation_id)

    def hold(self, delivery: Delivery, until_us: int) -> None:
        """Hold a lease of a Delivery's Invocation until then, µs, so that no other attempt can claim it."""
        self._ledger.hold(decode(Invocation, delivery.body).invocation_id, until_us)

    def conclude(self, invocation: Invocation, delivery: Delivery, *, was_tried: bool = False) -> Settlement:
        """Run what is claimed, to be settled by the caller; raise PlatformError when another worker must have it.

        Not run is what is too late, what has used up its attempts, and what no worker can run while its caller waits.
        One that `was_tried` and is given up ends with the error of its last try, so it is not kept for a redrive.
        """
        give_up = functools.partial(self._give_up, invocation, delivery, is_kept=not was_tried)
        if delivery.attempt > MAX_ATTEMPTS:
            return give_up(outcomes.abandoned(invocation, MAX_ATTEMPTS))
        if delivery.received_at_us > invocation.start_by_us:
            return give_up(outcomes.expired(invocation, delivery.attempt))
        if self._is_stuck(invocation) and self._is_hopeless(invocation):
            return give_up(outcomes.unstartable(invocation))
        try:
            settlement = self._execute(invocation, delivery)
        except EngineUnavailableError:
            if self._engine.look() or not self._is_hopeless(invocation):
                raise
            return give_up(outcomes.unstartable(invocation))
        self._tracer.record(invocation, settlement)
        return self._fit(settlement)

    def _give_up(self, invocation: Invocation, delivery: Delivery, outcome: Outcome, *, is_kept: bool) -> Settlement:
        """Settle what was not run, and keep it for a redrive if S3 can be reached: its record does not wait for S3."""
        try:
            if is_kept:
                self._store.put_abandoned_payload(invocation)
        except AwsUnavailableError as error:
            log.warn("payload_not_kept", f"it cannot be redriven: {error}", invocation_id=invocation.invocation_id)
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
        """Move an answer that is too large for the ledger to S3, before the record that points there is written."""
        payload = settlement.outcome.payload
        if payload is None or _bytes_in_json(payload) <= MAX_LEDGER_ANSWER_BYTES:
            return settlement
        self._store.put_result(settlement.invocation_id, payload)
        return dataclasses.replace(settlement, outcome=dataclasses.replace(settlement.outcome, payload=None))

    def _settle(self, invocation: Invocation, settlement: Settlement) -> Settlement:
        """Write the terminal record; give the one that stands, which may be another attempt's."""
        generation = invocation.enqueue_generation
        won = _patiently(lambda: self._ledger.settle(invocation.version, settlement, generation))
        if won:
            self._metrics.settled(settlement)
            return settlement
        return self._ledger.standing(settlement.invocation_id, generation) or settlement

    def _answer(self, invocation: Invocation, settlement: Settlement) -> None:
        if invocation.mode is not Mode.SYNC and invocation.permits is None:
            return
        try:
            self._redis.settle(invocation, settlement)
        except RedisUnavailableError as error:
            # The record stands. The controller cannot reach Redis either, and gave the caller the record's address.
            log.warn("answer_not_given", str(error), invocation_id=invocation.invocation_id)


def _is_over(invocation: Invocation, delivery: Delivery) -> bool:
    """Whether it is to be settled without a run."""
    return delivery.attempt > MAX_ATTEMPTS or delivery.received_at_us > invocation.start_by_us


def _pause_s(invocation: Invocation) -> int:
    """Return the back-off until it comes again, at most until it is too late to start it."""
    if invocation.mode is Mode.SYNC:
        return SYNC_PAUSE_S
    return min(FIRST_PAUSE_S << min(invocation.enqueue_generation, 10), LONGEST_PAUSE_S, _left_s(invocation))


def _left_s(invocation: Invocation) -> int:
    """Return the whole seconds, rounded up, after which it is too late to start it."""
    return max(0, invocation.start_by_us - now_us()) // 1_000_000 + 1


def _bytes_in_json(text: str) -> int:
    """Return the bytes of a text inside JSON, where a quotation mark takes two and a control character six."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _unexecuted(invocation: Invocation, outcome: Outcome, delivery: Delivery) -> Settlement:
    return Settlement(
        invocation_id=invocation.invocation_id,
        outcome=outcome,
        attempt=delivery.attempt,
        settled_at_us=now_us(),
    )


def _patiently(write: Callable[[], T]) -> T:
    """Write, and try again while AWS is unavailable; raise AwsUnavailableError after the last pause."""
    for pause_s in SETTLE_PAUSES_S:
        try:
            return write()
        except AwsUnavailableError as error:
            log.warn("settle_failed", f"tried again in {pause_s} s: {error}")
            time.sleep(pause_s)
    return write()
