"""`make bench-worker`: the sandbox, the pool and the meter against their bars, as a table, as JSON and as a chart.

Each comparison is measured side by side in the same rounds; figures are medians over the rounds. It touches the engine
and nothing else. With `--out DIR` it also writes `worker.md`, `worker.json` and `worker.svg` there.
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from loadtest.reports.chart import bars
from shared_lua.contract import MIB, Settlement
from worker_agent import wiring
from worker_agent.errors import PlatformError
from worker_agent.lanes.handle import MAX_ATTEMPTS
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.docker import DockerSandbox, DockerSandboxes
from worker_agent.sandboxes.ownership import AGENT_LABEL, Owner
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Sandbox

ROUNDS = 7
CALLS_A_ROUND = 200
READINGS_A_ROUND = 500
FROZEN_AT_ONCE = 100
IDLE_S = 5.0
STORM_CALLS, STORM_FUNCTIONS, STORM_THREADS, STORM_KILLS = 1000, 20, 8, 40
RUNTIME = "python3.11"
PRICES = Prices(16_666_700, 200_000, 1000)

BURN = "import time\ndef handler(e, c):\n b = time.process_time()\n while time.process_time() - b < 0.5: pass\n"
ALLOCATE = "def handler(e, c):\n held = bytearray(100 << 20)\n"
WRITE = "def handler(e, c):\n open('/tmp/x', 'wb').write(b'x' * (50 << 20))\n"
ECHO = "import os\nWHO = {who!r}\ndef handler(e, c):\n return [WHO, c.aws_request_id]\n"


@dataclass
class Bench:
    """What the measurements share, and what they leave for the chart: lengths in milliseconds by name."""

    client: Any
    counted: engine.Engine
    sandboxes: DockerSandboxes
    lengths_ms: dict[str, float]

    def sandbox(self, source: str | None = None, **changed: Any) -> DockerSandbox:
        """Make a sandbox from nothing."""
        code = zipped(source) if source else zipped()
        return self.sandboxes.make_stem(RUNTIME).become(version(**changed), code)


def main() -> int:
    """Measure everything, print it, and write it where asked to; exit with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench-worker", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for worker.md, worker.json and worker.svg")
    out = parser.parse_args().out
    client = engine.connect()
    counted = engine.Engine(client)
    bench = Bench(client, counted, wiring.build_sandboxes(counted, "bench-worker"), {})
    rows = []
    for part in (_warm, _starts, _reading, _bills, _idle, _storm):
        with removed_afterwards(bench.sandboxes):
            rows += part(bench)
        print(f"measured: {part.__name__.strip('_')}", file=sys.stderr)
    text = f"{machine(client)}\n\n{table(rows)}\n"
    print(text)
    if out:
        _write(out, text, rows, bench)
    return 0 if all(row.met for row in rows) else 1


