"""The write-behind of the express lane: writes its records into the ledger in batches, after the callers' answers.

Until a record is in the ledger it is in the memory of this process and in a stream in Redis, from which any worker
writes it if this one dies. Either may be lost without losing a record, but not both at the same moment.
"""

import threading
import time
from dataclasses import dataclass

from shared_lua.contract import Invocation, Settlement
from worker_agent import log
from worker_agent.errors import AwsUnavailableError, RecordRefusedError, RedisUnavailableError
from worker_agent.outage import Outage
from worker_agent.stores.ledger import BATCH, Ledger
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.stores.refused_records import RefusedRecords
from worker_agent.threads import Loop

#: Records gather for this long, or until there are as many as one write takes: a write costs the worker and the ledger
#: milliseconds of CPU, which the next calls wait for. The controller reads a record from the stream meanwhile.
GATHER_S = 0.5
#: An entry of the stream that is older than this was left by a worker that died, or that could not write it.
LEFT_AFTER_MS = 15_000
#: Between two looks for such entries.
LOOK_EVERY_S = 5.0
OUTAGE_PAUSE_S = 1.0


@dataclass(frozen=True)
class Record:
    """The end of one Invocation. `entry` is the id of its entry in the stream, empty if it has none."""

    invocation: Invocation
    settlement: Settlement
    entry: str = ""


class LedgerWriter:
    """One thread that writes what is added."""

    def __init__(self, ledger: Ledger, redis_adapter: RedisAdapter, refused: RefusedRecords) -> None:
        self._ledger = ledger
        self._redis = redis_adapter
        self._refused = refused
        self._waiting: list[Record] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._outage = Outage("records", "ends are kept in memory and in Redis until they can be recorded")
        self._looked_s = time.monotonic()
        self._loop = Loop("ledger-writer", self._write_next)

    def start(self) -> None:
        """Begin to write."""
        self._loop.start()

    def add(self, record: Record) -> None:
        """Queue a record to be written."""
        with self._changed:
            self._waiting.append(record)
            if len(self._waiting) in (1, BATCH):  # in between the thread only waits for more
                self._changed.notify()

    def stop(self, patience_s: float) -> None:
        """Write the queued records and end; those that cannot be written in `patience_s` are left in the stream."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._loop.join(patience_s)

    def _write_next(self) -> None:
        """Wait for records and write a batch; end the loop when it is to stop and nothing is left to write."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping, timeout=LOOK_EVERY_S)
            if self._waiting:
                self._changed.wait_for(lambda: len(self._waiting) >= BATCH or self._stopping, timeout=GATHER_S)
            elif self._stopping:
                self._loop.stop()
                return
        self._look_for_left()
        with self._changed:
            batch = self._waiting[:BATCH]
        if batch:
            self._write(batch)

    def _write(self, batch: list[Record]) -> None:
        """Write a batch and forget it; in an outage it stays in memory for the next turn."""
        try:
            self._record(batch)
        except AwsUnavailableError as error:
            self._outage.met(error)
            self._pause()
            return
        self._outage.over()
        with self._changed:  # not before it is written: an unforeseen error must lose none
            del self._waiting[: len(batch)]
        self._forget([one.entry for one in batch if one.entry])

    def _record(self, batch: list[Record]) -> None:
        """Write records. A batch with one that is refused is halved until that one is alone, and goes to S3.

        Records that stand already are left as they stand, so that parts of a batch may be written twice.
        """
        try:
            self._ledger.record([(one.invocation, one.settlement) for one in batch])
        except RecordRefusedError as error:
            if len(batch) == 1:
                self._refused.keep(batch[0].invocation, batch[0].settlement, error)
                return
            middle = len(batch) // 2
            self._record(batch[:middle])
            self._record(batch[middle:])

    def _pause(self) -> None:
        """Wait before the next try; a writer that is to stop tries no more, as the stream has the records."""
        with self._changed:
            if self._changed.wait_for(lambda: self._stopping, timeout=OUTAGE_PAUSE_S):
                self._loop.stop()

    def _forget(self, entries: list[str]) -> None:
        try:
            self._redis.forget_records(entries)
        except RedisUnavailableError as error:  # they are written once more, which changes nothing
            log.warn("records_not_forgotten", str(error))

    def _look_for_left(self) -> None:
        """Queue records that were left in the stream."""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = time.monotonic()
        try:
            left = [Record(*one) for one in self._redis.left_records(LEFT_AFTER_MS, BATCH)]
        except RedisUnavailableError:
            return
        with self._changed:
            mine = {one.entry for one in self._waiting}
            self._waiting += [one for one in left if one.entry not in mine]
