"""Measures calls of sandboxes: warm, thawed, from a Stem and from nothing."""

import statistics
import time
from typing import Any

from loadtest.benches.sandbox_bench import RUNTIME, SandboxBench
from loadtest.benches.workload import elapsed_s, invocation, median_ms, version, zipped
from loadtest.reports.percentiles import percentile
from loadtest.reports.table import Row
from worker_agent.sandboxes.docker import DockerSandbox
from worker_agent.sandboxes.sandbox import Sandbox

ROUNDS = 7
CALLS_A_ROUND = 200


def warm(bench: SandboxBench) -> list[Row]:
    """Measures warm calls without and with a thaw, and `docker exec` in the same container."""
    sandbox = bench.sandbox()
    calls, thawed, execs = [], [], []
    for _ in range(ROUNDS):
        calls.append([_call_ms(sandbox) for _ in range(CALLS_A_ROUND)])
        thawed.append([_thawed_call_ms(sandbox) for _ in range(CALLS_A_ROUND)])
        execs.append(elapsed_s(lambda: _docker_exec(bench.client, sandbox)))
    sandbox.destroy("measured")
    p50, p99 = _median(calls, 50), _median(calls, 99)
    thaw, exec_ms = _median(thawed, 50), median_ms(execs)
    bench.lengths_ms |= {"warm call": p50, "thaw + call": thaw, "docker exec python3": exec_ms}
    return _warm_rows(p50, p99, thaw, exec_ms)


def _warm_rows(p50: float, p99: float, thaw: float, exec_ms: float) -> list[Row]:
    times = f"{exec_ms:.0f} ms: {exec_ms / p50:.0f} times"
    return [
        Row("warm call, the worker's part without the handler, p50", f"{p50:.3f} ms", "≤ 0.5 ms", p50 <= 0.5),
        Row("warm call, p99", f"{p99:.3f} ms", "≤ 3 ms", p99 <= 3),
        Row("one docker exec python3, relative to a warm call", times, "≥ 200 times", exec_ms >= 200 * p50),
        Row("thaw + call, p50", f"{thaw:.3f} ms", "≤ 0.8 ms", thaw <= 0.8),
    ]


def _median(rounds: list[list[float]], percent: int) -> float:
    return statistics.median(percentile(one, percent) for one in rounds)


def _call_ms(sandbox: Sandbox) -> float:
    """Returns how long one call takes, from the decoded Invocation to its result, minus the handler's own time."""
    began = time.perf_counter_ns()
    ran = sandbox.invoke(invocation(sandbox.version), b"{}")
    return (time.perf_counter_ns() - began - int(ran.end.payload)) / 1e6


def _thawed_call_ms(sandbox: Sandbox) -> float:
    sandbox.rest()
    return _call_ms(sandbox)


def _docker_exec(client: Any, sandbox: DockerSandbox) -> None:
    created = client.exec_create(sandbox.container, ["python3", "-c", "pass"])
    client.exec_start(created["Id"])


def starts(bench: SandboxBench) -> list[Row]:
    """Measures a first call from a Stem and one from nothing, and a container's way from its creation to ready."""
    ready, from_stem, from_nothing = [], [], []
    for _ in range(ROUNDS * 2):
        to_ready_s, to_answer_s = _stem_start_s(bench)
        ready.append(to_ready_s)
        from_stem.append(to_answer_s)
        from_nothing.append(elapsed_s(lambda: _from_nothing(bench)))
    stem_ms, ready_ms, nothing_ms = median_ms(from_stem), median_ms(ready), median_ms(from_nothing)
    bench.lengths_ms |= {"cold, from a Stem": stem_ms, "container, create to ready": ready_ms}
    return _start_rows(stem_ms, ready_ms, nothing_ms / ready_ms)


def _stem_start_s(bench: SandboxBench) -> tuple[float, float]:
    """Returns how long a Stem takes to become ready, and then how long its first call takes."""
    began = time.perf_counter()
    stem = bench.sandboxes.make_stem(RUNTIME)
    to_ready_s = time.perf_counter() - began
    code, of = zipped(), version()
    began = time.perf_counter()
    sandbox = stem.become(of, code)
    sandbox.invoke(invocation(of), b"{}")
    to_answer_s = time.perf_counter() - began
    sandbox.destroy("measured")
    return to_ready_s, to_answer_s


def _from_nothing(bench: SandboxBench) -> None:
    sandbox = bench.sandbox()
    sandbox.invoke(invocation(sandbox.version), b"{}")
    sandbox.destroy("measured")


def _start_rows(stem_ms: float, ready_ms: float, ratio: float) -> list[Row]:
    share = f"1/{ready_ms / stem_ms:.0f} of {ready_ms:.0f} ms"
    return [
        Row("cold call from a Stem, p50", f"{stem_ms:.2f} ms", "≤ 6 ms", stem_ms <= 6),
        Row(
            "cold call from a Stem, relative to a container's create-to-ready",
            share,
            "≤ 1/25",
            ready_ms >= 25 * stem_ms,
        ),
        Row("cold call without a Stem, relative to create-to-ready", f"{ratio:.2f} times", "≤ 1.3 times", ratio <= 1.3),
    ]
