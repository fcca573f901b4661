"""The table of parts, on moto's DynamoDB."""

from typing import Any

import pytest
from chalicelib.storage.items import Part, Parts

pytestmark = pytest.mark.aws


@pytest.fixture
def parts(aws: Any, data: dict[str, str]) -> Parts:
    return Parts(aws("dynamodb"), data["PartsTable"])


def part(name: str, **body: Any) -> Part:
    return Part(owner="t/function/f", part=name, body=body)


def test_a_part_is_found_as_it_was_stored(parts: Parts) -> None:
    stored = Part(owner="o", part="p", body={"a": [1, {"b": None}]}, expires_s=17)

    assert parts.add(stored)

    assert parts.find("o", "p") == stored
    assert parts.find("o", "other") is None


def test_adding_twice_is_refused_and_changes_nothing(parts: Parts) -> None:
    assert parts.add(part("alias#a", to="1"))

    assert not parts.add(part("alias#a", to="2"))

    found = parts.find("t/function/f", "alias#a")
    assert found
    assert found.body == {"to": "1"}


def test_a_part_is_replaced_only_over_the_revision_that_was_read(parts: Parts) -> None:
    first = part("alias#a", to="1")
    parts.put(first)

    assert parts.replace(part("alias#a", to="2"), first.revision)
    assert not parts.replace(part("alias#a", to="3"), first.revision)

    found = parts.find("t/function/f", "alias#a")
    assert found
    assert found.body == {"to": "2"}


def test_pages_follow_one_another_and_keep_to_the_prefix(parts: Parts) -> None:
    for number in range(5):
        parts.put(part(f"version#{number:08}"))
    parts.put(part("alias#a"))
    parts.put(Part(owner="t/function/g", part="version#00000009", body={}))

    first, after = parts.page("t/function/f", "version#", most=3)
    second, end = parts.page("t/function/f", "version#", after=after, most=3)
    newest, _ = parts.page("t/function/f", "version#", most=1, newest_first=True)

    assert [one.part[-1] for one in first + second] == ["0", "1", "2", "3", "4"]
    assert end is None
    assert newest[0].part == "version#00000004"
    assert len(parts.every("t/function/f")) == 6


def test_a_page_of_what_is_chosen_is_full_until_no_more_is_to_come(parts: Parts) -> None:
    for number in range(120):
        parts.put(part(f"n{number:03}", tens=number % 10 == 0))

    pages: list[list[str]] = []
    after: str | None = None
    while after or not pages:
        found, after = parts.chosen("t/function/f", "n", lambda one: one.body["tens"], after=after, most=5)
        pages.append([one.part for one in found])

    assert pages == [[f"n{n:02}0" for n in some] for some in (range(5), range(5, 10), range(10, 12))]


def test_a_transaction_does_all_or_nothing(parts: Parts) -> None:
    parts.put(part("b"))

    assert not parts.transact([parts.adding(part("a")), parts.adding(part("b"))])
    assert parts.find("t/function/f", "a") is None

    assert parts.transact([parts.adding(part("a")), parts.removing("t/function/f", "b")])
    assert [one.part for one in parts.every("t/function/f")] == ["a"]


def test_what_is_removed_is_given_once(parts: Parts) -> None:
    stored = part("a", n=1)
    parts.put(stored)

    assert parts.remove("t/function/f", "a") == stored
    assert parts.remove("t/function/f", "a") is None
