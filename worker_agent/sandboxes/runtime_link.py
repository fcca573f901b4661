"""One HTTP connection from inside a sandbox.

A runtime client sends a request, waits for the answer, and sends the next. A client that does otherwise is
disconnected: one that sends a second request before the answer, a head without end, or bytes that are no HTTP.
"""

import contextlib
import http
import json
import selectors
import socket
from dataclasses import dataclass, field

import httptools

#: The largest answer, as on Lambda.
MAX_ANSWER_BYTES = 6 * 1024 * 1024
#: Headers that a runtime client may send with one request. The client reports X-Ray causes of up to 1 MiB in one.
MAX_HEAD_BYTES = 1_100_000
#: Read at once from a socket.
CHUNK = 256 * 1024

#: What httptools raises for bytes that are no HTTP, and for what our own callbacks refuse.
GarbageError = httptools.HttpParserError


@dataclass
class Request:
    """One request of the runtime client. Of a body beyond the largest answer only the size is kept."""

    target: bytes = b""
    method: str = ""
    body: bytearray = field(default_factory=bytearray)
    size: int = 0


class Link:
    """One connection. What it holds in memory is bounded by one head and one answer."""

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        if accepted.family == socket.AF_INET:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._whole: Request | None = None
        self._is_answered = True
        self._head_bytes = 0
        self._out = bytearray()

    def receive(self) -> bool:
        """Read what has arrived; False when the other side has closed; raise GarbageError or OSError."""
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return True
        self._head_bytes += len(data)
        self._parser.feed_data(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise GarbageError("a request's head has no end")
        return bool(data)

    def take_request(self) -> Request | None:
        """Return the request that has arrived, None when there is none that is new."""
        request, self._whole = self._whole, None
        return request

    def reply(self, status: int, body: dict[str, str]) -> None:
        """Answer with a small JSON object."""
        self.send(status, [("Content-Type", "application/json")], json.dumps(body).encode())

    def send(self, status: int, headers: list[tuple[str, str]], payload: bytes) -> None:
        """Answer, keeping what the socket does not take now; raise ValueError for a header of more than one line."""
        lines = [
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header has more than one line")
        self._out += "\r\n".join([*lines, f"Content-Length: {len(payload)}", "\r\n"]).encode()
        self._out += payload
        self._is_answered = True
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now."""
        with contextlib.suppress(BlockingIOError):
            sent = self.socket.send(self._out) if self._out else 0
            del self._out[:sent]

    def interest(self) -> int:
        """Return the events to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Refuse a request before the last one was answered: it could pile up without end."""
        if not self._is_answered:
            raise ValueError("a request before the last one was answered")
        self._is_answered = False
        self._request = Request()

    def on_url(self, part: bytes) -> None:
        """Take a part of the request's target."""
        self._request.target += part

    def on_body(self, part: bytes) -> None:
        """Take a part of the body, as long as it may still be an answer."""
        self._head_bytes -= len(part)
        self._request.size += len(part)
        if self._request.size <= MAX_ANSWER_BYTES:
            self._request.body += part

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._head_bytes = 0
        self._request.method = self._parser.get_method().decode("latin-1")
        self._whole = self._request
