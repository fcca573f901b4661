"""Makes the machine's disk and kernel from Debian's packages, and keeps them."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from local import process
from local.progress import say

ROOT = Path(__file__).resolve().parents[2]
UNIT = Path(__file__).with_name("guest.service")
SUITE = "bookworm"
PACKAGES = (
    *("linux-image-cloud-amd64", "systemd-sysv", "udev", "dbus", "kmod", "procps"),
    *("docker.io", "apparmor", "redis-server", "python3"),  # the kernel has AppArmor, so the engine wants its tools
    *("gcc", "libc6-dev"),  # a `bootstrap` in C is one of the tests
)
#: The suite's own Python is 3.11, and its C library takes wheels of all of these.
WHEELS = (
    "--only-binary=:all:",
    "--python-version=3.11",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_28_x86_64",
)
#: What the worker and its tests import; constraints.txt has the releases. pip asks the Python it runs under what else
#: is needed, and the suite's 3.11.2 needs one thing more: redis imports async_timeout before 3.11.3.
REQUIRED = ("-r", "worker_agent/requirements.txt", "hypothesis", "moto[server]", "pytest", "async-timeout==5.0.1")
#: The disks are sparse: this is what may be written in there, not what is taken here.
DISK_SIZE = "4G"


@dataclass(frozen=True)
class Base:
    """What a machine boots from."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The root file system; a machine writes to a copy of its own that ends with it."""
        return self.folder / "root.img"

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initial RAM disk, with the driver of the disk."""
        return self.folder / "initrd.img"


def ensure(work: Path, run: Path, log: Path) -> Base:
    """Give the base in `work`, making it in `run` first if there is none; raise StackError when that fails."""
    base = Base(work / f"base-{_digest()}")
    if not base.folder.exists():
        for outdated in work.glob("base-*"):
            shutil.rmtree(outdated)
        made = Base(run / "base")
        made.folder.mkdir()
        _make(made, run / "root", log)
        made.folder.rename(base.folder)
    return base


def _digest() -> str:
    """Name a base by all that it is made from, so that a new pin makes a new one."""
    digest = hashlib.sha256(repr((SUITE, PACKAGES, WHEELS, REQUIRED, DISK_SIZE)).encode())
    for path in (UNIT, ROOT / "constraints.txt", ROOT / "worker_agent" / "requirements.txt"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _make(base: Base, root: Path, log: Path) -> None:
    say("  base: Debian packages (a minute or two, once) ...")
    # Mounts in a namespace of their own: were mmdebstrap killed, none would be left for a removal to walk into.
    bootstrap = ["unshare", "--mount", "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    process.run([*bootstrap, SUITE, str(root)], log)
    say("  base: Python packages ...")
    pip = process.python("pip", "install", "--quiet", "--no-input", "--target", str(root / "opt" / "hearth"))
    process.run([*pip, *WHEELS, "-c", "constraints.txt", *REQUIRED], log)
    _install_unit(root / "etc" / "systemd" / "system")
    for kernel in (root / "boot").glob("vmlinuz-*"):
        shutil.copyfile(kernel, base.kernel)
        shutil.copyfile(root / "boot" / kernel.name.replace("vmlinuz", "initrd.img"), base.initrd)
    make_disk(root, base.disk, log)
    shutil.rmtree(root)


def _install_unit(units: Path) -> None:
    shutil.copyfile(UNIT, units / "hearth-tests.service")
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "hearth-tests.service").symlink_to("/etc/systemd/system/hearth-tests.service")


def make_disk(folder: Path, disk: Path, log: Path) -> None:
    """Make a disk that holds what is in `folder`."""
    process.run(["mke2fs", "-q", "-t", "ext4", "-d", str(folder), str(disk), DISK_SIZE], log)
