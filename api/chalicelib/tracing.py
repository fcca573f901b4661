"""What tracing a call means to the controller, and not doing it; never a tracer itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Tracing(Protocol):
    """Makes one trace of a call's steps, here and wherever `header` is carried."""

    def segment(self, name: str, header: str | None) -> AbstractContextManager[None]:
        """Trace one call, as part of the trace that its `X-Amzn-Trace-Id` header names."""

    def subsegment(self, name: str) -> AbstractContextManager[None]:
        """Trace one step of a call."""

    def header(self) -> str | None:
        """Give the header that makes what follows part of this trace; None when nothing is traced."""


class NoTracing:
    """Traces nothing, at no cost."""

    @contextmanager
    def segment(self, _name: str, _header: str | None) -> Iterator[None]:
        """Do nothing around a call."""
        yield

    @contextmanager
    def subsegment(self, _name: str) -> Iterator[None]:
        """Do nothing around a step."""
        yield

    def header(self) -> str | None:
        """Give nothing to carry on."""
        return None
