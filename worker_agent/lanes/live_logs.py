"""Shows in Redis what functions print while they run; never waited for by a run, and no record depends on it.

One thread looks at all that runs, so a run pays nothing for it, and one that is over before the next look is not shown.
"""

from shared_lua.contract import Invocation, LiveLog
from worker_agent.clock import now_us
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.runs.running import Running
from worker_agent.stores.redis_adapter import RedisAdapter

EVERY_S = 0.5


class LiveLogs:
    """The logs of what runs, each shown again once it has grown, until its run is over or its deadline has passed.

    What is shown as the `beat` stops goes at its deadline.
    """

    def __init__(self, running: Running, redis_adapter: RedisAdapter) -> None:
        self._running = running
        self._redis = redis_adapter
        self._shown: dict[str, int] = {}
        self.periodic = Periodic(
            "live-logs", EVERY_S, self.look, Outage("live_logs", "what functions print is not shown")
        )

    def look(self) -> None:
        """Show what has grown since the last look, and take back what is over; raise RedisUnavailableError."""
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
    """Give a log and for how many ms it may be shown."""
    left_us = invocation.deadline_us - now_us()
    return log, max(1, left_us // 1000)
