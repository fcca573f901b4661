"""Tells for which machine a program or shared object was built, from its first bytes."""

import re
import struct

#: How many of a file's first bytes are looked at.
HEAD_BYTES = 1024

#: Names of files that a machine loads. Node packages keep one for each platform under `prebuilds/`, on purpose.
LOADED = re.compile(r"\.(so(\.\d+)*|dylib|pyd|node|dll)$")
FOR_EACH_PLATFORM = re.compile(r"(^|/)prebuilds/")

ELF = b"\x7fELF"
ELF_64_LITTLE = b"\x02\x01"
X86_64 = 62
MACHINES = {3: "x86 (32 bits)", 22: "s390x", 40: "ARM (32 bits)", 183: "ARM64", 243: "RISC-V"}
#: Mach-O, 32 and 64 bits, in either order of bytes, and several of them in one file.
MACH_O = tuple(
    bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe", "cafebabf")
)


def is_loaded(path: str) -> bool:
    """Tell whether a machine loads a file with this path in the zip."""
    return path == "bootstrap" or bool(LOADED.search(path.lower()) and not FOR_EACH_PLATFORM.search(path))


def foreign_platform(head: bytes) -> str | None:
    """Name the platform that a file with these first bytes was built for; None when x86-64 Linux can use it."""
    if head.startswith(ELF):
        return _elf_platform(head)
    if head.startswith(MACH_O):
        return "macOS"
    if head.startswith(b"MZ") and not _is_managed(head):
        return "Windows"
    return None


def _elf_platform(head: bytes) -> str | None:
    if len(head) < 20:
        return "no machine (it is cut short)"
    [machine] = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
    if machine == X86_64 and head[4:6] == ELF_64_LITTLE:
        return None
    return f"Linux on {MACHINES.get(machine, f'machine {machine}')}"


def _is_managed(head: bytes) -> bool:
    """Tell whether this is .NET's portable code: it has Windows' format, and a header of its own as the 15th table."""
    try:
        [start] = struct.unpack_from("<L", head, 0x3C)
        [magic] = struct.unpack_from("<H", head, start + 24)
        [managed_at] = struct.unpack_from("<L", head, start + 24 + (96 if magic == 0x10B else 112) + 14 * 8)
    except struct.error:
        return False
    return bool(managed_at)
