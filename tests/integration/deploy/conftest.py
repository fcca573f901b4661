"""A tree to deploy from, and an AWS to deploy to: moto's server in a process of its own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port
from tests.integration.deploy import tree as trees
from tests.integration.deploy.tree import Tree


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """What Chalice has packed, by a digest of the sources: a tree that was packed once is not packed again."""
    with tempfile.TemporaryDirectory(prefix="hearth-packages-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def plain(packages: Path) -> Iterator[Tree]:
    """The tree as it is."""
    with tempfile.TemporaryDirectory(prefix="hearth-tree-") as folder:
        yield trees.copy(Path(folder), packages)


@pytest.fixture(scope="session")
def handling(packages: Path) -> Iterator[Tree]:
    """The tree, with a handler for every kind of event source."""
    with tempfile.TemporaryDirectory(prefix="hearth-tree-") as folder:
        tree = trees.copy(Path(folder), packages)
        trees.add_handlers(tree)
        yield tree


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """The address of an AWS that takes deployments, and has none yet."""
    with tempfile.TemporaryDirectory(prefix="hearth-cloud-") as folder, _cloud(Path(folder) / "log") as address:
        yield address


@contextmanager
def _cloud(log: Path) -> Iterator[str]:
    port = free_port()
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.deploy.standin", str(port)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
        )
    try:
        _wait_for(port, server, log)
        # By name: moto finds a template's bucket in an address of `localhost` only.
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until_s = time.monotonic() + 120
    while time.monotonic() < until_s and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"moto's server did not answer:\n{log.read_text()}")
