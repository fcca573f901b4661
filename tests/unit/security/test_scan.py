"""The scan as a command: what it sends, what it prints, how it exits, and that it leaves no Function behind."""

import ast
import io
import json
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from security_tests import judgement, report
from security_tests.security_breakout import ATTACKER, attacker_zip, main
from tests.conftest import ROOT, free_port
from tests.unit.security.observations import observed, with_status

Answer = tuple[int, dict[str, str], bytes]


def ok(value: Any, **headers: str) -> Answer:
    return 200, headers, json.dumps(value).encode()


@dataclass
class Stub:
    """A deployment that says what it is told to say, and remembers what it was asked."""

    url: str
    answers: dict[str, list[Answer]]
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    keys: set[str | None] = field(default_factory=set)
    invoked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def environ(self) -> dict[str, str]:
        return {"HEARTH_URL": self.url, "HEARTH_API_KEY": "k"}

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


@pytest.fixture
def stub() -> Iterator[Stub]:
    class Door(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.asked.append((self.command, self.path))
            told.bodies[self.command] = body
            told.keys.add(self.headers["x-api-key"])
            if self.command == "POST":
                told.invoked.set()
                told.may_answer.wait(30)
            replies = told.answers[self.command]
            status, headers, payload = replies.pop(0) if len(replies) > 1 else replies[0]
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  (the server's own spelling)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        good: dict[str, list[Answer]] = {"PUT": [ok({})], "POST": [ok(observed())], "DELETE": [(204, {}, b"")]}
        told = Stub(f"http://127.0.0.1:{server.server_port}", good)
        told.may_answer.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def test_a_sound_deployment_is_scanned_and_left_as_it_was(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], stub.environ) == 0

    path = stub.asked[-1][1]
    assert stub.asked == [("PUT", stub.asked[0][1]), ("POST", f"{path}/invocations"), ("DELETE", path)]
    assert path.startswith("/functions/scan-")
    assert stub.asked[0][1].startswith(f"{path}?")
    assert stub.keys == {"k"}
    assert stub.bodies["PUT"] == attacker_zip()
    assert capsys.readouterr().out.endswith("No way out was found.\n")


def test_every_scan_has_a_name_of_its_own(stub: Stub) -> None:
    main([], stub.environ)
    main([], stub.environ)

    assert len({path for method, path in stub.asked if method == "DELETE"}) == 2


def test_a_breach_exits_with_1_and_is_in_the_table_and_in_the_json(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.answers["POST"] = [ok(with_status(Uid="0\t0\t0\t0"))]

    assert main(["--json", str(tmp_path / "scan.json")], stub.environ) == 1

    told = capsys.readouterr().out
    written = json.loads((tmp_path / "scan.json").read_text())
    assert re.search(r"^privilege +BREACH\n  identity +BREACH  Uid 0 0 0 0$", told, re.MULTILINE)
    assert {check["check"]: check["status"] for check in written["checks"]} == {
        **dict.fromkeys(judgement.CHECKS, "ok"),
        "privilege": "BREACH",
    }
    assert written["observed"] == with_status(Uid="0\t0\t0\t0")
    assert (written["url"], written["status"]) == (stub.url, "BREACH")


def test_what_could_not_be_judged_exits_with_2(stub: Stub) -> None:
    stub.answers["POST"] = [ok(observed("files", error="MemoryError: "))]

    assert main([], stub.environ) == 2


def test_an_answer_that_comes_late_is_fetched_from_its_record(stub: Stub) -> None:
    stub.answers["POST"] = [(202, {"Location": "/invocations/i-1"}, b"{}")]
    stub.answers["GET"] = [ok({"status": "succeeded", "outcome": {"payload": observed()}})]

    assert main([], stub.environ) == 0
    assert stub.methods == ["PUT", "POST", "GET", "DELETE"]


@pytest.mark.parametrize(
    ("method", "answer", "sentence"),
    [
        ("PUT", (401, {}, b"who are you"), "The deployment refused PUT /functions/NAME: 401 who are you"),
        ("POST", (429, {}, b"slowly"), "The deployment refused POST /functions/NAME/invocations: 429 slowly"),
        ("POST", ok({}, **{"X-Amz-Function-Error": "Unhandled"}), "The attacker function failed: {}"),
        ("POST", ok([]), "The attacker function answered list, not an object."),
        ("POST", (200, {}, b"<html>"), "The deployment answered 200 with what is not JSON: <html>"),
        ("DELETE", (503, {}, b"down"), "The deployment refused DELETE /functions/NAME: 503 down"),
    ],
)
def test_a_scan_that_could_not_run_says_why_and_deletes_its_function(
    stub: Stub, capsys: pytest.CaptureFixture[str], method: str, answer: Answer, sentence: str
) -> None:
    stub.answers[method] = [answer]

    assert main([], stub.environ) == 2

    name = stub.asked[-1][1].rpartition("/")[2]
    assert stub.asked[-1] == ("DELETE", f"/functions/{name}")
    assert capsys.readouterr().err == f"error: {sentence.replace('NAME', name)}\n"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_scan_that_is_stopped_half_way_deletes_its_function(stub: Stub, sign: signal.Signals) -> None:
    stub.may_answer.clear()
    command = [sys.executable, "-m", "security_tests.security_breakout"]
    with subprocess.Popen(command, cwd=ROOT, env={**stub.environ, "NO_PROXY": "127.0.0.1"}) as scan:
        try:
            assert stub.invoked.wait(30)
            scan.send_signal(sign)
            assert scan.wait(30) == 2
        finally:
            scan.kill()
            stub.may_answer.set()

    assert stub.methods == ["PUT", "POST", "DELETE"]


def test_a_record_of_a_failure_is_no_clean_bill(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.answers["POST"] = [(202, {"Location": "/invocations/i-1"}, b"{}")]
    stub.answers["GET"] = [ok({"status": "abandoned", "outcome": None})]

    assert main([], stub.environ) == 2
    assert capsys.readouterr().err == "error: The attacker function abandoned: None\n"


@pytest.mark.parametrize("missing", ["HEARTH_URL", "HEARTH_API_KEY"])
def test_a_missing_variable_is_named(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"HEARTH_URL": "http://127.0.0.1:1", "HEARTH_API_KEY": "k", missing: ""}

    assert main([], environ) == 2
    assert capsys.readouterr().err.startswith(f"error: {missing} is not set")


def test_nobody_at_the_address_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert main([], {"HEARTH_URL": url, "HEARTH_API_KEY": "k"}) == 2
    assert f"error: The deployment at {url} cannot be reached" in capsys.readouterr().err


def test_an_address_that_is_a_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"HEARTH_URL": "file:///etc", "HEARTH_API_KEY": "k"}) == 2
    assert "must begin with http" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_an_error(stub: Stub, tmp_path: Path) -> None:
    assert main(["--json", str(tmp_path)], stub.environ) == 2


def test_the_attacker_is_one_file_of_the_standard_library_alone() -> None:
    tree = ast.parse(ATTACKER.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    with zipfile.ZipFile(io.BytesIO(attacker_zip())) as archive:
        assert archive.namelist() == ["main.py"]


def test_the_tables_columns_are_aligned() -> None:
    lines = report.table(judgement.judge(observed())).splitlines()

    status = lines[0].index("status")
    assert {line[status : status + 4].strip() for line in lines[1:]} == {"ok"}
    assert all(line[status - 2 : status] == "  " for line in lines)
