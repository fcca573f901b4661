"""Reads from /proc, at intervals, what the processes of a stack use. It judges nothing."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from loadtest.reports.readings import STAND_IN, Part, Reading

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1_000_000
#: What a part's command line contains, and the part's name in the report.
PARTS = {
    "redis-server": "redis",
    "local.aws_standin": STAND_IN,
    "local.gateway": "gateway",
    "local.events": "events",
    "worker_agent": "worker",
}
#: What else is counted with each reading, by name.
Counters = Mapping[str, Callable[[], int]]


class Watch:
    """Reads a stack every `every_s` seconds, for the length of `running`."""

    def __init__(self, pid: int, every_s: float, counters: Counters) -> None:
        self._pid = pid
        self._every_s = every_s
        self._counters = counters
        self._over = threading.Event()
        self.readings: list[Reading] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Reads until the `with` ends, then raises what kept it from reading on, if anything did."""
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(self._run)
            try:
                yield
            finally:
                self._over.set()
            reading.result()

    def _run(self) -> None:
        while True:
            self.readings.append(self._read())
            if self._over.wait(self._every_s):
                return

    def _read(self) -> Reading:
        counts = {name: count() for name, count in self._counters.items()}
        return Reading(time.time(), host_cpu_s(), parts(self._pid), counts)


def parts(stack_pid: int) -> dict[str, Part]:
    """Returns what each part of a stack uses now, by name. A part that has just ended is left out."""
    found = {}
    for pid in children(stack_pid):
        name = next((name for words, name in PARTS.items() if words in command(pid)), None)
        if name:
            found[name] = _part(pid)
    return found


def _part(pid: int) -> Part:
    pids = [pid, *descendants(pid)]
    return Part(sum(map(_cpu_s, pids)), sum(map(_memory_mb, pids)), sum(map(_descriptors, pids)))


def host_cpu_s() -> float:
    """Returns the CPU seconds that the machine has used since it started, of all cores together."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def descendants(pid: int) -> list[int]:
    """Returns the ids of a process's children, their children, and so on."""
    own = children(pid)
    return own + [further for child in own for further in descendants(child)]


def children(pid: int) -> list[int]:
    """Returns the ids of a process's children, started by any of its threads."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:  # the process, or a thread of it, has just ended
        return found
    return found


def command(pid: int) -> str:
    """Returns a process's command line; empty when it has ended."""
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
    """Returns the port of a stack's own Redis. Raises LookupError when the stack has none."""
    for pid in children(stack_pid):
        line = command(pid)
        if "redis-server" in line:
            return int(line.partition("127.0.0.1:")[2].split()[0])  # Redis shows its address in place of its options
    raise LookupError("the stack has no Redis of its own")


def redis_keys(port: int) -> int:
    """Returns the number of keys in a Redis on this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"DBSIZE\r\n")
        return int(link.makefile("rb").readline()[1:])
