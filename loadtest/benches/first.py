"""`make bench-first`: a warm call, a cold start and a usage reading of the worker alone, without queue and database.

Whatever is compared is measured in turn, in the same rounds, as the machine's speed drifts.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from loadtest import machine
from loadtest.benches import sandbox_bench
from loadtest.benches.sandbox_bench import PRICES, RUNTIME, SandboxBench
from loadtest.benches.workload import elapsed_s, invocation, median_ms, version, zipped
from loadtest.reports.percentiles import percentile
from loadtest.reports.table import Row, markdown
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.images import image_name

NAME = "bench-first"
WARM_UP_CALLS, WARM_CALLS = 50, 1000
ROUNDS = 7
READINGS = 2000


def main() -> int:
    """Measures, prints the table and the figures as JSON, and returns 1 when a bar is missed."""
    bench = sandbox_bench.start(NAME)
    with sandbox_bench.cleaned(bench):
        rows = [*_warm(bench), *_cold(bench), *_reading(bench)]
    print(f"{machine.described()}\n\n{markdown(rows)}\n\n{json.dumps([vars(row) for row in rows], ensure_ascii=False)}")
    return 0 if all(row.met for row in rows) else 1


def _warm(bench: SandboxBench) -> list[Row]:
    """Measures the worker's part of a warm call, from the decoded Delivery to the Settlement, without the handler."""
    pool = Pool(1, 10_000)
    executor = Executor(pool, Stems(bench.sandboxes, {}), lambda _: zipped(), PRICES)
    asked = invocation(version())
    for _ in range(WARM_UP_CALLS):
        executor.execute(asked, b"{}", 0, 1)
    calls_before = bench.counted.calls
    lengths_us = [_timed_us(lambda: executor.execute(asked, b"{}", 0, 1)) for _ in range(WARM_CALLS)]
    engine_calls = bench.counted.calls - calls_before
    pool.close()
    return _warm_rows(percentile(lengths_us, 50), percentile(lengths_us, 99), engine_calls)


def _timed_us(call: Callable[[], Any]) -> float:
    """Returns how long a call takes, minus what its handler took by its own clock."""
    began = time.perf_counter_ns()
    settlement = call()
    return (time.perf_counter_ns() - began - int(settlement.outcome.payload)) / 1000


def _warm_rows(p50_us: float, p99_us: float, engine_calls: int) -> list[Row]:
    figure = f"{p50_us / 1000:.3f} ms (p99 {p99_us / 1000:.3f})"
    return [
        Row("warm call, the worker's part without the handler, p50", figure, "≤ 2 ms", p50_us <= 2000),
        Row(f"engine calls in {WARM_CALLS} warm calls", str(engine_calls), "0", engine_calls == 0),
    ]


def _cold(bench: SandboxBench) -> list[Row]:
    """Measures a start from nothing, and the engine alone creating and starting a container of the same image."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        sandbox = bench.sandbox()
        ours.append(time.perf_counter() - began)
        sandbox.destroy("the round is over")
        bare.append(_bare_start_s(bench.client))
    ratio = statistics.median(ours) / statistics.median(bare)
    figure = f"{median_ms(ours):.1f} ms; a bare container {median_ms(bare):.1f} ms: {ratio:.2f} times"
    return [Row("cold start from nothing, median", figure, "≤ 3 times a bare create + start", ratio <= 3)]


def _bare_start_s(client: Any) -> float:
    """Measures the engine at its fastest: without a network to set up, and without a log file."""
    options = {
        "image": image_name(RUNTIME),
        "entrypoint": ["sleep", "60"],
        "labels": {"hearth.stack": NAME},
        "network_disabled": True,
        "host_config": client.create_host_config(network_mode="none", log_config={"Type": "none"}),
    }
    began = time.perf_counter()
    container = client.create_container(**options)["Id"]
    try:
        client.start(container)
        return time.perf_counter() - began
    finally:
        client.remove_container(container, force=True)


def _reading(bench: SandboxBench) -> list[Row]:
    """Measures one full usage reading, and the engine's own statistics."""
    sandbox = bench.sandbox()
    with bench.cgroup(sandbox) as cgroup:
        ours = [elapsed_s(cgroup.read) for _ in range(READINGS)]
    default, one_shot = bench.docker_stats_s(sandbox), bench.docker_stats_s(sandbox, one_shot=True)
    sandbox.destroy("measured")
    us = statistics.median(ours) * 1e6
    figure = f"{us:.1f} µs; docker stats {median_ms(default):.1f} ms, one-shot {median_ms(one_shot):.1f} ms"
    return [Row("one usage reading, median", figure, "≤ 100 µs", us <= 100)]


if __name__ == "__main__":
    sys.exit(main())
