"""The scan on real containers: green on the sandbox as it is, and red in the right place on each weakened one."""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from security_tests import judgement, report
from security_tests.finding import Status
from security_tests.security_breakout import attacker_zip
from tests.builders import invocation, version
from tests.integration.security.weakened import attack, neighbour
from worker_agent import wiring
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker

ENGINE, PROCESSES, NETWORK, PRIVILEGE, MOUNTS = judgement.CHECKS


def statuses(observed: dict[str, Any]) -> dict[str, Status]:
    return {result.check: result.status for result in judgement.judge(observed)}


def assert_red(observed: dict[str, Any], *checks: str) -> None:
    """Exactly these checks are red, and all others green."""
    wanted = {check: Status.BREACH if check in checks else Status.OK for check in judgement.CHECKS}
    assert statuses(observed) == wanted, report.table(judgement.judge(observed))


def test_the_sandbox_as_it_is_shows_no_way_out() -> None:
    """The real road: a Stem of the agent's, AWS's runtime client, the attacker as a tenant's zip."""
    client = engine.connect()
    sandboxes = wiring.build_sandboxes(engine.Engine(client), "tests")
    code = attacker_zip()
    asked = version(code, memory_mb=1769, timeout_s=60, unpacked_bytes=64 << 10)
    try:
        sandbox = sandboxes.make_stem("python3.11").become(asked, code)
        try:
            ran = sandbox.invoke(invocation(version=asked), b"{}")
        finally:
            sandbox.destroy("the test is over")
    finally:
        sandboxes.close()
        client.close()

    assert ran.end.how is How.ANSWERED, ran
    assert_red(json.loads(ran.end.payload))


def as_root(asked: dict[str, Any]) -> None:
    asked["user"] = "0:0"


def with_a_capability(asked: dict[str, Any]) -> None:
    asked["host_config"]["CapAdd"] = ["NET_RAW"]


def without_seccomp(asked: dict[str, Any]) -> None:
    asked["host_config"]["SecurityOpt"].append("seccomp=unconfined")


def with_new_privileges(asked: dict[str, Any]) -> None:
    asked["host_config"]["SecurityOpt"].remove("no-new-privileges")


def with_a_writable_root(asked: dict[str, Any]) -> None:
    asked["host_config"]["ReadonlyRootfs"] = False


def with_a_device(asked: dict[str, Any]) -> None:
    kernel_log = {"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/null2", "CgroupPermissions": "r"}
    asked["host_config"]["Devices"] = [kernel_log]


def with_much_shared_memory(asked: dict[str, Any]) -> None:
    asked["host_config"]["ShmSize"] = 64 << 20


WEAKENED = {
    "root": (as_root, PRIVILEGE),
    "one capability": (with_a_capability, PRIVILEGE),
    "no seccomp": (without_seccomp, PRIVILEGE),
    "new privileges": (with_new_privileges, PRIVILEGE),
    "writable root": (with_a_writable_root, MOUNTS),
    "a device": (with_a_device, MOUNTS),
    "large shared memory": (with_much_shared_memory, MOUNTS),
}


@pytest.mark.parametrize(("change", "check"), WEAKENED.values(), ids=WEAKENED)
def test_a_sandbox_weakened_in_one_thing_turns_the_matching_check_red_and_no_other(change: Any, check: str) -> None:
    assert_red(attack(change), check)


def unchanged(asked: dict[str, Any]) -> None:
    pass


def test_a_mounted_directory_of_the_host_is_a_mount_of_the_hosts(tmp_path: Path) -> None:
    assert_red(attack(lambda asked: asked["host_config"].update(Binds=[f"{tmp_path}:/srv:ro"])), MOUNTS)


def test_a_directory_of_the_hosts_in_the_place_of_one_that_is_declared_is_a_mount_of_the_hosts(tmp_path: Path) -> None:
    def in_place_of_the_layers(asked: dict[str, Any]) -> None:
        del asked["host_config"]["Tmpfs"]["/opt"]
        asked["host_config"]["Binds"] = [f"{tmp_path}:/opt"]

    assert_red(attack(in_place_of_the_layers), MOUNTS)


def test_a_mounted_engine_socket_is_a_way_to_the_engine_and_a_mount_of_the_hosts() -> None:
    # A name of its own: a path of pytest's would be too long for a unix socket.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "docker.sock"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o777)
        observed = attack(lambda asked: asked["host_config"].update(Binds=[f"{path}:/var/run/docker.sock"]))

    assert observed["engine"]["paths"]["/var/run/docker.sock"] == "connected"
    assert_red(observed, ENGINE, MOUNTS)


def test_a_shared_process_namespace_shows_anothers_processes() -> None:
    with neighbour() as other:
        observed = attack(lambda asked: asked["host_config"].update(PidMode=f"container:{other}"))

    assert_red(observed, PROCESSES)


@contextmanager
def inside(pid: int, script: str) -> Iterator[None]:
    """Run a script in the network namespace of a process; it says `ready`, and ends with the `with`."""
    command = [
        "nsenter",
        "--target",
        str(pid),
        "--net",
        sys.executable,
        "-c",
        f"{script}\nprint('ready', flush=True)\ninput()",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.communicate("\n", timeout=10)


def test_an_abstract_socket_of_an_engine_in_the_namespace_is_a_way_to_the_engine() -> None:
    script = """
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind(b"\\0/containerd-shim/moby/x/shim.sock")
listener.listen()
"""
    assert_red(attack(unchanged, lambda pid: inside(pid, script)), ENGINE)


def test_a_listener_on_loopback_is_told_by_the_network_check() -> None:
    script = "import socket\nlistener = socket.create_server(('127.0.0.1', 6379))"

    assert_red(attack(unchanged, lambda pid: inside(pid, script)), NETWORK)


def test_an_interface_with_a_route_is_a_network() -> None:
    """A bridge without a port: it needs no tool to make, leads nowhere, and goes with the namespace."""
    script = """
import fcntl, socket, struct
SIOCBRADDBR, SIOCSIFADDR, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x89A0, 0x8916, 0x8913, 0x8914, 1
name = b"out0"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    fcntl.ioctl(asking, SIOCBRADDBR, name + bytes(1))
    address = struct.pack("16sH2s4s8x", name, socket.AF_INET, bytes(2), socket.inet_aton("192.0.2.9"))
    fcntl.ioctl(asking, SIOCSIFADDR, address)
    fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))
"""
    observed = attack(unchanged, lambda pid: inside(pid, script))

    assert "out0" in observed["network"]["interfaces"]
    assert observed["network"]["routes_v4"]
    assert_red(observed, NETWORK)
