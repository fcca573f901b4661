"""`make demo`: deploys and calls a function on a stack of its own, and fails if anything is not as expected."""

import io
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import process, redis_server
from local.errors import StackError
from local.progress import say
from local.signals import StopSignal, held
from local.state import ROOT, StateDir, parse_env

EXAMPLE = ROOT / "examples" / "heavy" / "main.py"
EVENT = {"n": 25}
EXPECTED = 75025
NAP_MS = 500
WARM_RUNS = 10
TIMEOUT_S = 60.0
LINE_CHARS = 180
TERMINAL = ("succeeded", "failed", "expired", "abandoned")

COLUMNS = ("", "status", "queue ms", "start ms", "run ms", "CPU ms", "peak MiB", "nano-USD")


@dataclass(frozen=True)
class Reply:
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Returns the body's JSON value."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """An HTTP client with an API key."""

    url: str
    api_key: str

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Sends one request and returns the response; raises StackError if that is an error."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, {"x-api-key": self.api_key, **named}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  (the address is our own)
                received = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status, received, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise StackError(f"{method} {path} answered {error.code}: {error.read().decode()}") from None


def run(state_path: Path, stop: StopSignal) -> int:
    """Starts a stack, shows what it does, and takes it down; raises StackError if something is not as expected."""
    with _own_stack(StateDir(state_path), stop) as client:
        _show_all(client)
    say("\nDone. `make up` starts a stack that stays; `make help` lists the other commands.")
    return 0


@contextmanager
def _own_stack(state: StateDir, stop: StopSignal) -> Iterator[Client]:
    """Yields a client of a stack that shares nothing with any other stack, and takes it down at the end."""
    say("Starting Hearth on this machine: real Redis, real Docker, and a stand-in for AWS.\n")
    with ExitStack() as undo:
        with held():
            stack = _start(state)
            undo.callback(_take_down, stack, stop)
        if not _copy_output(stack, until="ready "):
            raise StackError("the demo ends here, as its stack did not start")
        keys = parse_env(state.env_file.read_text())
        yield Client(keys["HEARTH_URL"], keys["HEARTH_API_KEY"])
    if stack.returncode:
        raise StackError(f"the stack ended with code {stack.returncode}")


def _start(state: StateDir) -> subprocess.Popen[bytes]:
    # A Redis that happens to run here may serve another stack; one that the user has named is used.
    isolated = [] if os.environ.get(redis_server.SETTING) else ["--isolated"]
    return subprocess.Popen(
        process.python("local", "up", *isolated, "--state-dir", str(state.path)),
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=process.bound(signal.SIGTERM),  # noqa: PLW1509  (see `bound`)
    )


def _take_down(stack: subprocess.Popen[bytes], stop: StopSignal) -> None:
    stop.ignore()
    if stack.poll() is None:
        say("\nTaking the stack down.\n")
        stack.terminate()
    _copy_output(stack)
    stack.communicate()


def _copy_output(stack: subprocess.Popen[bytes], until: str | None = None) -> bool:
    """Copies the stack's output as it comes, steps that still run included, until a line begins so or the stack ends.

    Returns whether such a line came.
    """
    assert stack.stdout  # noqa: S101  (for mypy: `_start` asks for it)
    copied = "\n"
    while chunk := os.read(stack.stdout.fileno(), 4096).decode(errors="replace"):
        print(chunk, end="", flush=True)
        copied += chunk
        if until and copied.endswith("\n") and f"\n{until}" in copied:
            return True
    return False


def _show_all(client: Client) -> None:
    _deploy(client)
    _cold(client)
    _warm(client)
    _asynchronous(client)


def _deploy(client: Client) -> None:
    _block("Deploy", "A function is a zip file with a handler, as on AWS Lambda. One PUT request makes it callable.")
    query = "runtime=python3.11&handler=main.handler&memory_mb=512&timeout_s=30"
    reply = client.call("PUT", f"/functions/heavy?{query}", zipped(EXAMPLE), content_type="application/zip")
    _expect(reply.status in (200, 201), f"the zip should be accepted: {reply.status}")
    say(f"PUT /functions/heavy?{query}")
    say(f"  {reply.status}, {EXAMPLE.relative_to(ROOT)}: a Fibonacci number by recursion, then a sleep of {NAP_MS} ms")


def _cold(client: Client) -> None:
    _block(
        "Cold",
        "A function runs in a sandbox, a locked-down container without a network. The first call gets one that was "
        "started beforehand, so it waits only for the function itself to be loaded.",
    )
    record, answer = _invoke(client)
    say(f"answer   {json.dumps(answer)}")
    for line in record["outcome"]["log_tail"].strip().splitlines():
        say(f"log      {_shortened(line)}")
    say("")
    _show([record])
    _expect(record["usage"]["cold"], "the first invocation should be cold")


