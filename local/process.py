"""Starts and ends processes so that none outlives the process that started it."""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.errors import StackError
from local.signals import held

_PR_SET_PDEATHSIG = 1
_C = ctypes.CDLL(None)


def stay_on_one_core(number: int) -> None:
    """Keeps this process, and those it starts, on one of the cores it may use; the number chooses which."""
    os.sched_setaffinity(0, {_core(number)})


def other_cores(number: int) -> set[int]:
    """Returns the cores besides the one that `stay_on_one_core` chooses for this number; that one if it is the only."""
    return os.sched_getaffinity(0) - {_core(number)} or {_core(number)}


def _core(number: int) -> int:
    cores = sorted(os.sched_getaffinity(0))
    return cores[number % len(cores)]


def die_with_parent(sign: signal.Signals = signal.SIGKILL) -> None:
    """Makes the kernel send this process a signal when its parent dies, even by SIGKILL."""
    _C.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)


def bound(sign: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Returns a `preexec_fn` that has the new process signalled when this one dies.

    Python warns that `preexec_fn` may meet a lock held by another thread; the processes that use this have one thread.
    """
    parent = os.getpid()

    def bind() -> None:
        die_with_parent(sign)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return bind


def require_program(name: str) -> None:
    """Raises StackError if a program is not installed."""
    if not shutil.which(name):
        raise StackError(f"{name} is not installed: run `make setup`.")


def spawn(
    command: Sequence[str], environ: Mapping[str, str], log: Path, sign: signal.Signals = signal.SIGKILL
) -> subprocess.Popen[bytes]:
    """Starts a process that dies with this one, in its own session, so that a terminal's Ctrl-C does not reach it."""
    require_program(command[0])
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=bound(sign),  # noqa: PLW1509  (see `bound`)
        )


def end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ends a process with SIGTERM, and after `grace_s` kills it and its whole session."""
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        kill_group(process)
    process.wait()


def stop(pid: int, patience_s: float, *, kills: bool = False) -> bool:
    """Ends a process that is not our child and returns whether it ended in time; if not, and if `kills`, kills it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        ended = bool(select.select([descriptor], [], [], patience_s)[0])
        if not ended and kills:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return ended
    except ProcessLookupError:  # it ended by itself
        return True
    finally:
        os.close(descriptor)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills all processes in the session of one that `spawn` started; does nothing if there are none."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def run(command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
    """Runs a command to its end; raises StackError with the last lines of its output if it fails.

    If a stop is requested meanwhile, it gets SIGTERM and time to clean up: mmdebstrap has mounts to undo.
    """
    with ExitStack() as undo:
        with held():
            process = spawn(command, os.environ if environ is None else environ, log, signal.SIGTERM)
            undo.callback(end, process, grace_s=20)
        code = process.wait()
    if code:
        raise StackError(f"`{' '.join(command)}` ended with code {code}:\n{tail(log)}")


def output(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Returns what a short command prints; raises StackError with its error output if it fails."""
    done = subprocess.run(
        command,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        preexec_fn=bound(),
    )
    if done.returncode:
        raise StackError(f"`{' '.join(command)}` ended with code {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def python(module: str, *arguments: str) -> list[str]:
    """Returns the command line that runs one of Hearth's modules with this Python."""
    return [sys.executable, "-m", module, *arguments]


def tail(log: Path, lines: int = 15) -> str:
    """Returns the last lines of a log, indented; an empty string if there is no log."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        last = file.read().decode(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in last)
