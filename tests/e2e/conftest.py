"""One whole stack for all end-to-end tests, as `make up` starts it, but with every part its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

from local.process import bound
from local.state import parse_env
from local.variables import for_callers
from local.worker_metrics import read, stems_ready
from tests.conftest import ROOT
from tests.hanging_engine import HangingEngine, hanging_engine
from tests.waiting import eventually
from tests.zips import zipped

TERMINAL = {"succeeded", "failed", "expired", "abandoned"}


@dataclass
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stack:
    """A running stack, and somebody who calls it."""

    process: "subprocess.Popen[str]"
    keys: dict[str, str]
    state: Path
    stems_at_ready: dict[str, int]  #: by runtime

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {"x-api-key": self.keys["HEARTH_API_KEY"], **{k.replace("_", "-"): v for k, v in headers.items()}}
        request = urllib.request.Request(self.keys["HEARTH_URL"] + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def deploy(self, name: str, source: str, **query: Any) -> None:
        """Make a function of one file, by a name that no other test has: they share the stack and no function."""
        answer = self.put(name, source, **query)
        assert answer.status == 201, f"is {name} another test's function, too? {answer}"

    def put(self, name: str, source: str, **query: Any) -> Answer:
        """Make or replace a function of one file."""
        asked = {"runtime": "python3.11", "handler": "main.handler", "memory_mb": 512, "timeout_s": 10, **query}
        path = f"/functions/{name}?{urlencode(asked)}"
        return self.call("PUT", path, zipped({"main.py": source}), content_type="application/zip")

    def invoke(self, name: str, event: Any = None, **headers: str) -> Answer:
        return self.call("POST", f"/functions/{name}/invocations", json.dumps(event or {}).encode(), **headers)

    def record(self, invocation_id: str) -> Any:
        """Wait for the terminal record of an Invocation, and give it."""

        def settled() -> Any:
            answer = self.call("GET", f"/invocations/{invocation_id}")
            assert answer.status == 200, answer
            return answer.json() if answer.json()["status"] in TERMINAL else None

        return eventually(settled)

    def billed(self, prefix: str, invocations: int) -> list[dict[str, Any]]:
        """Wait until so many Invocations of functions whose names begin so are billed, and give their days' sums."""

        def rows() -> list[dict[str, Any]] | None:
            found = [one for one in self.call("GET", "/usage").json()["usage"] if one["function"].startswith(prefix)]
            return found if sum(row["invocations"] for row in found) >= invocations else None

        return eventually(rows)

    def metric(self, name: str) -> float:
        """Give one of the worker's figures, by its name and labels as they are served; 0 when it is not there."""
        url = json.loads((self.state / "stack.json").read_text())["metrics_url"]
        with urllib.request.urlopen(url, timeout=10) as reply:
            lines = dict(line.rsplit(" ", 1) for line in reply.read().decode().splitlines() if line[0] != "#")
        return float(lines.get(name, 0))

    def boto3(self) -> Any:
        return boto3.client(
            "lambda",
            endpoint_url=self.keys["HEARTH_URL"],
            region_name=self.keys["HEARTH_REGION"],
            aws_access_key_id=self.keys["HEARTH_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["HEARTH_SECRET_ACCESS_KEY"],
        )

    def child(self, words: str) -> int:
        """Give the process id of the stack's child whose command line has `words` in it."""

        def find() -> int | None:
            return next((pid for pid in self.children(self.process.pid) if words in _command_of(pid)), None)

        return int(eventually(find, 20))

    def children(self, parent: int) -> list[int]:
        """Give the process ids of a process's children."""
        path = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(pid) for pid in path.read_text().split()]


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # it has just ended
        return ""


@pytest.fixture(scope="session")
def xray() -> Iterator[socket.socket]:
    """Where an X-Ray daemon would listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(20)
        yield listener


@contextmanager
def running_stack(state: Path, **environ: str) -> Iterator[Stack]:
    """Give a stack of its own, as `make up --isolated` starts it, with `environ` beside this process's."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--isolated", "--state-dir", str(state)],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=bound(signal.SIGTERM),  # noqa: PLW1509  (a killed test run must not leave a stack behind)
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready "):
            break
    else:
        pytest.fail("the stack did not start:\n" + "".join(said))
    try:
        stems = stems_ready(read(json.loads((state / "stack.json").read_text())["metrics_url"]))
        yield Stack(process, parse_env((state / "env").read_text()), state, stems)
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, rest


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HangingEngine]:
    """The engine of the stack that all share."""
    with hanging_engine(tmp_path_factory.mktemp("engine") / "engine.sock") as between:
        yield between


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, xray: socket.socket, engine: HangingEngine) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("stack") / "state"
    host, port = xray.getsockname()
    # Its shell has sourced the variables of another stack, of which this one must know nothing.
    sourced = for_callers("http://127.0.0.1:1", defaultdict(lambda: "another-stacks"))
    with running_stack(
        state,
        **sourced,
        AWS_XRAY_DAEMON_ADDRESS=f"{host}:{port}",
        DOCKER_HOST=engine.address,
        HEARTH_STEMS="1",
        HEARTH_TIMER_S="1",
        HEARTH_RETRY_PAUSE_S="1",
    ) as running:
        yield running
    # Tests have killed parts of it, so it keeps the logs, and nothing else.
    assert [path.name for path in state.glob("*")] in ([], ["logs"])
