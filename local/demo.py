"""`make demo`: the product told by using it, on a stack of its own; it fails when anything is not as expected."""

import io
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import process
from local.errors import StackError
from local.progress import say
from local.state import ROOT, StateDir, parse_env

EXAMPLE = ROOT / "examples" / "heavy" / "main.py"
EVENT = {"n": 25}
EXPECTED = 75025
NAP_MS = 500
WARM_RUNS = 10
PATIENCE_S = 60.0
LINE_CHARS = 180
TERMINAL = ("succeeded", "failed", "expired", "abandoned")

COLUMNS = ("", "status", "queue ms", "start ms", "run ms", "CPU ms", "peak MiB", "nano-USD")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Give the body's JSON value."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """A caller with an API key."""

    url: str
    api_key: str

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send one request and give the answer; raise StackError when it is an error."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, {"x-api-key": self.api_key, **named}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  (the address is our own)
                received = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status, received, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise StackError(f"{method} {path} answered {error.code}: {error.read().decode()}") from None


def run(state_path: Path) -> int:
    """Start a stack, tell the story, take the stack down; raise StackError when something is not as expected."""
    with _own_stack(StateDir(state_path)) as client:
        _tell(client)
    say("\nThat was everything. `make up` gives you a stack that stays; `make help` lists the rest.")
    return 0


@contextmanager
def _own_stack(state: StateDir) -> Iterator[Client]:
    """Give a client of a stack that lives as long as the `with`, beside any other that may run."""
    say("Starting Hearth on this machine: real Redis, real Docker, and a stand-in for AWS.\n")
    command, bind = process.python("local", "up", "--state-dir", str(state.path)), process.bound(signal.SIGTERM)
    stack = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=bind,  # noqa: PLW1509  (see `bound`)
    )
    try:
        _wait_until_ready(stack)
        keys = parse_env(state.env_file.read_text())
        yield Client(keys["HEARTH_URL"], keys["HEARTH_API_KEY"])
    finally:
        say("\nTaking the stack down.\n")
        stack.terminate()
        left, _ = stack.communicate()
        say(left.rstrip())
    if stack.returncode:
        raise StackError(f"the stack ended with code {stack.returncode}")


def _wait_until_ready(stack: subprocess.Popen[str]) -> None:
    assert stack.stdout  # noqa: S101  (asked for two lines above; this tells mypy)
    for line in stack.stdout:
        say(line.rstrip("\n"))
        if line.startswith("ready "):
            return
    raise StackError("the stack did not start")


def _tell(client: Client) -> None:
    """The story, block by block."""
    _deploy(client)
    _cold(client)
    _warm(client)
    _asynchronous(client)


def _deploy(client: Client) -> None:
    _block("Deploy", "A function is a zip with a handler, as on AWS Lambda; one PUT makes it callable.")
    query = "runtime=python3.11&handler=main.handler&memory_mb=512&timeout_s=30"
    reply = client.call("PUT", f"/functions/heavy?{query}", zipped(EXAMPLE), content_type="application/zip")
    _expect(reply.status in (200, 201), f"the zip was not taken: {reply.status}")
    say(f"PUT /functions/heavy?{query}")
    say(f"  {reply.status}, {EXAMPLE.relative_to(ROOT)}: Fibonacci by recursion, then a sleep of {NAP_MS} ms")


def _cold(client: Client) -> None:
    _block(
        "Cold", "The first call waits for a sandbox: a locked-down container without a network, made for this function."
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
        "The sandbox stays, so from now on a call starts nothing; it pays for its run, and a sleep takes no CPU.",
    )
    records = [_invoke(client)[0] for _ in range(WARM_RUNS)]
    _show(records)
    _expect(not any(record["usage"]["cold"] for record in records), "every further invocation should be warm")
    total = sum(record["charge"]["total_pico_usd"] for record in records)
    say(f"{WARM_RUNS} warm invocations cost ${total / 1e12:.9f}; a million would cost ${total / WARM_RUNS / 1e6:.2f}.")


def _asynchronous(client: Client) -> None:
    _block(
        "Asynchronous", "Nobody has to wait: the call is answered at once with an address where the outcome will be."
    )
    path = "/functions/heavy/invocations"
    reply = client.call("POST", path, _event(), content_type="application/json", Prefer="respond-async")
    _expect(reply.status == 202, f"an asynchronous call should answer 202, not {reply.status}")
    say(f"POST {path}  Prefer: respond-async\n  202, Location: {reply.headers['location']}")
    record, asked = _settled(client, reply.headers["location"])
    say(f"  settled when asked for the {_ordinal(asked)} time\n")
    _show([record])


def _invoke(client: Client) -> tuple[dict[str, Any], Any]:
    """Invoke synchronously; give the Invocation's record and the function's answer."""
    reply = client.call("POST", "/functions/heavy/invocations", _event(), content_type="application/json")
    answer = reply.json()
    _expect(reply.status == 200 and answer.get("result") == EXPECTED, f"answered {reply.status} {answer}")
    record, _ = _settled(client, f"/invocations/{reply.headers['x-hearth-invocation-id']}")
    return record, answer


def _settled(client: Client, path: str) -> tuple[dict[str, Any], int]:
    """Ask for an Invocation's record until it is terminal; give it, and how often it was asked for."""
    give_up = time.monotonic() + PATIENCE_S
    for asked in range(1, 10_000):
        record: dict[str, Any] = client.call("GET", path).json()
        if record["status"] in TERMINAL:
            _expect_sound(record)
            return record, asked
        _expect(time.monotonic() < give_up, f"not settled after {PATIENCE_S:.0f} s: {record}")
        time.sleep(0.1)
    raise StackError(f"{path} is asked for in vain")


def _expect_sound(record: Mapping[str, Any]) -> None:
    """Raise StackError unless the record is one of a good run with a plausible bill."""
    usage = record.get("usage") or {}
    _expect(record["status"] == "succeeded", f"the invocation should succeed: {record}")
    _expect(usage["run_us"] >= NAP_MS * 1000, f"the run should last {NAP_MS} ms or more: {usage}")
    _expect(usage["cpu_us"] > 0, f"the kernel should have counted CPU time: {usage}")
    _expect(0 < usage["peak_memory_bytes"] < 512 * 2**20, f"the peak should lie within the limit: {usage}")
    _expect(record["charge"]["total_pico_usd"] > 0, f"it should cost something: {record['charge']}")


def _show(records: Sequence[Mapping[str, Any]]) -> None:
    say(table([COLUMNS, *(row(record) for record in records)]))


def row(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Give an Invocation's row of the table."""
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
    """Give rows as lines with aligned columns: words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_line(cells, widths) for cells in rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*words, *numbers]).rstrip()


def zipped(source: Path) -> bytes:
    """Give a zip with this one file in it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.write(source, source.name)
    return archive.getvalue()


def _shortened(line: str) -> str:
    """Give a log line in a terminal's width: the last one is a JSON record with every counter."""
    text = line.expandtabs(2).rstrip()
    return text if len(text) <= LINE_CHARS else f"{text[: LINE_CHARS - 3]}..."


def _event() -> bytes:
    return json.dumps(EVENT).encode()


def _block(title: str, sentence: str) -> None:
    say(f"\n== {title} ==\n{sentence}\n")


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def _expect(condition: bool, sentence: str) -> None:
    if not condition:
        raise StackError(f"the demo saw something wrong: {sentence}")
