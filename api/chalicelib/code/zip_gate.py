"""Decides whether a zip may become a function's code or a layer. It is read as a stream and never unpacked to files.

Whatever the zip holds, this takes some 10 MiB of memory and reads each byte once, in order.
"""

import io
import re
import stat
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

from chalicelib.code.platforms import HEAD_BYTES, foreign_platform, is_loaded
from chalicelib.code.zip_names import Names
from chalicelib.code.zip_records import (
    ENCRYPTED,
    PATCHED,
    Directory,
    Entry,
    check_descriptor,
    find_data,
    read_at,
    refused,
)
from chalicelib.errors import InvalidParameterError
from chalicelib.limits import MAX_UNPACKED_BYTES, RUNTIMES

CHUNK_BYTES = 64 * 1024

#: The sandbox's mount allocates whole pages, and each file or folder takes one more for bookkeeping.
PAGE_BYTES = 4096

EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH

STORED = 0
DEFLATED = 8

#: Runtimes whose unpacker does not read zip64.
WITHOUT_ZIP64 = frozenset({"nodejs20.x"})


def check(source: bytes | BinaryIO, handler: str, runtime: str) -> int:
    """Check a function's zip and give the bytes of memory that it takes unpacked.

    Raises InvalidParameterError with entry and reason. A file must be seekable and buffered: small pieces are read.
    """
    return _check(source, [runtime], _handler_files(handler, runtime), f"Handler {handler!r} of {runtime}")


def check_layer(source: bytes | BinaryIO, runtimes: Collection[str] = ()) -> int:
    """Check the zip of a layer for functions of these runtimes, by default of any; see `check`. It needs no handler."""
    return _check(source, runtimes or RUNTIMES, [], "")


def _check(source: bytes | BinaryIO, runtimes: Collection[str], wanted: list[str], who: str) -> int:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    directory = Directory(file)
    if not directory.end.count:
        raise InvalidParameterError("The zip is empty: put the function's files into it")
    unpacked_bytes = _check_entries(directory, runtimes, wanted, who)
    for entry, limit in directory.by_offset():
        _check_content(file, entry, limit)
    return unpacked_bytes


