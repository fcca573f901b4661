"""A sandbox's cgroup: reads its counters, sets its limits and freezes it, without the engine.

The paths are looked up and not assumed: the mounts in `/proc/self/mountinfo` say which hierarchies this host has, and
`/proc/<pid>/cgroup` says where in them a sandbox's first process is. That holds for cgroup v1 and v2, and for the
cgroupfs and systemd drivers alike. A hybrid host (v1 controllers and a bare v2 tree) counts as v1.
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
#: The smallest CPU quota the kernel accepts, µs a period.
LEAST_QUOTA_US = 1_000


@dataclass(frozen=True)
class Reading:
    """A sandbox's counters at one moment; all but the peak count since it was created."""

    cpu_us: int
    cpu_system_us: int  #: the part of `cpu_us` that the kernel spent for it
    peak_memory_bytes: int
    io_read_bytes: int
    io_write_bytes: int


@dataclass(frozen=True)
class Mount:
    """Where a hierarchy is mounted, and which of its cgroups is the root of that mount."""

    point: Path
    root: str

    def path(self, cgroup: str) -> Path:
        """Return the directory of `cgroup`, an absolute name as `/proc/<pid>/cgroup` spells it."""
        return self.point / os.path.relpath(cgroup, self.root)


class Cgroup(Protocol):
    """One sandbox's cgroup, through descriptors kept open. Every method raises OSError when the cgroup is gone."""

    @property
    def peak_scope(self) -> PeakScope:
        """Whether the memory peak is that of one Invocation, or of the sandbox since it was created."""

    def read(self) -> Reading:
        """Read all counters."""

    def reset_peak(self) -> None:
        """Reset the memory peak, where the kernel can."""

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel has killed because it was out of memory."""

    def limit_memory(self, limit_bytes: int) -> None:
        """Lower the memory limit, swap included."""

    def limit_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""

    def freeze(self) -> None:
        """Freeze every process in it."""

    def thaw(self) -> None:
        """Thaw every process in it; does nothing when it is not frozen."""

    def kill(self) -> bool:
        """Kill every process in it, frozen or not, in one step; False where the kernel cannot."""

    def close(self) -> None:
        """Close the descriptors."""


class Layout(Protocol):
    """How this host's cgroups are laid out."""

    def of(self, pid: int) -> Cgroup:
        """Open the cgroup that process `pid` is in."""


def find_layout(mountinfo: str) -> "V1 | V2":
    """Read this host's layout from the text of `/proc/self/mountinfo`; raise UnknownLayoutError for any other."""
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
    if v1.keys() >= set(V1.CONTROLLERS):
        return V1(v1)
    if v2 and set(V2.CONTROLLERS) <= set((v2.point / "cgroup.controllers").read_text().split()):
        return V2(v2)
    raise UnknownLayoutError(
        f"no known cgroup layout: neither v1 with {', '.join(V1.CONTROLLERS)} nor v2 with {', '.join(V2.CONTROLLERS)} "
        "is mounted. Mount one, or run the agent on a host that has it: without counters there is no honest bill."
    )


class V1:
    """One hierarchy per controller, each with its own tree."""

    CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "freezer")

    def __init__(self, mounts: dict[str, Mount]) -> None:
        self._mounts = mounts

    def of(self, pid: int) -> "V1Cgroup":
        """Open the cgroups that process `pid` is in."""
        names = _cgroups_of(pid)
        return V1Cgroup(*(self._mounts[c].path(_named(names, c, pid)) for c in self.CONTROLLERS))


class V2:
    """One tree for all controllers."""

    CONTROLLERS = ("cpu", "memory", "io")

    def __init__(self, mount: Mount) -> None:
        self._mount = mount

    def of(self, pid: int) -> "V2Cgroup":
        """Open the cgroup that process `pid` is in."""
        return V2Cgroup(self._mount.path(_named(_cgroups_of(pid), "", pid)))


