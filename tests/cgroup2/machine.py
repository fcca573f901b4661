"""Boots a machine under qemu, passes on what its tests say, and ends it; it knows nothing of what they test."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import process
from local.errors import StackError
from local.progress import say
from tests.cgroup2.base import Base

#: What the machine's service says last; its file says so too.
LAST_WORD = "hearth-exit-code "
#: Units that would only take time from the tests.
IDLE = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "redis-server.service")
KERNEL_LINE = " ".join(
    [
        *("console=ttyS0", "quiet", "panic=-1", "mitigations=off", "root=/dev/vda", "rw"),
        "systemd.unified_cgroup_hierarchy=1",
        *(f"systemd.mask={unit}" for unit in IDLE),
    ]
)


def run_tests(base: Base, payload: Path, run: Path) -> int:
    """Boot a machine, print what its tests print and give pytest's exit code; raise StackError if it says none."""
    console = run / "console.log"
    with _booted(_command(base, payload, console), run) as machine:
        assert machine.stdout
        for raw in machine.stdout:
            line = raw.decode(errors="replace").rstrip().rpartition("\r")[2]  # pytest rewrites a line on a terminal
            if line.startswith(LAST_WORD):
                return _exit_code(line.removeprefix(LAST_WORD), console)
            say(line)
    raise StackError(f"The machine ended before its tests did. Its console said last:\n{process.tail(console, 40)}")


def _exit_code(told: str, console: Path) -> int:
    if not told.isdecimal():
        raise StackError(
            f"The machine could not run its tests ({told}). Its console said last:\n{process.tail(console)}"
        )
    return int(told)


def _command(base: Base, payload: Path, console: Path) -> list[str]:
    """Give qemu's command line: the console into a file, what the tests say to our end of a pipe, and no network."""
    return [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3G"),
        *("-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot"),
        *("-kernel", str(base.kernel), "-initrd", str(base.initrd), "-append", KERNEL_LINE),
        *("-drive", f"file={base.disk},if=virtio,format=raw,snapshot=on"),
        *("-drive", f"file={payload},if=virtio,format=raw,readonly=on"),
        *("-serial", f"file:{console}", "-chardev", "stdio,id=tests,signal=off", "-serial", "chardev:tests"),
    ]


@contextmanager
def _booted(command: list[str], run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a machine for the length of a `with`. It dies with us even by kill -9, and has nothing worth a grace."""
    machine = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(run)},  # what it writes to its disk is removed with `run`
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=process.bound(),  # noqa: PLW1509  (see `process.bound`)
    )
    with machine:
        try:
            yield machine
        finally:
            machine.kill()
