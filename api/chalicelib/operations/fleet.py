"""The workers and their capacity, from the heartbeats that they leave in Redis."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much the workers that can start functions have room for, all tenants together."""

    workers: int
    places: int  #: Invocations that may run at once
    free: int  #: of those: places where none runs


@dataclass(frozen=True)
class Fleet:
    """`words` gives what each worker that is there says of itself, as a JSON object."""

    words: Callable[[], list[str]]

    def workers(self) -> list[dict[str, Any]]:
        """Give what the workers say of themselves, the longest there first; raise UnavailableError."""
        return sorted((json.loads(word) for word in self.words()), key=lambda one: (one["since_us"], one["id"]))

    def room(self) -> Room:
        """Give how much room there is, by the workers' word of the last seconds; raise UnavailableError."""
        able = [word for word in self.workers() if word["able"]]
        free = (max(0, word["concurrency"] - word.get("running", 0)) for word in able)
        return Room(workers=len(able), places=sum(word["concurrency"] for word in able), free=sum(free))
