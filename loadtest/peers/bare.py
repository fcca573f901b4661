"""`python -m loadtest.peers.bare PORT NAME=FILE…`: handlers on a threaded HTTP server, with no isolation: the floor.

It answers `POST /functions/NAME/invocations` as Hearth's door does, by calling the handler in its own process. It
checks no key, keeps no record, and must never get code that is not ours.
"""

import contextlib
import io
import json
import runpy
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.process import die_with_parent

Handler = Callable[[Any, Any], Any]
#: As long as Hearth's own default, so that a handler that asks is told the same.
TIMEOUT_S = 30.0


class Context:
    """What a handler may ask its context for."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left."""
        return int((self._deadline - time.monotonic()) * 1000)


class Server(ThreadingHTTPServer):
    """A thread for each connection, and room for many that come at once."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, handlers: Mapping[str, Handler]) -> None:
        super().__init__(("127.0.0.1", port), Door)
        self.handlers = handlers


class Door(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        """Call the handler that the path names with the event that is the body."""
        event = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        handler = self.server.handlers.get(self.path.split("/")[2])
        answer = json.dumps(handler(event, Context())).encode() if handler else b'"no such function"'
        head = (
            f"HTTP/1.1 {200 if handler else 404} -\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}"
        )
        self.wfile.write(f"{head}\r\n\r\n".encode() + answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the library's)
        """Say nothing: a line for each call would be measured too."""


def loaded(file: Path) -> Handler:
    """Give the handler of a function's source file."""
    handler: Handler = runpy.run_path(str(file))["handler"]
    return handler


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    die_with_parent()
    handlers = {name: loaded(Path(file)) for name, _, file in (word.partition("=") for word in arguments[1:])}
    with Server(int(arguments[0]), handlers) as server, contextlib.redirect_stdout(io.StringIO()) as printed:
        printed.write = len  # type: ignore[method-assign]  # what handlers print is kept nowhere
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
