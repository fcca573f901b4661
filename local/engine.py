"""Borrows a Docker Engine: the one that answers, else one of Hearth's own, which the last borrower stops.

Every borrower holds a shared lock on one file. A borrower that releases its lock and then gets the exclusive one was
the last. Only an engine whose pid is in Hearth's own pid file is ever stopped.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import containers, process, signals
from local.errors import StackError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Home:
    """Where Hearth's own engine lives. Its images stay in `data` between runs, so that they are built only once."""

    run: Path = Path("/run/hearth")
    data: Path = Path("/var/lib/hearth/engine")
    socket: Path = Path("/var/run/docker.sock")

    @property
    def pid_file(self) -> Path:
        """Where dockerd writes its pid."""
        return self.run / "docker.pid"

    @property
    def exec_root(self) -> Path:
        """Where dockerd keeps the state that dies with it."""
        return self.run / "exec"

    @property
    def log(self) -> Path:
        """Where dockerd's output goes. Not a stack's state directory, as the engine may outlive that stack."""
        return self.run / "docker.log"

    @property
    def command(self) -> list[str]:
        """The command line. The engine gets no network: sandboxes have none, and the host's firewall is left alone."""
        return [
            *("dockerd", "--data-root", str(self.data), "--exec-root", str(self.exec_root)),
            *("--pidfile", str(self.pid_file), "--host", f"unix://{self.socket}"),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
        ]


@contextmanager
def borrowed(note: Callable[[str], None], home: Home | None = None) -> Iterator[str]:
    """Yields the address of a Docker Engine; raises StackError if the named one does not answer or none starts."""
    home = home or Home()
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "engine.lock").open("a") as lock:
        try:
            yield _join(lock.fileno(), home, note)
        finally:
            _leave(lock.fileno(), home)


def release_forgotten(home: Home | None = None) -> None:
    """Stops Hearth's own engine if its borrowers were killed before they could."""
    home = home or Home()
    if home.pid_file.exists():
        with (home.run / "engine.lock").open("a") as lock:
            _leave(lock.fileno(), home)


def _join(lock: int, home: Home, note: Callable[[str], None]) -> str:
    """Takes the shared lock and returns the engine's address.

    One borrower at a time looks for an engine and starts one; otherwise two stacks could start two.
    """
    with (home.run / "engine.start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_SH)
        there = _named() or _usual(home)
        if there:
            note(f"using the one at {there}")
            return there
        _start(home)
        note("started one of its own")
        return f"unix://{home.socket}"


def _named() -> str | None:
    """Returns the engine that the user has named in DOCKER_HOST; raises StackError if it cannot be used."""
    address = os.environ.get(containers.SETTING)
    if not address or containers.answers(address):
        return address or None
    problem = "no Docker Engine answers there"
    if not address.startswith(containers.SCHEME):
        problem = f"the worker needs an engine on this machine, at an address that begins with {containers.SCHEME}"
    raise StackError(
        f"{containers.SETTING} is {address}, but {problem}. Start that engine, correct {containers.SETTING}, "
        "or unset it to have the stack find or start one."
    )


def _usual(home: Home) -> str | None:
    address = f"unix://{home.socket}"
    return address if containers.answers(address) else None


def _start(home: Home) -> None:
    """Starts dockerd in a session of its own, as it must live on while another stack uses it."""
    process.require_program(home.command[0])
    with ExitStack() as undo, home.log.open("ab") as log:
        with signals.held():
            engine = subprocess.Popen(
                home.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            # Until it has written its pid file nobody could find it, so a failure or a stop ends it here.
            undo.callback(process.end, engine, STOP_TIMEOUT_S)
        _await(engine, home)
        undo.pop_all()


def _await(engine: subprocess.Popen[bytes], home: Home) -> None:
    give_up = time.monotonic() + START_TIMEOUT_S
    while not containers.answers(f"unix://{home.socket}"):
        if engine.poll() is not None or time.monotonic() > give_up:
            output = process.tail(home.log)
            raise StackError(f"The Docker Engine did not start. If this machine has one, start that.\n{output}")
        time.sleep(0.05)


def _leave(lock: int, home: Home) -> None:
    """Releases the lock and stops the engine if it is Hearth's own and nobody else borrows it."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    pid = _own_pid(home)
    if pid:
        process.stop(pid, STOP_TIMEOUT_S, kills=True)
        _clear(home)
    fcntl.flock(lock, fcntl.LOCK_UN)


def _clear(home: Home) -> None:
    """Removes what a stopped dockerd leaves behind: its log, and mounts."""
    home.log.unlink(missing_ok=True)
    for mounted in (home.exec_root / "netns" / "default", home.data):
        subprocess.run(["umount", str(mounted)], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(home.exec_root, ignore_errors=True)


def _own_pid(home: Home) -> int | None:
    """Returns the pid of Hearth's own engine, None if it does not run. The name is checked, as pids are reused."""
    try:
        pid = int(home.pid_file.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text() == "dockerd\n" else None
    except (FileNotFoundError, ValueError):
        return None
