"""What the benchmarks of sandboxes share: the engine, the sandboxes they make, and the lengths for the chart."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.benches.workload import NOOP, elapsed_s, version, zipped
from worker_agent import wiring
from worker_agent.runs.billing import Prices
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.cgroup import Cgroup, find_layout
from worker_agent.sandboxes.docker import DockerSandbox, DockerSandboxes

RUNTIME = "python3.11"
#: Lambda's prices, and bills that are rounded up to a millisecond.
PRICES = Prices(16_666_700, 200_000, 1000)
STATS_CALLS = 5


@dataclass
class SandboxBench:
    """A benchmark that uses the Docker Engine and nothing else: no queue, no database, no network."""

    client: Any
    counted: engine.Engine  #: counts the calls of the engine
    sandboxes: DockerSandboxes
    lengths_ms: dict[str, float] = field(default_factory=dict)

    def sandbox(self, source: str = NOOP, **changed: Any) -> DockerSandbox:
        """Makes a sandbox from nothing."""
        return self.sandboxes.make_stem(RUNTIME).become(version(**changed), zipped(source))

    def pid(self, sandbox: DockerSandbox) -> int:
        """Returns the id of a sandbox's first process."""
        return int(self.client.inspect_container(sandbox.container)["State"]["Pid"])

    @contextmanager
    def cgroup(self, sandbox: DockerSandbox) -> Iterator[Cgroup]:
        """Opens the counters of a sandbox's cgroup for the length of a `with`."""
        opened = find_layout(Path("/proc/self/mountinfo").read_text()).of(self.pid(sandbox))
        try:
            yield opened
        finally:
            opened.close()

    def docker_stats_s(self, sandbox: DockerSandbox, **options: bool) -> list[float]:
        """Returns how long the engine takes for its own statistics of a sandbox, several times over."""
        return [
            elapsed_s(lambda: self.client.stats(sandbox.container, stream=False, **options)) for _ in range(STATS_CALLS)
        ]


def start(name: str) -> SandboxBench:
    """Connects to the engine. `name` is on the labels of the containers."""
    client = engine.connect()
    counted = engine.Engine(client)
    return SandboxBench(client, counted, wiring.build_sandboxes(counted, name))


@contextmanager
def cleaned(bench: SandboxBench) -> Iterator[None]:
    """Removes every container of the benchmark when the `with` ends, however it ends."""
    try:
        yield
    finally:
        bench.sandboxes.close()
