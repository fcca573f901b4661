"""The attacker function: collects what can be seen and done from inside a sandbox.

Standard library only, since it runs wherever a user's function does. Each attempt is one that does no harm where it
succeeds, and none goes further than loopback, the metadata addresses and networks reserved for documentation.
"""

import ctypes
import errno
import os
import platform
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PATIENCE_S = 1.0
MOST_LISTED = 2000
HIGHEST_PID = 65_536

ENGINE_SOCKETS = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/docker.sock",
    "/host/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/k3s/containerd/containerd.sock",
)
ENGINE_PORTS = (2375, 2376)
#: Networks reserved for documentation, the usual address of a bridge's gateway, and where clouds keep credentials.
FAR_ADDRESSES = (
    ("192.0.2.1", 80),
    ("198.51.100.1", 443),
    ("172.17.0.1", 2375),
    ("169.254.169.254", 80),
    ("169.254.170.2", 80),
    ("fd00:ec2::254", 80),
)
RESOLVERS = ("127.0.0.1", "127.0.0.11", "127.0.0.53", "169.254.169.253")
#: A name that does exist, so that a resolver, were there one, would answer.
NAME = "example.com"
QUERY = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"

#: Files that show the host's processes.
TELLTALES = ("/proc/timer_list", "/proc/sched_debug")
#: Files that must give nothing, must not open for writing, must not be there.
SECRET = ("/proc/kcore", "/proc/kmsg", "/proc/keys", "/dev/mem", "/dev/kmsg", "/proc/vmcore")
LEVERS = (
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/overcommit_memory",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/cgroup.procs",
    "/sys/fs/cgroup/devices/devices.allow",
)
FOREIGN = ("/host", "/rootfs", "/run/secrets", "/run/docker", "/run/containerd", "/root/.ssh", "/root/.aws")
SIZED = ("/dev/shm", "/tmp", "/var/task", "/opt")  # noqa: S108  (the sandbox's own mounts)

CLONE_NEWUSER = 0x10000000
#: Numbers of bpf and keyctl, by machine.
SYSCALLS = {"x86_64": (321, 250), "aarch64": (280, 219)}

_libc = ctypes.CDLL(None, use_errno=True)


def handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    """Give all that was seen, by section; a section that could not be collected holds an `error` instead."""
    sections = {"engine": engine, "processes": processes, "network": network, "privilege": privilege}
    return {name: _collected(collect) for name, collect in {**sections, "files": files, "mounts": mounts}.items()}


def engine() -> dict[str, Any]:
    """Try to reach a container engine: by path, by abstract name, by port."""
    return {
        "paths": {path: _knock(path) for path in ENGINE_SOCKETS},
        "unix": _names(_lines("/proc/net/unix")[1:]),
        "ports": {str(port): _connect("127.0.0.1", port)["ended"] for port in ENGINE_PORTS},
    }


def processes() -> dict[str, Any]:
    """List every process that shows, and every process id that answers although it does not show."""
    own = {int(task) for task in os.listdir("/proc/self/task")}
    visible = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {
        "own": os.getpid(),
        "visible": [_process(pid) for pid in sorted(visible)],
        "answering": [pid for pid in range(1, HIGHEST_PID) if pid not in own and _answers(pid)],
        "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "ipc", "uts", "cgroup")},
        "telltales": {path: _read(path) for path in TELLTALES},
    }


def network() -> dict[str, Any]:
    """List interfaces, routes and listeners, and try to get out."""
    return {
        "interfaces": [name for _, name in socket.if_nameindex()],
        "routes_v4": _lines("/proc/net/route")[1:],
        "routes_v6": _lines_if_there("/proc/net/ipv6_route"),
        "tcp": [*_lines("/proc/net/tcp")[1:], *_lines_if_there("/proc/net/tcp6")[1:]],
        "udp": [*_lines("/proc/net/udp")[1:], *_lines_if_there("/proc/net/udp6")[1:]],
        "connections": {f"{host} port {port}": _connect(host, port) for host, port in FAR_ADDRESSES},
        "resolver_file": _lines_if_there("/etc/resolv.conf"),
        "resolvers": {address: _ask(address) for address in RESOLVERS},
        "name": _resolve(),
    }


