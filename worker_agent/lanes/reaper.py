"""Finds workers that died, and gives what they had in flight to the durable lane; never runs anything itself.

Each step can be done twice: what is found by two, or by one that dies in the middle, is recorded once and queued once
or twice, and the ledger lets it end once.
"""

from shared_lua.codec import decode
from shared_lua.contract import ContractError, Invocation
from worker_agent import log
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.stores.durable_lane import DurableLane
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

EVERY_S = 1.0


class Reaper:
    """Looks every second while its `beat` goes, and when it is asked to."""

    def __init__(self, redis_adapter: RedisAdapter, ledger: Ledger, lane: DurableLane) -> None:
        self._redis = redis_adapter
        self._ledger = ledger
        self._lane = lane
        self.periodic = Periodic("reaper", EVERY_S, self.look, Outage("reaper", "the dead are looked for again"))

    def look(self) -> None:
        """Bury who is dead and give away what is left; raise PlatformError when a part does not answer."""
        for worker in self._redis.dead_workers():
            found = self._redis.reap(worker)
            if found >= 0:
                log.warn("buried", f"worker {worker} died with {found} in flight", worker=worker)
        for item in self._redis.orphaned():
            self._requeue(item)

    def _requeue(self, item: str) -> None:
        """Record, queue, forget, in this order: whoever dies between two of these is followed by another."""
        try:
            invocation = decode(Invocation, item)
        except ContractError as error:  # nobody could ever run it: it is no Invocation
            log.warn("poisonous", f"dropped off the express lane: {error}")
        else:
            if self._ledger.open(invocation):
                self._lane.send(invocation)
        self._redis.forget_orphaned(item)
