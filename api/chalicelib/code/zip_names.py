"""Checks that no two files or folders of a zip are the same to any file system. Keeps hashes, not the names."""

import hashlib
import os
import unicodedata

from chalicelib.code.zip_records import Entry, refused
from chalicelib.limits import MAX_ZIP_DEPTH, MAX_ZIP_ENTRIES, MAX_ZIP_NAME_BYTES, MAX_ZIP_PART_BYTES

FILE, FOLDER, IMPLIED = range(3)
KINDS = 4


class Names:
    """Files and folders by a keyed hash of their case-folded paths: 20,000 long paths would take 20 MB."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._known: dict[int, int] = {}  #: hash of a case-folded path → hash of the path, and its kind
        self._folders = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, entry: Entry) -> str:
        """Give the path that the entry unpacks to; raise InvalidParameterError when another entry has it."""
        items = [item for item in entry.name.split("/") if item not in ("", ".")]
        if not items:
            if not entry.is_folder:
                raise refused(entry.name, "has no name")
            return ""
        _check_lengths(entry, items)
        self._add(entry, "/".join(items), FOLDER if entry.is_folder else FILE)
        self._add_folders(entry, items)
        return "/".join(items)

    def _add_folders(self, entry: Entry, items: list[str]) -> None:
        """Add the folders around an entry from the innermost out, up to one that is known: its own are known too."""
        for depth in range(len(items) - 1, 0, -1):
            if not self._add(entry, "/".join(items[:depth]), IMPLIED):
                return

    def _add(self, entry: Entry, path: str, kind: int) -> bool:
        """Tell whether the path is new."""
        loose, exact = self._hash(unicodedata.normalize("NFC", path.casefold())), self._hash(path) * KINDS
        known = self._known.get(loose)
        if known is None:
            self._count(entry, kind)
        else:
            _check_same(entry, known, exact, kind)
        if known is None or kind == FOLDER:
            self._known[loose] = exact + kind
        return known is None

    def _count(self, entry: Entry, kind: int) -> None:
        self._folders += kind != FILE
        if self._folders > MAX_ZIP_ENTRIES:
            raise refused(entry.name, f"brings the folders beyond {MAX_ZIP_ENTRIES}")

    def _hash(self, path: str) -> int:
        digest = hashlib.blake2b(path.encode("utf-8"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little")


def _check_same(entry: Entry, known: int, exact: int, kind: int) -> None:
    if known - known % KINDS != exact:
        raise refused(
            entry.name,
            "differs from another name, or lies in a folder that does, only in case or in how accents are written",
        )
    if FILE in (kind, known % KINDS) and kind != known % KINDS:
        raise refused(entry.name, "is a file and a folder at once, or lies in what is a file")
    if kind == known % KINDS != IMPLIED:
        raise refused(entry.name, "is in the zip twice")


def _check_lengths(entry: Entry, items: list[str]) -> None:
    if len(entry.raw_name) > MAX_ZIP_NAME_BYTES or any(len(item.encode()) > MAX_ZIP_PART_BYTES for item in items):
        raise refused(entry.name, f"has more than {MAX_ZIP_PART_BYTES} bytes, or {MAX_ZIP_NAME_BYTES} with its folders")
    if len(items) - (not entry.is_folder) > MAX_ZIP_DEPTH:
        raise refused(entry.name, f"lies in more than {MAX_ZIP_DEPTH} folders")
