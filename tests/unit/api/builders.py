"""Valid values to start from, so that a test shows only what matters."""

from typing import Any

from chalicelib.calls import Call


def call(**changes: Any) -> Call:
    """Give a GET of the functions' list without credentials."""
    made: dict[str, Any] = {
        "method": "GET",
        "path": "/2015-03-31/functions",
        "query": (),
        "headers": {"host": "hearth.test"},
        "body": b"",
        "source_ip": "192.0.2.1",
        "request_id": "r1",
    }
    return Call(**(made | changes))
