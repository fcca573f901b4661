"""Each check's judgement: silent on a sound sandbox, red on each single thing that it is there to find."""

from typing import Any

import pytest

from security_tests import judgement
from security_tests.finding import Finding, Result, Status, finding, worst
from tests.unit.security.observations import LOOPBACK_V6, MOUNTINFO, RUNTIME_API, observed, with_mount, with_status

ENGINE, PROCESSES, NETWORK, PRIVILEGE, MOUNTS = judgement.CHECKS


def breaches(seen: dict[str, Any]) -> dict[str, list[str]]:
    """What is red, by check."""
    red = {
        result.check: [one.what for one in result.findings if one.status is Status.BREACH]
        for result in judgement.judge(seen)
    }
    return {check: whats for check, whats in red.items() if whats}


def process(pid: int) -> dict[str, Any]:
    return {"pid": pid, "command": "sleep", "memory": "EACCES"}


def device(path: str, kind: str, major: int, minor: int) -> list[dict[str, Any]]:
    return [{"path": path, "kind": kind, "major": major, "minor": minor}]


def socket_at(path: str, ended: str) -> dict[str, Any]:
    return observed("files", sockets=[{"path": path, "ended": ended}])


SPOILT: dict[str, tuple[dict[str, Any], str, str]] = {
    "a socket that answers": (observed("engine", paths={"/run/docker.sock": "connected"}), ENGINE, "known paths"),
    "a socket that refuses": (observed("engine", paths={"/run/docker.sock": "EACCES"}), ENGINE, "known paths"),
    "any socket file that answers": (socket_at("/srv/x", "connected"), ENGINE, "socket files"),
    "an engine's socket elsewhere": (socket_at("/srv/containerd.sock", "EACCES"), ENGINE, "socket files"),
    "an abstract name": (observed("engine", unix=["@/containerd-shim/moby/x.sock"]), ENGINE, "unix sockets"),
    "an engine's port": (observed("engine", ports={"2375": "connected"}), ENGINE, "loopback ports"),
    "not process 1": (observed("processes", own=7, visible=[process(7)]), PROCESSES, "first process"),
    "another process": (
        observed("processes", visible=[process(1), process(9)]),
        PROCESSES,
        "other processes",
    ),
    "a hidden process": (observed("processes", answering=[9]), PROCESSES, "hidden processes"),
    "the host's process namespace": (
        observed(
            "processes", namespaces={**dict.fromkeys(("ipc", "uts", "cgroup"), "x:[1]"), "pid": "pid:[4026531836]"}
        ),
        PROCESSES,
        "namespaces",
    ),
    "the kernel's timers": (observed("processes", telltales={"/proc/timer_list": "x"}), PROCESSES, "kernel's lists"),
    "an interface": (observed("network", interfaces=["lo", "eth0"]), NETWORK, "interfaces"),
    "a route": (observed("network", routes_v4=["eth0\t00000000\t010011AC\t0003"]), NETWORK, "routes"),
    "an IPv6 route": (observed("network", routes_v6=[LOOPBACK_V6.replace("lo", "eth0")]), NETWORK, "routes"),
    "a listener": (observed("network", tcp=[RUNTIME_API.replace("2329", "1F90")]), NETWORK, "listeners"),
    "a listener beyond loopback": (
        observed("network", tcp=[RUNTIME_API.replace("0100007F", "00000000")]),
        NETWORK,
        "listeners",
    ),
    "a datagram listener": (observed("network", udp=[RUNTIME_API.replace(" 0A ", " 07 ")]), NETWORK, "listeners"),
    "an answer": (
        observed("network", connections={"a": {"ended": "ECONNREFUSED", "ms": 0}}),
        NETWORK,
        "connections out",
    ),
    "a packet that left": (
        observed("network", connections={"a": {"ended": "timeout", "ms": 1000}}),
        NETWORK,
        "connections out",
    ),
    "a slow refusal": (
        observed("network", connections={"a": {"ended": "ENETUNREACH", "ms": 900}}),
        NETWORK,
        "connections out",
    ),
    "a resolver in the file": (observed("network", resolver_file=["nameserver 192.0.2.1"]), NETWORK, "resolvers"),
    "a resolver that answers": (observed("network", resolvers={"127.0.0.11": "answered"}), NETWORK, "resolvers"),
    "a resolver that is asked": (observed("network", resolvers={"127.0.0.11": "timeout"}), NETWORK, "resolvers"),
    "a name": (observed("network", name="resolved to 192.0.2.1"), NETWORK, "name resolution"),
    "root": (with_status(Uid="0\t0\t0\t0"), PRIVILEGE, "identity"),
    "a saved id of root's": (with_status(Uid="65534\t65534\t0\t65534"), PRIVILEGE, "identity"),
    "root's group beside": (with_status(Groups="65534 0"), PRIVILEGE, "identity"),
    **{
        name: (with_status(**{name: "0000000000002000"}), PRIVILEGE, "capabilities")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    },
    "new privileges": (with_status(NoNewPrivs="0"), PRIVILEGE, "seals"),
    "no seccomp": (with_status(Seccomp="0"), PRIVILEGE, "seals"),
    "a setuid program": (observed("files", raising=["/bin/su"]), PRIVILEGE, "programs"),
    "an attempt that works": (observed("privilege", attempts={"mount": "done"}), PRIVILEGE, "attempts"),
    "a system call that gets through": (observed("privilege", syscalls={"bpf": "E2BIG"}), PRIVILEGE, "system calls"),
    "a mount of the host's": (with_mount("99 77 254:0 /srv /data ro - ext4 /dev/vda rw"), MOUNTS, "mount table"),
    "the host's /tmp": (with_mount("99 77 0:9 /sub /tmp rw - tmpfs tmpfs rw"), MOUNTS, "mount table"),
    "a disk as /opt": (with_mount("99 77 254:0 / /opt rw - ext4 /dev/vda rw"), MOUNTS, "mount table"),
    "a disk as /tmp": (with_mount("99 77 254:0 / /tmp rw - ext4 /dev/vda rw"), MOUNTS, "mount table"),
    "the engine's file, to write": (
        with_mount(next(line for line in MOUNTINFO.splitlines() if "hostname" in line).replace(" ro,", " rw,")),
        MOUNTS,
        "mount table",
    ),
    "a file that only looks like it": (
        with_mount("99 77 254:0 /var/lib/x/hostname /etc/hostname ro - ext4 /dev/vda rw"),
        MOUNTS,
        "mount table",
    ),
    "a writable root": (with_mount("77 53 0:39 / / rw,relatime - overlay overlay rw"), MOUNTS, "mount table"),
    "a writable /sys": (with_mount("81 77 0:45 / /sys rw - sysfs sysfs rw"), MOUNTS, "mount table"),
    "a writable /proc/sys": (with_mount("57 78 0:42 /sys /proc/sys rw - proc proc rw"), MOUNTS, "mount table"),
    "a writable cgroup": (with_mount("83 82 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw"), MOUNTS, "mount table"),
    "a writable cgroup tree": (with_mount("82 81 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup rw"), MOUNTS, "mount table"),
    "a shared mount": (with_mount("94 77 0:48 / /tmp rw shared:1 - tmpfs tmpfs rw"), MOUNTS, "mount table"),
    "a writable path": (observed("files", writable=[{"path": "/etc", "owner": 0}]), MOUNTS, "writable paths"),
    "a path that begins like one": (
        observed("files", writable=[{"path": "/tmpx", "owner": 65534}]),
        MOUNTS,
        "writable paths",
    ),
    "a lever": (observed("mounts", levers={"/proc/sysrq-trigger": "done"}), MOUNTS, "the kernel's levers"),
    "the host's memory": (observed("mounts", secret={"/proc/kcore": "\x7fELF"}), MOUNTS, "the host's secrets"),
    "the host's files": (observed("mounts", foreign=["/run/secrets"]), MOUNTS, "the host's secrets"),
    "a disk": (observed("files", devices=device("/dev/null", "block", 1, 3)), MOUNTS, "device nodes"),
    "a device under a harmless name": (
        observed("files", devices=device("/dev/null", "character", 1, 1)),
        MOUNTS,
        "device nodes",
    ),
    "a large /dev/shm": (observed("mounts", size_bytes={"/dev/shm": 64 << 20}), MOUNTS, "undeclared memory"),
    "endless queues": (observed("mounts", mqueue_bytes=-1), MOUNTS, "undeclared memory"),
}


