"""Zips the functions under load out of `examples/`, the same bytes from the same source; it deploys nothing."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from local.state import ROOT

HEAVY = ROOT / "examples" / "heavy" / "main.py"
HEAVY_CLOUD = ROOT / "examples" / "heavy" / "lambda_function.py"
NOOP = ROOT / "examples" / "noop" / "main.py"

#: The two that go with the k6 scripts; the cloud's also runs on AWS Lambda under the console's usual handler name.
ZIPS = {"heavy_function.zip": [HEAVY], "heavy_function_cloud.zip": [HEAVY, HEAVY_CLOUD]}
EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def zipped(sources: Sequence[Path]) -> bytes:
    """Give a zip of these files. Stored, not deflated: another zlib would make other bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for source in sorted(sources):
            entry = zipfile.ZipInfo(source.name, EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, source.read_bytes())
    return data.getvalue()


def write(folder: Path) -> list[Path]:
    """Write both zips into a folder and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sources in ZIPS.items():
        (folder / name).write_bytes(zipped(sources))
    return [folder / name for name in ZIPS]
