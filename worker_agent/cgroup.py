"""Reads a sandbox's counters and sets its CPU share, straight in its cgroup; never asks the engine, never guesses.

Where the counters are is found out, not assumed: the mounts in `/proc/self/mountinfo` say which hierarchies this host
has, and `/proc/<pid>/cgroup` says where in them a sandbox's first process is. That holds for cgroup v1 and v2, and for
the cgroupfs and systemd drivers alike. A hybrid host (v1 controllers and a bare v2 tree) counts as v1.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared_lua.contract import PeakScope
from worker_agent.errors import UnknownLayoutError

#: Memory that buys one whole core, as on Lambda.
MIB_PER_CORE = 1769
#: Length of the kernel's accounting period for CPU limits, µs; its default.
PERIOD_US = 100_000
#: The smallest CPU share the kernel takes, µs a period.
LEAST_QUOTA_US = 1_000


@dataclass(frozen=True)
class Reading:
    """A sandbox's counters at one moment."""

    cpu_us: int
    peak_memory_bytes: int
    oom_kills: int


@dataclass(frozen=True)
class Mount:
    """Where a hierarchy is mounted, and which of its cgroups is visible there as the top."""

    point: Path
    root: str

    def path(self, cgroup: str) -> Path:
        """Give the directory of `cgroup`, an absolute name as `/proc/<pid>/cgroup` spells it."""
        return self.point / os.path.relpath(cgroup, self.root)


class Meter(Protocol):
    """The counters of one sandbox, through descriptors kept open; close it when the sandbox goes."""

    @property
    def peak_scope(self) -> PeakScope:
        """What the memory peak is the peak of."""

    def read(self) -> Reading:
        """Read all counters; raise OSError when the cgroup is gone."""

    def reset_peak(self) -> None:
        """Begin a new memory peak, where the kernel can."""

    def set_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""

    def close(self) -> None:
        """Let the descriptors go."""


class Layout(Protocol):
    """How this host's cgroups are laid out."""

    def meter(self, pid: int) -> Meter:
        """Open the counters of the cgroup that process `pid` is in."""


def find_layout(mountinfo: str) -> "V1 | V2":
    """Tell this host's layout from the text of `/proc/self/mountinfo`; raise UnknownLayoutError for any other."""
    v1: dict[str, Mount] = {}
    v2: Mount | None = None
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        mount = Mount(Path(fields.split()[4]), fields.split()[3])
        if kind == "cgroup":
            v1.update(dict.fromkeys(options.split(","), mount))
        elif kind == "cgroup2":
            v2 = mount
    if {"cpu", "cpuacct", "memory"} <= v1.keys():
        return V1(v1)
    if v2 and {"cpu", "memory"} <= set((v2.point / "cgroup.controllers").read_text().split()):
        return V2(v2)
    raise UnknownLayoutError(
        "no known cgroup layout: neither v1 with cpu, cpuacct and memory nor v2 with cpu and memory is mounted. "
        "Mount one of them, or run the agent on a host that has it: without counters there is no honest bill."
    )


class V1:
    """One hierarchy per controller, each with its own tree."""

    def __init__(self, mounts: dict[str, Mount]) -> None:
        self._mounts = mounts

    def meter(self, pid: int) -> "V1Meter":
        """Open the counters of the cgroups that process `pid` is in."""
        names = _cgroups_of(pid)
        return V1Meter(*(self._mounts[c].path(_named(names, c, pid)) for c in ("cpu", "cpuacct", "memory")))


