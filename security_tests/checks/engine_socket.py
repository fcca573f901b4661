"""Judges whether a container engine can be reached; code that reaches one owns the host."""

from collections.abc import Mapping

from security_tests.checks.observed import Observed, section
from security_tests.finding import Finding, finding

ENGINES = ("docker", "containerd", "podman", "crio", "buildkit", "balena", "kubelet")


def judge(observed: Observed) -> list[Finding]:
    """Give findings on engine sockets by path, by abstract name and by port."""
    seen = section(observed, "engine")
    found = {socket["path"]: socket["ended"] for socket in section(observed, "files")["sockets"]}
    return [
        _by_path(seen["paths"]),
        _by_file(found),
        _by_name(seen["unix"]),
        _by_port(seen["ports"]),
    ]


def _by_path(paths: Mapping[str, str]) -> Finding:
    # One that refuses is a breach too: only its mode stands in between.
    faults = [f"{path} is there: {ended}" for path, ended in paths.items() if ended != "absent"]
    return finding("known paths", faults, f"none of {len(paths)} is there")


def _by_file(found: Mapping[str, str]) -> Finding:
    faults = [f"{path}: {ended}" for path, ended in found.items() if ended == "connected" or _is_engines(path)]
    return finding("socket files", faults, "none in the whole tree answers")


def _by_name(names: list[str]) -> Finding:
    faults = [f"{name} is in this network namespace" for name in names if _is_engines(name)]
    return finding("unix sockets", faults, "none of an engine in this network namespace")


def _by_port(ports: Mapping[str, str]) -> Finding:
    faults = [f"port {port}: {ended}" for port, ended in ports.items() if ended != "ECONNREFUSED"]
    return finding("loopback ports", faults, f"{', '.join(ports)} refuse")


def _is_engines(name: str) -> bool:
    return any(engine in name.lower() for engine in ENGINES)
