"""Borrows a Docker Engine: the one that answers, else one of Hearth's own that the last borrower stops.

Every borrower holds a shared lock on one file. Who lets go and then gets the lock alone was the last; only an engine
whose pid is in Hearth's own pid file is ever stopped.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import containers, process
from local.errors import StackError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Home:
    """Where Hearth's own engine lives. Its images stay in `data` between runs, so that no run builds them again."""

    run: Path = Path("/run/hearth")
    data: Path = Path("/var/lib/hearth/engine")
    socket: Path = Path("/var/run/docker.sock")

    @property
    def pid_file(self) -> Path:
        """Where dockerd writes its pid."""
        return self.run / "docker.pid"

    @property
    def exec_root(self) -> Path:
        """Where dockerd keeps what lives as long as it does."""
        return self.run / "exec"

    @property
    def log(self) -> Path:
        """What dockerd says. In `run`, as the engine may outlive the stack that started it."""
        return self.run / "docker.log"

    @property
    def command(self) -> list[str]:
        """The engine without a network of its own: sandboxes have none, and the host's firewall is not ours."""
        return [
            *("dockerd", "--data-root", str(self.data), "--exec-root", str(self.exec_root)),
            *("--pidfile", str(self.pid_file), "--host", f"unix://{self.socket}"),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
        ]


@contextmanager
def borrowed(note: Callable[[str], None], home: Home | None = None) -> Iterator[str]:
    """Give the address of a Docker Engine for the length of a `with`; raise StackError when none can be had."""
    home = home or Home()
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "engine.lock").open("a") as lock:
        try:
            yield _join(lock.fileno(), home, note)
        finally:
            _leave(lock.fileno(), home)


def release_forgotten(home: Home | None = None) -> None:
    """Stop Hearth's own engine if its borrowers died without letting go."""
    home = home or Home()
    if home.pid_file.exists():
        with (home.run / "engine.lock").open("a") as lock:
            _leave(lock.fileno(), home)


def _join(lock: int, home: Home, note: Callable[[str], None]) -> str:
    """Take the shared lock and give the engine's address; one at a time, or two stacks would start two engines."""
    with (home.run / "engine.start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_SH)
        for address in (os.environ.get("DOCKER_HOST"), f"unix://{home.socket}"):
            if address and containers.answers(address):
                note(f"the one at {address} is used")
                return address
        _start(home)
        note("an own one is started")
        return f"unix://{home.socket}"


def _start(home: Home) -> None:
    """Start dockerd in a session of its own: it must live on while another stack uses it."""
    with home.log.open("ab") as log:
        engine = subprocess.Popen(
            home.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _await(engine, home)
    except BaseException:  # also a Ctrl-C: an engine that has not written its pid file yet would be found by nobody
        process.end(engine, STOP_TIMEOUT_S)
        raise


def _await(engine: subprocess.Popen[bytes], home: Home) -> None:
    give_up = time.monotonic() + START_TIMEOUT_S
    while not containers.answers(f"unix://{home.socket}"):
        if engine.poll() is not None or time.monotonic() > give_up:
            complaint = process.tail(home.log)
            raise StackError(f"The Docker Engine did not start. If this machine has one, start that.\n{complaint}")
        time.sleep(0.05)


def _leave(lock: int, home: Home) -> None:
    """Let go; if nobody else borrows the engine and it is Hearth's own, stop it."""
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
    """Undo what a stopped dockerd leaves behind: its log, and what it may keep mounted."""
    home.log.unlink(missing_ok=True)
    for mounted in (home.exec_root / "netns" / "default", home.data):
        subprocess.run(["umount", str(mounted)], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(home.exec_root, ignore_errors=True)


def _own_pid(home: Home) -> int | None:
    """Give the pid of Hearth's own engine, None when it does not run: a pid alone may be somebody else's by now."""
    try:
        pid = int(home.pid_file.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text() == "dockerd\n" else None
    except (FileNotFoundError, ValueError):
        return None
