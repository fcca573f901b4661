"""Ending a process that somebody else started, and where one runs."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local import process, redis_server
from tests.conftest import ROOT
from tests.waiting import eventually

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


@pytest.fixture
def deaf() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not listen to SIGTERM."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"deaf\n"
        yield child
        child.kill()


def test_a_process_that_heeds_sigterm_ends_and_one_that_has_ended_already_is_fine() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert process.stop(child.pid, 10)
    assert process.stop(child.pid, 10)


def test_a_process_that_ignores_sigterm_is_reported_and_killed_only_on_request(deaf: subprocess.Popen[bytes]) -> None:
    assert not process.stop(deaf.pid, 0.05)
    assert deaf.poll() is None

    assert not process.stop(deaf.pid, 0.05, kills=True)
    assert deaf.wait(10) == -9


def test_a_process_on_one_core_has_its_children_there_too() -> None:
    cores = sorted(os.sched_getaffinity(0))
    program = (
        "import os, subprocess, sys\n"
        "from local.process import stay_on_one_core\n"
        f"stay_on_one_core({len(cores) + 1})\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(*os.sched_getaffinity(0))'])\n"
    )

    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [int(core) for core in said.stdout.split()] == [cores[1 % len(cores)]]


@pytest.mark.redis
def test_a_redis_of_our_own_stays_off_the_gateways_core_as_far_as_there_are_others() -> None:
    cores = sorted(os.sched_getaffinity(0))
    url, command = redis_server.own(process.other_cores(len(cores)))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: redis_server.answers(url))
            assert os.sched_getaffinity(server.pid) == set(cores[1:] or cores)
        finally:
            server.kill()
