"""What is said of two builds of one image that are not the same."""

import dataclasses
import tarfile

import pytest

from local.verify_images import Entry, differences

FILE = Entry(tarfile.REGTYPE, 0o644, (0, 0), "", 1, 5, "abc")


def test_two_that_are_the_same_differ_in_nothing() -> None:
    assert differences({"etc/a": FILE}, {"etc/a": dataclasses.replace(FILE)}) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha256": "def"}, "/etc/a: sha256 'abc', then 'def'"),
        ({"mtime": 2}, "/etc/a: mtime 1, then 2"),
        ({"mode": 0o755}, "/etc/a: mode 420, then 493"),
        ({"owner": (0, 8)}, "/etc/a: owner (0, 0), then (0, 8)"),
        ({"size": 6}, "/etc/a: size 5, then 6"),
        ({"target": "b"}, "/etc/a: target '', then 'b'"),
        ({"kind": tarfile.SYMTYPE}, "/etc/a: kind b'0', then b'2'"),
    ],
)
def test_what_differs_of_a_file_is_said(changed: dict[str, object], said: str) -> None:
    assert differences({"etc/a": FILE}, {"etc/a": dataclasses.replace(FILE, **changed)}) == [said]  # type: ignore[arg-type]


def test_a_file_that_is_in_one_only_is_said() -> None:
    assert differences({"a": FILE, "b": FILE}, {"a": FILE, "c": FILE}) == [
        "/b: only in the first",
        "/c: only in the second",
    ]
