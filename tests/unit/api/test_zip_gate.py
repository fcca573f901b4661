"""Zips that may pass and zips that may not."""

import io
import stat
import struct
import zipfile
from contextlib import suppress

import pytest
from chalicelib import zip_gate
from chalicelib.errors import InvalidParameterError
from hypothesis import given
from hypothesis import strategies as st

from tests.zips import zipped

PAGE = 4096


def special(kind: int) -> bytes:
    """Give a zip with a `main.py` and an entry of another kind."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", "")
        entry = zipfile.ZipInfo("odd")
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, "main.py")
    return buffer.getvalue()


def damaged() -> bytes:
    data = bytearray(zipped({"main.py": "x = 1\n" * 100}))
    data[40] ^= 0xFF
    return bytes(data)


def claiming(size: int) -> bytes:
    """Give a zip whose directory claims another unpacked size for `main.py`."""
    data = bytearray(zipped({"main.py": "x = 1\n"}))
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, size)
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(zipped())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def test_a_good_zip_tells_what_it_takes_in_pages() -> None:
    data = zipped({"main.py": "x", "empty.py": "", "big.bin": b"\0" * (PAGE + 1)})

    assert zip_gate.check(data, "main.handler", "python3.11") == (2 * PAGE) + PAGE + (3 * PAGE)


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        ("main.handler", "main.py"),
        ("main.handler", "main/__init__.py"),
        ("a.b.handler", "a/b.py"),
        ("a.b.handler", "a/b/__init__.py"),
        ("a/b.handler", "a/b.py"),
    ],
)
def test_the_handlers_file_is_found_where_lambda_looks(handler: str, name: str) -> None:
    assert zip_gate.check(zipped({name: ""}), handler, "python3.11") == PAGE


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        ("index.handler", "index.js"),
        ("index.handler", "index.mjs"),
        ("index.handler", "index.cjs"),
        ("src/api.users.get", "src/api.js"),
    ],
)
def test_a_node_handlers_file_is_found_where_lambda_looks(handler: str, name: str) -> None:
    assert zip_gate.check(zipped({name: ""}), handler, "nodejs20.x") == PAGE


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("nodejs20.x", "index.py"),
        ("nodejs20.x", "src/index.js"),
        ("python3.13", "index.js"),
        ("provided", "bin/bootstrap"),
    ],
)
def test_another_runtimes_file_is_not_the_handlers(runtime: str, name: str) -> None:
    with pytest.raises(InvalidParameterError, match=rf"of {runtime} needs .* in the zip, and it is not there"):
        zip_gate.check(zipped({name: ""}), "index.handler", runtime)


def bootstrap(attributes: int) -> bytes:
    """Give a zip of a `bootstrap` with these attributes, modes in the upper half."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = attributes
        archive.writestr(entry, "#!/bin/sh")
    return buffer.getvalue()


@pytest.mark.parametrize("attributes", [0o100755 << 16, 0o100100 << 16, 0x20])
def test_a_bootstrap_is_executable_or_from_a_zip_without_modes(attributes: int) -> None:
    assert zip_gate.check(bootstrap(attributes), "any", "provided") == 2 * PAGE


def test_a_bootstrap_that_is_not_executable_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="'bootstrap' is not executable"):
        zip_gate.check(bootstrap(0o100644 << 16), "any", "provided")


REFUSED = {
    "no zip": (b"hello", "not a zip"),
    "nothing": (b"", "not a zip"),
    "cut short": (zipped()[:-8], "not a zip"),
    "empty": (zipped({}), "empty"),
    "no handler file": (zipped({"other.py": ""}), "main.py"),
    "dots": (zipped({"main.py": "", "a/../../b": ""}), r"'a/\.\./\.\./b'"),
    "dots with the other slash": (zipped({"main.py": "", "a\\..\\b": ""}), r"\.\."),
    "absolute": (zipped({"main.py": "", "/etc/passwd": ""}), "'/etc/passwd' has an absolute path"),
    "absolute with the other slash": (zipped({"main.py": "", "\\etc": ""}), "absolute"),
    "a drive": (zipped({"main.py": "", "C:evil": ""}), "absolute"),
    "a symlink": (special(stat.S_IFLNK), "'odd' is a symlink"),
    "a device": (special(stat.S_IFCHR), "'odd' is neither"),
    "a FIFO": (special(stat.S_IFIFO), "'odd' is neither"),
    "damaged": (damaged(), "'main.py' cannot be read"),
    "too large a claim": (claiming(251 * 1024 * 1024), "'main.py' brings"),
    "too small a claim": (claiming(2), "'main.py' cannot be read"),
    "encrypted": (encrypted(), "'main.py' cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_zip_is_refused_by_entry_and_reason(case: str) -> None:
    data, reason = REFUSED[case]

    with pytest.raises(InvalidParameterError, match=reason):
        zip_gate.check(data, "main.handler", "python3.11")


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_gate, "MAX_UNPACKED_BYTES", 10)
    monkeypatch.setattr(zip_gate, "MAX_ZIP_ENTRIES", 3)
    monkeypatch.setattr(zip_gate, "MAX_SIGNATURES", 12)


@pytest.mark.usefixtures("small_limits")
def test_entries_and_bytes_may_reach_the_limit_and_no_further() -> None:
    assert zip_gate.check(zipped({"main.py": "x" * 10, "a": "", "b": ""}), "main.handler", "python3.11")

    with pytest.raises(InvalidParameterError, match="more than 3 entries"):
        zip_gate.check(zipped({"main.py": "", "a": "", "b": "", "c": ""}), "main.handler", "python3.11")
    with pytest.raises(InvalidParameterError, match=r"'main\.py' brings the unpacked size beyond 10 bytes"):
        zip_gate.check(zipped({"main.py": "x" * 11}), "main.handler", "python3.11")


@pytest.mark.usefixtures("small_limits")
def test_far_too_many_entries_are_refused_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("opened"))

    with pytest.raises(InvalidParameterError, match="more than 3 entries"):
        zip_gate.check(zip_gate.ENTRY_SIGNATURE * 13, "main.handler", "python3.11")


@given(data=st.binary(max_size=300), at=st.integers(0, 200))
def test_whatever_is_written_into_a_zip_it_passes_or_is_refused(data: bytes, at: int) -> None:
    good = zipped()
    bad = good[:at] + data + good[at + len(data) :]

    # Anything but a refusal would leave as a 500, and fails this test by itself.
    with suppress(InvalidParameterError):
        assert zip_gate.check(bad, "main.handler", "python3.11") > 0
