"""What tracing a call means to the controller, and not doing it."""

from contextlib import AbstractContextManager, nullcontext
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

    def segment(self, _name: str, _header: str | None) -> AbstractContextManager[None]:
        """Do nothing around a call."""
        return nullcontext()

    def subsegment(self, _name: str) -> AbstractContextManager[None]:
        """Do nothing around a step."""
        return nullcontext()

    def header(self) -> str | None:
        """Give nothing to carry on."""
        return None
