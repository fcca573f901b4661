"""The demo's table and zip."""

import io
import zipfile

from local.demo import COLUMNS, EXAMPLE, row, table, zipped

RECORD = {
    "status": "succeeded",
    "phases": {"queue_ms": 5.25, "start_ms": 0.0, "run_ms": 1508.2},
    "usage": {"cold": False, "cpu_us": 7200, "peak_memory_bytes": 9 * 2**20},
    "charge": {"total_pico_usd": 4_441_676},
}


def test_a_record_becomes_a_row_in_the_units_of_its_columns() -> None:
    assert row(RECORD) == ("warm", "succeeded", "5.2", "0.0", "1,508.2", "7.2", "9.0", "4,442")
    assert len(row(RECORD)) == len(COLUMNS)


def test_words_are_aligned_left_and_numbers_right() -> None:
    assert table([("", "status", "ms"), ("warm", "ok", "1,000"), ("cold", "ok", "7")]).splitlines() == [
        "      status     ms",
        "warm  ok      1,000",
        "cold  ok          7",
    ]


def test_the_zip_has_the_example_at_its_root() -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(EXAMPLE))) as archive:
        assert archive.namelist() == ["main.py"]
        assert b"def handler(event, context)" in archive.read("main.py")
