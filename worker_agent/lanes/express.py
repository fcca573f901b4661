"""The express lane: threads that each wait for an Invocation, run it and end it, without waiting for another thread.

The admission grants capacity and puts the Invocation on this worker's lane in one step. From the moment a thread takes
it off, Redis has it as in flight: that is where a reaper finds it if this worker dies.
"""

import threading
import time
from collections.abc import Callable

from shared_lua.codec import decode
from shared_lua.contract import ContractError, Invocation, Settlement
from worker_agent import log
from worker_agent.clock import now_us
from worker_agent.errors import PlatformError, RedisUnavailableError
from worker_agent.lanes.reaper import Reaper
from worker_agent.metrics import Metrics
from worker_agent.outage import Outage
from worker_agent.stores.durable_lane import Delivery
from worker_agent.stores.ledger_writer import LedgerWriter, Record
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.threads import Loop

#: How long a thread waits in one go: a stop is noticed after this at the latest.
WAIT_S = 2
OUTAGE_PAUSE_S = 0.5
#: The longest wait, at the end, for runs whose sandboxes were ended and for the last records to be written.
GIVE_UP_S = 5.0

Conclude = Callable[[Invocation, Delivery], Settlement]


class Express:
    """One worker's lane of `capacity` threads. `conclude` runs an Invocation and raises PlatformErrors only."""

    def __init__(  # noqa: PLR0913  (the lane with all that keeps it safe)
        self,
        *,
        redis_adapter: RedisAdapter,
        ledger_writer: LedgerWriter,
        reaper: Reaper,
        worker: str,
        capacity: int,
        conclude: Conclude,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._redis = redis_adapter
        self._ledger_writer = ledger_writer
        self._reaper = reaper
        self._worker = worker
        self._capacity = capacity
        self._conclude = conclude
        self._busy = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._outage = Outage("express", "the express lane rests")
        self._loops = [Loop("express", self._serve, self._stopping) for _ in range(capacity)]

    def start(self) -> None:
        """Begin to take Invocations."""
        self._ledger_writer.start()
        self._reaper.periodic.start()
        for loop in self._loops:
            loop.start()

    def free(self) -> int:
        """Return the free capacity as this worker counts it; -1 when nothing is taken any more."""
        with self._lock:
            return -1 if self._stopping.is_set() else self._capacity - self._busy

    def stop(self) -> None:
        """Take no further Invocation."""
        self._stopping.set()

    def join(self, patience_s: float) -> bool:
        """Wait for the runs under way; return whether all of them ended in time."""
        until_s = time.monotonic() + patience_s
        return all(loop.join(max(0.0, until_s - time.monotonic())) for loop in self._loops)

    def give_up(self) -> None:
        """Move what is still on the lane or in flight to the durable lane at once, and write the last records."""
        self.join(GIVE_UP_S)
        self._reaper.periodic.stop()
        try:
            self._redis.reap(self._worker)
            self._reaper.look()
        except PlatformError as error:
            log.warn("left_in_flight", f"another worker's reaper will find it: {error}")
        self._ledger_writer.stop(GIVE_UP_S)

    def _serve(self) -> None:
        """Wait for one Invocation and bring it to its end."""
        item = self._next()
        if item is None:
            return
        with self._lock:
            self._busy += 1
        try:
            self._carry(item)
        finally:
            with self._lock:
                self._busy -= 1

    def _next(self) -> str | None:
        try:
            item = self._redis.next_express(self._worker, WAIT_S)
            self._outage.over()
            return item
        except RedisUnavailableError as error:
            self._outage.met(error)
            self._stopping.wait(OUTAGE_PAUSE_S)
            return None

    def _carry(self, item: str) -> None:
        """Run an Invocation to its end, or release it to the durable lane; it is never dropped."""
        received_us = now_us()
        try:
            invocation = decode(Invocation, item)
            settlement = self._conclude(invocation, Delivery("", "", attempt=1, received_at_us=received_us))
            self._end(invocation, item, settlement)
        except Exception as error:  # noqa: BLE001  (whatever failed, the durable lane must have it)
            expected = isinstance(error, PlatformError | ContractError)
            log.warn("released", f"released to the durable lane: {error}", unexpected=None if expected else error)
            self._release(item)  # does nothing if it has ended

    def _end(self, invocation: Invocation, item: str, settlement: Settlement) -> None:
        try:
            entry = self._redis.settle_express(self._worker, invocation, item, settlement)
        except RedisUnavailableError as error:
            # No other worker can take it while Redis is away. Should Redis come back with it still in flight, a reaper
            # may requeue it: the ledger keeps the end that is recorded first.
            log.warn("answer_not_given", str(error), invocation_id=invocation.invocation_id)
            entry = ""
        if entry is None:
            log.warn("superseded", "a reaper has requeued it meanwhile", invocation_id=invocation.invocation_id)
            return
        self._metrics.settled(settlement)
        self._ledger_writer.add(Record(invocation, settlement, entry))
        log.ended("settled", invocation, settlement)

    def _release(self, item: str) -> None:
        try:
            self._redis.release(self._worker, item)
        except RedisUnavailableError as error:
            log.warn("release_failed", f"it stays in flight until this worker ends: {error}")
