"""Carries one Delivery from its claim to its one terminal record; never acknowledges it: the loop does, last."""

import dataclasses
import threading
import time
from collections.abc import Callable

from shared_lua.contract import Invocation, Mode, Outcome, Settlement, decode
from worker_agent import log, outcomes
from worker_agent.durable_lane import Delivery
from worker_agent.errors import AwsUnavailableError, PlatformError, RedisUnavailableError
from worker_agent.execute import Executor
from worker_agent.ledger import Ledger, UnknownInvocationError
from worker_agent.redis_side import RedisSide
from worker_agent.store import Store
from worker_agent.tracing import Tracer

#: Runs of one Invocation that may fail by the platform's fault. The queue hands it out once more, to be settled.
MAX_ATTEMPTS = 5
#: The largest answer that travels in the ledger row, whose limit is 400 KB with everything in it; larger ones go to S3.
MAX_LEDGER_ANSWER_BYTES = 200_000
#: Pauses before the terminal record is tried again: running user code twice costs more than some waiting.
SETTLE_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class DrainedError(PlatformError):
    """The agent stops and ended this run itself: another worker has it next."""


class Handler:
    """Handles Deliveries. `cancelled` is set when the agent is about to end runs itself."""

    def __init__(self, ledger: Ledger, store: Store, redis_side: RedisSide, executor: Executor, tracer: Tracer) -> None:
        self._ledger = ledger
        self._store = store
        self._redis = redis_side
        self._executor = executor
        self._tracer = tracer
        self.cancelled = threading.Event()

    def handle(self, delivery: Delivery) -> None:
        """Run and settle it, or find it settled; raise when the Delivery must not be acknowledged."""
        invocation = decode(Invocation, delivery.body)
        try:
            settled = self._ledger.claim(invocation.invocation_id, delivery.attempt)
        except UnknownInvocationError as error:
            log.warn("not_accepted", f"dropped: {error}", invocation_id=invocation.invocation_id)
            return
        settlement = settled or self._settle(self._conclude(invocation, delivery))
        self._answer(invocation, settlement)
        self._note(invocation, settlement, repeated=settled is not None)

    def hold(self, delivery: Delivery, until_us: int) -> None:
        """Keep a Delivery's Invocation from every other attempt until then, whatever its lane does."""
        self._ledger.hold(decode(Invocation, delivery.body).invocation_id, until_us)

    def _conclude(self, invocation: Invocation, delivery: Delivery) -> Settlement:
        """Run it, unless its time has passed or its attempts are used up."""
        if delivery.attempt > MAX_ATTEMPTS:
            return _unexecuted(invocation, outcomes.abandoned(invocation, MAX_ATTEMPTS), delivery)
        if delivery.received_at_us > invocation.start_by_us:
            return _unexecuted(invocation, outcomes.expired(invocation, delivery.attempt), delivery)
        settlement = self._execute(invocation, delivery)
        self._tracer.record(invocation, settlement)
        return self._fit(settlement)

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
        if payload is None or len(payload.encode()) <= MAX_LEDGER_ANSWER_BYTES:
            return settlement
        self._store.put_result(settlement.invocation_id, payload)
        return dataclasses.replace(settlement, outcome=dataclasses.replace(settlement.outcome, payload=None))

    def _settle(self, settlement: Settlement) -> Settlement:
        """Write the terminal record; give the one that stands, which may be another attempt's."""
        won = _patiently(lambda: self._ledger.settle(settlement))
        if won:
            return settlement
        standing = self._ledger.claim(settlement.invocation_id, settlement.attempt)
        return standing or settlement

    def _answer(self, invocation: Invocation, settlement: Settlement) -> None:
        if invocation.mode is not Mode.SYNC:
            return
        try:
            self._redis.settle(invocation, settlement)
        except RedisUnavailableError as error:
            # The record stands, and the caller was given its address when Redis failed on that side as well.
            log.warn("answer_not_given", str(error), invocation_id=invocation.invocation_id)

    def _note(self, invocation: Invocation, settlement: Settlement, *, repeated: bool) -> None:
        log.note(
            "settled_before" if repeated else "settled",
            f"{invocation.version.function} {settlement.outcome.status}",
            invocation_id=invocation.invocation_id,
            tenant=invocation.version.tenant,
            attempt=settlement.attempt,
            run_us=settlement.usage.run_us if settlement.usage else None,
        )


def _unexecuted(invocation: Invocation, outcome: Outcome, delivery: Delivery) -> Settlement:
    return Settlement(
        invocation_id=invocation.invocation_id,
        outcome=outcome,
        attempt=delivery.attempt,
        settled_at_us=time.time_ns() // 1000,
    )


def _patiently(settle: Callable[[], bool]) -> bool:
    for pause_s in SETTLE_PAUSES_S:
        try:
            return settle()
        except AwsUnavailableError as error:
            log.warn("settle_failed", f"tried again in {pause_s} s: {error}")
            time.sleep(pause_s)
    return settle()