def privilege() -> dict[str, Any]:
    """Give the identity the kernel sees, and try to become more."""
    status = dict(line.split(":\t", 1) for line in _lines("/proc/self/status") if ":\t" in line)
    fields = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    bpf, keyctl = SYSCALLS[platform.machine()]
    attempts: dict[str, Callable[[], object]] = {
        "setuid": lambda: os.setuid(0),
        "setgid": lambda: os.setgid(0),
        "setgroups": lambda: os.setgroups([0]),
        "mount": _mount,
        "user namespace": lambda: _checked(_libc.unshare(CLONE_NEWUSER)),
        "mknod": _mknod,
    }
    # A size no kernel takes, and a lookup that makes nothing: what tells is whether the kernel was reached at all.
    syscalls: dict[str, Callable[[], object]] = {
        "bpf": lambda: _checked(_syscall(bpf, 0, 0, 1 << 20)),
        "keyctl": lambda: _checked(_syscall(keyctl, 0, -3, 0)),
    }
    return {
        "status": {name: status[name].strip() for name in fields},
        "attempts": {name: _in_child(attempt) for name, attempt in attempts.items()},
        "syscalls": {name: _in_child(attempt) for name, attempt in syscalls.items()},
    }


def files() -> dict[str, Any]:
    """Walk the whole tree, without following links: what can be written, what raises privilege, sockets, devices."""
    found: dict[str, list[Any]] = {"writable": [], "raising": [], "sockets": [], "devices": []}
    for path, status in _everything():
        kind = status.st_mode
        if stat.S_ISSOCK(kind):
            found["sockets"].append({"path": path, "ended": _knock(path)})
        elif stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
            found["devices"].append(_device(path, status))
        elif stat.S_ISREG(kind) and _raises(path, kind):
            found["raising"].append(path)
        if (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) and os.access(path, os.W_OK):
            found["writable"].append({"path": path, "owner": status.st_uid})
    return {what: listed[:MOST_LISTED] for what, listed in found.items()}


def mounts() -> dict[str, Any]:
    """Give the mount table as the kernel tells it, and try the files that matter most."""
    return {
        "uid": os.getuid(),
        "mountinfo": _lines("/proc/self/mountinfo"),
        "secret": {path: _read(path) for path in SECRET},
        "levers": {path: _open_to_write(path) for path in LEVERS},
        "foreign": [path for path in FOREIGN if os.path.lexists(path)],
        "size_bytes": {path: _size_bytes(path) for path in SIZED if os.path.isdir(path)},
        "mqueue_bytes": resource.getrlimit(resource.RLIMIT_MSGQUEUE)[0],
    }


def _collected(collect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One section that fails must not cost the others."""
    try:
        return collect()
    except Exception as error:  # noqa: BLE001  (whatever it was, the operator is told)
        return {"error": f"{type(error).__name__}: {error}"}


def _lines(path: str) -> list[str]:
    with open(path, errors="replace") as file:
        return file.read().splitlines()


def _lines_if_there(path: str) -> list[str]:
    try:
        return _lines(path)
    except FileNotFoundError:  # no IPv6, or no resolver configured
        return []


def _names(sockets: Iterable[str]) -> list[str]:
    """Give the names in /proc/net/unix, abstract ones with their `@`."""
    columns = (line.split(None, 7) for line in sockets)
    return [column[7] for column in columns if len(column) > 7]


def _name(error: OSError) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout"
    return errno.errorcode.get(error.errno or 0, str(error))


def _knock(path: str) -> str:
    """Connect to a unix socket and give how that ended; `absent` when nothing is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE_S)
        try:
            link.connect(path)
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        except OSError as error:
            return _name(error)
        return "connected"


