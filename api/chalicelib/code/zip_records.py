"""Reads a zip's records.

Every zip reader treats contradictory records in its own way. The sandbox's unpackers are other readers than this one,
so whatever two readers could understand differently is refused here.
"""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from chalicelib.errors import InvalidParameterError
from chalicelib.limits import MAX_ZIP_DIRECTORY_BYTES, MAX_ZIP_ENTRIES

#: signature, disk, directory's disk, entries on it, entries, directory's bytes, its offset, comment's bytes
END = struct.Struct("<4s4H2LH")
END_SIGNATURE = b"PK\x05\x06"
MAX_COMMENT_BYTES = 0xFFFF
#: signature, disk, offset of the zip64 end record, disks
LOCATOR64 = struct.Struct("<4sLQL")
LOCATOR64_SIGNATURE = b"PK\x06\x07"
#: signature, bytes that follow, versions, disk, directory's disk, entries on it, entries, directory's bytes, its offset
END64 = struct.Struct("<4sQ2H2L4Q")
END64_SIGNATURE = b"PK\x06\x06"
END64_REST_BYTES = END64.size - 12
#: signature, versions, flags, method, time, date, CRC, packed bytes, bytes, bytes of name, extra and comment, disk,
#: attributes, more of them, offset of the local header
ENTRY = struct.Struct("<4s6H3L5H2L")
ENTRY_SIGNATURE = b"PK\x01\x02"
#: signature, version, flags, method, time, date, CRC, packed bytes, bytes, bytes of name and extra
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_SIGNATURE = b"PK\x03\x04"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
MAX_DESCRIPTOR_BYTES = 24

IN_ZIP64 = 0xFFFFFFFF
COUNT_IN_ZIP64 = 0xFFFF
ZIP64_EXTRA = 0x0001
#: Another spelling of the name, which Python uses from 3.13 on and Node does not.
NAME_EXTRA = 0x7075

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
PATCHED = 0x0020
STREAMED = 0x0008
UTF8 = 0x0800
#: The flags on which both headers of an entry must agree. The others only tell how well the entry was compressed.
AGREED_FLAGS = ENCRYPTED | PATCHED | STREAMED | UTF8

NEWEST_VERSION = 63

#: How much of a name an error shows: it may have 64 KiB.
MAX_SHOWN_CHARS = 256

#: A position in the directory and an offset in the zip share one integer, which takes a fifth of a pair's memory.
POSITION_BITS = 32
POSITION_MASK = (1 << POSITION_BITS) - 1


