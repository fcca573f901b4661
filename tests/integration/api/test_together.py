"""What several threads ask of Redis at once: each has its own reply, and they share round trips."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from chalicelib.storage.coalescer import MOST, Coalescer
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import RedisServer

pytestmark = pytest.mark.redis

ECHO = "if ARGV[1] == 'wrong' then return redis.error_reply('ERR ' .. KEYS[1]) end return {KEYS[1], ARGV[1]}"
CALLERS = 2 * MOST


@pytest.fixture
def client(redis_server: RedisServer, redis_client: redis.Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, socket_timeout=5, retry=Retry(NoBackoff(), 1)) as client:
        yield client


@pytest.fixture
def echo(client: redis.Redis) -> Callable[..., Any]:
    return Coalescer(client).register_script(ECHO)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CALLERS) as threads:
        yield threads


def outcome(echo: Callable[..., Any], key: str, word: str) -> Any:
    try:
        return echo([key], [word])
    except redis.ResponseError as error:
        return str(error)


def test_each_of_many_callers_has_its_own_reply_or_error(
    echo: Callable[..., Any], client: redis.Redis, threads: ThreadPoolExecutor
) -> None:
    client.script_flush()
    words = ["wrong" if n % 7 == 0 else str(n) for n in range(20 * CALLERS)]
    names = [f"k{n}" for n in range(len(words))]

    said = list(threads.map(lambda name, word: outcome(echo, name, word), names, words))

    assert said == [
        name if word == "wrong" else [name.encode(), word.encode()] for name, word in zip(names, words, strict=True)
    ]


def test_who_comes_while_a_round_trip_is_under_way_shares_the_next(
    echo: Callable[..., Any], client: redis.Redis, threads: ThreadPoolExecutor
) -> None:
    echo(["k"], ["loaded"])
    sent = client.info("stats")["total_reads_processed"]
    client.client_pause(500)  # ms: the first to ask is held up, and the others gather

    said = [threads.submit(echo, [f"k{n}"], [str(n)]) for n in range(CALLERS)]

    assert [one.result()[1] for one in said] == [str(n).encode() for n in range(CALLERS)]
    # Redis reads a long batch in more than one piece, and the two looks at its figures are reads as well.
    assert client.info("stats")["total_reads_processed"] - sent < CALLERS / 2


def test_while_redis_is_away_everybody_is_told_and_afterwards_it_works_again(
    echo: Callable[..., Any], redis_server: RedisServer, threads: ThreadPoolExecutor
) -> None:
    def told() -> bool:
        with pytest.raises(redis.ConnectionError):
            echo(["k"], ["lost"])
        return True

    with redis_server.away():
        assert all(one.result() for one in [threads.submit(told) for _ in range(CALLERS)])

    assert list(threads.map(lambda n: echo(["k"], [n]), range(CALLERS))) == [
        [b"k", str(n).encode()] for n in range(CALLERS)
    ]
