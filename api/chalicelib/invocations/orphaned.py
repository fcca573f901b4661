"""Gives what dead workers had in flight to the durable lane when no worker is left that could; never runs anything.

Every worker looks for its dead fellows each second; the tick looks too, as nobody is left to look for the last one.
Each step can be done twice, also beside a worker that does the same: the ledger lets an Invocation end once.
"""

import logging
from dataclasses import dataclass

from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.ledger import Ledger
from chalicelib.storage.redis_adapter import RedisAdapter
from shared_lua.codec import decode
from shared_lua.contract import ContractError, Invocation

#: Looked at in one tick, three requests each at most: what is left waits a minute.
ADOPTED_AT_ONCE = 200

logger = logging.getLogger("hearth")


@dataclass(frozen=True)
class Orphaned:
    """The express lane's Invocations whose worker died."""

    board: RedisAdapter
    ledger: Ledger
    lane: DurableLane

    def requeue(self) -> int:
        """Bury who is dead and give away what is left; tell how many that were; raise UnavailableError."""
        for worker in self.board.dead_workers():
            found = self.board.reap(worker)
            if found > 0:
                logger.warning("A worker died", extra={"action": "buried", "worker": worker, "in_flight": found})
        items = self.board.orphaned(ADOPTED_AT_ONCE)
        for item in items:
            self._requeue(item)
        return len(items)

    def _requeue(self, item: str) -> None:
        """Record, queue, forget, in this order: whoever dies between two of these is followed by another."""
        try:
            invocation = decode(Invocation, item)
        except ContractError:  # nobody could ever run it: it is no Invocation
            logger.exception("Dropped off the express lane", extra={"action": "poisonous"})
        else:
            if self._is_to_run(invocation):
                self.lane.send(invocation)
        self.board.forget_orphaned(item)

    def _is_to_run(self, invocation: Invocation) -> bool:
        """Record an Invocation, and tell whether it has not ended.

        One that has a row may still be nobody's: whoever waited for it noted that it runs, or its row was opened by one
        who died before queueing it.
        """
        if self.ledger.open_once(invocation):
            return True
        row = self.ledger.find(invocation.invocation_id)
        return row is None or row.settlement is None
