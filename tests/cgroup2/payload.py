"""Makes the disk with what is to be tested: the tracked files, the runtime images, the command."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from docker.errors import ImageNotFound

from local import containers, process
from local.errors import StackError
from tests.cgroup2.base import ROOT, make_disk
from worker_agent.sandboxes.images import image_name, offered

SAVE_TIMEOUT_S = 300


def make(run: Path, tests: Sequence[str], log: Path) -> Path:
    """Give a disk that makes the machine run pytest with the arguments `tests`; raise StackError without the images."""
    folder = run / "payload"
    copy_tracked(folder / "repo")
    (folder / "images").mkdir()
    for runtime in offered():
        _save_image(runtime, folder / "images" / f"{runtime}.tar")
    (folder / "command").write_text(f"exec python3 -m pytest {shlex.join(tests)}\n")
    disk = run / "payload.img"
    make_disk(folder, disk, log)
    shutil.rmtree(folder)
    return disk


def copy_tracked(target: Path) -> None:
    """Copy what git tracks, as it is in the working tree now; links stay links."""
    for name in process.output(["git", "-C", str(ROOT), "ls-files", "-z"], os.environ).split("\0"):
        source = ROOT / name
        if name and (source.is_file() or source.is_symlink()):  # else it is removed here, and that not committed yet
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def _save_image(runtime: str, target: Path) -> None:
    name = image_name(runtime)
    with containers.client(containers.address(), SAVE_TIMEOUT_S) as engine:
        try:
            image = engine.images.get(name)
        except ImageNotFound:
            raise StackError(f"{name} is missing: build it with `make images`.") from None
        with target.open("wb") as file:
            file.writelines(image.save(named=name))  # by this name: sources that build the same image share it