class V2:
    """One tree for all controllers."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount

    def meter(self, pid: int) -> "V2Meter":
        """Open the counters of the cgroup that process `pid` is in."""
        return V2Meter(self._mount.path(_named(_cgroups_of(pid), "", pid)))


class V1Meter:
    """Counters of cgroup v1: CPU in nanoseconds, a memory peak that can be reset."""

    peak_scope = PeakScope.INVOCATION

    def __init__(self, cpu: Path, cpuacct: Path, memory: Path) -> None:
        self._cpu = cpu
        with contextlib.ExitStack() as opened:
            self._usage = _open(opened, cpuacct / "cpuacct.usage", os.O_RDONLY)
            self._peak = _open(opened, memory / "memory.max_usage_in_bytes", os.O_RDWR)
            self._oom = _open(opened, memory / "memory.oom_control", os.O_RDONLY)
            self._opened = opened.pop_all()

    def read(self) -> Reading:
        """Read all counters; raise OSError when the cgroup is gone."""
        oom = _flat(os.pread(self._oom, 256, 0))
        return Reading(int(os.pread(self._usage, 32, 0)) // 1000, int(os.pread(self._peak, 32, 0)), oom["oom_kill"])

    def reset_peak(self) -> None:
        """Begin a new memory peak at what is in use now."""
        os.pwrite(self._peak, b"0", 0)

    def set_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""
        (self._cpu / "cpu.cfs_quota_us").write_text(str(quota_us(memory_mb)))

    def close(self) -> None:
        """Let the descriptors go."""
        self._opened.close()


class V2Meter:
    """Counters of cgroup v2. From Linux 6.12 on the memory peak can be reset, for the descriptor that asks."""

    def __init__(self, cgroup: Path) -> None:
        self._cgroup = cgroup
        with contextlib.ExitStack() as opened:
            self._stat = _open(opened, cgroup / "cpu.stat", os.O_RDONLY)
            self._peak = _open(opened, cgroup / "memory.peak", os.O_RDWR)
            self._events = _open(opened, cgroup / "memory.events", os.O_RDONLY)
            self._opened = opened.pop_all()
        self.peak_scope = PeakScope.INVOCATION if self._can_reset() else PeakScope.SANDBOX

    def read(self) -> Reading:
        """Read all counters; raise OSError when the cgroup is gone."""
        cpu, events = _flat(os.pread(self._stat, 4096, 0)), _flat(os.pread(self._events, 1024, 0))
        return Reading(cpu["usage_usec"], int(os.pread(self._peak, 32, 0)), events["oom_kill"])

    def reset_peak(self) -> None:
        """Begin a new memory peak at what is in use now; does nothing where the kernel cannot."""
        if self.peak_scope is PeakScope.INVOCATION:
            os.pwrite(self._peak, b"0", 0)

    def set_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""
        (self._cgroup / "cpu.max").write_text(f"{quota_us(memory_mb)} {PERIOD_US}")

    def close(self) -> None:
        """Let the descriptors go."""
        self._opened.close()

    def _can_reset(self) -> bool:
        try:
            return os.pwrite(self._peak, b"0", 0) > 0
        except OSError:
            return False


def quota_us(memory_mb: int) -> int:
    """Give the CPU time a sandbox of `memory_mb` MiB may use, µs a period, over all cores."""
    return max(LEAST_QUOTA_US, memory_mb * PERIOD_US // MIB_PER_CORE)


def _cgroups_of(pid: int) -> dict[str, str]:
    """Give the cgroup of a process by controller; v2's single tree is under the empty name."""
    names = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, cgroup = line.split(":", 2)
        names.update(dict.fromkeys(controllers.split(","), cgroup))
    return names


def _named(names: dict[str, str], controller: str, pid: int) -> str:
    if controller not in names:
        raise UnknownLayoutError(f"process {pid} is in no cgroup of {controller or 'the v2 tree'}")
    return names[controller]


def _open(opened: contextlib.ExitStack, path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnknownLayoutError(f"{path} is missing: this kernel does not count what the bill needs") from None
    opened.callback(os.close, descriptor)
    return descriptor


def _flat(text: bytes) -> dict[str, int]:
    """Read the kernel's flat-keyed form: a name and a number on each line."""
    return {name.decode(): int(number) for name, number in (line.split() for line in text.splitlines())}
