"""An object read by ranges, with a client that counts what it is asked for."""

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from chalicelib.code import zip_gate
from chalicelib.errors import InvalidParameterError
from chalicelib.storage.s3_file import RANGE_BYTES, open_object

from shared_lua.contract import MIB
from tests.zip_bytes import Raw, raw_zip
from tests.zip_corpus import HOSTILE, longest, zeros


class Client:
    """S3 as far as a file needs it, over a file on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ranges: list[tuple[int, int]] = []

    def head_object(self, **_: Any) -> dict[str, Any]:
        return {"ETag": '"e"', "ContentLength": self._path.stat().st_size}

    def get_object(self, Range: str, IfMatch: str, **_: Any) -> dict[str, Any]:  # noqa: N803  (boto3's names)
        first, last = (int(number) for number in Range.removeprefix("bytes=").split("-"))
        self.ranges.append((first, last))
        with self._path.open("rb") as file:
            file.seek(first)
            return {"Body": io.BytesIO(file.read(last - first + 1))}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "object")


def test_it_reads_as_the_file_that_it_is(client: Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8 * 1024 + b"end"
    (tmp_path / "object").write_bytes(content)

    stored = open_object(client, "b", "k")

    assert stored.read() == content
    assert (stored.seek(-3, io.SEEK_END), stored.read()) == (len(content) - 3, b"end")
    assert (stored.seek(5), stored.read(2), stored.tell()) == (5, content[5:7], 7)
    assert max(last - first + 1 for first, last in client.ranges) == RANGE_BYTES


def test_nothing_is_asked_for_behind_the_end(client: Client, tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(b"")

    stored = open_object(client, "b", "k")

    assert stored.read(10) == b""
    assert (stored.seek(99), stored.read(10)) == (99, b"")
    assert client.ranges == []


def largest() -> bytes:
    """A zip of some 50 MiB."""
    return raw_zip(Raw(), *(Raw(b"%d" % n, n.to_bytes(2, "big") * 32 * 1024) for n in range(799)))


@pytest.mark.parametrize("build", [longest, largest, lambda: zeros(249 * MIB)])
def test_the_gate_fetches_each_range_of_it_once_and_holds_ten_mebibytes(
    build: Any, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "object").write_bytes(build())
    stored = open_object(client, "b", "k")
    tracemalloc.start()

    zip_gate.check(stored, "main.handler", "python3.11")

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10 * MIB
    assert len(client.ranges) <= (tmp_path / "object").stat().st_size // RANGE_BYTES + 7


@pytest.mark.parametrize("case", ["a million entries", "a million that say they are one"])
def test_a_million_entries_are_refused_by_three_requests(case: str, client: Client, tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(HOSTILE[case].build())

    with pytest.raises(InvalidParameterError, match=HOSTILE[case].reason):
        zip_gate.check(open_object(client, "b", "k"), "main.handler", "python3.11")

    assert len(client.ranges) <= 3
