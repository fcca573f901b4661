"""`python -m loadtest.peers.bare PORT NAME=FILE…`: handlers on a threaded HTTP server, without isolation.

It answers `POST /functions/NAME/invocations` as Hearth does, by calling the handler in its own process: the least that
a call can take. It checks no key and keeps no record. It must only ever run code of this repository.
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
#: The timeout that the load tests give a function on Hearth.
TIMEOUT_S = 30.0


class Context:
    """What the handlers use of Lambda's context object."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the timeout."""
        return int((self._deadline - time.monotonic()) * 1000)


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread, with a backlog for many that come at once."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, handlers: Mapping[str, Handler]) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.handlers = handlers


class Connection(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        """Calls the handler that the path names, with the body as its event."""
        event = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        handler = self.server.handlers.get(self.path.split("/")[2])
        answer = json.dumps(handler(event, Context())).encode() if handler else b'"no such function"'
        status = 200 if handler else 404
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        self.wfile.write(head.encode() + answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the library's)
        """Logs nothing: the time for a line would be measured too."""


def loaded(file: Path) -> Handler:
    """Returns the handler of a function's source file."""
    handler: Handler = runpy.run_path(str(file))["handler"]
    return handler


def main(arguments: Sequence[str]) -> None:
    """Serves until it is killed."""
    die_with_parent()
    handlers = {name: loaded(Path(file)) for name, _, file in (word.partition("=") for word in arguments[1:])}
    with Server(int(arguments[0]), handlers) as server, contextlib.redirect_stdout(io.StringIO()) as printed:
        printed.write = len  # type: ignore[method-assign]  # drops what handlers print, instead of keeping it for ever
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
