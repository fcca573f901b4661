"""Prints what the stack is doing and how long each step took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Prints one line and flushes it, so that it is seen at once through a pipe too."""
    print(line, flush=True)


@contextmanager
def step(name: str, what: str) -> Iterator[list[str]]:
    """Prints what is being done, then its result (the last text appended to the yielded list) and its duration."""
    print(f"  {name:<11}{what} ...", end="", flush=True)
    result: list[str] = []
    started = time.monotonic()
    try:
        yield result
    except BaseException:
        say(" no")
        raise
    say(f" {result[-1] if result else 'done'} ({time.monotonic() - started:.1f} s)")
