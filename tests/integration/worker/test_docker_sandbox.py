"""Sandboxes in real containers, under AWS's own runtime client."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shared_lua.contract import MIB, PeakScope
from tests.builders import invocation, version, zip_of
from tests.integration.worker.conftest import TidySandboxes
from worker_agent.docker_sandbox import DockerSandbox, Limits
from worker_agent.engine import Engine
from worker_agent.errors import SandboxGoneError
from worker_agent.ownership import AGENT_LABEL, Owner, agent_epoch, is_alive
from worker_agent.runtime_api import How
from worker_agent.sandbox import Ran, StartFailed

pytestmark = pytest.mark.docker

HELLO = "def handler(event, context):\n    print('hello')\n    return event\n"


def start(sandboxes: TidySandboxes, source: str = HELLO, **changed: Any) -> DockerSandbox:
    code = zip_of(main=textwrap.dedent(source))
    return sandboxes.start(version(code, **{"memory_mb": 1769, **changed}), code)


def run(sandbox: DockerSandbox, event: str = "{}") -> Ran:
    return sandbox.invoke(invocation(version=sandbox.version), event.encode())


def answer(sandboxes: TidySandboxes, source: str, **changed: Any) -> Any:
    """What a function that was started for this one event answers."""
    ran = run(start(sandboxes, source, **changed))
    assert ran.end.how is How.ANSWERED, ran
    return json.loads(ran.end.payload)


def test_a_function_answers_and_its_log_is_its_own(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes)

    first, second = run(sandbox, '{"n": 1}'), run(sandbox, '{"n": 2}')

    assert (json.loads(first.end.payload), json.loads(second.end.payload)) == ({"n": 1}, {"n": 2})
    assert (first.log, second.log) == ("hello\n", "hello\n")


def test_a_warm_call_makes_no_engine_call_and_starts_no_process(
    sandboxes: TidySandboxes, docker_engine: Engine
) -> None:
    source = "import os\ncalls = 0\ndef handler(e, c):\n global calls\n calls += 1\n return [os.getpid(), calls]"
    sandbox = start(sandboxes, source)
    first = json.loads(run(sandbox).end.payload)
    before = docker_engine.calls

    answers = [json.loads(run(sandbox).end.payload) for _ in range(20)]

    assert docker_engine.calls == before
    assert answers == [[first[0], n] for n in range(2, 22)]


def test_the_context_and_the_environment_are_lambdas(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def handler(event, context):
            return {
                "remaining": context.get_remaining_time_in_millis(),
                "request": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "name": context.function_name,
                "memory": context.memory_limit_in_mb,
                "version": context.function_version,
                "env": {k: os.environ.get(k) for k in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "_HANDLER", "MINE")},
                "cwd": os.getcwd(),
            }
        """
    told = answer(sandboxes, source, environment={"MINE": "yes"})

    assert 2000 < told.pop("remaining") <= 3000
    assert told == {
        "request": "i-1",
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "name": "f",
        "memory": "1769",
        "version": "$LATEST",
        "env": {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "us-east-1", "_HANDLER": "main.handler", "MINE": "yes"},
        "cwd": "/var/task",
    }


