"""Runs the scan against a stack of its own, started for it and taken down after it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local import process
from local.errors import StopRequested
from local.signals import StopSignal
from local.state import ROOT, StateDir, parse_env
from security_tests.errors import ScanError

COULD_NOT_RUN = 2


def main(arguments: Sequence[str]) -> int:
    """Give the scan's exit code; 2 when there was no stack to scan, or it did not end well."""
    StopSignal().listen()
    try:
        with tempfile.TemporaryDirectory(prefix="hearth-scan-") as folder, _stack(Path(folder) / "state") as keys:
            return _scan(arguments, keys)
    except ScanError as error:
        sys.stderr.write(f"error: {error}\n")
    except StopRequested:
        sys.stderr.write("stopped\n")
    return COULD_NOT_RUN


@contextmanager
def _stack(path: Path) -> Iterator[Mapping[str, str]]:
    """Give the keys of a stack that lives as long as the `with`; raise ScanError when it does not start or end well."""
    stack = subprocess.Popen(
        process.python("local", "up", "--isolated", "--state-dir", str(path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=process.bound(signal.SIGTERM),  # noqa: PLW1509  (see `bound`)
    )
    try:
        _wait_until_ready(stack)
        yield parse_env(StateDir(path).env_file.read_text())
    finally:
        stack.terminate()
        left, _ = stack.communicate()
        sys.stdout.write(left)
    if stack.returncode:
        raise ScanError(f"The stack ended with code {stack.returncode}.")


def _wait_until_ready(stack: "subprocess.Popen[str]") -> None:
    assert stack.stdout  # noqa: S101  (asked for above; this tells mypy)
    for line in stack.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        if line.startswith("ready "):
            return
    raise ScanError("The stack did not start.")


def _scan(arguments: Sequence[str], keys: Mapping[str, str]) -> int:
    """Run the scan as an operator does, from outside and with nothing but the keys."""
    # A proxy for the outside world must not get in between; and a FILE is where the caller is, so no `cwd`.
    scan = subprocess.Popen(
        process.python("security_tests.security_breakout", *arguments),
        env={**os.environ, **keys, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=process.bound(signal.SIGTERM),  # noqa: PLW1509  (see `bound`)
    )
    try:
        return scan.wait()
    except StopRequested:
        process.end(scan, grace_s=20)  # it has a Function to delete
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
