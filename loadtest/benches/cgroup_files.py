"""Finds files of a process's cgroup, on cgroup v1 or v2."""

from pathlib import Path


def cgroup_file(pid: int, controller: str, v1: str, v2: str) -> Path:
    """Returns the path of a file that is named `v1` on cgroup v1, where it is the controller's, and `v2` on v2."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}", v1)
    return Path(f"/sys/fs/cgroup{lines[0][2]}", v2)
