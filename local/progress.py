"""Says on the terminal what the stack is doing and how long it took; never logs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    print(line, flush=True)


@contextmanager
def step(name: str, what: str) -> Iterator[list[str]]:
    """Print what is being done, then what came of it (the last text put into the list) and how long it took."""
    print(f"  {name:<11}{what} ...", end="", flush=True)
    result: list[str] = []
    started = time.monotonic()
    try:
        yield result
    except BaseException:
        say(" no")
        raise
    say(f" {result[-1] if result else 'done'} ({time.monotonic() - started:.1f} s)")
