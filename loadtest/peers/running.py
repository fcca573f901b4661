"""Starts a peer with a function, waits until it answers, and ends it again."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.client import Client
from loadtest.errors import LoadTestError
from loadtest.peers import emulator
from loadtest.scenarios.model import Target
from local import ports, process
from local.state import ROOT

START_S = 15.0


@dataclass(frozen=True)
class Program:
    """How a peer is started, and where it answers when it is ready."""

    command: list[str]
    environ: Mapping[str, str]
    path: str


@contextmanager
def peer(target: Target, name: str, source: Path) -> Iterator[str]:
    """Serves a function on a peer for the length of a `with`; yields its address. Raises LoadTestError."""
    port = ports.free_port()
    program = _bare(port, name, source) if target is Target.BARE else _emulator(port, source)
    with tempfile.TemporaryDirectory(prefix="hearth-peer-") as folder:
        log = Path(folder) / "log"
        child = process.spawn(program.command, program.environ, log)
        try:
            _wait_until_answers(Client(f"http://127.0.0.1:{port}"), program.path, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _kill(child)


def _bare(port: int, name: str, source: Path) -> Program:
    command = process.python("loadtest.peers.bare", str(port), f"{name}={source}")
    return Program(command, {**os.environ, "PYTHONPATH": str(ROOT)}, f"/functions/{name}/invocations")


def _emulator(port: int, source: Path) -> Program:
    program, packages = emulator.obtain()
    command = emulator.command(program, port, ports.free_port())
    return Program(command, emulator.environ(packages, source), "/2015-03-31/functions/function/invocations")


def _wait_until_answers(client: Client, path: str, log: Path) -> None:
    give_up, error = time.monotonic() + START_S, ""
    while time.monotonic() < give_up:
        try:
            client.call("POST", path, b"{}")
        except LoadTestError as refused:
            error = str(refused)
            time.sleep(0.05)
        else:
            return
    raise LoadTestError(f"the peer is not ready after {START_S:.0f} s: {error}\n{process.tail(log)}")


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """Kills a peer and its own children. It has nothing to tidy up."""
    process.kill_group(child)
    child.wait()