class V1Cgroup:
    """Cgroup v1: CPU in nanoseconds, a memory peak that can be reset, a freezer of its own."""

    peak_scope = PeakScope.INVOCATION

    def __init__(self, cpu: Path, cpuacct: Path, memory: Path, blkio: Path, freezer: Path) -> None:
        self._cpu, self._memory = cpu, memory
        with contextlib.ExitStack() as opened:
            self._usage = _open(opened, cpuacct / "cpuacct.usage")
            self._system = _open(opened, cpuacct / "cpuacct.usage_sys")
            self._peak = _open(opened, memory / "memory.max_usage_in_bytes", os.O_RDWR)
            self._oom = _open(opened, memory / "memory.oom_control")
            self._io = _open(opened, blkio / "blkio.throttle.io_service_bytes")
            self._state = _open(opened, freezer / "freezer.state", os.O_RDWR)
            self._opened = opened.pop_all()

    def read(self) -> Reading:
        """Read all counters."""
        cpu_us, system_us = int(os.pread(self._usage, 32, 0)) // 1000, int(os.pread(self._system, 32, 0)) // 1000
        io = os.pread(self._io, 4096, 0)
        # The kernel samples the split but not the sum, so that the part may exceed the whole by a little.
        return Reading(
            cpu_us, min(system_us, cpu_us), int(os.pread(self._peak, 32, 0)), _sum(io, b" Read "), _sum(io, b" Write ")
        )

    def reset_peak(self) -> None:
        """Reset the memory peak to what is in use now."""
        os.pwrite(self._peak, b"0", 0)

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel has killed because it was out of memory."""
        return _flat(os.pread(self._oom, 256, 0))["oom_kill"]

    def limit_memory(self, limit_bytes: int) -> None:
        """Lower the memory limit, swap included."""
        (self._memory / "memory.limit_in_bytes").write_text(str(limit_bytes))
        with contextlib.suppress(FileNotFoundError):  # a kernel that does not count swap
            (self._memory / "memory.memsw.limit_in_bytes").write_text(str(limit_bytes))

    def limit_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""
        (self._cpu / "cpu.cfs_quota_us").write_text(str(quota_us(memory_mb)))

    def freeze(self) -> None:
        """Freeze every process in it. Each one stops within some 0.1 ms, when it next leaves the kernel.

        This does not wait until all have stopped: nothing depends on it, and the caller's answer would wait as well.
        """
        os.pwrite(self._state, b"FROZEN", 0)

    def thaw(self) -> None:
        """Thaw every process in it; does nothing when it is not frozen."""
        os.pwrite(self._state, b"THAWED", 0)

    def kill(self) -> bool:
        """Do nothing: v1 has no such step."""
        return False

    def close(self) -> None:
        """Close the descriptors."""
        self._opened.close()


class V2Cgroup:
    """Cgroup v2. From Linux 6.12 on the memory peak can be reset, for the descriptor that it is written to."""

    def __init__(self, cgroup: Path) -> None:
        self._cgroup = cgroup
        with contextlib.ExitStack() as opened:
            self._stat = _open(opened, cgroup / "cpu.stat")
            self._peak = _open(opened, cgroup / "memory.peak", os.O_RDWR)
            self._memory_events = _open(opened, cgroup / "memory.events")
            self._io = _open(opened, cgroup / "io.stat")
            self._freeze = _open(opened, cgroup / "cgroup.freeze", os.O_RDWR)
            self._kill = _open(opened, cgroup / "cgroup.kill", os.O_WRONLY)
            self._opened = opened.pop_all()
        self.peak_scope = PeakScope.INVOCATION if self._can_reset() else PeakScope.SANDBOX

    def read(self) -> Reading:
        """Read all counters."""
        cpu, io = _flat(os.pread(self._stat, 4096, 0)), os.pread(self._io, 4096, 0)
        return Reading(
            cpu["usage_usec"],
            cpu["system_usec"],
            int(os.pread(self._peak, 32, 0)),
            _sum(io, b" rbytes="),
            _sum(io, b" wbytes="),
        )

    def reset_peak(self) -> None:
        """Reset the memory peak to what is in use now; does nothing where the kernel cannot."""
        if self.peak_scope is PeakScope.INVOCATION:
            os.pwrite(self._peak, b"0", 0)

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel has killed because it was out of memory."""
        return _flat(os.pread(self._memory_events, 1024, 0))["oom_kill"]

    def limit_memory(self, limit_bytes: int) -> None:
        """Lower the memory limit; the sandbox was made without swap."""
        (self._cgroup / "memory.max").write_text(str(limit_bytes))

    def limit_cpu(self, memory_mb: int) -> None:
        """Limit CPU in proportion to memory."""
        (self._cgroup / "cpu.max").write_text(f"{quota_us(memory_mb)} {PERIOD_US}")

    def freeze(self) -> None:
        """Freeze every process in it, within the same time as v1."""
        os.pwrite(self._freeze, b"1", 0)

    def thaw(self) -> None:
        """Thaw every process in it; does nothing when it is not frozen."""
        os.pwrite(self._freeze, b"0", 0)

    def kill(self) -> bool:
        """Kill every process in it, frozen or not, in one step."""
        os.pwrite(self._kill, b"1", 0)
        return True

    def close(self) -> None:
        """Close the descriptors."""
        self._opened.close()

    def _can_reset(self) -> bool:
        try:
            return os.pwrite(self._peak, b"0", 0) > 0
        except OSError:
            return False


def quota_us(memory_mb: int) -> int:
    """Return the CPU time a sandbox of `memory_mb` MiB may use, µs a period, over all cores."""
    return max(LEAST_QUOTA_US, memory_mb * PERIOD_US // MIB_PER_CORE)


def _cgroups_of(pid: int) -> dict[str, str]:
    """Return the cgroups of a process by controller; that of v2's single tree has the empty name."""
    names = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, cgroup = line.split(":", 2)
        names.update(dict.fromkeys(controllers.split(","), cgroup))
    return names


def _named(names: dict[str, str], controller: str, pid: int) -> str:
    if controller not in names:
        raise UnknownLayoutError(f"process {pid} is in no cgroup of {controller or 'the v2 tree'}")
    return names[controller]


def _open(opened: contextlib.ExitStack, path: Path, flags: int = os.O_RDONLY) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnknownLayoutError(f"{path} is missing: this kernel does not count what the bill needs") from None
    opened.callback(os.close, descriptor)
    return descriptor


def _flat(text: bytes) -> dict[str, int]:
    """Read the kernel's flat-keyed form: a name and a number on each line."""
    return {name.decode(): int(number) for name, number in (line.split() for line in text.splitlines())}


def _sum(text: bytes, name: bytes) -> int:
    """Add up the numbers that follow `name`, one for each device."""
    return sum(int(rest.split(None, 1)[0]) for rest in text.split(name)[1:])
