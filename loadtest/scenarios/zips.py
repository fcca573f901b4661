"""The functions under load, zipped from their sources in `examples/`: the same source gives the same bytes."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from local.state import ROOT

HEAVY = ROOT / "examples" / "heavy" / "main.py"
HEAVY_CLOUD = ROOT / "examples" / "heavy" / "lambda_function.py"
NOOP = ROOT / "examples" / "noop" / "main.py"

#: The zips of the two k6 scripts. The cloud's also runs on AWS Lambda, under the handler name that AWS suggests.
ZIPS = {"heavy_function.zip": [HEAVY], "heavy_function_cloud.zip": [HEAVY, HEAVY_CLOUD]}
EARLIEST = (1980, 1, 1, 0, 0, 0)  #: the earliest time that a zip can name
_UNIX = 3


def zipped(sources: Sequence[Path]) -> bytes:
    """Returns a zip of these files. They are stored, not deflated: another zlib would write other bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for source in sorted(sources):
            entry = zipfile.ZipInfo(source.name, EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, source.read_bytes())
    return data.getvalue()


def write(folder: Path) -> list[Path]:
    """Writes both zips into a folder and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sources in ZIPS.items():
        (folder / name).write_bytes(zipped(sources))
    return [folder / name for name in ZIPS]
