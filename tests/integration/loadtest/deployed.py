"""A deployed Hearth as a k6 script sees one: a real HTTP server with keys, a slow function and a limit per address."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the-key"


class Deployed(ThreadingHTTPServer):
    """`trusts_forwarded` is the fault that a flood must find; `fails=20` makes every twentieth call fail.

    There is the function `heavy` unless `empty` is true; a zip that is put makes one.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, limit: int = 40, trusts_forwarded: bool = False, fails: int = 0, empty: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.functions = set() if empty else {"heavy"}
        self.limit, self.trusts_forwarded, self.fails = limit, trusts_forwarded, fails
        self.lock = threading.Lock()
        self.unknown_callers: Counter[str] = Counter()
        self.calls = 0
        self.claimed: set[str | None] = set()
        self.zips: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Deployed

    def do_GET(self) -> None:
        if self.headers["x-api-key"] != KEY:
            self._answer(403, {"error": "no such key"})
        else:
            self._answer(200 if self._function() in self.server.functions else 404, {})

    def do_PUT(self) -> None:
        self.server.zips[self.path] = self._body()
        self.server.functions.add(self._function())
        self._answer(201, {})

    def do_POST(self) -> None:
        event = json.loads(self._body())
        with self.server.lock:
            self.server.calls += 1
            number = self.server.calls
            self.server.claimed.add(self.headers["X-Forwarded-For"])
        if self.headers["x-api-key"] != KEY:
            self._unknown_caller()
        elif self._function() not in self.server.functions:
            self._answer(404, {})
        elif self.server.fails and number % self.server.fails == 0:
            self._answer(502, {"error": "lost"})
        else:
            nap_s = event.get("nap_s", 0.01)
            time.sleep(nap_s)
            self._answer(200, {"duration_ms": nap_s * 1000})

    def _unknown_caller(self) -> None:
        forwarded = self.headers["X-Forwarded-For"] if self.server.trusts_forwarded else None
        address = forwarded or self.client_address[0]
        with self.server.lock:
            self.server.unknown_callers[address] += 1
            refused = self.server.unknown_callers[address] > self.server.limit
        self._answer(429 if refused else 403, {})

    def _function(self) -> str:
        return self.path.split("/")[2].partition("?")[0]

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the library's)
        pass


@contextmanager
def deployed(**traits: Any) -> Iterator[Deployed]:
    """A server for the length of a `with`."""
    with Deployed(**traits) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
