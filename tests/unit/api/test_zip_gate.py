"""Zips that may pass and zips that may not."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from chalicelib.code import zip_gate, zip_names, zip_records
from chalicelib.errors import InvalidParameterError
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_lua.contract import MIB
from tests.conftest import ROOT
from tests.zip_bytes import Raw, raw_zip64
from tests.zip_corpus import FINE, HOSTILE, extras, longest, many, named, zeros
from tests.zips import zipped

PAGE = 4096
UNZIP = ROOT / "worker_agent" / "runtimes" / "nodejs20.x" / "unzip.js"

#: Zips to spoil, and what a packer of traps would write into them.
SEEDS = [
    zipped({"main.py": "x = 1\n" * 9, "a/b": "y" * 99, "c/": ""}),
    *(FINE[case]() for case in FINE if "zip64" in case),
]
WORDS = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\7\x08", b"\xff" * 4, b"\0" * 4, b"../", b"\1\0\x08\0"]


def test_a_good_zip_tells_what_it_takes_in_pages() -> None:
    data = zipped({"main.py": "x", "empty.py": "", "big.bin": b"\0" * (PAGE + 1)})

    assert zip_gate.check(data, "main.handler", "python3.11") == (2 * PAGE) + PAGE + (3 * PAGE)


def test_a_folder_takes_a_page_named_or_not() -> None:
    data = zipped({"main.py": "", "a/": "", "a/b/c.py": ""})

    assert zip_gate.check(data, "main.handler", "python3.11") == 4 * PAGE


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
    assert zip_gate.check(zipped({name: ""}), handler, "python3.11") == PAGE * (1 + name.count("/"))


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
    assert zip_gate.check(zipped({name: ""}), handler, "nodejs20.x") == PAGE * (1 + name.count("/"))


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


def test_a_handlers_file_may_be_named_from_the_folder_it_is_in() -> None:
    assert zip_gate.check(zipped({"./main.py": ""}), "main.handler", "python3.11") == PAGE


def test_a_folder_is_no_handlers_file() -> None:
    with pytest.raises(InvalidParameterError, match=r"needs main\.py or main/__init__\.py in the zip"):
        zip_gate.check(zipped({"main.py/": ""}), "main.handler", "python3.11")


def test_a_layer_needs_no_handler_and_is_checked_all_the_same() -> None:
    assert zip_gate.check_layer(zipped({"python/a.py": ""})) == 2 * PAGE
    with pytest.raises(InvalidParameterError, match="'b' is in the zip twice"):
        zip_gate.check_layer(named("b", "b"))


@pytest.mark.parametrize("data", [raw_zip64(Raw()), FINE["zip64 sizes"]()], ids=["records", "sizes"])
def test_a_zip64_is_refused_where_the_runtimes_unpacker_reads_none(data: bytes) -> None:
    javascript = data.replace(b"main.py", b"main.js")

    with pytest.raises(InvalidParameterError, match=r"'main\.js' is in a zip64, which nodejs20\.x cannot unpack"):
        zip_gate.check(javascript, "main.handler", "nodejs20.x")
    with pytest.raises(InvalidParameterError, match=r"nodejs20\.x cannot unpack"):
        zip_gate.check_layer(data)
    assert zip_gate.check_layer(data, ["python3.11", "provided"]) == 2 * PAGE
    assert zip_gate.check(data, "main.handler", "python3.13") == 2 * PAGE


def accepts(source: bytes | BinaryIO) -> bool:
    try:
        zip_gate.check(source, "main.handler", "python3.11")
    except InvalidParameterError:
        return False
    return True


def test_bytes_may_reach_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_gate, "MAX_UNPACKED_BYTES", 10)

    assert accepts(zipped({"main.py": "x" * 10}))
    with pytest.raises(InvalidParameterError, match=r"'main\.py' brings the unpacked size beyond 10 bytes"):
        zip_gate.check(zipped({"main.py": "x" * 11}), "main.handler", "python3.11")


def test_entries_may_reach_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_records, "MAX_ZIP_ENTRIES", 3)

    assert accepts(zipped({"main.py": "", "a": "", "b": ""}))
    with pytest.raises(InvalidParameterError, match="more than"):
        zip_gate.check(zipped({"main.py": "", "a": "", "b": "", "c": ""}), "main.handler", "python3.11")


def test_folders_may_reach_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_names, "MAX_ZIP_ENTRIES", 3)

    assert accepts(zipped({"main.py": "", "a/b/c/": ""}))
    with pytest.raises(InvalidParameterError, match="'a/b/c/d/' brings the folders beyond 3"):
        zip_gate.check(zipped({"main.py": "", "a/b/c/d/": ""}), "main.handler", "python3.11")


def test_the_directory_may_reach_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_records, "MAX_ZIP_DIRECTORY_BYTES", 46 + len("main.py"))

    assert accepts(zipped())
    assert not accepts(zipped({"main.py": "", "a": ""}))


def test_names_and_depth_may_reach_the_limit_and_no_further() -> None:
    assert accepts(named("a" * 255))
    assert not accepts(named("a" * 256))
    assert accepts(named("/".join(["a" * 204] * 5)))
    assert not accepts(named("/".join(["a" * 204] * 5) + "b"))
    assert accepts(named("d/" * 64 + "f", "e/" * 64))
    assert not accepts(named("d/" * 65 + "f"))
    assert not accepts(named("d/" * 65))


def test_far_too_many_entries_are_refused_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_records, "ENTRY", None)

    with pytest.raises(InvalidParameterError, match="more than 20000 entries"):
        zip_gate.check(many(1_000_000), "main.handler", "python3.11")


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_is_refused_by_entry_and_reason(case: str) -> None:
    with pytest.raises(InvalidParameterError, match=HOSTILE[case].reason) as caught:
        zip_gate.check(HOSTILE[case].build(), "main.handler", "python3.11")

    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("case", FINE)
def test_an_odd_and_honest_zip_passes_and_python_unpacks_what_was_counted(case: str, tmp_path: Path) -> None:
    data = FINE[case]()

    assert zip_gate.check(data, "main.handler", "python3.11") == unpacked_by_python(data, tmp_path)


@pytest.mark.parametrize("case", [case for case in FINE if "zip64" not in case])
def test_an_odd_and_honest_zip_is_the_same_to_node(case: str, tmp_path: Path) -> None:
    data = FINE[case]()
    (tmp_path / "code.zip").write_bytes(data)
    script = f"require({str(UNZIP)!r}).unzip(require('fs').readFileSync('code.zip'), 'out')"

    zip_gate.check_layer(data)
    subprocess.run([shutil.which("node") or "node", "-e", script], cwd=tmp_path, check=True, timeout=60)

    assert pages_in(tmp_path / "out") == unpacked_by_python(data, tmp_path / "python")


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.data())
def test_whatever_is_changed_in_a_zip_it_is_refused_or_unpacks_as_counted(seed: bytes, data: st.DataObject) -> None:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(seed) - 1))
        value = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from(WORDS))
        changed[at : at + len(value) * data.draw(st.integers(0, 1))] = value
    bad = bytes(changed)

    # Anything but a refusal would leave as a 500, and fails this test by itself.
    with suppress(InvalidParameterError):
        counted = zip_gate.check(bad, "main.handler", "python3.11")
        with tempfile.TemporaryDirectory() as folder:
            assert unpacked_by_python(bad, Path(folder)) == counted


def unpacked_by_python(data: bytes, folder: Path) -> int:
    """Unpack as the sandbox does, and count the same way as the gate."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return pages_in(folder)