def _connect(host: str, port: int) -> dict[str, Any]:
    """Connect to a numeric address and give how that ended and after how many milliseconds."""
    began = time.monotonic()
    ended = "connected"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as link:
            link.settimeout(PATIENCE_S)
            link.connect((host, port))
    except OSError as error:
        ended = _name(error)
    return {"ended": ended, "ms": round((time.monotonic() - began) * 1000)}


def _ask(address: str) -> str:
    """Send one DNS query and give how that ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE_S)
        try:
            link.connect((address, 53))
            link.send(QUERY)
            link.recv(512)
        except OSError as error:
            return _name(error)
        return "answered"


def _resolve() -> str:
    """Look a name up as any program would; the C library itself cannot be told to give up."""
    ended = ["timeout"]

    def look_up() -> None:
        try:
            ended[0] = f"resolved to {socket.getaddrinfo(NAME, 80)[0][4][0]}"
        except OSError as error:
            ended[0] = str(error.strerror)

    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(3 * PATIENCE_S)
    return ended[0]


def _process(pid: int) -> dict[str, Any]:
    command = _read(f"/proc/{pid}/cmdline", 200)
    return {"pid": pid, "command": command.replace("\0", " ").strip(), "memory": _open(f"/proc/{pid}/mem")}


def _answers(pid: int) -> bool:
    """Tell whether a process of this id exists; signal 0 is never delivered."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(path: str, most_bytes: int = 64) -> str:
    """Give the beginning of a file; an empty text when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(descriptor, most_bytes).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _open_to_write(path: str) -> str:
    """Open without writing or truncating, and give how that ended."""
    return _open(path, os.O_WRONLY)


def _open(path: str, flags: int = os.O_RDONLY) -> str:
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK))
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        return _name(error)
    return "done"


def _in_child(attempt: Callable[[], object]) -> str:
    """Try something in a process of its own, which it may change or lose; give how that ended."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        _tell(write, attempt)
    os.close(write)
    with os.fdopen(read) as told:
        ended = told.read()
    os.waitpid(child, 0)
    return ended or "killed"


def _tell(to: int, attempt: Callable[[], object]) -> None:
    """Make the attempt and end this process, whatever happens."""
    try:
        attempt()
        os.write(to, b"done")
    except OSError as error:
        os.write(to, _name(error).encode())
    finally:
        os._exit(0)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _syscall(number: int, *arguments: int) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    return result


def _mount() -> None:
    _checked(_libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
    _libc.umount(b"/tmp")


def _mknod() -> None:
    path = f"/tmp/device-{os.getpid()}"  # noqa: S108
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.unlink(path)


def _everything() -> Iterator[tuple[str, os.stat_result]]:
    """Walk all files and directories, but for those of processes."""
    for folder, folders, names in os.walk("/"):
        if folder == "/proc":
            folders[:] = [name for name in folders if not name.isdigit()]
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            try:
                yield path, os.lstat(path)
            except OSError:  # it has gone, or hides
                continue


def _raises(path: str, mode: int) -> bool:
    """Tell whether running a file would give its runner another's rights."""
    if mode & (stat.S_ISUID | stat.S_ISGID):
        return True
    if not mode & 0o111:
        return False
    try:
        return bool(os.getxattr(path, "security.capability", follow_symlinks=False))
    except OSError:
        return False


def _device(path: str, status: os.stat_result) -> dict[str, Any]:
    kind = "block" if stat.S_ISBLK(status.st_mode) else "character"
    return {"path": path, "kind": kind, "major": os.major(status.st_rdev), "minor": os.minor(status.st_rdev)}


def _size_bytes(path: str) -> int:
    space = os.statvfs(path)
    return space.f_blocks * space.f_frsize
