"""The state directory: who runs the stack, its log files and the file to source; it starts and stops nothing."""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from local.errors import StackError

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Running:
    """Who runs the stack: its process, and once it is ready its address and where the worker's figures are."""

    pid: int
    url: str | None = None
    metrics_url: str | None = None


class StateDir:
    """One directory per stack. Holding the lock on it is what "running" means, so a stale file never lies."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.env_file = self.path / "env"
        self._record = self.path / "stack.json"

    @property
    def stack(self) -> str:
        """The stack's name, on each of its containers: the same for one directory always, so leftovers are found."""
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    def log(self, name: str) -> Path:
        """Give the log file of one part."""
        return self.logs / f"{name}.log"

    def is_claimed(self) -> bool:
        """Say whether a stack holds this directory."""
        if not self.path.exists():
            return False
        directory = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(directory)
        return False

    def running(self) -> Running | None:
        """Give who runs the stack, None when nobody does."""
        if not self.is_claimed():
            return None
        try:
            return Running(**json.loads(self._record.read_text()))
        except FileNotFoundError:  # it claims the directory a moment before it says so, and ends the other way round
            return None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the directory for one stack, leaving only logs in it; raise StackError when another one has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        directory = os.open(self.path, os.O_RDONLY)
        try:
            self._lock(directory)
            with ExitStack() as undo:
                undo.callback(self.clear)
                self.heartbeat(None)
                yield
        finally:
            os.close(directory)

    def heartbeat(self, url: str | None, metrics_url: str | None = None) -> None:
        """Record that this process runs the stack, and where it and its worker's figures are."""
        draft = self._record.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(Running(os.getpid(), url, metrics_url))))
        draft.replace(self._record)

    def clear(self) -> None:
        """Remove what a stack leaves here, except its logs."""
        self.env_file.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)
        self._remove_if_empty()

    def discard_logs(self) -> None:
        """Remove the logs: they are of use only when something failed."""
        shutil.rmtree(self.logs, ignore_errors=True)

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Write the file to source. It holds keys, so nobody else may read it, not even while it is written."""
        self.env_file.unlink(missing_ok=True)
        descriptor = os.open(self.env_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(render_env(variables))
            _give_to_caller(file.fileno())

    def _lock(self, directory: int) -> None:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(self._taken()) from None

    def _remove_if_empty(self) -> None:
        try:
            self.path.rmdir()
        except OSError:  # logs, or what others keep here
            return

    def _taken(self) -> str:
        running = self.running()
        if not running:
            return f"Another stack is just starting or ending in {self.path}: try again."
        where = f" at {running.url}" if running.url else ", still starting"
        return f"A stack is already running{where} (pid {running.pid}, in {self.path}): use it, or `make down` first."


def render_env(variables: Mapping[str, str]) -> str:
    """Give shell lines that export the variables, whatever their values hold."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def parse_env(text: str) -> dict[str, str]:
    """Give the variables of a file that `render_env` wrote."""
    words = (word for word in shlex.split(text) if word != "export")
    return dict(word.split("=", 1) for word in words)


def _give_to_caller(file: int) -> None:
    """Let the person who called through sudo own an open file: root's own would be of no use to them."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if user and group:
        os.fchown(file, int(user), int(group))
