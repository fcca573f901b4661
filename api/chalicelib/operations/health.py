"""Checks whether every part of the platform answers."""

from collections.abc import Callable, Mapping

from chalicelib.errors import UnavailableError


class Health:
    """The parts by name, each with a check that raises UnavailableError when it is down."""

    def __init__(self, checks: Mapping[str, tuple[Callable[[], None], ...]]) -> None:
        self._checks = checks

    def states(self) -> dict[str, str]:
        """Return each part's state: `ok`, or a sentence about what is wrong."""
        return {part: _state(checks) for part, checks in self._checks.items()}


def _state(checks: tuple[Callable[[], None], ...]) -> str:
    try:
        for check in checks:
            check()
    except UnavailableError as error:
        return str(error)
    return "ok"
