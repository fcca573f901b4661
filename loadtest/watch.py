"""Reads what the processes of a stack take, from /proc and at intervals; it judges nothing and starts only a thread."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1_000_000
#: It keeps every record and message in memory, by design: what it holds is not ours.
STAND_IN = "aws stand-in"
#: Words of a child's command line, and what the part is called.
PARTS = {
    "redis-server": "redis",
    "local.aws_standin": STAND_IN,
    "local.gateway": "gateway",
    "local.events": "events",
    "worker_agent": "worker",
}


@dataclass(frozen=True)
class Item:
    """What one part of the stack has taken and holds; its own children included."""

    cpu_s: float
    memory_mb: float
    descriptors: int


@dataclass(frozen=True)
class Reading:
    """One look at the whole stack and the machine under it."""

    at_s: float
    host_cpu_s: float
    parts: Mapping[str, Item]
    counts: Mapping[str, int] = field(default_factory=dict)  #: what else was counted, such as containers


class Watch:
    """Reads a stack every `every_s` until stopped. `counts` are things to count beside the processes, by name."""

    def __init__(self, pid: int, every_s: float, counts: Mapping[str, Callable[[], int]] | None = None) -> None:
        self._pid = pid
        self._every_s = every_s
        self._counts = counts or {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.readings: list[Reading] = []

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        """Read for the length of a `with`."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()

    def _run(self) -> None:
        while True:
            self.readings.append(self._read())
            if self._over.wait(self._every_s):
                return

    def _read(self) -> Reading:
        counts = {name: count() for name, count in self._counts.items()}
        return Reading(time.time(), host_cpu_s(), parts(self._pid), counts)


def parts(stack_pid: int) -> dict[str, Item]:
    """Give what the parts of a stack take now, by name; one that has just ended is left out."""
    found = {}
    for pid in children(stack_pid):
        name = next((name for words, name in PARTS.items() if words in command(pid)), None)
        if name:
            found[name] = _part(pid)
    return found


def _part(pid: int) -> Item:
    of = [pid, *descendants(pid)]
    return Item(sum(map(_cpu_s, of)), sum(map(_memory_mb, of)), sum(map(_descriptors, of)))


def host_cpu_s() -> float:
    """Give the seconds that the machine's cores were busy since it started, all together."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def descendants(pid: int) -> list[int]:
    """Give the ids of all processes that come from this one."""
    own = children(pid)
    return own + [further for child in own for further in descendants(child)]


def children(pid: int) -> list[int]:
    """Give the ids of a process's children, of whichever of its threads."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:  # it, or a thread of it, has just ended
        return found
    return found


def command(pid: int) -> str:
    """Give a process's command line, empty when it has ended."""
    return _text(pid, "cmdline").replace("\0", " ")


def _cpu_s(pid: int) -> float:
    fields = _text(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _memory_mb(pid: int) -> float:
    fields = _text(pid, "statm").split()
    return int(fields[1]) * PAGE_MB if fields else 0.0


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def redis_port(stack_pid: int) -> int:
    """Give the port of a stack's own Redis; raise LookupError when it has none."""
    for pid in children(stack_pid):
        line = command(pid)
        if "redis-server" in line:
            return int(line.partition("127.0.0.1:")[2].split()[0])  # it shows its address in the place of its options
    raise LookupError("the stack has no Redis of its own")


def redis_keys(port: int) -> int:
    """Give how many keys a Redis of this machine holds."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"DBSIZE\r\n")
        return int(link.makefile("rb").readline()[1:])