def _write(out: Path, text: str, rows: list[Row], bench: Bench) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "worker.md").write_text(f"# `make bench-worker`\n\n{text}\n![lengths](worker.svg)\n")
    figures = {"machine": machine(bench.client), "rows": [vars(row) for row in rows], "lengths_ms": bench.lengths_ms}
    (out / "worker.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    (out / "worker.svg").write_text(bars("Lengths, ms (logarithmic)", bench.lengths_ms))


def _warm(bench: Bench) -> list[Row]:
    """A warm call without and with a thaw before it, beside `docker exec` into the same container."""
    sandbox = bench.sandbox()
    warm, thawed, execs = [], [], []
    for _ in range(ROUNDS):
        warm.append([_call_ms(sandbox) for _ in range(CALLS_A_ROUND)])
        thawed.append([_thawed_call_ms(sandbox) for _ in range(CALLS_A_ROUND)])
        execs.append(elapsed_s(lambda: _exec(bench.client, sandbox)) * 1000)
    sandbox.destroy("measured")
    p50, p99 = _median_of(warm, 50), _median_of(warm, 99)
    thaw, exec_ms = _median_of(thawed, 50), statistics.median(execs)
    bench.lengths_ms |= {"warm call": p50, "thaw + call": thaw, "docker exec python3": exec_ms}
    return [
        Row("warm, worker side, minus handler, p50", f"{p50:.3f} ms", "≤ 0.5 ms", p50 <= 0.5),
        Row("the same, p99", f"{p99:.3f} ms", "≤ 3 ms", p99 <= 3),
        Row(
            "one docker exec python3, beside it",
            f"{exec_ms:.0f} ms: {exec_ms / p50:.0f} times",
            "≥ 200 times",
            exec_ms >= 200 * p50,
        ),
        Row("thaw + invoke, p50", f"{thaw:.3f} ms", "≤ 0.8 ms", thaw <= 0.8),
    ]


def _median_of(rounds: list[list[float]], percent: int) -> float:
    return statistics.median(percentile(one, percent) for one in rounds)


def _call_ms(sandbox: Sandbox) -> float:
    """Time one call, from a decoded Delivery's Invocation to the run in flight, without the handler's own time."""
    began = time.perf_counter_ns()
    ran = sandbox.invoke(invocation(sandbox.version), b"{}")
    return (time.perf_counter_ns() - began - int(ran.end.payload)) / 1e6


def _thawed_call_ms(sandbox: Sandbox) -> float:
    sandbox.rest()
    return _call_ms(sandbox)


def _exec(client: Any, sandbox: DockerSandbox) -> None:
    created = client.exec_create(sandbox.container, ["python3", "-c", "pass"])
    client.exec_start(created["Id"])


def _starts(bench: Bench) -> list[Row]:
    """A cold call from a Stem, and from nothing, beside a container's create-to-ready."""
    ready, from_stem, from_nothing = [], [], []
    for _ in range(ROUNDS * 2):
        began = time.perf_counter()
        stem = bench.sandboxes.make_stem(RUNTIME)
        ready.append(time.perf_counter() - began)
        code, of = zipped(), version()
        began = time.perf_counter()
        sandbox = stem.become(of, code)
        sandbox.invoke(invocation(of), b"{}")
        from_stem.append(time.perf_counter() - began)
        sandbox.destroy("measured")
        from_nothing.append(elapsed_s(lambda: _from_nothing(bench)))
    stem_ms, ready_ms = statistics.median(from_stem) * 1000, statistics.median(ready) * 1000
    ratio = statistics.median(from_nothing) / statistics.median(ready)
    bench.lengths_ms |= {"cold, from a stem": stem_ms, "container, create to ready": ready_ms}
    return [
        Row("cold from a stem, p50", f"{stem_ms:.2f} ms", "≤ 6 ms", stem_ms <= 6),
        Row(
            "the same, beside create-to-ready",
            f"1/{ready_ms / stem_ms:.0f} of {ready_ms:.0f} ms",
            "≤ 1/25",
            ready_ms >= 25 * stem_ms,
        ),
        Row("cold with no stem, beside create-to-ready", f"{ratio:.2f} of it", "≤ 1.3", ratio <= 1.3),
    ]


def _from_nothing(bench: Bench) -> None:
    sandbox = bench.sandbox()
    sandbox.invoke(invocation(sandbox.version), b"{}")
    sandbox.destroy("measured")


def _reading(bench: Bench) -> list[Row]:
    """One full usage reading, beside the engine's own statistics and the old way of opening each file anew."""
    sandbox = bench.sandbox()
    files = [
        _cgroup_file(bench.client, sandbox, "cpuacct", "cpuacct.usage", "cpu.stat"),
        _cgroup_file(bench.client, sandbox, "memory", "memory.max_usage_in_bytes", "memory.peak"),
    ]
    ours, reopened = [], []
    for _ in range(ROUNDS):
        ours += [elapsed_s(sandbox._hold.cgroup.read) for _ in range(READINGS_A_ROUND)]
        reopened += [elapsed_s(lambda: _read_anew(*files)) for _ in range(READINGS_A_ROUND // 10)]
    default = [elapsed_s(lambda: bench.client.stats(sandbox.container, stream=False)) for _ in range(5)]
    one_shot = [elapsed_s(lambda: bench.client.stats(sandbox.container, stream=False, one_shot=True)) for _ in range(5)]
    sandbox.destroy("measured")
    us, old_us = statistics.median(ours) * 1e6, statistics.median(reopened) * 1e6
    stats = f"docker stats {ms(default)}: {statistics.median(default) * 1e6 / us:.0f} times; one-shot {ms(one_shot)}"
    bench.lengths_ms |= {"usage reading": us / 1000, "docker stats": statistics.median(default) * 1000}
    return [
        Row("one full usage reading", f"{us:.1f} µs ({stats})", "≤ 10 µs", us <= 10),
        Row("opening and reading two counters anew", f"{old_us:.1f} µs", "more than a full reading", old_us > us),
    ]


def _read_anew(*paths: Path) -> None:
    for path in paths:
        path.read_bytes()


def _bills(bench: Bench) -> list[Row]:
    """The kernel's figures for functions that burn, allocate and write a known amount."""
    burnt = _overrun(bench, BURN, lambda ran: ran.cpu_us, 500_000)
    held = _overrun(bench, ALLOCATE, lambda ran: ran.peak_memory_bytes, 100 * MIB, beyond_idle=True)
    written = _overrun(bench, WRITE, lambda ran: ran.peak_memory_bytes, 100 * MIB, beyond_idle=True)
    return [
        Row("bill of a CPU burner of 0.5 s", f"{burnt:+.2%}", "within 2 %", abs(burnt) <= 0.02),
        Row("bill of 100 MiB allocated", f"{held:+.2%}", "within 2 %", abs(held) <= 0.02),
        Row("bill of 50 MiB in memory written to /tmp", f"{written:+.2%}", "within 2 %", abs(written) <= 0.02),
    ]


def _overrun(
    bench: Bench, source: str, figure: Callable[[Any], int], expected: int, *, beyond_idle: bool = False
) -> float:
    """Give by how much a figure is off what the function is known to take; memory beyond what an idle one has."""
    off = []
    for _ in range(5):
        idle, sandbox = bench.sandbox(), bench.sandbox(source)
        base = figure(idle.invoke(invocation(idle.version), b"{}")) if beyond_idle else 0
        off.append((figure(sandbox.invoke(invocation(sandbox.version), b"{}")) - base) / expected - 1)
        idle.destroy("measured")
        sandbox.destroy("measured")
    return statistics.median(off)


def _idle(bench: Bench) -> list[Row]:
    """What a hundred frozen sandboxes cost while nobody asks for them."""
    with ThreadPoolExecutor(4) as makers:
        sandboxes = list(makers.map(lambda n: _warm_and_frozen(bench, n), range(FROZEN_AT_ONCE)))
    held = [_memory_in_use(bench.client, sandbox) / MIB for sandbox in sandboxes[:10]]
    before = time.process_time()
    time.sleep(IDLE_S)
    share = (time.process_time() - before) / IDLE_S
    answered = sum(s.invoke(invocation(s.version), b"{}").end.how is How.ANSWERED for s in sandboxes)
    for sandbox in sandboxes:
        sandbox.destroy("measured")
    mib = statistics.median(held)
    return [
        Row("idle warm Python sandbox, in its cgroup", f"{mib:.1f} MiB", "≤ 12 MiB", mib <= 12),
        Row(f"agent's CPU with {FROZEN_AT_ONCE} frozen", f"{share:.2%} of a core", "≤ 2 %", share <= 0.02),
        Row("of these answer when thawed", str(answered), str(FROZEN_AT_ONCE), answered == FROZEN_AT_ONCE),
    ]


def _warm_and_frozen(bench: Bench, number: int) -> DockerSandbox:
    sandbox = bench.sandbox(name=f"idle{number}", memory_mb=128)
    sandbox.invoke(invocation(sandbox.version), b"{}")
    sandbox.rest()
    return sandbox


def _memory_in_use(client: Any, sandbox: DockerSandbox) -> int:
    return int(_cgroup_file(client, sandbox, "memory", "memory.usage_in_bytes", "memory.current").read_text())


def _cgroup_file(client: Any, sandbox: DockerSandbox, controller: str, v1: str, v2: str) -> Path:
    """Find a file of a sandbox's cgroup by its name on cgroup v1 or v2."""
    pid = client.inspect_container(sandbox.container)["State"]["Pid"]
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}", v1)
    return Path(f"/sys/fs/cgroup{lines[0][2]}", v2)


def _storm(bench: Bench) -> list[Row]:
    """Many functions at once while sandboxes are killed at random: every answer is right, and nothing is left."""
    pool, stems = Pool(24, 100_000), Stems(bench.sandboxes, {RUNTIME: 4})
    sources = {f"f{n}": zipped(ECHO.format(who=f"f{n}")) for n in range(STORM_FUNCTIONS)}
    executor = Executor(pool, stems, sources.__getitem__, PRICES)
    stems.start()
    over = threading.Event()
    killer = threading.Thread(target=_kill_some, args=(bench, over))
    killer.start()
    with ThreadPoolExecutor(STORM_THREADS) as callers:
        ends = Counter(callers.map(lambda n: _judged(executor, n), range(STORM_CALLS)))
    over.set()
    killer.join()
    pool.close()
    stems.stop()
    bench.counted.finish_removals()
    orphaned = len(bench.counted.labelled(f"{AGENT_LABEL}={Owner('').agent}"))
    figure = f"{ends['right']} right, {ends['killed']} killed in mid-run, {ends['wrong']} wrong"
    return [
        Row(
            f"{STORM_CALLS} calls of {STORM_FUNCTIONS} functions, {STORM_KILLS} kills",
            figure,
            "0 wrong",
            not ends["wrong"],
        ),
        Row("containers left over", str(orphaned), "0", orphaned == 0),
    ]


def _judged(executor: Executor, number: int) -> str:
    """Run one call and say whether its answer is its own function's, for its own Invocation."""
    name = f"f{random.Random(number).randrange(STORM_FUNCTIONS)}"
    asked = invocation(version(name, code_sha256=name, memory_mb=512), f"call-{number}")
    outcome = _persistently(lambda: executor.execute(asked, b"{}", 0, 1)).outcome
    if outcome.error_type == "Runtime.ExitError":
        return "killed"
    return "right" if outcome.payload == json.dumps([name, f"call-{number}"]) else "wrong"


def _persistently(run: Callable[[], Settlement]) -> Settlement:
    """Run again what the platform failed to run, as a lane would hand it out again."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return run()
        except PlatformError:
            continue
    return run()


def _kill_some(bench: Bench, over: threading.Event) -> None:
    """Kill the first process of a container of ours, now and then."""
    for number in range(STORM_KILLS):
        if over.wait(0.1):
            return
        mine = bench.counted.labelled(f"{AGENT_LABEL}={Owner('').agent}")
        if mine:
            _kill(bench.client, random.Random(number).choice(mine)[0])


def _kill(client: Any, container: str) -> None:
    try:
        pid = client.inspect_container(container)["State"]["Pid"]
        if pid:
            os.kill(pid, signal.SIGKILL)
    except Exception:  # noqa: BLE001  (it has just gone by itself: the next one will do)
        return


if __name__ == "__main__":
    sys.exit(main())