EndRecord = tuple[bytes, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says about one entry."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    attributes: int
    header_at: int
    zip64: bool

    @property
    def is_folder(self) -> bool:
        """Tell whether unpackers make a folder of it: of a name that ends with a slash, and of no other."""
        return self.name.endswith("/")

    @property
    def mode(self) -> int:
        """Unix mode, 0 when the zip was made where there are none."""
        return self.attributes >> 16


@dataclass(frozen=True, slots=True)
class End:
    """What the zip's last record says."""

    count: int
    directory_bytes: int
    directory_at: int
    directory_end: int  #: where the records after the directory begin
    zip64: bool


class Directory:
    """The central directory. It is kept as bytes, as an object for each entry would take ten times the memory.

    Raises InvalidParameterError when it can be read in more than one way, or in none.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = _find_end(file)
        self._data = read_at(file, self.end.directory_at, self.end.directory_bytes)
        self._positions = list(self._walk())

    def __iter__(self) -> Iterator[Entry]:
        return (self._entry(position) for position in self._positions)

    def by_offset(self) -> Iterator[tuple[Entry, int]]:
        """Give the entries in the order of their bytes in the zip, each with the offset by which it must end."""
        order = sorted(
            entry.header_at << POSITION_BITS | position for entry, position in zip(self, self._positions, strict=True)
        )
        limits = itertools.chain((key >> POSITION_BITS for key in order[1:]), [self.end.directory_at])
        for key, limit in zip(order, limits, strict=True):
            yield self._entry(key & POSITION_MASK), limit

    def _walk(self) -> Iterator[int]:
        """Find where each entry begins; refuse a directory with more or fewer entries or bytes than the zip says."""
        at = 0
        for _ in range(self.end.count):
            if self._data[at : at + 4] != ENTRY_SIGNATURE or at + ENTRY.size > len(self._data):
                raise unreadable("its directory does not hold the entries it counts")
            yield at
            at += ENTRY.size + sum(ENTRY.unpack_from(self._data, at)[10:13])
        if at != len(self._data):
            raise unreadable("its directory does not end where it says")

    def _entry(self, at: int) -> Entry:
        record = ENTRY.unpack_from(self._data, at)
        _, _, version, flags, method, _, _, crc, packed_bytes, size_bytes, name_bytes, extra_bytes = record[:12]
        start = at + ENTRY.size
        raw_name = self._data[start : start + name_bytes]
        name = _decoded(raw_name, flags)
        if record[13]:
            raise refused(name, "is on another disk")
        if version & 0xFF > NEWEST_VERSION:
            raise refused(name, f"needs version {version & 0xFF} of the zip format")
        extra = _extra(name, self._data[start + name_bytes : start + name_bytes + extra_bytes])
        _check_other_name(name, raw_name, extra)
        sizes = _wide(name, extra, size_bytes, packed_bytes, record[16])
        zip64 = IN_ZIP64 in (size_bytes, packed_bytes, record[16])
        return Entry(raw_name, name, flags, method, crc, sizes[1], sizes[0], record[15], sizes[2], zip64)


def read_at(file: BinaryIO, at: int, count: int) -> bytes:
    """Read exactly `count` bytes from there; raise InvalidParameterError when the zip has fewer."""
    file.seek(at)
    data = file.read(count)
    if len(data) != count:
        raise unreadable("it ends in the middle of an entry")
    return data


def find_data(file: BinaryIO, entry: Entry, limit: int) -> int:
    """Give the offset of the entry's bytes.

    Raises InvalidParameterError unless its own header says what the directory says, and all of it ends by `limit`,
    where the next entry begins.
    """
    if entry.header_at + LOCAL.size > limit:
        raise refused(entry.name, "overlaps another, or lies outside the zip")
    record = LOCAL.unpack(read_at(file, entry.header_at, LOCAL.size))
    data_at: int = entry.header_at + LOCAL.size + record[9] + record[10]
    if record[0] != LOCAL_SIGNATURE:
        raise refused(entry.name, "is not where the directory says")
    if data_at + entry.packed_bytes > limit:
        raise refused(entry.name, "overlaps another, or has not the size it says")
    named = read_at(file, entry.header_at + LOCAL.size, record[9] + record[10])
    _check_local(entry, record, named)
    return data_at


def check_descriptor(file: BinaryIO, entry: Entry, at: int, limit: int) -> None:
    """Refuse an entry written as a stream when the sizes after its bytes differ from the directory's."""
    if not entry.flags & STREAMED:
        return
    found = read_at(file, at, min(MAX_DESCRIPTOR_BYTES, limit - at))
    sizes = (entry.crc, entry.packed_bytes, entry.size_bytes)
    descriptors = (struct.pack("<3L", *sizes), struct.pack("<L2Q", *sizes))
    if not found.removeprefix(DESCRIPTOR_SIGNATURE).startswith(descriptors) and not found.startswith(descriptors):
        raise refused(entry.name, "has other sizes after its bytes than in the directory")


def refused(name: str, reason: str) -> InvalidParameterError:
    """Make the error that names an entry and what is wrong with it."""
    shown = name if len(name) <= MAX_SHOWN_CHARS else f"{name[:MAX_SHOWN_CHARS]}…"
    return InvalidParameterError(f"The zip is refused: entry {shown!r} {reason}")


def unreadable(reason: str) -> InvalidParameterError:
    """Make the error for a zip whose records cannot be read."""
    return InvalidParameterError(f"Could not unzip uploaded file: {reason}")


def too_many() -> InvalidParameterError:
    """Make the error for a zip with more entries than allowed."""
    return InvalidParameterError(f"The zip has more than {MAX_ZIP_ENTRIES} entries")


def _find_end(file: BinaryIO) -> End:
    size = file.seek(0, 2)
    tail = read_at(file, max(0, size - END.size - MAX_COMMENT_BYTES), min(size, END.size + MAX_COMMENT_BYTES))
    at = _position_of_end(tail)
    end_at = size - len(tail) + at
    record = END.unpack_from(tail, at)
    end = _end64(file, end_at, record) or _end(end_at, record, zip64=False)
    if end.count > MAX_ZIP_ENTRIES:
        raise too_many()
    if end.directory_bytes > MAX_ZIP_DIRECTORY_BYTES:
        raise InvalidParameterError(
            f"The zip's directory has {end.directory_bytes} bytes; {MAX_ZIP_DIRECTORY_BYTES} are allowed"
        )
    if end.directory_at + end.directory_bytes != end.directory_end:
        raise unreadable("its directory is not where it says; no bytes may stand before a zip, nor between its records")
    return end


def _position_of_end(tail: bytes) -> int:
    """Find the end record. A comment that holds a second one is refused: it would be another zip to another reader."""
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or at + END.size > len(tail):
        raise unreadable("it is not a zip. Send a zip's bytes, as application/zip.")
    if not _reaches_the_end(tail, at):
        raise unreadable("bytes follow its end record, or its comment holds another end record")
    before = tail.find(END_SIGNATURE)
    while before < at:
        if _reaches_the_end(tail, before):
            raise unreadable("its comment holds another end record")
        before = tail.find(END_SIGNATURE, before + 1)
    return at


def _reaches_the_end(tail: bytes, at: int) -> bool:
    return bool(at + END.size + END.unpack_from(tail, at)[-1] == len(tail))


def _end(end_at: int, record: EndRecord, *, zip64: bool) -> End:
    _, disk, directory_disk, here, count, directory_bytes, directory_at, _ = record
    if disk or directory_disk or here != count:
        raise unreadable("it is spread over several disks, or its counts of entries disagree")
    return End(count, directory_bytes, directory_at, end_at, zip64)


def _end64(file: BinaryIO, end_at: int, record: EndRecord) -> End | None:
    """Read the zip64 end record, None when there is none; refuse it unless it agrees with the other end record."""
    locator_at = end_at - LOCATOR64.size
    locator = LOCATOR64.unpack(read_at(file, locator_at, LOCATOR64.size)) if locator_at >= 0 else (b"",)
    if locator[0] != LOCATOR64_SIGNATURE:
        return None
    wide_at = locator_at - END64.size
    if locator[1:] != (0, wide_at, 1):
        raise unreadable("its zip64 record is not where it says")
    wide = END64.unpack(read_at(file, wide_at, END64.size))
    if wide[:2] != (END64_SIGNATURE, END64_REST_BYTES):
        raise unreadable("its zip64 record is damaged")
    for narrow, value, mark in zip(record[1:7], wide[4:], [COUNT_IN_ZIP64] * 4 + [IN_ZIP64] * 2, strict=True):
        if narrow not in (value, mark):
            raise unreadable("its zip64 record and its end record disagree")
    return _end(wide_at, (b"", *wide[4:], 0), zip64=True)


def _decoded(raw_name: bytes, flags: int) -> str:
    """Decode a name. Without the UTF-8 flag, each unpacker reads bytes above ASCII in its own way: they are refused."""
    try:
        return raw_name.decode("utf-8" if flags & UTF8 else "ascii")
    except UnicodeDecodeError:
        shown = raw_name.decode("ascii", "backslashreplace")
        raise refused(shown, "has a name that is neither ASCII nor marked as UTF-8, and UTF-8") from None


def _extra(name: str, data: bytes) -> dict[int, bytes]:
    """Give the extra fields that matter, by tag. Fewer bytes than a field's header are padding."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        tag, count = struct.unpack_from("<2H", data, at)
        at += 4 + count
        if at > len(data) or tag in fields:
            raise refused(name, "has damaged extra fields")
        if tag in (ZIP64_EXTRA, NAME_EXTRA):
            fields[tag] = data[at - count : at]
    return fields


def _check_other_name(name: str, raw_name: bytes, extra: dict[int, bytes]) -> None:
    """Refuse a name field with another name. It holds a version, the CRC of the entry's name, and a name in UTF-8."""
    if NAME_EXTRA in extra and extra[NAME_EXTRA][5:] != raw_name:
        raise refused(name, "has another name in its extra fields")


def _wide(name: str, extra: dict[int, bytes], *narrow: int) -> list[int]:
    """Take the numbers that are too large for their fields from the zip64 extra field, which holds those in order."""
    wide = extra.get(ZIP64_EXTRA, b"")
    found = []
    for value in narrow:
        if value == IN_ZIP64 and len(wide) < 8:
            raise refused(name, "lacks the zip64 numbers that it says it has")
        found.append(int.from_bytes(wide[:8], "little") if value == IN_ZIP64 else value)
        wide = wide[8:] if value == IN_ZIP64 else wide
    return found


def _check_local(entry: Entry, record: tuple[Any, ...], named: bytes) -> None:
    flags, method, crc, packed_bytes, size_bytes, name_bytes = (record[place] for place in (2, 3, 6, 7, 8, 9))
    extra = _extra(entry.name, named[name_bytes:])
    if named[:name_bytes] != entry.raw_name:
        raise refused(entry.name, "has another name in its own header")
    _check_other_name(entry.name, entry.raw_name, extra)
    if (flags ^ entry.flags) & AGREED_FLAGS or method != entry.method:
        raise refused(entry.name, "is packed in another way by its own header than by the directory")
    if not entry.flags & STREAMED:
        size_bytes, packed_bytes = _wide(entry.name, extra, size_bytes, packed_bytes)
    unknown = (0, IN_ZIP64) if entry.flags & STREAMED else ()
    for said, meant in ((crc, entry.crc), (packed_bytes, entry.packed_bytes), (size_bytes, entry.size_bytes)):
        if said != meant and said not in unknown:
            raise refused(entry.name, "has another size or checksum in its own header than in the directory")
