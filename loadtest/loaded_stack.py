"""A Hearth stack for one scenario, started as `make up` starts one and taken down again. It puts no load on it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.client import Client
from loadtest.errors import LoadTestError
from loadtest.scenarios import zips
from loadtest.scenarios.model import Function
from local import ports, process
from local.state import ROOT, StateDir, parse_env

#: How many Stems of each runtime a worker keeps ready by default, and how long that is waited for.
STEMS, STEMS_S = 2, 30.0
READY_STEMS = 'hearth_worker_stems_ready{runtime="python3.11"}'
FOUND_STEM = 'hearth_worker_cold_starts_total{reason="stem ready"}'

#: A rate of starts that every machine has exceeded so far, and the longest nap that a warming call may take.
STARTS_PER_S, LONGEST_NAP_S = 8, 12.0
TIMEOUT_S = 30


@dataclass(frozen=True)
class LoadedStack:
    """A running stack."""

    pid: int
    name: str  #: as it is on the labels of the stack's containers
    url: str
    metrics_url: str
    admin_key: str
    api_keys: dict[str | None, str]  #: by tenant; None is the stack's first tenant

    def client(self, tenant: str | None = None) -> Client:
        """Returns a client of a tenant."""
        return Client(self.url, self.api_keys[tenant])

    def found_stems(self) -> int:
        """Returns how many cold starts found a Stem ready since the stack started."""
        return self._metric(FOUND_STEM)

    def wait_for_stems(self) -> None:
        """Waits until the worker keeps as many Stems ready as it does at rest, but at most STEMS_S."""
        give_up = time.monotonic() + STEMS_S
        while self._metric(READY_STEMS) < STEMS and time.monotonic() < give_up:
            time.sleep(0.1)

    def _metric(self, name: str) -> int:
        """Returns one of the worker's metrics; 0 when it is not there."""
        lines = Client(self.metrics_url).call("GET", "").body.decode().splitlines()
        return round(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)))

    def add_tenant(self, tenant: str) -> None:
        """Creates a tenant with the default limits and keeps its key."""
        self.api_keys[tenant] = Client(self.url, self.admin_key).make_tenant(tenant, {})

    def deploy(self, name: str, function: Function) -> None:
        """Creates a function for each tenant."""
        code = zips.zipped([function.source])
        for tenant in self.api_keys:
            self.client(tenant).deploy(name, code, memory_mb=function.memory_mb, timeout_s=TIMEOUT_S)

    def warm(self, name: str, sandboxes: int) -> None:
        """Calls a function of each tenant that many times at once, so that as many sandboxes are warm.

        Each call naps until the last one has started: a sandbox that ended earlier would serve two calls.
        """
        event = json.dumps({"nap_s": min(LONGEST_NAP_S, sandboxes / STARTS_PER_S)}).encode()
        for client in map(self.client, self.api_keys):
            _call_at_once(client, f"/functions/{name}/invocations", event, sandboxes)


def _call_at_once(client: Client, path: str, event: bytes, times: int) -> None:
    with ThreadPoolExecutor(times) as threads:
        list(threads.map(lambda _: client.call("POST", path, event), range(times)))


@contextmanager
def loaded_stack(settings: Mapping[str, str], state: Path) -> Iterator[LoadedStack]:
    """Runs a stack with these settings and no other HEARTH_… variable, for the length of a `with`."""
    directory = StateDir(state)
    child = _start(settings, directory)
    try:
        _wait_until_ready(child)
        yield _described(child.pid, directory)
    finally:
        child.terminate()
        said, _ = child.communicate()
    if child.returncode:
        raise LoadTestError(f"the stack ended with code {child.returncode}:\n{said}")


def _start(settings: Mapping[str, str], directory: StateDir) -> "subprocess.Popen[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    options = ["up", "--isolated", "--port", str(ports.free_port()), "--state-dir", str(directory.path)]
    return subprocess.Popen(
        process.python("local", *options),
        cwd=ROOT,
        env={**environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=process.bound(signal.SIGTERM),  # noqa: PLW1509  (see `bound`)
    )


def _wait_until_ready(child: "subprocess.Popen[str]") -> None:
    assert child.stdout  # noqa: S101  (`_start` asks for it; this tells mypy)
    said = []
    for line in child.stdout:
        said.append(line)
        if line.startswith("ready "):
            return
    raise LoadTestError("the stack did not start:\n" + "".join(said))


def _described(pid: int, directory: StateDir) -> LoadedStack:
    keys = parse_env(directory.env_file.read_text())
    running = directory.running()
    if not running or not running.metrics_url:
        raise LoadTestError(f"the stack in {directory.path} does not say where its worker's metrics are")
    first: dict[str | None, str] = {None: keys["HEARTH_API_KEY"]}
    return LoadedStack(pid, directory.stack, keys["HEARTH_URL"], running.metrics_url, keys["HEARTH_ADMIN_KEY"], first)