def _warm(client: Client) -> None:
    _block(
        "Warm",
        "The sandbox is kept, so later calls start nothing. Each pays for its run only; its sleep uses no CPU.",
    )
    records = [_invoke(client)[0] for _ in range(WARM_RUNS)]
    _show(records)
    _expect(not any(record["usage"]["cold"] for record in records), "every further invocation should be warm")
    total = sum(record["charge"]["total_pico_usd"] for record in records)
    say(f"{WARM_RUNS} warm invocations cost ${total / 1e12:.9f}; a million would cost ${total / WARM_RUNS / 1e6:.2f}.")


def _asynchronous(client: Client) -> None:
    _block("Asynchronous", "The caller need not wait: it gets the address of the outcome at once.")
    path = "/functions/heavy/invocations"
    reply = client.call("POST", path, _event(), content_type="application/json", Prefer="respond-async")
    _expect(reply.status == 202, f"an asynchronous call should answer 202, not {reply.status}")
    say(f"POST {path}  Prefer: respond-async\n  202, Location: {reply.headers['location']}")
    record, polls = _settled(client, reply.headers["location"])
    say(f"  ended, as seen by poll {polls} of its record\n")
    _show([record])


def _invoke(client: Client) -> tuple[dict[str, Any], Any]:
    """Invokes the function synchronously and returns the Invocation's record and the function's answer."""
    reply = client.call("POST", "/functions/heavy/invocations", _event(), content_type="application/json")
    answer = reply.json()
    _expect(reply.status == 200 and answer.get("result") == EXPECTED, f"answered {reply.status} {answer}")
    record, _ = _settled(client, f"/invocations/{reply.headers['x-hearth-invocation-id']}")
    return record, answer


def _settled(client: Client, path: str) -> tuple[dict[str, Any], int]:
    """Polls an Invocation's record until it is terminal; returns it and the number of polls."""
    give_up = time.monotonic() + TIMEOUT_S
    polls = 1
    while (record := client.call("GET", path).json())["status"] not in TERMINAL:
        _expect(time.monotonic() < give_up, f"the invocation should end within {TIMEOUT_S:.0f} s: {record}")
        time.sleep(0.1)
        polls += 1
    _expect_sound(record)
    return record, polls


def _expect_sound(record: Mapping[str, Any]) -> None:
    """Raises StackError unless the record shows a successful run and a plausible bill."""
    usage = record.get("usage") or {}
    _expect(record["status"] == "succeeded", f"the invocation should succeed: {record}")
    _expect(usage["run_us"] >= NAP_MS * 1000, f"the run should last {NAP_MS} ms or more: {usage}")
    _expect(usage["cpu_us"] > 0, f"the kernel should have counted CPU time: {usage}")
    _expect(0 < usage["peak_memory_bytes"] < 512 * 2**20, f"the peak should lie within the limit: {usage}")
    _expect(record["charge"]["total_pico_usd"] > 0, f"the invocation should cost something: {record['charge']}")


def _show(records: Sequence[Mapping[str, Any]]) -> None:
    say(table([COLUMNS, *(row(record) for record in records)]))


def row(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns an Invocation's row of the table."""
    usage, phases = record["usage"], record["phases"]
    return (
        "cold" if usage["cold"] else "warm",
        record["status"],
        *(f"{phases[name]:,.1f}" for name in ("queue_ms", "start_ms", "run_ms")),
        f"{usage['cpu_us'] / 1000:,.1f}",
        f"{usage['peak_memory_bytes'] / 2**20:,.1f}",
        f"{record['charge']['total_pico_usd'] / 1000:,.0f}",
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows as lines with aligned columns: the first two columns to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_line(cells, widths) for cells in rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*words, *numbers]).rstrip()


def zipped(source: Path) -> bytes:
    """Returns a zip that holds this one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.write(source, source.name)
    return archive.getvalue()


def _shortened(line: str) -> str:
    """Returns a log line, cut to LINE_CHARS: the last one is a JSON record with every counter."""
    text = line.expandtabs(2).rstrip()
    return text if len(text) <= LINE_CHARS else f"{text[: LINE_CHARS - 3]}..."


def _event() -> bytes:
    return json.dumps(EVENT).encode()


def _block(title: str, sentence: str) -> None:
    say(f"\n== {title} ==\n{sentence}\n")


def _expect(condition: bool, sentence: str) -> None:
    if not condition:
        raise StackError(f"the demo failed: {sentence}")
