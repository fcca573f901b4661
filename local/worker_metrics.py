"""Reads the worker agent's metrics, as its Prometheus endpoint serves them."""

import re
import urllib.request

_READY = re.compile(r'^hearth_worker_stems_ready\{runtime="([^"]+)"\} (\S+)$', re.MULTILINE)


def stems_ready(text: str) -> dict[str, int]:
    """Returns how many Stems are ready, by runtime; runtimes without any may be missing."""
    return {runtime: int(float(count)) for runtime, count in _READY.findall(text)}


def read(url: str) -> str:
    """Returns all metrics as text; an empty string if the worker does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (the address is our own)
            return str(answer.read(), "utf-8")
    except OSError:
        return ""
