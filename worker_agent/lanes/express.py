"""The express lane: threads that each wait for an Invocation, run it and end it; none waits for another thread.

The admission grants a place and puts the Invocation on this worker's lane in one step. The thread that takes it off has
it in flight from then on, in Redis: whoever finds this worker dead finds it there.
"""

import threading
import time
from collections.abc import Callable

from shared_lua.contract import ContractError, Invocation, Settlement, decode
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
#: How long runs whose sandboxes were ended may take to notice, and the last records to be written.
GIVE_UP_S = 5.0

Conclude = Callable[[Invocation, Delivery], Settlement]


class Express:
    """One worker's lane, of `places` threads. `conclude` runs an Invocation and raises what is the platform's fault."""

    def __init__(  # noqa: PLR0913  (the lane with all that keeps it safe)
        self,
        *,
        redis_adapter: RedisAdapter,
        ledger_writer: LedgerWriter,
        reaper: Reaper,
        worker: str,
        places: int,
        conclude: Conclude,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._redis = redis_adapter
        self._ledger_writer = ledger_writer
        self._reaper = reaper
        self._worker = worker
        self._places = places
        self._conclude = conclude
        self._busy = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._outage = Outage("express", "the express lane rests")
        self._loops = [Loop("express", self._serve, self._stopping) for _ in range(places)]

    def start(self) -> None:
        """Begin to take."""
        self._ledger_writer.start()
        self._reaper.periodic.start()
        for loop in self._loops:
            loop.start()

    def free(self) -> int:
        """Give how many places are free, as this worker counts them; -1 when nothing is taken any more."""
        with self._lock:
            return -1 if self._stopping.is_set() else self._places - self._busy

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping.set()

    def join(self, patience_s: float) -> bool:
        """Wait for what runs; tell whether all of it ended in time."""
        until_s = time.monotonic() + patience_s
        return all(loop.join(max(0.0, until_s - time.monotonic())) for loop in self._loops)

    def give_up(self) -> None:
        """Give what is still on the lane or in flight to the durable lane at once, and write the last records."""
        self.join(GIVE_UP_S)
        self._reaper.periodic.stop()
        try:
            self._redis.reap(self._worker, alive=True)
            self._reaper.look()
        except PlatformError as error:
            log.warn("left_in_flight", f"another worker will find it: {error}")
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
        """Bring what is in flight to its end, or let go of it for the durable lane: it is never just dropped."""
        received_us = now_us()
        try:
            invocation = decode(Invocation, item)
            settlement = self._conclude(invocation, Delivery("", "", attempt=1, received_at_us=received_us))
            self._end(invocation, item, settlement)
        except Exception as error:  # noqa: BLE001  (whatever failed, somebody else must have it)
            expected = isinstance(error, PlatformError | ContractError)
            log.warn("express_left", f"left to the durable lane: {error}", unexpected=None if expected else error)
            self._release(item)  # which does nothing when it has ended

    def _end(self, invocation: Invocation, item: str, settlement: Settlement) -> None:
        try:
            entry = self._redis.settle_express(self._worker, invocation, item, settlement)
        except RedisUnavailableError as error:
            # Nobody else can have it while Redis is away. Should it come back with this in flight, and somebody find
            # it there, the ledger takes the first of both ends.
            log.warn("answer_not_given", str(error), invocation_id=invocation.invocation_id)
            entry = ""
        if entry is None:
            log.warn("superseded", "it was given to the durable lane", invocation_id=invocation.invocation_id)
            return
        self._metrics.settled(settlement)
        self._ledger_writer.add(Record(invocation, settlement, entry))
        log.ended("settled", invocation, settlement)

    def _release(self, item: str) -> None:
        try:
            self._redis.release(self._worker, item)
        except RedisUnavailableError as error:
            log.warn("release_failed", f"it stays in flight until this worker ends: {error}")
