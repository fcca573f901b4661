"""Clients of outside parts that let a process die at any of its calls: what it did before stands, nothing follows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class DiedError(BaseException):
    """The process is killed here; no code of ours catches it."""


@dataclass
class Life:
    """A process that dies after its call number `calls` of all that it makes, over all its clients."""

    calls: int
    made: list[str] = field(default_factory=list)

    def wrap(self, client: Any) -> Any:
        """Give a client whose calls count."""
        return _Client(client, self)

    def ended(self, name: str) -> None:
        """Count a call that is done."""
        self.made.append(name)
        if len(self.made) == self.calls:
            raise DiedError(name)


class _Client:
    def __init__(self, client: Any, life: Life) -> None:
        self._client = client
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name == "exceptions" or not callable(found):
            return found
        if name == "register_script":
            return lambda text: self._counted("script", found(text))
        return self._counted(name, found)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            done = call(*args, **named)
            self._life.ended(name)
            return done

        return counted
