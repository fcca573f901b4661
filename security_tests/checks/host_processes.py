"""Judges whether any process but the sandbox's own can be seen or touched."""

from collections.abc import Mapping, Sequence
from typing import Any

from security_tests.checks.observed import Observed, section
from security_tests.finding import Finding, finding

#: The kernel gives the host's own namespaces these numbers, and no others.
HOSTS = {"pid": 0xEFFFFFFC, "uts": 0xEFFFFFFE, "ipc": 0xEFFFFFFF, "cgroup": 0xEFFFFFFB}


def judge(observed: Observed) -> list[Finding]:
    """Give findings on visible processes, answering process ids, namespaces and files that name processes."""
    seen = section(observed, "processes")
    own: int = seen["own"]
    return [
        _first(own, seen["visible"]),
        _foreign(own, seen["visible"]),
        _answering(own, seen["answering"]),
        _namespaces(seen["namespaces"]),
        _telltales(seen["telltales"]),
    ]


def _first(own: int, visible: Sequence[Mapping[str, Any]]) -> Finding:
    commands = [process["command"] for process in visible if process["pid"] == 1]
    faults = [] if own == 1 and commands else [f"the function is process {own}; process 1 is {commands or 'hidden'}"]
    return finding("first process", faults, f"process 1 is the runtime: {' '.join(commands)}")


def _foreign(own: int, visible: Sequence[Mapping[str, Any]]) -> Finding:
    faults = [
        f"{process['pid']} {process['command']!r} (its memory: {process['memory']})"
        for process in visible
        if process["pid"] != own
    ]
    return finding("other processes", faults, "none shows")


def _answering(own: int, answering: Sequence[int]) -> Finding:
    faults = [f"process {pid} takes signals" for pid in answering if pid != own]
    return finding("hidden processes", faults, "no process id answers a signal")


def _namespaces(namespaces: Mapping[str, str]) -> Finding:
    faults = [f"{name} is the host's" for name, number in HOSTS.items() if namespaces[name] == f"{name}:[{number}]"]
    return finding("namespaces", faults, f"{', '.join(HOSTS)} are not the host's")


def _telltales(telltales: Mapping[str, str]) -> Finding:
    faults = [f"{path} can be read" for path, text in telltales.items() if text]
    return finding("kernel's lists", faults, "none that names the host's processes can be read")
