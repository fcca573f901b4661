"""Valid values by default, so that a test shows only what matters to it."""

import hashlib
import time
from typing import Any

from shared_lua.contract import Invocation, Mode, PeakScope, Version
from tests.zips import zipped
from worker_agent.sandboxes.runtime_api import End, How
from worker_agent.sandboxes.sandbox import Ran


def zip_of(**files: str) -> bytes:
    """A zip; `main` becomes `main.py`, and so on."""
    return zipped({f"{name}.py": text for name, text in files.items()})


def version(code: bytes = b"", **changed: Any) -> Version:
    """A Version of tenant `t`'s function `f`."""
    digest = hashlib.sha256(code).hexdigest()
    values: dict[str, Any] = {
        "tenant": "t",
        "function": "f",
        "version_id": digest[:32],
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "runtime": "python3.11",
        "handler": "main.handler",
        "memory_mb": 128,
        "timeout_s": 3,
        "code_sha256": digest,
        "code_bytes": len(code),
        "unpacked_bytes": 8192,
    }
    return Version(**{**values, **changed})


def invocation(**changed: Any) -> Invocation:
    """An Invocation admitted now, with a minute to start."""
    now_us = time.time_ns() // 1000
    of = changed.pop("version", None) or version()
    values: dict[str, Any] = {
        "invocation_id": "i-1",
        "version": of,
        "mode": Mode.SYNC,
        "admitted_at_us": now_us,
        "deadline_us": now_us + (60 + of.timeout_s) * 1_000_000,
        "payload": "{}",
    }
    return Invocation(**{**values, **changed})


def ran(how: How = How.ANSWERED, payload: bytes = b"{}", **changed: Any) -> Ran:
    """A run that answered."""
    values: dict[str, Any] = {
        "end": End(how, payload),
        "log": "",
        "run_us": 1500,
        "thaw_us": 30,
        "cpu_us": 700,
        "cpu_system_us": 100,
        "peak_memory_bytes": 10_000_000,
        "peak_scope": PeakScope.INVOCATION,
        "io_read_bytes": 0,
        "io_write_bytes": 0,
        "oom_killed": False,
        "complete": True,
    }
    return Ran(**{**values, **changed})
