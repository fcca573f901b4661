"""Starts a peer with a function and ends it again; what the peers are is told elsewhere."""

import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.peers import emulator
from loadtest.scenarios.model import Target
from local import ports, process
from local.state import ROOT

START_S = 15.0


@contextmanager
def peer(target: Target, name: str, source: Path) -> Iterator[str]:
    """Give the address of a peer that serves a function, for the length of a `with`; raise LoadTestError."""
    port = ports.free_port()
    if target is Target.BARE:
        command = process.python("loadtest.peers.bare", str(port), f"{name}={source}")
        environ: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}
        probe = f"/functions/{name}/invocations"
    else:
        program, packages = emulator.obtain()
        command = emulator.command(program, port, ports.free_port())
        environ = emulator.environ(packages, source)
        probe = "/2015-03-31/functions/function/invocations"
    with _served(command, environ, f"http://127.0.0.1:{port}", probe) as url:
        yield url


@contextmanager
def _served(command: Sequence[str], environ: Mapping[str, str], url: str, probe: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="hearth-peer-") as folder:
        log = Path(folder) / "log"
        child = process.spawn(command, environ, log)
        try:
            _wait_until_answers(url + probe, log)
            yield url
        finally:
            process.kill_group(child)  # the emulator's own child too: a peer has nothing to tidy up
            child.wait()


def _wait_until_answers(url: str, log: Path) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(url, b"{}", timeout=START_S):  # noqa: S310  (the address is our own)
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise LoadTestError(f"the peer at {url} does not answer:\n{process.tail(log)}")
