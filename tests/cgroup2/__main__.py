"""The command line, `python -m tests.cgroup2 [--timeout-s N] [PYTEST ARGS]`."""

import argparse
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local.errors import StackError, StopRequested
from local.progress import say, step
from local.signals import StopSignal
from tests.cgroup2 import base, machine, payload

WORK = Path("/var/lib/hearth/cgroup2")
TESTS = [
    "tests/unit/worker/test_cgroup.py",
    *(
        f"tests/integration/worker/test_{name}.py"
        for name in ("docker_sandbox", "sandbox_ends", "sandbox_limits", "runtimes", "node")
    ),
]
SHOWN = ["-v", "--tb=short", "--durations=5"]
TIMEOUT_S = 1800


class TookTooLong(StopRequested):
    """The time allowed is over: everything is taken down as at Ctrl-C."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Give the parsed command line; end the process with a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.cgroup2", description="The worker's tests on cgroup v2.")
    parser.add_argument("--timeout-s", type=int, default=TIMEOUT_S, help="for all of it, making the machine included")
    parser.add_argument("tests", nargs=argparse.REMAINDER, metavar="PYTEST ARGUMENTS", help="paths first, then options")
    return parser.parse_args(arguments)


def limit(timeout_s: int, stop: StopSignal) -> None:
    """Raise TookTooLong in the main thread after `timeout_s`, unless a stop is under way already."""

    def on_alarm(number: int, frame: FrameType | None) -> None:
        if not stop.requested:
            stop.requested = True
            raise TookTooLong

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(timeout_s)


@contextmanager
def run_folder() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards, one run at a time; raise StackError while another has it."""
    WORK.mkdir(parents=True, exist_ok=True)
    folder = WORK / "run"
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"Another run has {WORK}: wait for it.") from None
        shutil.rmtree(folder, ignore_errors=True)  # a killed run's
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def run(tests: Sequence[str]) -> int:
    """Make what is missing, boot it, and give pytest's exit code."""
    with run_folder() as folder:
        log = folder / "build.log"
        booted = base.ensure(WORK, folder, log)
        with step("payload", "tracked files and the runtime images"):
            disk = payload.make(folder, tests, log)
        say("  machine    boots without KVM: some minutes ...")
        return machine.run_tests(booted, disk, folder)


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code: pytest's, 1 when there is none, 130 when stopped."""
    asked, stop = parse(arguments), StopSignal()
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Debian keeps mke2fs, and a plain user's sudo may not look
    stop.listen()
    limit(asked.timeout_s, stop)
    try:
        return run(asked.tests or TESTS + SHOWN)
    except TookTooLong:
        say(f"error: not done within {asked.timeout_s} s; the machine is ended")
        return 1
    except StackError as error:
        say(f"error: {error}")
        return 1
    except StopRequested:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
