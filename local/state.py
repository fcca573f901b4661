"""A stack's state directory: which process runs the stack, its log files, and the file of variables to source."""

import errno
import fcntl
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from local.errors import StackError

ROOT = Path(__file__).resolve().parent.parent

#: What a user may have set in a shell for AWS itself, and what would mislead an AWS client of the stack's.
MISLEADING = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)


@dataclass(frozen=True)
class Running:
    """The process that runs a stack and its Docker Engine; once it is ready, its address and its worker's metrics."""

    pid: int
    engine: str | None = None
    url: str | None = None
    metrics_url: str | None = None


class StateDir:
    """One directory per stack. A stack runs as long as it holds the lock on its directory, so no file can be stale."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.env_file = self.path / "env"
        self._record = self.path / "stack.json"

    @property
    def stack(self) -> str:
        """The stack's name, a label on each of its containers. A directory's name is always the same.

        So a later stack in the directory finds the containers of one that was killed.
        """
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    def log(self, name: str) -> Path:
        """Returns the log file of one part of the stack."""
        return self.logs / f"{name}.log"

    def is_claimed(self) -> bool:
        """Returns whether a stack holds this directory."""
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
        """Returns the record of the stack that runs here, None if there is none or it is just starting or ending."""
        return self.recorded() if self.is_claimed() else None

    def recorded(self) -> Running | None:
        """Returns the record in this directory, perhaps that of a stack that was killed; None if there is none."""
        try:
            return Running(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Holds the directory for one stack and leaves only logs in it; raises StackError if it cannot."""
        with ExitStack() as undo:
            directory = self._open()
            undo.callback(os.close, directory)
            self._lock(directory)
            undo.callback(self.clear)
            self.record(Running(os.getpid()))
            yield

    def record(self, running: Running) -> None:
        """Records which process runs the stack, and where its parts are."""
        draft = self._record.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(running)))
        draft.replace(self._record)

    def clear(self) -> None:
        """Removes what a stack leaves here, except its logs."""
        self.env_file.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)
        self._remove_if_empty()

    def make_logs(self) -> None:
        """Makes an empty directory for logs; raises StackError if that is not possible."""
        self.discard_logs()
        _make_writable(self.logs)

    def discard_logs(self) -> None:
        """Removes the logs, which are of use only if something failed."""
        shutil.rmtree(self.logs, ignore_errors=True)

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Writes the file to source. It holds keys: nobody else may read it, not even while it is being written."""
        self.env_file.unlink(missing_ok=True)
        descriptor = os.open(self.env_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(render_env(variables))
            _give_to_caller(file.fileno())

    def _open(self) -> int:
        _make_writable(self.path)
        return os.open(self.path, os.O_RDONLY)

    def _lock(self, directory: int) -> None:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(self._taken()) from None

    def _remove_if_empty(self) -> None:
        try:
            self.path.rmdir()
        except OSError:  # logs, or files of others
            return

    def _taken(self) -> str:
        running = self.running()
        if not running:
            return f"Another stack is just starting or ending in {self.path}: try again."
        where = f" at {running.url}" if running.url else ", still starting"
        return f"A stack is already running{where} (pid {running.pid}, in {self.path}): use it, or `make down` first."


def _make_writable(path: Path) -> None:
    """Creates a directory unless it is there; raises StackError if nothing can be written to it."""
    problem = _problem_of_writing(path)
    if problem:
        raise StackError(
            f"The stack cannot keep its keys and logs in {path} ({problem}): "
            "name a directory that can be written to with --state-dir."
        )


def _problem_of_writing(path: Path) -> str | None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror
    return None if os.access(path, os.W_OK) else os.strerror(errno.EROFS)


def render_env(variables: Mapping[str, str]) -> str:
    """Returns shell lines that export the variables, whatever their values hold, and unset those that mislead."""
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return "".join([*exports, f"unset {' '.join(MISLEADING)}\n"])


def parse_env(text: str) -> dict[str, str]:
    """Returns the variables that a file written by `render_env` exports."""
    words = shlex.split(text)
    return dict(word.split("=", 1) for before, word in pairwise(words) if before == "export")


def _give_to_caller(file: int) -> None:
    """Gives an open file to the user who called through sudo, as they could not read root's own."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if user and group:
        os.fchown(file, int(user), int(group))
