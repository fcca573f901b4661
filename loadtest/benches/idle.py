"""Measures what frozen sandboxes cost while nobody calls them."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from loadtest.benches.cgroup_files import cgroup_file
from loadtest.benches.sandbox_bench import SandboxBench
from loadtest.benches.workload import invocation
from loadtest.reports.table import Row
from shared_lua.contract import MIB
from worker_agent.sandboxes.docker import DockerSandbox
from worker_agent.sandboxes.runtime_api import How

FROZEN_AT_ONCE = 100
IDLE_S = 5.0
THREADS = 4
WEIGHED = 10  #: how many of them have their memory read


def measured(bench: SandboxBench) -> list[Row]:
    """Measures a hundred frozen sandboxes: memory, the agent's CPU, and whether they still answer."""
    with ThreadPoolExecutor(THREADS) as threads:
        sandboxes = list(threads.map(lambda number: _warm_and_frozen(bench, number), range(FROZEN_AT_ONCE)))
    mib = statistics.median(_memory_bytes(bench, sandbox) / MIB for sandbox in sandboxes[:WEIGHED])
    share = _cpu_share()
    answered = sum(map(_answers, sandboxes))
    for sandbox in sandboxes:
        sandbox.destroy("measured")
    return [
        Row("idle warm Python sandbox, memory in its cgroup", f"{mib:.1f} MiB", "≤ 12 MiB", mib <= 12),
        Row(f"agent's CPU with {FROZEN_AT_ONCE} frozen sandboxes", f"{share:.2%} of a core", "≤ 2 %", share <= 0.02),
        Row("of these answer when thawed", str(answered), str(FROZEN_AT_ONCE), answered == FROZEN_AT_ONCE),
    ]


def _warm_and_frozen(bench: SandboxBench, number: int) -> DockerSandbox:
    sandbox = bench.sandbox(name=f"idle{number}", memory_mb=128)
    sandbox.invoke(invocation(sandbox.version), b"{}")
    sandbox.rest()
    return sandbox


def _memory_bytes(bench: SandboxBench, sandbox: DockerSandbox) -> int:
    file = cgroup_file(bench.pid(sandbox), "memory", "memory.usage_in_bytes", "memory.current")
    return int(file.read_text())


def _cpu_share() -> float:
    """Returns which share of a core this process uses while it does nothing."""
    before = time.process_time()
    time.sleep(IDLE_S)
    return (time.process_time() - before) / IDLE_S


def _answers(sandbox: DockerSandbox) -> bool:
    return sandbox.invoke(invocation(sandbox.version), b"{}").end.how is How.ANSWERED
