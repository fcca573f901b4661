"""Zips that no well-meaning packer makes, as a table; none is ever a file of the repository."""

import dataclasses
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared_lua.contract import MIB
from tests.zip_bytes import (
    DEFLATED,
    ENCRYPTED,
    HELLO_BYTES,
    MARK,
    STREAMED,
    UTF8,
    Raw,
    deflated,
    end,
    end64,
    extra64,
    raw_zip,
    raw_zip64,
    unicode_name,
)
from tests.zips import HELLO, zipped

#: As much of a name as the directory has room for in each of 20,000.
LONG = b"n" * 135


def with_main(*others: Raw) -> bytes:
    return raw_zip(Raw(), *others)


def named(*names: str | bytes) -> bytes:
    """`main.py` and empty files (or folders) of these names."""
    raw = [name if isinstance(name, bytes) else name.encode() for name in names]
    folder = stat.S_IFDIR | 0o755
    return with_main(
        *(
            Raw(
                name,
                b"",
                mode=folder if name.endswith(b"/") else 0o100644,
                flags=0 if name.isascii() or isinstance(given, bytes) else UTF8,
            )
            for name, given in zip(raw, names, strict=True)
        )
    )


def of_kind(kind: int) -> bytes:
    return with_main(Raw(b"odd", b"main.py", mode=kind | 0o777))


def streamed(descriptor: str, *, lie: int = 0, marked: bool = True, said: int = 0) -> Raw:
    """An entry whose sizes follow its bytes."""
    packed = deflated(HELLO_BYTES)
    sizes = struct.pack(descriptor, zlib.crc32(HELLO_BYTES), len(packed), len(HELLO_BYTES) + lie)
    unknown: dict[str, Any] = {"crc": 0, "packed_bytes": said, "size_bytes": said}
    mark = b"PK\x07\x08" if marked else b""
    return Raw(method=DEFLATED, flags=STREAMED, descriptor=mark + sizes, local=unknown)


def overlapping(kernels: int = 3) -> bytes:
    """A bomb of Fifield's kind: many entries in the directory, one and the same kernel of bytes."""
    kernel = Raw(b"0", b"\0" * MIB, method=DEFLATED)
    body = kernel.header() + kernel.stored()
    same = [Raw(str(n).encode(), kernel.content, method=DEFLATED, packed=kernel.stored()) for n in range(kernels)]
    main = Raw()
    directory = b"".join(one.entry(0) for one in same) + main.entry(len(body))
    body += main.header() + main.stored()
    return body + directory + end(kernels + 1, len(directory), len(body))


def quoted() -> bytes:
    """Fifield's better bomb: each entry's bytes take in the next one's header, as a block that is only stored."""
    last = Raw(b"b", b"x" * 1000)
    inside = last.header() + last.stored()
    block = struct.pack("<B2H", 1, len(inside), len(inside) ^ 0xFFFF) + inside
    first = Raw(b"a", inside, method=DEFLATED, packed=block)
    main = Raw()
    body = main.header() + main.stored() + first.header()
    directory = main.entry(0) + first.entry(len(main.header() + main.stored())) + last.entry(len(body) + 5)
    body += block
    return body + directory + end(3, len(directory), len(body))


