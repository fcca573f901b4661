"""Finds the Redis of a stack: the one the user named, one that is already running, or one of the stack's own."""

import os
from collections.abc import Collection
from urllib.parse import urlsplit

import redis

from local.errors import StackError
from local.ports import free_port

SETTING = "HEARTH_REDIS_URL"
DEFAULT_URL = "redis://127.0.0.1:6379/0"
TIMEOUT_S = 3


def answers(url: str) -> bool:
    """Returns whether a Redis answers at this address."""
    return _failure(url) is None


def named() -> str | None:
    """Returns the address that the user has set in HEARTH_REDIS_URL; raises StackError if no Redis answers there."""
    url = os.environ.get(SETTING)
    failure = url and _failure(url)
    if url and failure:
        raise StackError(
            f"{SETTING} is {_without_password(url)}, but that Redis cannot be used: {failure}. "
            f"Start it, correct {SETTING}, or unset it to have the stack start its own."
        )
    return url or None


def running() -> str | None:
    """Returns the address of a Redis that already runs: the named one, else the one on Redis's usual port, if any."""
    return named() or (DEFAULT_URL if answers(DEFAULT_URL) else None)


def own(cores: Collection[int]) -> tuple[str, list[str]]:
    """Returns the address and the command line of a Redis for this stack alone, on these cores; it writes no files.

    Its port is never 6379: another stack would find it there, use it, and lose it when this stack ends.
    """
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    options += ["--server_cpulist", ",".join(map(str, cores))]
    return f"redis://127.0.0.1:{port}/0", ["redis-server", *options]


def _failure(url: str) -> str | None:
    """Returns why the Redis at this address cannot be used, None if it can."""
    try:
        with redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return str(error).rstrip(".")
    return None


def _without_password(url: str) -> str:
    credentials, at, _ = urlsplit(url).netloc.rpartition("@")
    return url.partition("?")[0].replace(f"{credentials}{at}", "***@" if at else "")
