"""Shows in Redis what functions print while they run.

One thread reads the logs of all runs, so a run pays nothing for it; a run that ends before the next look is not shown.
"""

from shared_lua.contract import Invocation, LiveLog
from worker_agent.clock import now_us
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.runs.running import Running
from worker_agent.stores.redis_adapter import RedisAdapter

EVERY_S = 0.5


class LiveLogs:
    """The logs of all runs, each shown again when it has grown, until its run is over.

    What is still shown when `periodic` stops expires at the deadline of its run.
    """

    def __init__(self, running: Running, redis_adapter: RedisAdapter) -> None:
        self._running = running
        self._redis = redis_adapter
        self._shown: dict[str, int] = {}
        self.periodic = Periodic(
            "live-logs", EVERY_S, self.look, Outage("live_logs", "what functions print is not shown")
        )

    def look(self) -> None:
        """Show the logs that have grown, and remove those of runs that are over; raise RedisUnavailableError."""
        runs = {
            invocation.invocation_id: (invocation, sandbox.printed()) for invocation, sandbox in self._running.now()
        }
        grown = {id_: run for id_, run in runs.items() if run[1].total_bytes > self._shown.get(id_, 0)}
        over = self._shown.keys() - runs.keys()
        if not grown and not over:
            return
        self._redis.show_logs({id_: _timed(*run) for id_, run in grown.items()}, over)
        self._shown |= {id_: log.total_bytes for id_, (_, log) in grown.items()}
        self._shown = {id_: shown for id_, shown in self._shown.items() if id_ in runs}


def _timed(invocation: Invocation, log: LiveLog) -> tuple[LiveLog, int]:
    """Return a log and for how many ms it may be shown."""
    left_us = invocation.deadline_us - now_us()
    return log, max(1, left_us // 1000)