def test_a_sound_sandbox_is_all_green() -> None:
    results = judgement.judge(observed())

    assert [result.check for result in results] == list(judgement.CHECKS)
    assert {one.status for result in results for one in result.findings} == {Status.OK}


@pytest.mark.parametrize(("seen", "check", "what"), SPOILT.values(), ids=SPOILT)
def test_one_thing_wrong_turns_its_own_finding_red_and_no_other(seen: dict[str, Any], check: str, what: str) -> None:
    assert breaches(seen) == {check: [what]}


def test_every_finding_can_turn_red() -> None:
    all_there_are = {(result.check, one.what) for result in judgement.judge(observed()) for one in result.findings}

    assert {(check, what) for _, check, what in SPOILT.values()} == all_there_are


def test_root_writing_what_root_owns_is_told_by_the_privilege_check_alone() -> None:
    seen = with_status(Uid="0\t0\t0\t0")
    seen["mounts"]["uid"] = 0
    seen["files"]["writable"] = [{"path": "/dev", "owner": 0}]

    assert breaches(seen) == {PRIVILEGE: ["identity"]}


def test_root_writing_what_somebody_else_owns_is_told() -> None:
    seen = observed("mounts", uid=0)
    seen["files"]["writable"] = [{"path": "/home/x", "owner": 1000}]

    assert breaches(seen) == {MOUNTS: ["writable paths"]}


def test_a_terminal_of_the_sandboxs_own_is_harmless() -> None:
    assert breaches(observed("files", devices=device("/dev/pts/0", "character", 136, 0))) == {}


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({}, "the attacker's answer has no section 'network'"),
        (observed("network", error="OSError: no"), "the attacker could not collect 'network': OSError: no"),
        (observed("network", tcp=["rubbish"]), "the answer cannot be read: IndexError: list index out of range"),
        (
            observed("network", routes_v4=None),
            "the answer cannot be read: TypeError: 'NoneType' object is not iterable",
        ),
    ],
)
def test_what_cannot_be_judged_is_unknown_and_never_ok(seen: dict[str, Any], why: str) -> None:
    network = next(result for result in judgement.judge(seen) if result.check == NETWORK)

    assert (network.status, network.findings[0].detail) == (Status.UNKNOWN, why)


def test_a_breach_outweighs_what_is_unknown_and_both_outweigh_ok() -> None:
    def result(*statuses: Status) -> Result:
        return Result("c", tuple(Finding("w", status, "") for status in statuses))

    assert result(Status.OK, Status.BREACH, Status.UNKNOWN).status is Status.BREACH
    assert result(Status.UNKNOWN, Status.OK).status is Status.UNKNOWN
    assert worst([result(Status.OK), result(Status.UNKNOWN), result(Status.BREACH)]) is Status.BREACH


def test_a_long_list_of_faults_is_cut_and_counted() -> None:
    assert finding("w", [str(n) for n in range(9)], "fine").detail == "0; 1; 2; 3; and 5 more"
