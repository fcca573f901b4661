"""Zips kept in memory."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.waiting import eventually
from worker_agent.errors import AwsUnavailableError
from worker_agent.pool.code_cache import CodeCache


class Fetches:
    """Gives zips of the sizes in their names, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = 0

    def __call__(self, sha256: str) -> bytes:
        self.asked.append(sha256)
        if self.fails:
            self.fails -= 1
            raise AwsUnavailableError("down")
        return b"x" * int(sha256.partition("-")[2])


@pytest.fixture
def fetches() -> Fetches:
    return Fetches()


def test_what_was_fetched_is_not_fetched_again(fetches: Fetches) -> None:
    cache = CodeCache(fetches, 10)

    assert [cache.code("a-10"), cache.code("a-10")] == [b"x" * 10] * 2
    assert fetches.asked == ["a-10"]


def test_as_much_as_the_limit_is_kept_and_a_byte_more_pushes_out_the_longest_unasked(fetches: Fetches) -> None:
    cache = CodeCache(fetches, 10)
    for name in ("a-4", "b-6", "a-4"):
        cache.code(name)
    assert fetches.asked == ["a-4", "b-6"]

    cache.code("c-1")
    for name in ("a-4", "c-1", "b-6"):
        cache.code(name)

    assert fetches.asked == ["a-4", "b-6", "c-1", "b-6"]


def test_what_is_larger_than_the_limit_is_given_and_not_kept_and_pushes_nothing_out(fetches: Fetches) -> None:
    cache = CodeCache(fetches, 10)
    cache.code("a-10")

    assert [len(cache.code("b-11")), len(cache.code("b-11"))] == [11, 11]
    cache.code("a-10")

    assert fetches.asked == ["a-10", "b-11", "b-11"]


def test_a_failure_is_raised_and_forgotten(fetches: Fetches) -> None:
    cache = CodeCache(fetches, 10)
    fetches.fails = 1

    with pytest.raises(AwsUnavailableError):
        cache.code("a-1")

    assert cache.code("a-1") == b"x"


@pytest.mark.parametrize("fails", [False, True])
def test_threads_that_ask_at_once_share_one_fetch_and_its_result(fails: bool) -> None:
    release = threading.Event()
    asked: list[str] = []

    def fetch(sha256: str) -> bytes:
        asked.append(sha256)
        assert release.wait(10)
        if fails:
            raise AwsUnavailableError("down")
        return sha256.encode()

    cache = CodeCache(fetch, 10)
    with ThreadPoolExecutor(8) as threads:
        ends = [threads.submit(cache.code, "a") for _ in range(8)]
        eventually(lambda: _waiting(cache, "a") == 7)
        release.set()

    assert asked == ["a"]
    if fails:
        assert all(isinstance(end.exception(), AwsUnavailableError) for end in ends)
    else:
        assert [end.result() for end in ends] == [b"a"] * 8


def _waiting(cache: CodeCache, sha256: str) -> int:
    """How many threads wait for the fetch of another."""
    coming = cache._fetching.get(sha256)
    return len(coming._condition._waiters) if coming else 0  # type: ignore[attr-defined]


def test_a_slow_fetch_holds_up_no_other() -> None:
    release = threading.Event()

    def fetch(sha256: str) -> bytes:
        if sha256 == "slow":
            assert release.wait(10)
        return b""

    cache = CodeCache(fetch, 10)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(cache.code, "slow")
        try:
            assert cache.code("other") == b""
            assert not slow.done()
        finally:
            release.set()
        assert slow.result() == b""
