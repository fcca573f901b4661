"""Starts and ends processes so that none outlives whoever started it; it knows nothing of what they do."""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.errors import StackError, StopRequested

_PR_SET_PDEATHSIG = 1
_C = ctypes.CDLL(None)


def stay_on_one_core(number: int) -> None:
    """Have this process, and those it starts, run on one of the cores it may use; which, is up to the number."""
    os.sched_setaffinity(0, {_core(number)})


def other_cores(number: int) -> set[int]:
    """Give the cores that are left beside whoever stays on the one of this number; that one too when it is alone."""
    return os.sched_getaffinity(0) - {_core(number)} or {_core(number)}


def _core(number: int) -> int:
    cores = sorted(os.sched_getaffinity(0))
    return cores[number % len(cores)]


def die_with_parent(sign: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent dies, even by kill -9."""
    _C.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)


def bound(sign: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Give a `preexec_fn` that binds a new process to this one, before anybody can know that it exists.

    What Python warns of about `preexec_fn`, a lock held by another thread, cannot be: these processes have one thread.
    """
    parent = os.getpid()

    def bind() -> None:
        die_with_parent(sign)
        if os.getppid() != parent:  # it died before it was asked for
            os._exit(1)

    return bind


def spawn(
    command: Sequence[str], environ: Mapping[str, str], log: Path, sign: signal.Signals = signal.SIGKILL
) -> subprocess.Popen[bytes]:
    """Start a process bound to this one, in a session of its own, so that a terminal's Ctrl-C reaches only us."""
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
    """End a process: SIGTERM first, and after `grace_s` SIGKILL for it and whatever shares its session."""
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        kill_group(process)
    process.wait()


def stop(pid: int, patience_s: float, *, kills: bool = False) -> bool:
    """Have a process that somebody else started end; False when it has not in time, and is killed if one `kills`."""
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
    except ProcessLookupError:  # it ended by itself, and whoever started it knows
        return True
    finally:
        os.close(descriptor)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever shares the session of a process that `spawn` started; fine when nothing does."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def run(command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a command to its end; raise StackError with the last of its output when it fails.

    When we are stopped meanwhile it gets SIGTERM and time: mmdebstrap has mounts to undo.
    """
    process = spawn(command, os.environ if environ is None else environ, log, signal.SIGTERM)
    try:
        code = process.wait()
    except StopRequested:
        end(process, grace_s=20)
        raise
    if code:
        raise StackError(f"`{' '.join(command)}` ended with code {code}:\n{tail(log)}")


def output(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Give what a short command prints; raise StackError with its complaint when it fails."""
    done = subprocess.run(
        command,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=bound(),
    )
    if done.returncode:
        raise StackError(f"`{' '.join(command)}` ended with code {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def python(module: str, *arguments: str) -> list[str]:
    """Give the command line that runs one of our modules with this Python."""
    return [sys.executable, "-m", module, *arguments]


def tail(log: Path, lines: int = 15) -> str:
    """Give the last lines of a log, indented; an empty text when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        last = file.read().decode(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in last)
