"""The workers that are there, by their own word; never asks one, and never starts one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fleet:
    """`words` gives what each worker that is there says of itself, as a JSON object."""

    words: Callable[[], list[str]]

    def workers(self) -> list[dict[str, Any]]:
        """Give what the workers say of themselves, the longest there first; raise UnavailableError."""
        return sorted((json.loads(word) for word in self.words()), key=lambda one: (one["since_us"], one["id"]))