def _check_entries(directory: Directory, runtimes: Collection[str], wanted: list[str], who: str) -> int:
    """Check what the zip's directory says, before a byte is decompressed."""
    names, total, pages, found = Names(), 0, 0, not wanted
    for entry in directory:
        _check_name(entry)
        _check_kind(entry)
        _check_packing(entry, runtimes, zip64=directory.end.zip64 or entry.zip64)
        path = names.add(entry)
        found |= _is_handler_file(entry, path, wanted, runtimes)
        total += entry.size_bytes
        if total > MAX_UNPACKED_BYTES:
            raise _too_big(entry)
        pages += -(-entry.size_bytes // PAGE_BYTES)
    if not found:
        raise InvalidParameterError(f"{who} needs {' or '.join(wanted)} in the zip, and it is not there")
    return (pages + len(names)) * PAGE_BYTES


def _check_name(entry: Entry) -> None:
    name = entry.name.replace("\\", "/")
    if ".." in name.split("/"):
        raise refused(entry.name, "leads out of the function's folder with '..'")
    if name.startswith("/") or re.match(r"[a-zA-Z]:", name):
        raise refused(entry.name, "has an absolute path")
    if "\\" in entry.name:
        raise refused(entry.name, "has a backslash in its name; zip it with slashes between folders")
    if "\0" in name:
        raise refused(entry.name, "has a NUL in its name")


def _check_kind(entry: Entry) -> None:
    kind = stat.S_IFMT(entry.mode)
    if kind == stat.S_IFLNK:
        raise refused(entry.name, "is a symlink; put the file itself into the zip")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(entry.name, "is neither a file nor a folder")
    if kind and (kind == stat.S_IFDIR) != entry.is_folder:
        raise refused(entry.name, "is a folder by its mode or by the slash at its end, and not by the other")
    if entry.is_folder and entry.size_bytes:
        raise refused(entry.name, "is a folder that holds bytes")


def _check_packing(entry: Entry, runtimes: Collection[str], *, zip64: bool) -> None:
    if entry.flags & ENCRYPTED:
        raise refused(entry.name, "is encrypted")
    if entry.flags & PATCHED or entry.method not in (STORED, DEFLATED):
        raise refused(entry.name, f"is packed by method {entry.method}; deflated and stored are offered")
    if zip64 and (without := WITHOUT_ZIP64.intersection(runtimes)):
        raise refused(entry.name, f"is in a zip64, which {', '.join(without)} cannot unpack; zip it without")


def _is_handler_file(entry: Entry, path: str, wanted: list[str], runtimes: Collection[str]) -> bool:
    """Tell whether the handler names this file or the runtime runs it; refuse one that cannot be started."""
    if entry.is_folder or path not in wanted:
        return False
    if "provided" in runtimes:
        _check_executable(entry)
    return True


def _handler_files(handler: str, runtime: str) -> list[str]:
    """Give the paths that the handler's file may have in the zip."""
    if runtime == "provided":
        return ["bootstrap"]
    if runtime.startswith("nodejs"):
        folder, slash, name = handler.rpartition("/")
        return [f"{folder}{slash}{name.partition('.')[0]}{ending}" for ending in (".js", ".mjs", ".cjs")]
    module = handler.rpartition(".")[0].replace(".", "/")
    return [f"{module}.py", f"{module}/__init__.py"]


def _check_executable(entry: Entry) -> None:
    """Refuse a file that is not executable. A zip from a system without modes has none: its files become executable."""
    if entry.mode and not entry.mode & EXECUTABLE:
        raise refused(entry.name, "is not executable: `chmod +x bootstrap` before it is zipped")


def _check_content(file: BinaryIO, entry: Entry, limit: int) -> None:
    """Read the entry to its end, as its real size or checksum may differ from the directory's."""
    data_at = find_data(file, entry, limit)
    head, size_bytes, crc = b"", 0, 0
    for chunk in _unpacked(entry, _packed(file, data_at, entry.packed_bytes)):
        head = head or chunk[:HEAD_BYTES]
        size_bytes += len(chunk)
        crc = zlib.crc32(chunk, crc)
        if size_bytes > entry.size_bytes:
            break
    if size_bytes != entry.size_bytes:
        raise refused(entry.name, "cannot be read: it does not have the size that the directory names")
    if crc != entry.crc:
        raise refused(entry.name, "cannot be read: it does not have the checksum that the directory names")
    check_descriptor(file, entry, data_at + entry.packed_bytes, limit)
    if is_loaded(entry.name) and (platform := foreign_platform(head)):
        raise refused(entry.name, f"is built for {platform}; functions run on Linux on x86-64")


def _packed(file: BinaryIO, at: int, count: int) -> Iterator[bytes]:
    for start in range(at, at + count, CHUNK_BYTES):
        yield read_at(file, start, min(CHUNK_BYTES, at + count - start))


def _unpacked(entry: Entry, packed: Iterator[bytes]) -> Iterator[bytes]:
    if entry.method == STORED:
        yield from packed
        return
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in packed:
        yield from _inflated(entry, stream, chunk)
        if stream.unused_data:
            break
    if not stream.eof or stream.unused_data:
        raise refused(entry.name, "cannot be read: its packed bytes end before or after the size it says")


def _inflated(entry: Entry, stream: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    """Decompress a chunk in pieces, as a zip bomb's chunk can grow a thousandfold."""
    piece = chunk
    while chunk or len(piece) == CHUNK_BYTES:
        try:
            piece = stream.decompress(chunk, CHUNK_BYTES)
        except zlib.error as error:
            raise refused(entry.name, f"cannot be read ({error})") from None
        yield piece
        chunk = stream.unconsumed_tail


def _too_big(entry: Entry) -> InvalidParameterError:
    return refused(entry.name, f"brings the unpacked size beyond {MAX_UNPACKED_BYTES} bytes")
