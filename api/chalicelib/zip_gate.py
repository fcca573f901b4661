"""Decides whether a zip may become a function's code, reading it as a stream in memory; never writes a file of it."""

import io
import lzma
import re
import stat
import struct
import zipfile
import zlib

from chalicelib.errors import InvalidParameterError
from chalicelib.limits import MAX_UNPACKED_BYTES, MAX_ZIP_ENTRIES

CHUNK_BYTES = 64 * 1024

#: The sandbox's mount gives whole pages, and each file needs a page's worth of bookkeeping beside its data.
PAGE_BYTES = 4096

#: How an entry of the central directory begins. `zipfile` builds an object for each before anyone can count them, so
#: an archive with far too many of these is refused by its bytes. Zips stored inside the zip hold some too: hence the 4.
ENTRY_SIGNATURE = b"PK\x01\x02"
MAX_SIGNATURES = 4 * MAX_ZIP_ENTRIES

EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH

#: What `zipfile` raises over damaged, encrypted or exotic bytes.
UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)


def check(data: bytes, handler: str, runtime: str) -> int:
    """Give the memory in bytes that the zip takes unpacked; raise InvalidParameterError with entry and reason."""
    if data.count(ENTRY_SIGNATURE) > MAX_SIGNATURES:
        raise _too_many()
    with _opened(data) as archive:
        entries = archive.infolist()
        _check_entries(entries)
        _check_handler_file(entries, handler, runtime)
        _count(archive, entries)
    return sum(-(-entry.file_size // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES for entry in entries)


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except UNREADABLE:
        raise InvalidParameterError(
            "Could not unzip uploaded file: it is not a zip. Send a zip's bytes, as application/zip."
        ) from None


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse by what the directory of the zip says, before a byte is decompressed."""
    if not entries:
        raise InvalidParameterError("The zip is empty: put the function's files into it")
    if len(entries) > MAX_ZIP_ENTRIES:
        raise _too_many()
    for entry in entries:
        _check_name(entry)
        _check_kind(entry)
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise _too_big(max(entries, key=lambda entry: entry.file_size))


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename.replace("\\", "/")
    if ".." in name.split("/"):
        raise _refused(entry, "leads out of the function's folder with '..'")
    if name.startswith("/") or re.match(r"[a-zA-Z]:", name):
        raise _refused(entry, "has an absolute path")
    if "\0" in name:
        raise _refused(entry, "has a NUL in its name")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise _refused(entry, "is a symlink; put the file itself into the zip")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(entry, "is neither a file nor a folder")


def _check_handler_file(entries: list[zipfile.ZipInfo], handler: str, runtime: str) -> None:
    """Refuse a zip whose function could not start, for want of the file that the handler names or the runtime runs."""
    wanted = _handler_files(handler, runtime)
    found = [entry for entry in entries if entry.filename in wanted]
    if not found:
        names = " or ".join(wanted)
        raise InvalidParameterError(f"Handler {handler!r} of {runtime} needs {names} in the zip, and it is not there")
    if runtime == "provided":
        _check_executable(found[-1])


def _handler_files(handler: str, runtime: str) -> list[str]:
    """Give the names that the handler's file may have in the zip."""
    if runtime == "provided":
        return ["bootstrap"]
    if runtime.startswith("nodejs"):
        folder, slash, name = handler.rpartition("/")
        return [f"{folder}{slash}{name.partition('.')[0]}{ending}" for ending in (".js", ".mjs", ".cjs")]
    module = handler.rpartition(".")[0].replace(".", "/")
    return [f"{module}.py", f"{module}/__init__.py"]


def _check_executable(entry: zipfile.ZipInfo) -> None:
    """A zip made where there are no modes has none; what it holds is made executable as it is unpacked."""
    mode = entry.external_attr >> 16
    if mode and not mode & EXECUTABLE:
        raise _refused(entry, "is not executable: `chmod +x bootstrap` before it is zipped")


def _count(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Read every entry to its end, so that a directory that lies about sizes is found out here."""
    total = 0
    for entry in entries:
        try:
            with archive.open(entry) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    total += len(chunk)
                    if total > MAX_UNPACKED_BYTES:
                        raise _too_big(entry)
        except UNREADABLE as error:
            raise _refused(entry, f"cannot be read ({error})") from None


def _refused(entry: zipfile.ZipInfo, reason: str) -> InvalidParameterError:
    return InvalidParameterError(f"The zip is refused: entry {entry.orig_filename!r} {reason}")


def _too_big(entry: zipfile.ZipInfo) -> InvalidParameterError:
    return _refused(entry, f"brings the unpacked size beyond {MAX_UNPACKED_BYTES} bytes")


def _too_many() -> InvalidParameterError:
    return InvalidParameterError(f"The zip has more than {MAX_ZIP_ENTRIES} entries")
