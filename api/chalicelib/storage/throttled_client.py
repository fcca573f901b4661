"""The one wrapper of AWS calls: the operations that cost much CPU take turns in a process that serves many callers."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.storage.throttle import Throttle


class ThrottledClient:
    """Stands for a botocore client, of which the named operations are called under a Throttle each."""

    def __init__(self, client: Any, throttles: Mapping[str, Throttle]) -> None:
        self._client = client
        for operation, throttle in throttles.items():
            setattr(self, operation, _throttled(getattr(client, operation), throttle))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _throttled(operation: Callable[..., Any], throttle: Throttle) -> Callable[..., Any]:
    @functools.wraps(operation)
    def call(**arguments: Any) -> Any:
        with throttle.taken():
            return operation(**arguments)

    return call
