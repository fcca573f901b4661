"""What is remembered of a function, and how often it is read."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from chalicelib.admission.targets import REMEMBER_S, Targets
from chalicelib.errors import NotFoundError
from chalicelib.functions.routing import Route
from chalicelib.storage.throttle import ThrottleByKey

from tests.waiting import eventually


class Reads:
    """A table in which no function is, with a clock of its own."""

    def __init__(self) -> None:
        self.reads = 0
        self.now_s = 1000.0

    def look_up(self, *_: object) -> Route:
        self.reads += 1
        raise NotFoundError("f")

    def targets(self) -> Targets:
        return Targets(self.look_up, lambda *_: pytest.fail("not asked for"), lambda: self.now_s)


def test_of_many_who_ask_for_the_same_function_at_once_one_reads() -> None:
    table = Reads()
    targets = table.targets()
    targets._reads = ThrottleByKey(patience_s=60)

    with ThreadPoolExecutor(8) as threads:
        with targets._reads.taken(("t", "f", None)):
            asked = [threads.submit(targets.learn, "t", "f", None, "7") for _ in range(8)]
            eventually(lambda: len(targets._reads._throttles["t", "f", None]._waiting) == 8)
        known = [one.result(20) for one in asked]

    assert table.reads == 1
    assert all(one is known[0] for one in known)


def test_another_generation_is_read_anew() -> None:
    table = Reads()
    targets = table.targets()

    cache_versions = [targets.learn("t", "f", None, cache_version).cache_version for cache_version in ("7", "8", "8")]

    assert (cache_versions, table.reads) == (["7", "8", "8"], 2)


def test_what_is_too_old_is_read_anew() -> None:
    table = Reads()
    targets = table.targets()
    targets.learn("t", "f", None, "7")

    table.now_s += REMEMBER_S
    targets.learn("t", "f", None, "7")

    assert table.reads == 2


def test_what_no_generation_vouches_for_is_read_each_time() -> None:
    table = Reads()
    targets = table.targets()

    for _ in range(2):
        targets.learn("t", "f", None, "")

    assert table.reads == 2