def pages_in(folder: Path) -> int:
    paths = list(folder.rglob("*"))
    return sum(PAGE + -(-path.stat().st_size // PAGE) * PAGE * path.is_file() for path in paths)


@pytest.mark.parametrize("case", ["a million entries", "bomb by overlap", "bomb by ratio", "a name of 64 KiB"])
def test_a_hostile_zip_is_refused_within_ten_mebibytes(case: str, tmp_path: Path) -> None:
    passed, most_bytes = checked(HOSTILE[case].build(), tmp_path)

    assert not passed
    assert most_bytes < 10 * MIB


@pytest.mark.parametrize("build", [longest, extras, lambda: zeros(249 * MIB)], ids=["names", "extras", "zeros"])
def test_the_worst_zip_that_passes_takes_ten_mebibytes(build: Callable[[], bytes], tmp_path: Path) -> None:
    passed, most_bytes = checked(build(), tmp_path)

    assert passed
    assert most_bytes < 10 * MIB
    # The control: nearly all of the ten are the names, which must be held together to be compared.
    assert build is not longest or most_bytes > 5 * MIB


def checked(data: bytes, folder: Path) -> tuple[bool, int]:
    """Check a zip on disk; tell whether it passed, and how much memory the check took at most."""
    path = folder / "code.zip"
    path.write_bytes(data)
    environ = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"}
    command = [sys.executable, "-m", "tests.unit.api.gate_memory", str(path)]
    told = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True, timeout=60)
    passed, most_kib = told.stdout.split()
    return passed == "1", int(most_kib) * 1024
