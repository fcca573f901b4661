"""Has this worker look every second for workers that died, and give what they had to the durable lane."""

from shared_lua import reaper
from worker_agent import log
from worker_agent.errors import RecordRefusedError
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.stores.durable_lane import DurableLane
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

EVERY_S = 1.0
#: Invocations requeued in one look: each takes three requests, and a worker that stops waits for the look to end.
AT_ONCE = 50


class Reaper:
    """Looks while its `periodic` runs, and when it is asked to."""

    def __init__(self, redis_adapter: RedisAdapter, ledger: Ledger, lane: DurableLane) -> None:
        refusals = (RecordRefusedError,)
        self._reaper = reaper.Reaper(redis_adapter.board, ledger, lane, AT_ONCE, log.warn, refusals=refusals)
        self.periodic = Periodic("reaper", EVERY_S, self.look, Outage("reaper", "dead workers are looked for again"))

    def look(self) -> None:
        """Reap dead workers and requeue what they had; raise PlatformError when a part does not answer."""
        self._reaper.look()
