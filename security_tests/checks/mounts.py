"""Judges every mount, every writable path and every device node of the sandbox."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from security_tests.checks.observed import Observed, section
from security_tests.finding import Finding, finding

#: Where a function may write: its own memory, within the limits of its sandbox.
DECLARED = ("/tmp", "/var/task", "/opt", "/dev/shm", "/dev/mqueue")  # noqa: S108  (the sandbox's, not this machine's)
#: /dev/shm and message queues are in no Function's configuration, so they are there only if small.
SMALL_BYTES = 16 * 2**20
#: mount point → the file systems it may have, and whether it must be read-only.
EXPECTED: dict[str, tuple[frozenset[str], bool]] = {
    "/": (frozenset({"overlay"}), True),
    "/proc": (frozenset({"proc"}), False),
    "/dev": (frozenset({"tmpfs"}), False),
    "/dev/pts": (frozenset({"devpts"}), False),
    "/dev/mqueue": (frozenset({"mqueue"}), False),
    "/dev/shm": (frozenset({"tmpfs"}), False),  # noqa: S108
    "/tmp": (frozenset({"tmpfs"}), False),  # noqa: S108
    "/var/task": (frozenset({"tmpfs"}), False),
    "/opt": (frozenset({"tmpfs"}), False),
    "/sys": (frozenset({"sysfs"}), True),
}
#: A read-only part of one of these, under it, is the engine's way to close it.
CLOSED_PARTS = {"/proc/": {"proc", "tmpfs"}, "/sys/": {"tmpfs"}, "/sys/fs/cgroup/": {"cgroup"}}
#: The engine mounts its own three files whether one wants them or not.
ENGINES_OWN = re.compile(r".*/[0-9a-f]{64}(/(?:hostname|hosts|resolv\.conf))")
#: null, zero, full, random, urandom, tty, ptmx; by number, since a name can be anything.
HARMLESS = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}
PSEUDO_TERMINALS = range(136, 144)


@dataclass(frozen=True)
class Mount:
    """One line of the mount table."""

    root: str
    point: str
    options: frozenset[str]
    propagation: tuple[str, ...]
    kind: str

    @classmethod
    def parse(cls, line: str) -> "Mount":
        """Read a line of /proc/self/mountinfo; raise ValueError when it is none."""
        before, _, after = line.partition(" - ")
        _, _, _, root, point, options, *propagation = before.split()
        return cls(root, point, frozenset(options.split(",")), tuple(propagation), after.split()[0])

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written through it."""
        return "ro" in self.options


def judge(observed: Observed) -> list[Finding]:
    """Give findings on the mount table, writable paths, files that matter, device nodes and sizes."""
    seen, files = section(observed, "mounts"), section(observed, "files")
    return [
        _table([Mount.parse(line) for line in seen["mountinfo"]]),
        _writable(files["writable"], seen["uid"]),
        _levers(seen["levers"]),
        _secrets(seen["secret"], seen["foreign"]),
        _devices(files["devices"]),
        _sizes(seen["size_bytes"], seen["mqueue_bytes"]),
    ]


def _table(table: Sequence[Mount]) -> Finding:
    faults = [f"{mount.point} ({mount.kind}) {fault}" for mount in table if (fault := _fault(mount))]
    own = [mount.point for mount in table if _is_engines(mount)]
    noted = f"; the engine's own: {', '.join(own)}" if own else ""
    return finding("mount table", faults, f"{len(table)} mounts, none of the host's{noted}")


def _fault(mount: Mount) -> str | None:
    """Say what is wrong with a mount; None when nothing is."""
    if any(word.startswith("shared:") for word in mount.propagation):
        return "is shared with the host"
    if mount.point in EXPECTED:
        kinds, read_only = EXPECTED[mount.point]
        return _unlike(mount, kinds, read_only)
    if mount.point == "/sys/fs/cgroup":  # on v1 only the frame of the controllers' own mounts
        return _unlike(mount, frozenset({"tmpfs", "cgroup2"}), mount.kind == "cgroup2")
    if _is_closed(mount) or _is_engines(mount):
        return None
    return f"is the host's {mount.root}"


def _unlike(mount: Mount, kinds: frozenset[str], read_only: bool) -> str | None:
    if mount.kind not in kinds or (mount.root != "/" and not mount.kind.startswith("cgroup")):
        return f"is the host's {mount.root}"
    return "can be written" if read_only and not mount.read_only else None


def _is_closed(mount: Mount) -> bool:
    """Tell whether a mount only takes something away: read-only, or the null device in a file's place."""
    kinds = {kind for prefix, some in CLOSED_PARTS.items() if mount.point.startswith(prefix) for kind in some}
    return mount.kind in kinds and (mount.read_only or (mount.kind, mount.root) == ("tmpfs", "/null"))


def _is_engines(mount: Mount) -> bool:
    file = ENGINES_OWN.fullmatch(mount.root)
    return file is not None and mount.read_only and mount.point == f"/etc{file[1]}"


def _writable(writable: Sequence[Mapping[str, Any]], uid: int) -> Finding:
    # Root may write what root owns. Which wall is missing then is the privilege check's to say, and it does.
    open_to_us = [entry["path"] for entry in writable if not entry["owner"] == uid == 0]
    faults = [f"{path} can be written" for path in open_to_us if not _is_declared(path)]
    return finding("writable paths", faults, f"only {', '.join(path for path in DECLARED if path in open_to_us)}")


def _is_declared(path: str) -> bool:
    return any(path == declared or path.startswith(f"{declared}/") for declared in DECLARED)


def _levers(levers: Mapping[str, str]) -> Finding:
    faults = [f"{path} opens for writing" for path, ended in levers.items() if ended == "done"]
    return finding("the kernel's levers", faults, f"none of {len(levers)} opens for writing")


def _secrets(secret: Mapping[str, str], foreign: Sequence[str]) -> Finding:
    faults = [f"{path} can be read" for path, text in secret.items() if text]
    faults += [f"{path} is there" for path in foreign]
    return finding("the host's secrets", faults, f"none of {len(secret)} can be read")


def _devices(devices: Sequence[Mapping[str, Any]]) -> Finding:
    faults = [
        f"{device['path']} is {device['kind']} device {device['major']}:{device['minor']}"
        for device in devices
        if not _is_harmless(device)
    ]
    return finding("device nodes", faults, f"{len(devices)}, all harmless")


def _is_harmless(device: Mapping[str, Any]) -> bool:
    number = device["major"], device["minor"]
    return device["kind"] == "character" and (number in HARMLESS or number[0] in PSEUDO_TERMINALS)


def _sizes(size_bytes: Mapping[str, int], mqueue_bytes: int) -> Finding:
    sizes = {"/dev/shm": size_bytes.get("/dev/shm", 0), "/dev/mqueue": mqueue_bytes}  # noqa: S108
    faults = [f"{path} takes {size} bytes" for path, size in sizes.items() if not 0 <= size <= SMALL_BYTES]
    return finding("undeclared memory", faults, ", ".join(f"{path} {size >> 10} KiB" for path, size in sizes.items()))
