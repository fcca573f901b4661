"""A request for a sandbox, as a future that several threads may fulfil."""

from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

T = TypeVar("T")


class Request(Future[T]):
    """A future with a tenant, so that requests can be served fairly. The first offer wins, later ones are declined."""

    def __init__(self, tenant: str = "") -> None:
        super().__init__()
        self.tenant = tenant

    def offer(self, thing: T | Exception) -> bool:
        """Fulfil the request, or have it raise an error. False when it was fulfilled before: `thing` is not taken."""
        try:
            if isinstance(thing, Exception):
                self.set_exception(thing)
            else:
                self.set_result(thing)
        except InvalidStateError:
            return False
        return True

    @property
    def accepted(self) -> T | None:
        """What fulfilled the request; None until then, and when that was an error."""
        return self.result() if self.done() and self.exception() is None else None
