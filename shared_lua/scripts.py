"""Loads each `.lua` file once; one typed function per script, and each the only caller of its script."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

from shared_lua import keys


class RedisClient(Protocol):
    """The little of redis-py's client that scripts need; handed in, so that this package needs no library."""

    def register_script(self, script: str) -> Any:
        """Give a callable that runs `script` by its digest and loads it where it is missing."""


@dataclass(frozen=True)
class Bucket:
    """One token bucket to take from: its Redis key, its rate in tokens a second and the most it holds."""

    key: str
    rate_per_s: int
    burst: int


@dataclass(frozen=True)
class Verdict:
    """The admission's answer. `refused_by` is the bucket without a token, None when the request may go."""

    refused_by: Bucket | None
    wait_ms: int
    remaining: int
    limit: int
    reset_ms: int


def source(name: str) -> str:
    """Give the text of `<name>.lua`, from wherever this package was installed."""
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


class Scripts:
    """The scripts, bound to one Redis client. Each method is one round trip and raises what the client raises."""

    def __init__(self, client: RedisClient) -> None:
        self._admit = client.register_script(source("admit"))
        self._settle = client.register_script(source("settle"))

    def admit(self, buckets: Sequence[Bucket]) -> Verdict:
        """Take one token from every bucket, or from none when one of them is empty."""
        limits = [number for bucket in buckets for number in (bucket.rate_per_s, bucket.burst)]
        refusing, wait_ms, remaining, limit, reset_ms = self._admit(keys=[b.key for b in buckets], args=limits)
        refused_by = buckets[refusing - 1] if refusing else None
        return Verdict(refused_by, wait_ms, remaining, limit, reset_ms)

    def settle(self, invocation_id: str, settlement: str, keep_ms: int) -> bool:
        """Give the waiting caller its answer; False when it had been given before."""
        where = [keys.answer(invocation_id), keys.answered(invocation_id)]
        return bool(self._settle(keys=where, args=[settlement, keep_ms]))
