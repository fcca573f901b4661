"""Judges whether anything but the sandbox's own loopback can be reached."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from security_tests.checks.observed import Observed, section
from security_tests.finding import Finding, finding

#: 127.0.0.1:9001 as the kernel writes it: the Runtime API.
RUNTIME_API = "0100007F:2329"
LISTENING = "0A"
#: How the kernel refuses when there is nowhere to send to. Anything else means that something left, or answered.
NOWHERE = {"ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EACCES", "EPERM"}
AT_ONCE_MS = 500


def judge(observed: Observed) -> list[Finding]:
    """Give findings on interfaces, routes, listeners, connections out, and name resolution."""
    seen = section(observed, "network")
    return [
        _interfaces(seen["interfaces"]),
        _routes(seen["routes_v4"], seen["routes_v6"]),
        _listeners(seen["tcp"], seen["udp"]),
        _connections(seen["connections"]),
        _resolvers(seen["resolver_file"], seen["resolvers"]),
        _names(seen["name"]),
    ]


def _interfaces(interfaces: Sequence[str]) -> Finding:
    return finding("interfaces", [f"{name} is there" for name in interfaces if name != "lo"], "only lo")


def _routes(v4: Sequence[str], v6: Sequence[str]) -> Finding:
    faults = [f"IPv4 {route.split()[1]} by {route.split()[0]}" for route in v4]
    faults += [f"IPv6 {route.split()[0]} by {route.split()[-1]}" for route in v6 if route.split()[-1] != "lo"]
    return finding("routes", faults, "none")


def _listeners(tcp: Iterable[str], udp: Iterable[str]) -> Finding:
    listening = [columns[1] for columns in map(str.split, tcp) if columns[3] == LISTENING]
    bound = [columns[1] for columns in map(str.split, udp)]
    faults = [f"TCP port {_port(address)}" for address in listening if address != RUNTIME_API]
    faults += [f"UDP port {_port(address)}" for address in bound]
    return finding("listeners", faults, "only the Runtime API on 127.0.0.1:9001" if listening else "none")


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _connections(connections: Mapping[str, Mapping[str, Any]]) -> Finding:
    faults = [
        f"{address}: {tried['ended']} after {tried['ms']} ms"
        for address, tried in connections.items()
        if tried["ended"] not in NOWHERE or tried["ms"] > AT_ONCE_MS
    ]
    return finding("connections out", faults, f"{len(connections)} addresses, metadata among them, refused at once")


def _resolvers(lines: Iterable[str], resolvers: Mapping[str, str]) -> Finding:
    faults = [f"/etc/resolv.conf has {line.strip()!r}" for line in lines if line.split()[:1] == ["nameserver"]]
    faults += [f"{address}: {ended}" for address, ended in resolvers.items() if ended not in {*NOWHERE, "ECONNREFUSED"}]
    return finding("resolvers", faults, f"none configured, none of {len(resolvers)} answers")


def _names(ended: str) -> Finding:
    faults = [ended] if ended.startswith("resolved") or ended == "timeout" else []
    return finding("name resolution", faults, f"fails: {ended}")
