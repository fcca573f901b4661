"""What functions in real containers may take, and what they are billed for it."""

import json
import time

import pytest

from shared_lua.contract import MIB, PeakScope
from tests.builders import version, zip_of
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.driving import HELLO, answer, run, start
from worker_agent.errors import SandboxGoneError
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker


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


def test_a_start_is_billed_what_it_took_itself_and_not_what_its_stem_had_taken(sandboxes: TidySandboxes) -> None:
    stem = sandboxes.make_stem("python3.11")
    before = stem._hold.cgroup.read().cpu_us
    source = "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 0.2: pass\n" + HELLO
    code = zip_of(main=source)

    sandbox = stem.become(version(code), code)
    sandboxes.made.append(sandbox)

    assert before > 0
    assert 200_000 <= sandbox.started.cpu_us <= sandbox._hold.cgroup.read().cpu_us - before


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