def zeros(size: int, said: int | None = None) -> bytes:
    """A `zeros` of so many bytes, packed a thousand to one, without ever being held."""
    packer, packed, crc, chunk = zlib.compressobj(9, zlib.DEFLATED, -15), bytearray(), 0, b"\0" * MIB
    for _ in range(size // MIB):
        packed += packer.compress(chunk)
        crc = zlib.crc32(chunk, crc)
    packed += packer.flush()
    facts: dict[str, Any] = {"crc": crc, "size_bytes": size if said is None else said}
    bomb = Raw(b"zeros", b"", method=DEFLATED, packed=bytes(packed), local=facts, central=facts)
    return raw_zip(Raw(), bomb)


def ten_gigabytes() -> bytes:
    """Claimed as such, with the first 64 MiB of it there."""
    honest = zeros(64 * MIB)
    [_, entry] = zipfile.ZipFile(io.BytesIO(honest)).infolist()
    packed = honest[entry.header_offset + 30 + 5 :][: entry.compress_size]
    lie: dict[str, Any] = {"size_bytes": MARK, "packed_bytes": len(packed), "crc": entry.CRC}
    wide = extra64(10 * 1024 * MIB)
    local = lie | {"packed_bytes": MARK}
    bomb = Raw(b"zeros", b"", 8, packed=packed, extra=wide, central=lie, local=local)
    return raw_zip64(Raw(), dataclasses.replace(bomb, local_extra=extra64(10 * 1024 * MIB, len(packed))))


def many(count: int, said: int | None = None) -> bytes:
    """So many entries, sharing one header; the directory is what matters."""
    body = Raw().header() + HELLO_BYTES
    record = Raw(b"%07d" % 0).entry(0)[:46]
    directory = b"".join(record + b"%07d" % n for n in range(count))
    at = len(body) + len(directory)
    claimed = count if said is None else said
    if claimed < 0xFFFF:
        return body + directory + end(claimed, len(directory), len(body))
    return body + directory + end64(claimed, len(directory), len(body), at) + end(0xFFFF, MARK, MARK)


def longest() -> bytes:
    """As many entries as may be, each in a folder of its own, with names as long as the directory has room for."""
    others = (Raw(b"%s/%020d/f" % (LONG, n), b"", local_extra=b"") for n in range(19_999))
    return raw_zip(Raw(), *others)


def extras() -> bytes:
    """A directory of nothing but extra fields, as many as it has room for."""
    padding = b"".join(struct.pack("<2H", tag, 0) for tag in range(0x8000, 0x8000 + 15_000))
    return raw_zip(Raw(), *(Raw(b"%d" % n, b"", extra=padding) for n in range(69)))


def elf(machine: int, bits: int = 2, order: int = 1) -> bytes:
    return struct.pack("<4sBB10xHHL", b"\x7fELF", bits, order, 3, machine, 1) + b"\0" * 40


def pe(managed_at: int = 0) -> bytes:
    """A Windows DLL's first bytes; `managed_at` is where .NET's own header is."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<L", 0x40) + b"PE\0\0".ljust(24, b"\0")
    return head + struct.pack("<H", 0x20B).ljust(112, b"\0") + b"\0" * 14 * 8 + struct.pack("<2L", managed_at, 72)


def truncated(at: float) -> bytes:
    whole = zipped({"main.py": HELLO, "b.bin": bytes(range(256)) * 8})
    return whole[: int(len(whole) * at)]


def two_ends() -> bytes:
    """One zip whose comment ends another zip: which it is depends on who reads."""
    inner = end(0, 0, 0)
    return raw_zip(Raw(), comment=b"c" * 10 + inner)


def backwards() -> bytes:
    first, second = Raw(), Raw(b"a")
    body = first.header() + first.stored()
    directory = second.entry(len(body)) + first.entry(0)
    body += second.header() + second.stored()
    return body + directory + end(2, len(directory), len(body))


@dataclass(frozen=True)
class Hostile:
    """How it is built, and what the refusal must say."""

    build: Callable[[], bytes]
    reason: str


def _hostile(**cases: tuple[Callable[[], bytes], str]) -> dict[str, Hostile]:
    return {name.replace("_", " "): Hostile(*case) for name, case in cases.items()}


SYMLINK, FIFO, DEVICE, SOCKET = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFSOCK
HOSTILE: dict[str, Hostile] = _hostile(
    # Names
    slip=(lambda: named("a/../../b"), r"'a/\.\./\.\./b' leads out"),
    slip_with_backslashes=(lambda: named("a\\..\\b"), "leads out"),
    slip_alone=(lambda: named(".."), "'..' leads out"),
    slip_with_both=(lambda: named("a/..\\b"), "leads out"),
    absolute=(lambda: named("/etc/passwd"), "'/etc/passwd' has an absolute path"),
    absolute_with_a_backslash=(lambda: named("\\etc"), "absolute"),
    a_drive=(lambda: named("C:evil"), "'C:evil' has an absolute path"),
    a_drive_with_a_slash=(lambda: named("c:/evil"), "absolute"),
    a_share=(lambda: named("\\\\host\\share"), "absolute"),
    a_backslash=(lambda: named("lib\\util.py"), "has a backslash"),
    a_NUL=(lambda: named("a\0.py"), "has a NUL"),
    no_name=(lambda: named(b""), "'' has no name"),
    a_dot=(lambda: named("."), "'.' has no name"),
    not_UTF8=(lambda: with_main(Raw(b"\xff.py", flags=UTF8)), "neither ASCII nor marked"),
    not_marked_as_UTF8=(lambda: named("ä.py".encode()), "neither ASCII nor marked"),
    half_a_surrogate=(lambda: with_main(Raw(b"\xed\xa0\x80", flags=UTF8)), "neither ASCII nor marked"),
    too_long_a_part=(lambda: named("a" * 256), "more than 255 bytes"),
    too_long_a_name=(lambda: named("/".join(["a" * 200] * 6)), "or 1024 with its folders"),
    a_name_of_64_KiB=(lambda: named("a/" * 32_000), "or 1024"),
    too_deep=(lambda: named("d/" * 65 + "f"), "in more than 64 folders"),
    another_name_in_its_header=(lambda: with_main(Raw(b"a", local={"name": b"b"})), "'a' has another name in its own"),
    another_name_in_its_extra=(
        lambda: with_main(Raw(b"a", extra=unicode_name(b"a", b"../b"))),
        "'a' has another name in its extra",
    ),
    # Names that are one
    twice=(lambda: named("a", "a"), "'a' is in the zip twice"),
    twice_by_a_dot=(lambda: named("a/b", "a/./b"), r"'a/\./b' is in the zip twice"),
    twice_by_a_slash=(lambda: named("a/b", "a//b"), "'a//b' is in the zip twice"),
    a_folder_twice=(lambda: named("a/", "a/"), "'a/' is in the zip twice"),
    main_twice=(lambda: named("./main.py"), r"'\./main\.py' is in the zip twice"),
    by_case=(lambda: named("Read", "read"), "'read' differs from another name"),
    a_folder_by_case=(lambda: named("Lib/a", "lib/b"), "'lib/b' differs"),
    by_accent=(lambda: named("\xe9", "e\u0301"), "differs from another name"),
    by_sharp_s=(lambda: named("stra\xdfe", "STRASSE"), "'STRASSE' differs"),
    a_file_in_a_file=(lambda: named("a", "a/b"), "'a/b' is a file and a folder at once"),
    a_file_that_is_a_folder=(lambda: named("a/b", "a"), "'a' is a file and a folder at once"),
    a_folder_that_is_a_file=(lambda: named("a", "a/"), "'a/' is a file and a folder at once"),
    # Kinds
    a_symlink=(lambda: of_kind(SYMLINK), "'odd' is a symlink"),
    a_FIFO=(lambda: of_kind(FIFO), "'odd' is neither"),
    a_device=(lambda: of_kind(DEVICE), "'odd' is neither"),
    a_socket=(lambda: of_kind(SOCKET), "'odd' is neither"),
    a_folder_by_mode_only=(lambda: of_kind(stat.S_IFDIR), "'odd' is a folder by its mode"),
    a_file_by_mode_only=(lambda: with_main(Raw(b"a/", b"")), "'a/' is a folder by its mode"),
    a_folder_with_bytes=(lambda: with_main(Raw(b"a/", b"x", mode=0)), "'a/' is a folder that holds bytes"),
    # Packing
    encrypted=(lambda: with_main(Raw(b"a", flags=ENCRYPTED)), "'a' is encrypted"),
    strongly_encrypted=(lambda: with_main(Raw(b"a", flags=0x41)), "'a' is encrypted"),
    masked=(lambda: with_main(Raw(b"a", flags=0x2000)), "'a' is encrypted"),
    encrypted_in_its_header_only=(lambda: with_main(Raw(b"a", local={"flags": 1})), "'a' is packed in another way"),
    patched=(lambda: with_main(Raw(b"a", flags=0x20)), "'a' is packed by method"),
    bzip2=(lambda: with_main(Raw(b"a", method=12)), "'a' is packed by method 12"),
    lzma=(lambda: with_main(Raw(b"a", method=14)), "'a' is packed by method 14"),
    another_method_in_its_header=(lambda: with_main(Raw(b"a", local={"method": 8})), "'a' is packed in another way"),
    a_future_version=(lambda: with_main(Raw(b"a", version=64)), "'a' needs version 64"),
    damaged=(lambda: raw_zip(Raw(method=8, packed=b"\xff" * 20)), r"'main\.py' cannot be read"),
    a_wrong_checksum=(
        lambda: raw_zip(Raw(local={"crc": 7}, central={"crc": 7})),
        "'main.py' cannot be read: it does not have the checksum",
    ),
    # Sizes that lie
    a_small_claim=(
        lambda: raw_zip(Raw(method=8, local={"size_bytes": 2}, central={"size_bytes": 2})),
        "'main.py' cannot be read: it does not have the size",
    ),
    a_large_claim=(
        lambda: raw_zip(Raw(method=8, local={"size_bytes": 999}, central={"size_bytes": 999})),
        "'main.py' cannot be read: it does not have the size",
    ),
    a_huge_claim=(lambda: raw_zip(Raw(central={"size_bytes": 251 * MIB})), "'main.py' brings the unpacked size"),
    sums_that_are_huge=(
        lambda: raw_zip(*(Raw(b"%d" % n, central={"size_bytes": 90 * MIB}) for n in range(3))),
        "'2' brings the unpacked size",
    ),
    another_size_in_its_header=(lambda: raw_zip(Raw(local={"size_bytes": 2})), "'main.py' has another size"),
    another_packed_size_in_its_header=(lambda: raw_zip(Raw(local={"packed_bytes": 2})), "'main.py' has another size"),
    another_checksum_in_its_header=(lambda: raw_zip(Raw(local={"crc": 2})), "'main.py' has another size or checksum"),
    packed_longer_than_said=(
        lambda: raw_zip(Raw(method=8, local={"packed_bytes": 9}, central={"packed_bytes": 9})),
        "'main.py' cannot be read",
    ),
    packed_shorter_than_said=(
        lambda: raw_zip(Raw(method=8, packed=deflated(HELLO_BYTES) + b"junk")),
        "'main.py' cannot be read: its packed bytes end before",
    ),
    far_shorter_than_said=(
        lambda: raw_zip(Raw(method=8, packed=deflated(HELLO_BYTES) + b"\0" * 300_000)),
        "'main.py' cannot be read: its packed bytes end before",
    ),
    stored_with_another_size=(
        lambda: raw_zip(Raw(local={"size_bytes": 3}, central={"size_bytes": 3})),
        "'main.py' cannot be read: it does not have the size",
    ),
    a_descriptor_that_lies=(lambda: raw_zip(streamed("<3L", lie=1)), "'main.py' has other sizes after its bytes"),
    no_descriptor=(
        lambda: raw_zip(dataclasses.replace(streamed("<3L"), descriptor=b"")),
        "'main.py' has other sizes after its bytes",
    ),
    # Bombs
    bomb_by_overlap=(overlapping, "'[0-9]' overlaps another"),
    bomb_by_quoting=(quoted, "'a' overlaps another"),
    bomb_by_ratio=(ten_gigabytes, "'zeros' brings the unpacked size"),
    bomb_that_says_it_is_small=(
        lambda: zeros(64 * MIB, said=1000),
        "'zeros' cannot be read: it does not have the size",
    ),
    bomb_just_too_large=(lambda: zeros(250 * MIB), "'zeros' brings|'main.py' brings"),
    # Entries
    a_million_entries=(lambda: many(1_000_000), "more than 20000 entries"),
    a_million_that_say_they_are_one=(lambda: many(1_000_000, said=1), "directory has 53000000 bytes"),
    more_than_said=(lambda: many(3, said=2), "its directory does not end"),
    fewer_than_said=(lambda: many(3, said=4), "does not hold the entries it counts"),
    one_too_many=(lambda: many(20_001), "more than 20000 entries"),
    none=(raw_zip, "is empty"),
    # zip64 that lies
    zip64_count=(lambda: raw_zip64(Raw(), count=2), "does not hold the entries it counts"),
    zip64_huge_count=(lambda: raw_zip64(Raw(), count=2**40), "more than 20000 entries"),
    zip64_elsewhere=(lambda: raw_zip64(Raw(), record_at=0), "zip64 record is not where"),
    zip64_that_disagrees=(lambda: raw_zip64(Raw(), narrow=2), "zip64 record and its end record disagree"),
    zip64_missing=(lambda: raw_zip(Raw(central={"size_bytes": MARK})), "lacks the zip64 numbers"),
    zip64_cut=(lambda: raw_zip(Raw(extra=b"\1\0\2\0ab", central={"size_bytes": MARK})), "lacks the zip64"),
    zip64_twice=(lambda: raw_zip(Raw(extra=extra64(1) * 2)), "damaged extra fields"),
    zip64_size=(lambda: raw_zip(Raw(extra=extra64(2**63), central={"size_bytes": MARK})), "'main.py' brings"),
    zip64_offset=(lambda: raw_zip(Raw(extra=extra64(2**63), central={"at": MARK})), "'main.py' overlaps another, or"),
    zip64_in_its_header=(
        lambda: raw_zip(Raw(local_extra=extra64(5, 5), local={"size_bytes": MARK, "packed_bytes": MARK})),
        "'main.py' has another size or checksum",
    ),
    # Records
    empty_file=(lambda: b"", "not a zip"),
    no_zip=(lambda: b"hello" * 9, "not a zip"),
    signatures_only=(lambda: b"PK\5\6" * 9, "bytes follow its end record|not a zip"),
    bytes_before=(lambda: b"#!/bin/sh\n" + zipped(), "no bytes may stand before"),
    bytes_after=(lambda: zipped() + b"more", "bytes follow its end record"),
    two_ends=(two_ends, "comment holds another end record"),
    an_end_in_the_comment=(lambda: raw_zip(Raw(), comment=b"PK\5\6".ljust(40, b"x")), "comment holds another"),
    a_comment_of_ends=(lambda: raw_zip(Raw(), comment=(end(1, 46, 0) * 2978)[:0xFFFF]), "holds another|not a zip"),
    a_nested_end_that_reaches=(
        lambda: raw_zip(Raw(), Raw(b"a", b""), Raw(b"b", b"PK\5\6" + b"\0" * 16 + struct.pack("<H", 169))),
        "comment holds another end record",
    ),
    another_disk=(lambda: zipped()[:-18] + b"\1" + zipped()[-17:], "several disks"),
    a_header_elsewhere=(lambda: raw_zip(Raw(), Raw(b"a", central={"at": 1})), "overlaps another|is not where"),
    a_header_in_the_directory=(lambda: with_main(Raw(b"a", b"", central={"at": 100})), "overlaps another|is not where"),
    a_header_beyond=(lambda: raw_zip(Raw(central={"at": 10**6})), "overlaps another, or lies outside"),
    damaged_extra=(lambda: raw_zip(Raw(extra=b"\x99\x99\xff\xff")), "damaged extra fields"),
    cut_after_a_tenth=(lambda: truncated(0.1), "not a zip"),
    cut_in_the_data=(lambda: truncated(0.5), "not a zip"),
    cut_in_the_directory=(lambda: truncated(0.9), "not a zip"),
    cut_in_the_end=(lambda: zipped()[:-1], "not a zip"),
    cut_at_the_front=(lambda: zipped()[1:], "not where it says"),
    # Code for other machines
    so_for_arm=(lambda: with_main(Raw(b"lib/a.so", elf(183))), "'lib/a.so' is built for Linux on ARM64"),
    so_with_a_number=(lambda: with_main(Raw(b"liba.so.1.2", elf(183))), "'liba.so.1.2' is built for Linux on ARM64"),
    so_for_32_bits=(lambda: with_main(Raw(b"a.so", elf(3, bits=1))), r"x86 \(32 bits\)"),
    so_for_x32=(lambda: with_main(Raw(b"a.so", elf(62, bits=1))), "'a.so' is built for"),
    so_for_big_endians=(lambda: with_main(Raw(b"a.so", elf(22 << 8, order=2))), "s390x"),
    so_cut_short=(lambda: with_main(Raw(b"a.so", b"\x7fELF")), "no machine"),
    so_of_a_Mac=(lambda: with_main(Raw(b"a.so", b"\xcf\xfa\xed\xfe" + b"\0" * 28)), "'a.so' is built for macOS"),
    dylib=(lambda: with_main(Raw(b"a.dylib", b"\xca\xfe\xba\xbe\0\0\0\2")), "macOS"),
    node_of_a_Mac=(lambda: with_main(Raw(b"build/a.node", b"\xcf\xfa\xed\xfe")), "macOS"),
    pyd=(lambda: with_main(Raw(b"a.PYD", pe())), "'a.PYD' is built for Windows"),
    dll=(lambda: with_main(Raw(b"a.dll", pe())), "'a.dll' is built for Windows"),
    bootstrap_for_arm=(lambda: with_main(Raw(b"bootstrap", elf(183), mode=0o100755)), "ARM64"),
    packed_so_for_arm=(lambda: with_main(Raw(b"a.so", elf(183), method=8)), "ARM64"),
)
FINE: dict[str, Callable[[], bytes]] = {
    "plain": zipped,
    "stored": lambda: raw_zip(Raw()),
    "without modes": lambda: raw_zip(Raw(mode=0)),
    "folders named and implied": lambda: named("a/", "a/b/c", "a/b/", "./d//e"),
    "the root named": lambda: named("./"),
    "UTF-8": lambda: named("\xe9t\xe9/\u4e2d.txt"),
    "the same name in its extra": lambda: with_main(Raw(b"a", extra=unicode_name(b"a", b"a"))),
    "padding in its extra": lambda: with_main(Raw(b"a", extra=b"\0\0\0", local_extra=b"\0")),
    "as deep as may be": lambda: named("d/" * 64 + "f"),
    "as long a part as may be": lambda: named("a" * 255),
    "streamed": lambda: raw_zip(streamed("<3L")),
    "streamed without a mark": lambda: raw_zip(streamed("<3L", marked=False)),
    "streamed as zip64": lambda: raw_zip(streamed("<L2Q", said=MARK)),
    "a gap between entries": lambda: with_main(Raw(b"a", descriptor=b"gap"), Raw(b"b")),
    "a comment of 64 KiB with records": lambda: raw_zip(
        Raw(), comment=(b"PK\1\2" + b"PK\3\4" + b"PK\6\7" * 9).ljust(0xFFFF, b"x")
    ),
    "zip in a zip": lambda: zipped({"main.py": HELLO, "inner.zip": zipped({"inner.zip": zipped()})}),
    "a stored zip in a zip": lambda: with_main(Raw(b"inner.zip", zipped())),
    "zip64 records": lambda: raw_zip64(Raw()),
    "zip64 sizes": lambda: raw_zip(
        Raw(
            extra=extra64(len(HELLO_BYTES), len(HELLO_BYTES), 0),
            local_extra=extra64(len(HELLO_BYTES), len(HELLO_BYTES)),
            local={"size_bytes": MARK, "packed_bytes": MARK},
            central={"size_bytes": MARK, "packed_bytes": MARK, "at": MARK},
        )
    ),
    "entries in another order": backwards,
    "a .so for x86-64": lambda: with_main(Raw(b"a.so", elf(62))),
    "a .so that is a text": lambda: with_main(Raw(b"a.so", b"INPUT(liba.so.1)")),
    "an empty .so": lambda: with_main(Raw(b"a.so", b"")),
    "one for each platform": lambda: with_main(Raw(b"node_modules/x/prebuilds/darwin/a.node", b"\xcf\xfa\xed\xfe")),
    "portable .NET": lambda: with_main(Raw(b"a.dll", pe(managed_at=0x2008))),
    "a picture that begins like a program": lambda: with_main(Raw(b"a.png", elf(183))),
    "a high ratio": lambda: zeros(8 * MIB),
    "a chunk's edge": lambda: zipped({"main.py": HELLO, "a": b"\0" * (4 * 64 * 1024)}),
}