def test_user_code_is_nobody_with_no_capability_and_no_way_to_one(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def handler(event, context):
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            setuid = [os.path.join(d, f) for d, _, fs in os.walk("/usr") for f in fs
                      if os.lstat(os.path.join(d, f)).st_mode & 0o6000]
            return {"ids": [os.getuid(), os.getgid()], "setuid": setuid,
                    **{k: status[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}}
        """
    none = "0000000000000000"

    assert answer(sandboxes, source, timeout_s=20) == {
        "ids": [65534, 65534],
        "setuid": [],
        **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapAmb"), none),
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_user_code_has_no_network_but_its_own_loopback(sandboxes: TidySandboxes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as on_the_host:
        source = f"""
            import os, socket
            def refused(address):
                try:
                    socket.create_connection(address, timeout=1).close()
                    return False
                except OSError:
                    return True
            def handler(event, context):
                return {{
                    "interfaces": sorted(os.listdir("/sys/class/net")),
                    "routes": open("/proc/net/route").read().splitlines()[1:],
                    "refused": [refused(a) for a in
                                [("169.254.169.254", 80), ("127.0.0.1", {on_the_host.getsockname()[1]})]],
                    "engine": [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)],
                }}
            """
        told = answer(sandboxes, source)

    assert told == {"interfaces": ["lo"], "routes": [], "refused": [True, True], "engine": []}


def test_only_the_declared_paths_can_be_written_and_none_is_the_hosts(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def writable(path):
            try:
                name = os.path.join(path, "probe")
                open(name, "w").close()
                os.unlink(name)
                return True
            except OSError:
                return False
        def handler(event, context):
            mounts = [line.split() for line in open("/proc/self/mountinfo")]
            return {
                "writable": [p for p in ("/", "/etc", "/opt/hearth", "/var", "/tmp", "/var/task", "/root", "/home",
                                         "/run", "/sys/fs/cgroup/memory") if writable(p)],
                "ours": [m[3] for m in mounts if "/work" in m[3] or "docker.sock" in m[3] or m[4].startswith("/mnt")],
                "disks": [m[4] for m in mounts if m[m.index("-") + 1] == "ext4"],
            }
        """

    told = answer(sandboxes, source)

    assert told["writable"] == ["/tmp", "/var/task"]
    assert told["ours"] == []
    assert set(told["disks"]) <= {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}  # the engine's own files


def test_user_code_finds_the_agents_other_sockets_closed(sandboxes: TidySandboxes) -> None:
    source = """
        import socket
        def handler(event, context):
            refused = []
            for name in ("\\0hearth-control", "\\0hearth-log"):
                link = socket.socket(socket.AF_UNIX)
                try:
                    link.connect(name)
                except ConnectionRefusedError:
                    refused.append(name)
                link.close()
            return len(refused)
        """

    assert answer(sandboxes, source) == 2


def test_a_user_error_comes_back_in_lambdas_shape_and_the_sandbox_stays(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "def handler(e, c):\n    return 1 / e['by']")

    ran = run(sandbox, '{"by": 0}')

    assert ran.end.how is How.FAILED
    error = json.loads(ran.end.payload)
    assert {**error, "stackTrace": len(error["stackTrace"])} == {
        "errorMessage": "division by zero",
        "errorType": "ZeroDivisionError",
        "requestId": "i-1",
        "stackTrace": 1,
    }
    assert sandbox.alive()
    assert run(sandbox, '{"by": 1}').end.payload == b"1.0"


def test_a_timeout_kills_that_sandbox_and_only_that(sandboxes: TidySandboxes) -> None:
    slow = start(sandboxes, "import time\ndef handler(e, c):\n print('on it')\n time.sleep(60)", timeout_s=1)
    other = start(sandboxes)

    ran = run(slow)
    slow.destroy("it timed out")

    assert (ran.end.how, ran.log, slow.alive()) == (How.TIMED_OUT, "on it\n", False)
    assert 1_000_000 <= ran.run_us < 10_000_000
    assert run(other).end.how is How.ANSWERED


def test_a_child_that_outlives_its_call_dies_with_the_sandbox(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    mark = f"7{os.getpid()}"
    source = f"import subprocess\ndef handler(e, c):\n subprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    sandbox = start(sandboxes, source)
    run(sandbox)
    assert _processes(mark)

    sandbox.destroy("test")

    assert not _processes(mark)


def _processes(argument: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", f"sleep {argument}"], capture_output=True, text=True, check=False)
    return found.stdout.split()


ENDS = {
    "exit": ("import sys\ndef handler(e, c):\n print('x')\n sys.exit(3)", "exit status 3", False),
    "large exit": ("import sys\ndef handler(e, c):\n print('x')\n sys.exit(200)", "exit status 200", False),
    "segfault": ("import ctypes\ndef handler(e, c):\n print('x')\n ctypes.string_at(0)", "signal: SIGSEGV", False),
    "memory": ("def handler(e, c):\n print('x')\n return len(bytearray(400 << 20))", "signal: SIGKILL", True),
}


@pytest.mark.parametrize(("source", "reason", "oom"), ENDS.values(), ids=ENDS)
def test_a_death_is_told_apart_and_its_log_is_kept(
    sandboxes: TidySandboxes, source: str, reason: str, oom: bool
) -> None:
    sandbox = start(sandboxes, source, memory_mb=128, timeout_s=30)

    ran = run(sandbox)

    assert (ran.end.how, ran.oom_killed, ran.log, sandbox.alive()) == (How.DIED, oom, "x\n", False)
    assert ran.exit_reason == f"Runtime exited with error: {reason}"
    if oom and ran.complete:
        assert ran.peak_memory_bytes == 128 * MIB


STARTS = {
    "import": ("import nope", "Runtime.ImportModuleError"),
    "handler": ("other = 1", "Runtime.HandlerNotFound"),
    "syntax": ("def", "Runtime.UserCodeSyntaxError"),
    "raises": ("raise KeyError('at import')", "KeyError"),
}


@pytest.mark.parametrize(("source", "kind"), STARTS.values(), ids=STARTS)
def test_a_start_error_is_the_functions_own_and_leaves_no_container(
    sandboxes: TidySandboxes, docker_engine: Engine, source: str, kind: str
) -> None:
    with pytest.raises(StartFailed) as failed:
        start(sandboxes, source)

    assert failed.value.ran.end.how is How.INIT_FAILED
    assert json.loads(failed.value.ran.end.payload)["errorType"] == kind
    assert failed.value.ran.run_us == 0
    assert failed.value.started.start_us > 0
    docker_engine.finish_removals()
    assert docker_engine.labelled(f"{AGENT_LABEL}={Owner('tests').agent}") == []


def test_a_zip_that_does_not_unpack_is_a_start_error_and_the_host_never_unpacks_it(sandboxes: TidySandboxes) -> None:
    with pytest.raises(StartFailed) as failed:
        sandboxes.start(version(b"PK\x05\x06rubbish"), b"PK\x05\x06rubbish")

    assert json.loads(failed.value.ran.end.payload)["errorType"] == "Runtime.InvalidZipFile"


def test_a_sandbox_that_died_while_idle_says_so_before_it_takes_the_event(sandboxes: TidySandboxes) -> None:
    source = """
        import os, threading, time
        def handler(event, context):
            threading.Timer(0.05, lambda: os._exit(1)).start()
        """
    sandbox = start(sandboxes, source)
    run(sandbox)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{_first_process(sandbox)}") and time.monotonic() < deadline:
        time.sleep(0.01)

    with pytest.raises(SandboxGoneError):
        run(sandbox)
    assert not sandbox.alive()


def _first_process(sandbox: DockerSandbox) -> str:
    fdinfo = Path(f"/proc/self/fdinfo/{sandbox._hold._pidfd}").read_text()
    return next(line.split()[1] for line in fdinfo.splitlines() if line.startswith("Pid:"))


def test_the_bill_is_the_kernels_count_of_a_known_burn(sandboxes: TidySandboxes) -> None:
    source = """
        import time
        def handler(event, context):
            began = time.process_time()
            while time.process_time() - began < 0.3:
                pass
        """
    ran = run(start(sandboxes, source, timeout_s=20))

    assert 300_000 <= ran.cpu_us < 330_000
    assert ran.complete


def test_the_peak_is_of_this_invocation_where_the_kernel_can_reset_it(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "def handler(e, c):\n return len(bytearray(e['mib'] << 20))", timeout_s=20)

    large, small = run(sandbox, '{"mib": 100}'), run(sandbox, '{"mib": 1}')

    assert 100 * MIB <= large.peak_memory_bytes < 140 * MIB
    if small.peak_scope is PeakScope.INVOCATION:
        assert small.peak_memory_bytes < 40 * MIB
    else:
        assert small.peak_memory_bytes >= large.peak_memory_bytes


def test_memory_that_is_promised_is_not_eaten_by_the_code(sandboxes: TidySandboxes) -> None:
    data = "x" * (60 * MIB)
    code = zip_of(main="def handler(e, c):\n return len(bytearray(70 << 20))", data=data)
    sandbox = sandboxes.start(version(code, memory_mb=128, unpacked_bytes=60 * MIB + 16384, timeout_s=30), code)

    ran = run(sandbox)

    assert ran.end.payload == str(70 * MIB).encode(), ran
    assert ran.peak_memory_bytes < 128 * MIB


def test_cpu_is_in_proportion_to_memory(sandboxes: TidySandboxes) -> None:
    source = """
        import time
        def handler(event, context):
            began = time.monotonic()
            while time.monotonic() - began < 1:
                pass
        """
    ran = run(start(sandboxes, source, memory_mb=442, timeout_s=20))  # a quarter of 1,769: a quarter of a core

    assert ran.cpu_us < 0.45 * ran.run_us


def test_the_agent_of_a_label_is_alive_only_while_that_very_process_runs() -> None:
    mine = agent_epoch(os.getpid())

    assert is_alive(mine)
    assert not is_alive(f"{os.getpid()}-1")
    assert not is_alive("rubbish")


def test_a_sweep_removes_what_dead_agents_left_and_no_others(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    mine = start(sandboxes)
    # An agent that dies without a word, leaving a container behind.
    script = """
        import os, sys
        from worker_agent import engine, wiring
        from tests.builders import version, zip_of
        code = zip_of(main="def handler(e, c): pass")
        left = wiring.build_sandboxes(engine.Engine(engine.connect()), "tests").make_stem("python3.11").become(
            version(code), code
        )
        left.rest()
        print(left.container, flush=True)
        os._exit(0)
        """
    died = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True, timeout=60
    )
    left = died.stdout.strip()
    assert left in dict(docker_engine.labelled(AGENT_LABEL))

    sandboxes.sweep()

    remaining = dict(docker_engine.labelled(AGENT_LABEL))
    assert left not in remaining
    assert mine.container in remaining


def test_a_stem_becomes_a_function_without_asking_the_engine(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    stem = sandboxes.make_stem("python3.11")
    calls = docker_engine.calls
    code = zip_of(main=HELLO)

    sandbox = stem.become(version(code), code)
    sandboxes.made.append(sandbox)

    assert run(sandbox).end.how is How.ANSWERED
    assert docker_engine.calls == calls


def test_a_start_is_billed_what_it_took_itself_and_not_what_its_stem_had_taken(sandboxes: TidySandboxes) -> None:
    stem = sandboxes.make_stem("python3.11")
    before = stem._hold.cgroup.read().cpu_us
    source = "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 0.2: pass\n" + HELLO
    code = zip_of(main=source)

    sandbox = stem.become(version(code), code)
    sandboxes.made.append(sandbox)

    assert before > 0
    assert 200_000 <= sandbox.started.cpu_us <= sandbox._hold.cgroup.read().cpu_us - before


def test_while_it_rests_nothing_in_it_runs(sandboxes: TidySandboxes) -> None:
    source = """
        import threading, time
        ticks = 0
        def tick():
            global ticks
            while True:
                ticks += 1
                time.sleep(0.001)
        threading.Thread(target=tick, daemon=True).start()
        def handler(event, context):
            return ticks
        """
    sandbox = start(sandboxes, source)
    run(sandbox)

    sandbox.rest()
    before = sandbox._hold.cgroup.read().cpu_us
    time.sleep(0.5)  # time in which it would tick some hundred times
    after = sandbox._hold.cgroup.read().cpu_us

    assert after == before
    assert run(sandbox).end.how is How.ANSWERED


def test_a_frozen_sandbox_answers_again_with_its_state(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "calls = 0\ndef handler(e, c):\n global calls\n calls += 1\n return calls")

    answers = []
    for _ in range(5):
        ran = run(sandbox)
        answers.append(json.loads(ran.end.payload))
        assert sandbox.rest() > 0

    assert answers == [1, 2, 3, 4, 5]
    assert ran.thaw_us > 0


def test_a_frozen_sandbox_dies_when_it_is_destroyed(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    sandbox = start(sandboxes)
    first = _first_process(sandbox)
    sandbox.rest()

    sandbox.destroy("test")
    docker_engine.finish_removals()

    assert not os.path.exists(f"/proc/{first}")
    assert sandbox.container not in dict(docker_engine.labelled(AGENT_LABEL))


def test_a_stem_that_is_killed_from_outside_is_not_alive(sandboxes: TidySandboxes) -> None:
    stem = sandboxes.make_stem("python3.11")
    assert stem.alive()

    stem._hold._kill()

    deadline = time.monotonic() + 10
    while stem.alive():
        assert time.monotonic() < deadline


def test_a_fork_bomb_ends_at_the_limit_and_harms_nobody(sandboxes: TidySandboxes) -> None:
    source = """
        import os, time
        def handler(event, context):
            children = 0
            try:
                while True:
                    if os.fork() == 0:
                        time.sleep(60)
                    children += 1
            except BlockingIOError:
                return children
        """
    sandbox, other = start(sandboxes, source, timeout_s=30), start(sandboxes)

    ran = run(sandbox)

    assert ran.end.how is How.ANSWERED
    assert 0 < json.loads(ran.end.payload) < 128
    assert run(other).end.how is How.ANSWERED


def test_open_files_and_tmp_end_at_their_limits(sandboxes: TidySandboxes) -> None:
    source = """
        import errno, os
        def files():
            held = []
            try:
                while True:
                    held.append(open("/dev/null"))
            except OSError as error:
                return errno.errorcode[error.errno], len(held)
        def tmp():
            written = 0
            try:
                with open("/tmp/large", "wb") as file:
                    while True:
                        written += file.write(b"x" * 2**20)
            except OSError as error:
                os.unlink("/tmp/large")
                return errno.errorcode[error.errno], written >> 20
        def handler(event, context):
            return [files(), tmp()]
        """
    (files, held), (tmp, written_mb) = answer(sandboxes, source, memory_mb=1024, timeout_s=60)

    assert (files, tmp) == ("EMFILE", "ENOSPC")
    assert 900 < held < 1024
    assert 510 <= written_mb <= 512


def test_tmp_is_memory_and_more_of_it_than_was_asked_for_ends_the_function(sandboxes: TidySandboxes) -> None:
    source = "def handler(e, c):\n f = open('/tmp/x', 'wb')\n while True: f.write(b'x' * 2**20)"

    ran = run(start(sandboxes, source, memory_mb=128, timeout_s=30))

    assert (ran.end.how, ran.oom_killed) == (How.DIED, True)


HOSTILE = {
    "closes its descriptors": "import os\ndef handler(e, c):\n os.closerange(3, 100)\n return 1",
    "writes to its descriptors": """
import os
def handler(e, c):
    for fd in range(21):
        try:
            os.write(fd, b'GET / HTTP/1.1\\r\\n\\r\\n' * 100)
        except OSError:
            pass
    return 1
""",
    "replaces its output": "import sys, io\ndef handler(e, c):\n sys.stdout = io.StringIO()\n print('x')\n return 1",
    "floods its log": "def handler(e, c):\n for _ in range(200000): print('y' * 100)\n return 1",
    "ignores signals": "import signal\ndef handler(e, c):\n signal.signal(15, signal.SIG_IGN)\n while True: pass",
    "floods the runtime api": """
import socket
def handler(e, c):
    for _ in range(300):
        try:
            s = socket.create_connection(('127.0.0.1', 9001), timeout=1)
            s.sendall(b'GET /x HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n' * 1000)
            s.close()
        except OSError:
            pass
    return 1
""",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_hostile_code_harms_only_itself(sandboxes: TidySandboxes, source: str) -> None:
    hostile, other = start(sandboxes, source, timeout_s=3), start(sandboxes)

    ran = run(hostile)
    hostile.destroy("seen enough")

    assert ran.end.how in (How.ANSWERED, How.DIED, How.TIMED_OUT, How.FAILED)
    assert ran.run_us < 20_000_000
    assert len(ran.log) < 3 * MIB
    assert run(other).end.how is How.ANSWERED


def test_a_function_killed_from_outside_ends_as_that_and_not_for_want_of_memory(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "import time\ndef handler(e, c):\n print('x')\n time.sleep(60)", timeout_s=30)
    killer = threading.Timer(0.3, lambda: os.kill(int(_first_process(sandbox)), signal.SIGKILL))
    killer.start()

    ran = run(sandbox)
    killer.join()

    assert (ran.end.how, ran.oom_killed, ran.log) == (How.DIED, False, "x\n")
    assert ran.exit_reason == "Runtime exited with error: signal: SIGKILL"


def test_a_zip_that_unpacks_to_more_than_its_mount_is_a_start_error_that_says_so(sandboxes: TidySandboxes) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.py", HELLO)
        archive.writestr("zeros", bytes(300 * MIB))

    with pytest.raises(StartFailed) as failed:
        sandboxes.start(version(data.getvalue(), memory_mb=2048), data.getvalue())

    error = json.loads(failed.value.ran.end.payload)
    assert error["errorType"] == "Runtime.InvalidZipFile"
    assert "No space left" in error["errorMessage"]


def test_a_start_that_takes_too_long_ends_with_its_log(
    docker_engine: Engine, sandboxes: TidySandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "_limits", Limits(start_timeout_s=1.0))

    with pytest.raises(StartFailed) as failed:
        start(sandboxes, "import time\nprint('begun')\ntime.sleep(60)\ndef handler(e, c): pass")

    assert (failed.value.ran.end.how, failed.value.ran.log) == (How.TIMED_OUT, "begun\n")


def test_who_answers_early_and_goes_on_computing_gets_no_time_of_the_next_invocation(
    sandboxes: TidySandboxes,
) -> None:
    source = """
        import http.client
        def handler(event, context):
            link = http.client.HTTPConnection("127.0.0.1", 9001)
            link.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", b'"early"')
            link.getresponse().read()
            while True:
                pass
        """
    sandbox = start(sandboxes, source, timeout_s=60)
    assert run(sandbox).end.payload == b'"early"'
    sandbox.rest()
    began = time.monotonic()

    with pytest.raises(SandboxGoneError, match="not ready"):
        run(sandbox)

    assert time.monotonic() - began < 30  # of the 60 s that the next Invocation may take
    assert not sandbox.alive()
