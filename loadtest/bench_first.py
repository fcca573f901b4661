"""`make bench-first`: the worker alone, warm, cold and metering, each beside what it is compared with, in one run.

Everything that is compared is measured in turn within the same rounds, as the machine's speed drifts. It touches the
engine and nothing else: no queue, no database, no network.
"""

import io
import json
import os
import platform
import statistics
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_lua.contract import Invocation, Mode, Version
from worker_agent import engine, wiring
from worker_agent.billing import Prices
from worker_agent.cgroup import find_layout
from worker_agent.docker_sandbox import DockerSandboxes
from worker_agent.execute import Executor
from worker_agent.images import image_name
from worker_agent.pool import Pool
from worker_agent.stems import Stems

WARM_CALLS = 1000
ROUNDS = 7
READINGS = 2000
STATS_CALLS = 5

#: The function under load: it times itself, so that what is left is the worker's and the runtime client's.
SOURCE = textwrap.dedent("""
    import time

    def handler(event, context):
        began = time.perf_counter_ns()
        return time.perf_counter_ns() - began
""")


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, what it is compared with, and the bar it must meet."""

    what: str
    figure: str
    bar: str
    met: bool


def main() -> int:
    """Measure, print the table and the figures as JSON; exit with 1 when a bar is missed."""
    client = engine.connect()
    counted = engine.Engine(client)
    sandboxes = wiring.build_sandboxes(counted, "bench-first")
    with _removed_afterwards(sandboxes):
        rows = [*_warm(counted, sandboxes), *_cold(client, sandboxes), *_reading(client, sandboxes)]
    _print(client, rows)
    return 0 if all(row.met for row in rows) else 1


def _warm(counted: engine.Engine, sandboxes: DockerSandboxes) -> list[Row]:
    """Time the worker's side of a warm call, from a decoded Delivery to the Outcome, without the handler's own time."""
    pool = Pool(1, 10_000)
    executor = Executor(pool, Stems(sandboxes, {}), lambda _: _code(), Prices(16_666_700, 200_000, 1000))
    asked = _invocation()
    for _ in range(50):
        executor.execute(asked, b"{}", 0, 1)
    calls_before = counted.calls
    spans = sorted(_timed_us(lambda: executor.execute(asked, b"{}", 0, 1)) for _ in range(WARM_CALLS))
    engine_calls = counted.calls - calls_before
    pool.close()
    p50, p99 = spans[WARM_CALLS // 2], spans[WARM_CALLS * 99 // 100]
    return [
        Row(
            "warm, worker side minus handler, p50", f"{p50 / 1000:.3f} ms (p99 {p99 / 1000:.3f})", "≤ 2 ms", p50 <= 2000
        ),
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
        sandbox = sandboxes.make_stem("python3.11").become(_version(), _code())
        ours.append(time.perf_counter() - began)
        sandbox.destroy("the round is over")
        bare.append(_bare_start(client))
    ratio = statistics.median(ours) / statistics.median(bare)
    figure = f"{_ms(ours)}, beside {_ms(bare)} bare: {ratio:.2f} times"
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
        sandbox = sandboxes.make_stem("python3.11").become(_version(), _code())
        undo.callback(sandbox.destroy, "measured")
        pid = client.inspect_container(sandbox.container)["State"]["Pid"]
        meter = find_layout(Path("/proc/self/mountinfo").read_text()).of(pid)
        undo.callback(meter.close)
        ours = [_elapsed(meter.read) for _ in range(READINGS)]
        default = [_elapsed(lambda: client.stats(sandbox.container, stream=False)) for _ in range(STATS_CALLS)]
        one_shot = [
            _elapsed(lambda: client.stats(sandbox.container, stream=False, one_shot=True)) for _ in range(STATS_CALLS)
        ]
    us = statistics.median(ours) * 1e6
    beside = f"beside {_ms(default)} by docker stats, {_ms(one_shot)} one-shot"
    return [Row("one usage reading, median", f"{us:.1f} µs, {beside}", "≤ 100 µs", us <= 100)]


def _elapsed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms"


def _code() -> bytes:

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("main.py", SOURCE)
    return data.getvalue()


def _version() -> Version:
    return Version(
        tenant="bench",
        function="noop",
        version_id="1",
        arn="arn:aws:lambda:us-east-1:000000000000:function:noop",
        runtime="python3.11",
        handler="main.handler",
        memory_mb=1769,  # a whole core: the bench is of the worker, not of the CPU limit
        timeout_s=5,
        code_sha256="0" * 64,
        code_bytes=len(_code()),
        unpacked_bytes=8192,
    )


def _invocation() -> Invocation:
    return Invocation(
        invocation_id="bench",
        version=_version(),
        mode=Mode.SYNC,
        admitted_at_us=0,
        deadline_us=0,
        payload="{}",
    )


@contextmanager
def _removed_afterwards(sandboxes: DockerSandboxes) -> Iterator[None]:
    try:
        yield
    finally:
        sandboxes.close()


def _print(client: Any, rows: list[Row]) -> None:
    version = client.version()
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Docker Engine {version['Version']}, Python {sys.version[:6]}\n"
    )
    print("| what | measured | bar | met |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.figure} | {row.bar} | {'yes' if row.met else 'NO'} |")
    print("\n" + json.dumps([row.__dict__ for row in rows], ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
