"""Zips for tests, made in memory."""

import io
import stat
import zipfile
from collections.abc import Mapping

HELLO = "def handler(event, context):\n    return event\n"
Files = Mapping[str, str | bytes]


def zipped(files: Files | None = None, mode: int = 0o755) -> bytes:
    """Give a zip of these files, by default of one `main.py` that is in order.

    They have this mode, as `zip` makes it; with mode 0 they have only DOS's archive bit, as elsewhere.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"main.py": HELLO} if files is None else files).items():
            info = zipfile.ZipInfo(name)  # of a fixed date: equal files are equal bytes, whatever the time
            kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
            info.external_attr = (kind | mode) << 16 if mode else 0x20
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
