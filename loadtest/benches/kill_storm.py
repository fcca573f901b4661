"""Calls many functions at once while sandboxes are killed at random: every answer must be right, nothing left over."""

import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from loadtest.benches.sandbox_bench import PRICES, RUNTIME, SandboxBench
from loadtest.benches.workload import invocation, version, zipped
from loadtest.reports.table import Row
from shared_lua.contract import Settlement
from worker_agent.errors import PlatformError
from worker_agent.lanes.handle import MAX_ATTEMPTS
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.ownership import AGENT_LABEL, Owner

CALLS, FUNCTIONS, THREADS, KILLS = 1000, 20, 8, 40
KILL_EVERY_S = 0.1
SLOTS, STEMS = 24, 4
ECHO = "import os\nWHO = {who!r}\ndef handler(e, c):\n return [WHO, c.aws_request_id]\n"


def measured(bench: SandboxBench) -> list[Row]:
    """Runs the calls and counts right, killed and wrong answers, and the containers left over."""
    with _executor(bench) as executor, _killer(bench), ThreadPoolExecutor(THREADS) as threads:
        ends = Counter(threads.map(lambda number: _judged(executor, number), range(CALLS)))
    bench.counted.finish_removals()
    left = len(_own_containers(bench))
    figure = f"{ends['right']} right, {ends['killed']} killed while they ran, {ends['wrong']} wrong"
    return [
        Row(f"{CALLS} calls of {FUNCTIONS} functions, {KILLS} kills", figure, "0 wrong", not ends["wrong"]),
        Row("containers left over", str(left), "0", not left),
    ]


@contextmanager
def _executor(bench: SandboxBench) -> Iterator[Executor]:
    pool, stems = Pool(SLOTS, 100_000), Stems(bench.sandboxes, {RUNTIME: STEMS})
    sources = {f"f{number}": zipped(ECHO.format(who=f"f{number}")) for number in range(FUNCTIONS)}
    stems.start()
    try:
        yield Executor(pool, stems, sources.__getitem__, PRICES)
    finally:
        pool.close()
        stems.stop()


def _judged(executor: Executor, number: int) -> str:
    """Runs one call and says whether it got the answer of its own function, for its own Invocation."""
    name = f"f{random.Random(number).randrange(FUNCTIONS)}"
    asked = invocation(version(name, code_sha256=name, memory_mb=512), f"call-{number}")
    outcome = _until_run(lambda: executor.execute(asked, b"{}", 0, 1)).outcome
    if outcome.error_type == "Runtime.ExitError":
        return "killed"
    return "right" if outcome.payload == json.dumps([name, f"call-{number}"]) else "wrong"


def _until_run(run: Callable[[], Settlement]) -> Settlement:
    """Runs again what failed by the platform's fault, as often as a lane would."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return run()
        except PlatformError:
            continue
    return run()


@contextmanager
def _killer(bench: SandboxBench) -> Iterator[None]:
    """Kills the first processes of random containers for the length of a `with`."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(_kill_some, bench, over)
        try:
            yield
        finally:
            over.set()
        killing.result()


def _kill_some(bench: SandboxBench, over: threading.Event) -> None:
    for number in range(KILLS):
        if over.wait(KILL_EVERY_S):
            return
        if containers := _own_containers(bench):
            _kill(bench.client, random.Random(number).choice(containers)[0])


def _own_containers(bench: SandboxBench) -> list[Any]:
    return list(bench.counted.labelled(f"{AGENT_LABEL}={Owner('').agent}"))


def _kill(client: Any, container: str) -> None:
    try:
        pid = client.inspect_container(container)["State"]["Pid"]
        if pid:
            os.kill(pid, signal.SIGKILL)
    except Exception:  # noqa: BLE001  (it has just ended by itself; the next one will do)
        return
