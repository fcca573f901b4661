"""The functions that benchmarks run, and small tools to time them; it judges nothing."""

import io
import os
import platform
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared_lua.contract import Invocation, Mode, Version
from worker_agent.sandboxes.docker import DockerSandboxes

#: It times itself, so that what is left of a call is the worker's and the runtime client's.
NOOP = """
import time

def handler(event, context):
    began = time.perf_counter_ns()
    return time.perf_counter_ns() - began
"""


@dataclass(frozen=True)
class Row:
    """One line of a table: a figure, and the bar it must meet."""

    what: str
    figure: str
    bar: str
    met: bool


def zipped(source: str = NOOP) -> bytes:
    """Give a zip of one `main.py`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("main.py", source)
    return data.getvalue()


def version(name: str = "noop", **changed: Any) -> Version:
    """Give a Version with a whole core, as a bench is of the worker and not of the CPU limit."""
    values: dict[str, Any] = {
        "tenant": "bench",
        "function": name,
        "version_id": "1",
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "runtime": "python3.11",
        "handler": "main.handler",
        "memory_mb": 1769,
        "timeout_s": 30,
        "code_sha256": "0" * 64,
        "code_bytes": 1,
        "unpacked_bytes": 8192,
    }
    return Version(**{**values, **changed})


def invocation(of: Version, invocation_id: str = "bench") -> Invocation:
    """Give an Invocation; its deadline is not looked at here."""
    return Invocation(
        invocation_id=invocation_id, version=of, mode=Mode.SYNC, admitted_at_us=0, deadline_us=0, payload="{}"
    )


def elapsed_s(call: Callable[[], object]) -> float:
    """Give how long a call takes, in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ms(seconds: Sequence[float]) -> str:
    """Spell a median."""
    return f"{statistics.median(seconds) * 1000:.1f} ms"


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the value that `percent` of the values do not exceed."""
    return sorted(values)[max(0, len(values) * percent // 100 - 1)]


def machine(client: Any) -> str:
    """Name the machine, engine and kernel."""
    engine = client.version()["Version"]
    return f"{platform.platform()}, {os.cpu_count()} cores, Docker Engine {engine}, Python {sys.version.split()[0]}"


def table(rows: Sequence[Row]) -> str:
    """Give the rows as Markdown."""
    lines = [f"| {row.what} | {row.figure} | {row.bar} | {'yes' if row.met else 'NO'} |" for row in rows]
    return "\n".join(["| what | measured | bar | met |", "|---|---|---|---|", *lines])


@contextmanager
def removed_afterwards(sandboxes: DockerSandboxes) -> Iterator[None]:
    """Leave no container behind, however the bench ends."""
    try:
        yield
    finally:
        sandboxes.close()
