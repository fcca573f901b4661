"""How functions in real containers end, and what is told of it."""

import io
import json
import os
import signal
import subprocess
import threading
import zipfile

import pytest

from shared_lua.contract import MIB
from tests.builders import version
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.driving import HELLO, first_process, run, start
from tests.waiting import eventually
from worker_agent.errors import SandboxGoneError
from worker_agent.sandboxes.cgroup import V2
from worker_agent.sandboxes.docker import Limits
from worker_agent.sandboxes.engine import Engine
from worker_agent.sandboxes.ownership import AGENT_LABEL, Owner
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import StartFailed

pytestmark = pytest.mark.docker


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


def test_a_child_that_outlives_its_call_dies_with_the_sandbox(sandboxes: TidySandboxes) -> None:
    mark = f"7{os.getpid()}"
    source = f"import subprocess\ndef handler(e, c):\n subprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    sandbox = start(sandboxes, source)
    run(sandbox)
    assert _processes(mark)

    sandbox.destroy("test")

    assert not _processes(mark)


def test_the_kill_is_one_write_on_cgroup_v2_and_one_signal_on_v1_and_takes_what_is_frozen_too(
    sandboxes: TidySandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"8{os.getpid()}"
    source = f"import subprocess\ndef handler(e, c):\n subprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    sandbox, signals = start(sandboxes, source), []
    real = signal.pidfd_send_signal

    def counted(pidfd: int, number: int) -> None:
        signals.append(number)
        real(pidfd, number)

    monkeypatch.setattr(signal, "pidfd_send_signal", counted)
    run(sandbox)
    sandbox.rest()

    sandbox.destroy("test")

    has_kill = isinstance(sandboxes._layout, V2)
    assert signals == ([] if has_kill else [signal.SIGKILL])
    eventually(lambda: not _processes(mark))  # what was frozen dies a moment after it is thawed


def _processes(argument: str) -> list[str]:
    found = subprocess.run(["pgrep", "-fx", f"sleep {argument}"], capture_output=True, text=True, check=False)
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
    sandbox = start(sandboxes)
    assert run(sandbox).end.how is How.ANSWERED
    os.kill(int(first_process(sandbox)), signal.SIGKILL)
    eventually(lambda: not sandbox.alive())

    assert not sandbox.alive()
    with pytest.raises(SandboxGoneError):
        run(sandbox)
    assert not sandbox.alive()


def test_a_function_killed_from_outside_ends_as_that_and_not_for_want_of_memory(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "import time\ndef handler(e, c):\n print('x')\n time.sleep(60)", timeout_s=30)

    def kill_once_it_is_running() -> None:
        eventually(lambda: sandbox.printed().tail == "x\n")
        os.kill(int(first_process(sandbox)), signal.SIGKILL)

    killer = threading.Thread(target=kill_once_it_is_running)
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
    sandboxes: TidySandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "_limits", Limits(start_timeout_s=1.0))

    with pytest.raises(StartFailed) as failed:
        start(sandboxes, "import time\nprint('begun')\ntime.sleep(60)\ndef handler(e, c): pass")

    assert (failed.value.ran.end.how, failed.value.ran.log) == (How.TIMED_OUT, "begun\n")
