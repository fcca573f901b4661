"""Every background thread of the worker with its first outside call failing; run as a program, one that always does."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

from tests.builders import invocation
from tests.fakes import FakeSandboxes, FakeStem, own_capacity
from worker_agent import log, threads
from worker_agent.agent import Agent
from worker_agent.lanes import engine_watch, live_logs, provisioning, reaper
from worker_agent.lanes.express import Express
from worker_agent.lanes.heartbeat import Heartbeat
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.stores import ledger_writer
from worker_agent.stores.durable_lane import Delivery, VisibilityHeartbeat

Start = Callable[[], object]
Stop = Callable[[], object]

FOR_EVER = 10**9


class Failing:
    """A function that raises a ValueError the first `times` times and then returns what it should."""

    def __init__(self, times: int, result: Any = None) -> None:
        self.recovered = threading.Event()
        self._left = times
        self._result = result

    def returning(self, result: Any) -> "Failing":
        self._result = result
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        if self._left > 0:
            self._left -= 1
            raise ValueError("nobody foresaw this")
        self.recovered.set()
        time.sleep(0.001)  # some callers ask again at once
        return self._result


def stub(**returned: Any) -> Any:
    """A part whose methods return what is given here; a callable is called."""
    made = MagicMock()
    for name, value in returned.items():
        setattr(made, name, value if callable(value) else MagicMock(return_value=value))
    return made


def heartbeat(fails: Failing) -> tuple[Start, Stop]:
    beating = Heartbeat(stub(heartbeat=fails), "w|1")
    return beating.start, beating.stop


def reaping(fails: Failing) -> tuple[Start, Stop]:
    board = stub(dead_workers=fails.returning([]), orphaned=[])
    one = reaper.Reaper(stub(board=board), stub(), stub())
    return one.periodic.start, one.periodic.stop


def visibility(fails: Failing) -> tuple[Start, Stop]:
    extending: Any = VisibilityHeartbeat(stub(extend=fails), 0.03, lambda *_: None)  # type: ignore[arg-type]
    held = extending.keep(Delivery("", "receipt", 1, time.time_ns() // 1000))
    held.__enter__()

    def stop() -> None:
        extending.periodic.stop()
        held.__exit__(None, None, None)

    return extending.periodic.start, stop


def writing(fails: Failing) -> tuple[Start, Stop]:
    writer = ledger_writer.LedgerWriter(stub(record=fails), stub(left_records=[]), stub())
    writer.add(ledger_writer.Record(invocation(), MagicMock()))
    return writer.start, lambda: writer.stop(10)


def stems(fails: Failing) -> tuple[Start, Stop]:
    kept = Stems(stub(make_stem=fails.returning(FakeStem(FakeSandboxes(), "a"))), {"a": 1})
    return kept.start, kept.stop


def warming(fails: Failing) -> tuple[Start, Stop]:
    one = provisioning.Provisioning(
        redis_adapter=stub(provisions=fails.returning([])),
        heartbeat=MagicMock(able=MagicMock(return_value=set()), worker="w|1"),
        pool=Pool(1, 1),
        start=stub(),
    )
    return one.periodic.start, one.periodic.stop


def showing(fails: Failing) -> tuple[Start, Stop]:
    one = live_logs.LiveLogs(stub(now=fails.returning([])), stub())
    return one.periodic.start, one.periodic.stop


def watching(fails: Failing) -> tuple[Start, Stop]:
    watch = engine_watch.EngineWatch(stub(check=fails), stub())
    watch._down.set()
    return watch._periodic.start, watch.stop


def express(fails: Failing) -> tuple[Start, Stop]:
    lane = Express(
        redis_adapter=stub(next_express=fails),
        ledger_writer=stub(),
        reaper=stub(),
        worker="w|1",
        capacity=1,
        conclude=stub(),
        metrics=stub(),
    )

    def stop() -> None:
        lane.stop()
        assert lane.join(10)

    return lane.start, stop


def durable(fails: Failing) -> tuple[Start, Stop]:
    names = "visibility_heartbeat heartbeat live_logs engine handler metrics sandboxes pool stems provisioning express"
    parts: Any = {name: stub() for name in names.split()}
    agent = Agent(
        lane=stub(receive=fails.returning([])), capacity=own_capacity(1), concurrency=1, drain_s=0.01, **parts
    )
    thread = threading.Thread(target=agent.run)

    def stop() -> None:
        agent.stop()
        thread.join(10)

    return thread.start, stop


#: thread → makes it, with its first outside call failing.
THREADS: dict[str, Callable[[Failing], tuple[Start, Stop]]] = {
    "heartbeat": heartbeat,
    "reaper": reaping,
    "visibility-heartbeat": visibility,
    "ledger-writer": writing,
    "stems": stems,
    "provisioning": warming,
    "live-logs": showing,
    "engine-watch": watching,
    "express": express,
    "durable": durable,
}


def hurry(change: Callable[[Any, str, float], object]) -> None:
    """Shorten every pause, by a function like `setattr`."""
    change(threads, "FIRST_PAUSE_S", 0.001)
    change(threads, "LONGEST_PAUSE_S", 0.001)
    change(engine_watch, "PAUSE_S", 0.01)
    change(ledger_writer, "GATHER_S", 0.01)
    for module in (reaper, provisioning, live_logs):
        change(module, "EVERY_S", 0.01)


if __name__ == "__main__":
    log.configure()
    hurry(setattr)
    start, _ = THREADS[sys.argv[1]](Failing(FOR_EVER))
    start()
    time.sleep(60)
