"""Writes zips byte by byte in memory: in order by default, and with a lie wherever one is asked for."""

import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.zips import HELLO

HELLO_BYTES = HELLO.encode()
MARK = 0xFFFFFFFF
ENCRYPTED, STREAMED, UTF8 = 0x1, 0x8, 0x800
DEFLATED = 8


@dataclass(frozen=True)
class Raw:
    """One entry: in order by default, and with a lie wherever a field is given."""

    name: bytes = b"main.py"
    content: bytes = HELLO_BYTES
    method: int = 0
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    version: int = 20
    extra: bytes = b""
    local_extra: bytes = b""
    descriptor: bytes = b""
    packed: bytes | None = None
    #: Fields of either header that differ from the truth: name, flags, method, crc, packed_bytes, size_bytes, at.
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.content) if self.method == DEFLATED else self.content

    def facts(self, lies: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": self.name,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "packed_bytes": len(self.stored()),
            "size_bytes": len(self.content),
        } | lies

    def header(self) -> bytes:
        f = self.facts(self.local)
        numbers = (self.version, f["flags"], f["method"], 0, 33, f["crc"], f["packed_bytes"], f["size_bytes"])
        head = struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers, len(bytes(f["name"])), len(self.local_extra))
        return head + bytes(f["name"]) + self.local_extra

    def entry(self, at: int) -> bytes:
        f = self.facts({"at": at, **self.central})
        numbers = (3 << 8 | 20, self.version, f["flags"], f["method"], 0, 33)
        sizes = (f["crc"], f["packed_bytes"], f["size_bytes"])
        rest = (len(bytes(f["name"])), len(self.extra), 0, 0, 0, self.mode << 16, f["at"])
        return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers, *sizes, *rest) + bytes(f["name"]) + self.extra


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def end(count: int, directory_bytes: int, at: int, comment: bytes = b"") -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, directory_bytes, at, len(comment)) + comment


def end64(count: int, directory_bytes: int, at: int, record_at: int) -> bytes:
    """The zip64 end record and its locator."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, directory_bytes, at)
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, record_at, 1)


def raw_zip(*entries: Raw, comment: bytes = b"") -> bytes:
    body, directory = _laid_out(entries)
    return body + directory + end(len(entries), len(directory), len(body), comment)


def raw_zip64(*entries: Raw, count: int | None = None, record_at: int | None = None, narrow: int = 0xFFFF) -> bytes:
    """A zip with zip64 records, whose end record leaves all to them; `narrow` is its count of entries."""
    body, directory = _laid_out(entries)
    at = len(body) + len(directory)
    said = len(entries) if count is None else count
    wide = end64(said, len(directory), len(body), at if record_at is None else record_at)
    return body + directory + wide + end(narrow, MARK, MARK)


def _laid_out(entries: Iterable[Raw]) -> tuple[bytes, bytes]:
    body, directory = bytearray(), bytearray()
    for one in entries:
        directory += one.entry(len(body))
        body += one.header() + one.stored() + one.descriptor
    return bytes(body), bytes(directory)


def extra64(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def unicode_name(name: bytes, other: bytes) -> bytes:
    """The extra field that gives an entry another name, to some."""
    return struct.pack("<2HBL", 0x7075, 5 + len(other), 1, zlib.crc32(name)) + other
