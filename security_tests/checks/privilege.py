"""Judges whether the function has, or can get, any right beyond those of nobody."""

from collections.abc import Mapping, Sequence

from security_tests.checks.observed import Observed, section
from security_tests.finding import Finding, finding

MASKS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
#: How a filter refuses a system call; any other answer came from the kernel behind it.
FILTERED = {"EPERM", "EACCES", "ENOSYS", "killed"}


def judge(observed: Observed) -> list[Finding]:
    """Give findings on identity, capabilities, the seals on them, programs that raise them, and attempts."""
    seen = section(observed, "privilege")
    status = seen["status"]
    return [
        _identity(status),
        _capabilities(status),
        _seals(status),
        _programs(section(observed, "files")["raising"]),
        _attempts(seen["attempts"]),
        _syscalls(seen["syscalls"]),
    ]


def _identity(status: Mapping[str, str]) -> Finding:
    ids = {name: status[name].split() for name in ("Uid", "Gid", "Groups")}
    faults = [f"{name} {' '.join(some)}" for name, some in ids.items() if "0" in some]
    user, group = ids["Uid"][0], ids["Gid"][0]
    return finding("identity", faults, f"uid {user}, gid {group}, no group of root's")


def _capabilities(status: Mapping[str, str]) -> Finding:
    faults = [f"{name} {status[name]}" for name in MASKS if int(status[name], 16)]
    return finding("capabilities", faults, f"{', '.join(MASKS)} are zero")


def _seals(status: Mapping[str, str]) -> Finding:
    wanted = {"NoNewPrivs": "1", "Seccomp": "2"}
    faults = [f"{name} is {status[name]}, not {value}" for name, value in wanted.items() if status[name] != value]
    return finding("seals", faults, "no new privileges, seccomp filters")


def _programs(raising: Sequence[str]) -> Finding:
    faults = [f"{path} raises privilege" for path in raising]
    return finding("programs", faults, "none is setuid or setgid or has capabilities")


def _attempts(attempts: Mapping[str, str]) -> Finding:
    faults = [f"{name} worked" for name, ended in attempts.items() if ended == "done"]
    return finding("attempts", faults, f"{', '.join(attempts)} are refused")


def _syscalls(syscalls: Mapping[str, str]) -> Finding:
    faults = [f"{name} reaches the kernel: {ended}" for name, ended in syscalls.items() if ended not in FILTERED]
    return finding("system calls", faults, f"{', '.join(syscalls)} are refused")
