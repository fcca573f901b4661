"""A Hearth for one scenario, started as `make up` does and taken down again; it puts no load on it."""

import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.scenarios import zips
from loadtest.scenarios.model import Function
from local import ports, process
from local.demo import Client
from local.state import ROOT, StateDir, parse_env

#: What a worker keeps ready of each runtime, by default, and how long that is waited for.
STEMS, STEMS_S = 2, 30.0
READY_STEMS = 'hearth_worker_stems_ready{runtime="python3.11"}'
FOUND_STEM = 'hearth_worker_cold_starts_total{reason="stem ready"}'


#: Fewer sandboxes than any machine so far has started in a second; and how long one may nap to be still there.
STARTS_PER_S, LONGEST_NAP_S = 8, 12.0


@dataclass(frozen=True)
class LoadedStack:
    """A running stack: its process, its name on containers, and whose keys there are (None: the first tenant's)."""

    pid: int
    name: str
    url: str
    metrics_url: str
    admin_key: str
    api_keys: dict[str | None, str]

    def client(self, tenant: str | None = None) -> Client:
        """Give a caller who is of this tenant."""
        return Client(self.url, self.api_keys[tenant])

    def found_stems(self) -> int:
        """Give how many cold starts have found a Stem ready since the stack started, as the worker counts them."""
        return self._metric(FOUND_STEM)

    def wait_for_stems(self) -> None:
        """Wait until the worker keeps as many Stems ready as it does at rest, but not for ever."""
        give_up = time.monotonic() + STEMS_S
        while self._metric(READY_STEMS) < STEMS and time.monotonic() < give_up:
            time.sleep(0.1)

    def _metric(self, name: str) -> int:
        """Give one of the worker's figures, 0 when it is not there."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as reply:  # noqa: S310  (the address is our own)
            lines = reply.read().decode().splitlines()
        return round(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)))

    def add_tenant(self, tenant: str) -> None:
        """Make a tenant and keep its key."""
        made = Client(self.url, self.admin_key).call("PUT", f"/tenants/{tenant}")
        self.api_keys[tenant] = made.json()["keys"]["api_key"]

    def deploy(self, name: str, function: Function) -> None:
        """Make a function, for each tenant that there is."""
        asked = {"runtime": "python3.11", "handler": "main.handler", "memory_mb": function.memory_mb, "timeout_s": 30}
        path = f"/functions/{name}?{urllib.parse.urlencode(asked)}"
        for tenant in self.api_keys:
            code = zips.zipped([function.source])
            self.client(tenant).call("PUT", path, code, content_type="application/zip")

    def warm(self, name: str, at_once: int) -> None:
        """Call a function so many times at once, for each tenant, so that as many sandboxes are warm.

        Each call is still running when the last of them starts: a sandbox that came back sooner would serve two.
        """
        path, throttles = f"/functions/{name}/invocations", range(at_once)
        event = json.dumps({"nap_s": min(LONGEST_NAP_S, at_once / STARTS_PER_S)}).encode()
        for caller in map(self.client, self.api_keys):
            with ThreadPoolExecutor(at_once) as callers:
                list(callers.map(lambda _, by: by.call("POST", path, event), throttles, [caller] * at_once))


@contextmanager
def loaded_stack(settings: Mapping[str, str], state: Path) -> Iterator[LoadedStack]:
    """Give a stack with these settings and no other HEARTH_… one, for the length of a `with`."""
    directory = StateDir(state)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    options = ["up", "--isolated", "--port", str(ports.free_port()), "--state-dir", str(directory.path)]
    child = subprocess.Popen(
        process.python("local", *options),
        cwd=ROOT,
        env={**environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=process.bound(signal.SIGTERM),  # noqa: PLW1509  (see `bound`)
    )
    try:
        _wait_until_ready(child)
        keys = parse_env(directory.env_file.read_text())
        first: dict[str | None, str] = {None: keys["HEARTH_API_KEY"]}
        metrics_url = json.loads((directory.path / "stack.json").read_text())["metrics_url"]
        url, admin_key = keys["HEARTH_URL"], keys["HEARTH_ADMIN_KEY"]
        yield LoadedStack(child.pid, directory.stack, url, metrics_url, admin_key, first)
    finally:
        child.terminate()
        said, _ = child.communicate()
    if child.returncode:
        raise LoadTestError(f"the stack ended with code {child.returncode}:\n{said}")


def _wait_until_ready(child: "subprocess.Popen[str]") -> None:
    assert child.stdout  # noqa: S101  (asked for where it was made; this tells mypy)
    said = []
    for line in child.stdout:
        said.append(line)
        if line.startswith("ready "):
            return
    raise LoadTestError("the stack did not start:\n" + "".join(said))
