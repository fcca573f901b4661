"""A worker whose heartbeat fails for ever once its function runs: a program for a process of its own."""

import sys
import threading
from typing import Any, NoReturn
from unittest.mock import MagicMock

from shared_lua.contract import Invocation
from worker_agent import log, threads
from worker_agent.lanes import heartbeat
from worker_agent.lanes.express import Express
from worker_agent.stores.redis_adapter import RedisAdapter, connect

#: How long its heartbeat counts, ms; the pauses between its failures are far shorter.
FOR_MS = 2_000

_runs = threading.Event()


class Failing(RedisAdapter):
    """Redis that takes no heartbeat any more once the function runs."""

    def heartbeat(self, worker: str, **told: Any) -> bool:
        if _runs.is_set():
            raise ValueError("nobody foresaw this")
        return super().heartbeat(worker, **told)


def run_for_ever(*_: Invocation) -> NoReturn:
    _runs.set()
    threading.Event().wait()
    raise AssertionError


def main(redis_url: str) -> None:
    log.configure()
    threads.FIRST_PAUSE_S = 0.001
    heartbeat.EVERY_S, heartbeat.FOR_MS = 0.1, FOR_MS
    redis, worker = Failing(connect(redis_url)), heartbeat.new_worker(1)
    express = Express(
        redis_adapter=redis,
        ledger_writer=MagicMock(),
        reaper=MagicMock(),
        worker=worker,
        capacity=1,
        conclude=run_for_ever,  # type: ignore[arg-type]
        metrics=MagicMock(),
    )
    heartbeat.Heartbeat(redis, worker, free=express.free).start()
    express.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
