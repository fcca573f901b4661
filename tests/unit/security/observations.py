"""What the attacker function answers from a sandbox that is as it should be, for tests to spoil in one place."""

import copy
from typing import Any

_ID = "0123456789abcdef" * 4

MOUNTINFO = f"""\
77 53 0:39 / / ro,relatime master:2 - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c
78 77 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
79 77 0:43 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
80 79 0:44 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=666
81 77 0:45 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
82 81 0:46 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755
83 82 0:29 / /sys/fs/cgroup/cpu ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,cpu
92 79 0:41 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
93 79 0:47 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=1024k
94 77 0:48 / /tmp rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=65536k
95 77 254:0 /var/lib/engine/containers/{_ID}/hostname /etc/hostname ro,relatime - ext4 /dev/vda rw
96 77 0:49 / /var/task rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=65536k
97 77 0:52 / /opt rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=65536k
57 78 0:42 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
58 78 0:50 / /proc/acpi ro,relatime - tmpfs tmpfs ro
59 78 0:43 /null /proc/keys rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
61 81 0:51 / /sys/firmware ro,relatime - tmpfs tmpfs ro"""

#: A line of /proc/net/tcp: the Runtime API, listening.
RUNTIME_API = "   0: 0100007F:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1"
LOOPBACK_V6 = f"{'0' * 31}1 80 {'0' * 32} 00 {'0' * 32} 00000000 00000002 00000000 80200001       lo"

_NOTHING = "0" * 16

_CLEAN: dict[str, Any] = {
    "engine": {
        "paths": {"/var/run/docker.sock": "absent", "/run/podman/podman.sock": "absent"},
        "unix": ["@hearth-log"],
        "ports": {"2375": "ECONNREFUSED", "2376": "ECONNREFUSED"},
    },
    "processes": {
        "own": 1,
        "visible": [{"pid": 1, "command": "python3 stem.py", "memory": "done"}],
        "answering": [],
        "namespaces": {name: f"{name}:[4026532180]" for name in ("pid", "ipc", "uts", "cgroup")},
        "telltales": {"/proc/timer_list": ""},
    },
    "network": {
        "interfaces": ["lo"],
        "routes_v4": [],
        "routes_v6": [LOOPBACK_V6],
        "tcp": [RUNTIME_API, RUNTIME_API.replace(" 0A ", " 01 ").replace("2329 ", "C001 ")],
        "udp": [],
        "connections": {"192.0.2.1 port 80": {"ended": "ENETUNREACH", "ms": 0}},
        "resolver_file": ["# nobody to ask"],
        "resolvers": {"127.0.0.11": "ECONNREFUSED", "169.254.169.253": "ENETUNREACH"},
        "name": "Temporary failure in name resolution",
    },
    "privilege": {
        "status": {
            **dict.fromkeys(("Uid", "Gid"), "65534\t65534\t65534\t65534"),
            "Groups": "65534",
            **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), _NOTHING),
            "NoNewPrivs": "1",
            "Seccomp": "2",
        },
        "attempts": {"setuid": "EPERM", "mount": "EPERM", "user namespace": "EPERM"},
        "syscalls": {"bpf": "EPERM", "keyctl": "ENOSYS"},
    },
    "files": {
        "writable": [{"path": "/tmp", "owner": 65534}, {"path": "/tmp/x", "owner": 65534}],
        "raising": [],
        "sockets": [],
        "devices": [{"path": "/dev/null", "kind": "character", "major": 1, "minor": 3}],
    },
    "mounts": {
        "uid": 65534,
        "mountinfo": MOUNTINFO.splitlines(),
        "secret": {"/proc/kcore": ""},
        "levers": {"/proc/sysrq-trigger": "absent", "/proc/sys/kernel/core_pattern": "EACCES"},
        "foreign": [],
        "size_bytes": {"/dev/shm": 1 << 20, "/tmp": 512 << 20},
        "mqueue_bytes": 819_200,
    },
}


def observed(section: str = "", **changed: Any) -> dict[str, Any]:
    """Give what a sound sandbox shows, with parts of one section changed."""
    clean = copy.deepcopy(_CLEAN)
    clean.setdefault(section, {}).update(changed)
    return clean


def with_status(**changed: str) -> dict[str, Any]:
    """Give what a sound sandbox shows, but for the kernel's word on the process."""
    return observed("privilege", status={**_CLEAN["privilege"]["status"], **changed})


def with_mount(line: str) -> dict[str, Any]:
    """Give what a sound sandbox shows, with one more mount, or another one at its point."""
    point = line.split()[4]
    kept = [old for old in MOUNTINFO.splitlines() if old.split()[4] != point]
    return observed("mounts", mountinfo=[*kept, line])
