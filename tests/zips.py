"""Zips for tests, made in memory."""

import io
import zipfile

HELLO = "def handler(event, context):\n    return event\n"


def zipped(files: dict[str, str | bytes] | None = None) -> bytes:
    """Give a zip of these files; by default of one `main.py` that is in order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"main.py": HELLO} if files is None else files).items():
            info = zipfile.ZipInfo(name)  # of a fixed date: equal files are equal bytes, whatever the time
            info.external_attr = 0o600 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
