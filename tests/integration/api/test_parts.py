"""The table of parts, on moto's DynamoDB."""

from typing import Any

import pytest
from chalicelib.storage.items import Item, Items

pytestmark = pytest.mark.aws


@pytest.fixture
def items(aws: Any, data: dict[str, str]) -> Items:
    return Items(aws("dynamodb"), data["ItemsTable"])


def item(name: str, **body: Any) -> Item:
    return Item(partition="t/function/f", name=name, body=body)


def test_a_part_is_found_as_it_was_stored(items: Items) -> None:
    stored = Item(partition="o", name="p", body={"a": [1, {"b": None}]}, expires_s=17)

    assert items.add(stored)

    assert items.find("o", "p") == stored
    assert items.find("o", "other") is None


def test_adding_twice_is_refused_and_changes_nothing(items: Items) -> None:
    assert items.add(item("alias#a", to="1"))

    assert not items.add(item("alias#a", to="2"))

    found = items.find("t/function/f", "alias#a")
    assert found
    assert found.body == {"to": "1"}


def test_a_part_is_replaced_only_over_the_revision_that_was_read(items: Items) -> None:
    first = item("alias#a", to="1")
    items.put(first)

    assert items.replace(item("alias#a", to="2"), first.revision)
    assert not items.replace(item("alias#a", to="3"), first.revision)

    found = items.find("t/function/f", "alias#a")
    assert found
    assert found.body == {"to": "2"}


def test_pages_follow_one_another_and_keep_to_the_prefix(items: Items) -> None:
    for number in range(5):
        items.put(item(f"version#{number:08}"))
    items.put(item("alias#a"))
    items.put(Item(partition="t/function/g", name="version#00000009", body={}))

    first, after = items.page("t/function/f", "version#", most=3)
    second, end = items.page("t/function/f", "version#", after=after, most=3)
    newest, _ = items.page("t/function/f", "version#", most=1, newest_first=True)

    assert [one.name[-1] for one in first + second] == ["0", "1", "2", "3", "4"]
    assert end is None
    assert newest[0].name == "version#00000004"
    assert len(items.every("t/function/f")) == 6


def test_a_page_of_what_is_chosen_is_full_until_no_more_is_to_come(items: Items) -> None:
    for number in range(120):
        items.put(item(f"n{number:03}", tens=number % 10 == 0))

    pages: list[list[str]] = []
    after: str | None = None
    while after or not pages:
        found, after = items.chosen("t/function/f", "n", lambda one: one.body["tens"], after=after, most=5)
        pages.append([one.name for one in found])

    assert pages == [[f"n{n:02}0" for n in some] for some in (range(5), range(5, 10), range(10, 12))]


def test_a_transaction_does_all_or_nothing(items: Items) -> None:
    items.put(item("b"))

    assert not items.transact([items.adding(item("a")), items.adding(item("b"))])
    assert items.find("t/function/f", "a") is None

    assert items.transact([items.adding(item("a")), items.removing("t/function/f", "b")])
    assert [one.name for one in items.every("t/function/f")] == ["a"]


def test_what_is_removed_is_given_once(items: Items) -> None:
    stored = item("a", n=1)
    items.put(stored)

    assert items.remove("t/function/f", "a") == stored
    assert items.remove("t/function/f", "a") is None


@pytest.mark.parametrize(("grown", "kept"), [([3, 2, 1], 5), ([6, 5], 5), ([5, 1, -1, 1], 5), ([4, 2], 4)])
def test_a_number_never_grows_beyond_its_cap(items: Items, grown: list[int], kept: int) -> None:
    number = 0

    for by in grown:
        was_done = items.transact([items.counting("t", "number", by, most=5)])
        assert was_done is (number + by <= 5)
        number += by if was_done else 0

    assert items.number("t", "number") == number == kept


def test_a_number_without_a_cap_grows_as_it_is_told(items: Items) -> None:
    assert all(items.transact([items.counting("t", "number", by)]) for by in (7, -2))

    assert items.number("t", "number") == 5
