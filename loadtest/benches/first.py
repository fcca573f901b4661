"""`make bench-first`: the worker alone, warm, cold and metering, each beside what it is compared with, in one run.

Everything that is compared is measured in turn within the same rounds, as the machine's speed drifts. It touches the
engine and nothing else: no queue, no database, no network.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from loadtest.benches.workload import (
    Row,
    elapsed_s,
    invocation,
    machine,
    ms,
    percentile,
    removed_afterwards,
    table,
    version,
    zipped,
)
from worker_agent import wiring
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.cgroup import find_layout
from worker_agent.sandboxes.docker import DockerSandboxes
from worker_agent.sandboxes.images import image_name

WARM_CALLS = 1000
ROUNDS = 7
READINGS = 2000
STATS_CALLS = 5


def main() -> int:
    """Measure, print the table and the figures as JSON; exit with 1 when a bar is missed."""
    client = engine.connect()
    counted = engine.Engine(client)
    sandboxes = wiring.build_sandboxes(counted, "bench-first")
    with removed_afterwards(sandboxes):
        rows = [*_warm(counted, sandboxes), *_cold(client, sandboxes), *_reading(client, sandboxes)]
    print(f"{machine(client)}\n\n{table(rows)}\n\n{json.dumps([vars(row) for row in rows], ensure_ascii=False)}")
    return 0 if all(row.met for row in rows) else 1


def _warm(counted: engine.Engine, sandboxes: DockerSandboxes) -> list[Row]:
    """Time the worker's side of a warm call, from a decoded Delivery to the Outcome, without the handler's own time."""
    pool = Pool(1, 10_000)
    executor = Executor(pool, Stems(sandboxes, {}), lambda _: zipped(), Prices(16_666_700, 200_000, 1000))
    asked = invocation(version())
    for _ in range(50):
        executor.execute(asked, b"{}", 0, 1)
    calls_before = counted.calls
    spans = [_timed_us(lambda: executor.execute(asked, b"{}", 0, 1)) for _ in range(WARM_CALLS)]
    engine_calls = counted.calls - calls_before
    pool.close()
    p50, p99 = percentile(spans, 50), percentile(spans, 99)
    figure = f"{p50 / 1000:.3f} ms (p99 {p99 / 1000:.3f})"
    return [
        Row("warm, worker side minus handler, p50", figure, "≤ 2 ms", p50 <= 2000),
        Row(f"engine calls in {WARM_CALLS} warm calls", str(engine_calls), "0", engine_calls == 0),
    ]


def _timed_us(call: Callable[[], Any]) -> float:
    """Time one call and take off what the handler itself took."""
    began = time.perf_counter_ns()
    settlement = call()
    return (time.perf_counter_ns() - began - int(settlement.outcome.payload)) / 1000


def _cold(client: Any, sandboxes: DockerSandboxes) -> list[Row]:
    """Time a start from nothing, beside a bare create and start of the same image."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        sandbox = sandboxes.make_stem("python3.11").become(version(), zipped())
        ours.append(time.perf_counter() - began)
        sandbox.destroy("the round is over")
        bare.append(_bare_start(client))
    ratio = statistics.median(ours) / statistics.median(bare)
    figure = f"{ms(ours)}, beside {ms(bare)} bare: {ratio:.2f} times"
    return [Row("cold from nothing, median", figure, "≤ 3 times a bare create + start", ratio <= 3)]


def _bare_start(client: Any) -> float:
    """Time the engine alone, in its quickest form: without a network to set up and without a log file."""
    began = time.perf_counter()
    container = client.create_container(
        image=image_name("python3.11"),
        entrypoint=["sleep", "60"],
        labels={"hearth.stack": "bench-first"},
        network_disabled=True,
        host_config=client.create_host_config(network_mode="none", log_config={"Type": "none"}),
    )["Id"]
    try:
        client.start(container)
        return time.perf_counter() - began
    finally:
        client.remove_container(container, force=True)


def _reading(client: Any, sandboxes: DockerSandboxes) -> list[Row]:
    """Time one full usage reading, beside the engine's own statistics."""
    with ExitStack() as undo:
        sandbox = sandboxes.make_stem("python3.11").become(version(), zipped())
        undo.callback(sandbox.destroy, "measured")
        pid = client.inspect_container(sandbox.container)["State"]["Pid"]
        cgroup = find_layout(Path("/proc/self/mountinfo").read_text()).of(pid)
        undo.callback(cgroup.close)
        ours = [elapsed_s(cgroup.read) for _ in range(READINGS)]
        default = [elapsed_s(lambda: client.stats(sandbox.container, stream=False)) for _ in range(STATS_CALLS)]
        one_shot = [
            elapsed_s(lambda: client.stats(sandbox.container, stream=False, one_shot=True)) for _ in range(STATS_CALLS)
        ]
    us = statistics.median(ours) * 1e6
    beside = f"beside {ms(default)} by docker stats, {ms(one_shot)} one-shot"
    return [Row("one usage reading, median", f"{us:.1f} µs, {beside}", "≤ 100 µs", us <= 100)]


if __name__ == "__main__":
    sys.exit(main())
