"""The functions that the benchmarks run, as values, and how long a call takes."""

import io
import statistics
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from shared_lua.contract import Invocation, Mode, Version

#: It returns how long it took by its own clock, so that the rest of a call is the worker's and the runtime client's.
NOOP = """
import time

def handler(event, context):
    began = time.perf_counter_ns()
    return time.perf_counter_ns() - began
"""


def zipped(source: str = NOOP) -> bytes:
    """Returns a zip of one `main.py`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("main.py", source)
    return data.getvalue()


def version(name: str = "noop", **changed: Any) -> Version:
    """Returns a Version with a whole core: a CPU limit would be measured instead of the worker."""
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
    """Returns an Invocation. Its deadline is 0, as nothing that is benchmarked reads it."""
    return Invocation(
        invocation_id=invocation_id, version=of, mode=Mode.SYNC, admitted_at_us=0, deadline_us=0, payload="{}"
    )


def elapsed_s(call: Callable[[], object]) -> float:
    """Returns how long a call takes, in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_ms(seconds: Sequence[float]) -> float:
    """Returns the median of some lengths in seconds, in milliseconds."""
    return statistics.median(seconds) * 1000
