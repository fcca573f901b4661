"""Finds a Redis that answers, or says how to run one of the stack's own; the stack's own never writes to disk."""

import os
from collections.abc import Collection

import redis

from local.ports import free_port

DEFAULT_URL = "redis://127.0.0.1:6379/0"


def answers(url: str) -> bool:
    """Say whether a Redis answers at this address."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def running() -> str | None:
    """Give the address of a Redis that is already there: the one named in HEARTH_REDIS_URL, else the usual one."""
    named = os.environ.get("HEARTH_REDIS_URL")
    return next((url for url in (named, DEFAULT_URL) if url and answers(url)), None)


def own(cores: Collection[int]) -> tuple[str, list[str]]:
    """Give the address and the command of a Redis of our own, on these cores.

    Not on 6379, where another stack would find it, use it, and lose it when this one ends.
    """
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    options += ["--server_cpulist", ",".join(map(str, cores))]
    return f"redis://127.0.0.1:{port}/0", ["redis-server", *options]
