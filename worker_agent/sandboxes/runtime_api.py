"""AWS's Lambda Runtime API for one sandbox, without a thread of its own. Nothing that comes out of it is trusted.

The thread that leases the sandbox drives it: `wait_ready` and `invoke` serve every socket of the sandbox until the
function answers, dies or runs out of time. Between Invocations nothing is read, so an idle sandbox costs nothing, and
the warm path passes nothing between threads: the one that wants the answer reads it from the socket itself.

    GET  /2018-06-01/runtime/invocation/next            parked until there is an event
    POST /2018-06-01/runtime/invocation/{id}/response   the answer
    POST /2018-06-01/runtime/invocation/{id}/error      the function's error
    POST /2018-06-01/runtime/init/error                 the function could not start

User code shares the sandbox with its runtime client and may connect as well. It can end or spoil its own Invocation,
which it could do anyway; the bounds here keep it from costing the agent memory, descriptors or time past the deadline.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from worker_agent.sandboxes.log_buffer import LogBuffer
from worker_agent.sandboxes.runtime_link import CHUNK, MAX_ANSWER_BYTES, GarbageError, Link, Request

PREFIX = "/2018-06-01/runtime/"
#: A runtime client needs one connection, and one more to report a start error. Each may hold one answer in memory.
MAX_CONNECTIONS = 4
#: Log read after the answer: a background thread may print for ever.
MAX_LATE_LOG_BYTES = 4 * 1024 * 1024

_Ready = Callable[[int], object]


class How(Enum):
    """How a wait on the sandbox ended."""

    READY = "ready"
    ANSWERED = "answered"
    FAILED = "failed"
    INIT_FAILED = "init failed"
    TOO_LARGE = "too large"
    DIED = "died"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class End:
    """How it ended, with the answer or the error object. `size` is that of the answer, also if it was refused."""

    how: How
    payload: bytes = b""
    size: int = 0


@dataclass(frozen=True)
class Event:
    """One event for `/next`, with what goes into its headers."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_header: str | None = None
    client_context: str | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the answer to `/next`."""
        optional = {"Lambda-Runtime-Trace-Id": self.trace_header, "Lambda-Runtime-Client-Context": self.client_context}
        return [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", self.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(self.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self.function_arn),
            *((name, value) for name, value in optional.items() if value),
        ]


class RuntimeApi:
    """The Runtime API of one sandbox: its listener, its log and the pidfd that shows its death."""

    def __init__(self, listener: socket.socket, log_listener: socket.socket, pidfd: int, log: LogBuffer) -> None:
        self._log = log
        self._log_link: socket.socket | None = None
        self._links: set[Link] = set()
        self._parked: Link | None = None
        self._current: str | None = None
        self._end: End | None = None
        self._selector = selectors.EpollSelector()
        self._listeners = [listener, log_listener]
        self._watch(listener, lambda _: self._accept(listener))
        self._watch(log_listener, lambda _: self._accept_log(log_listener))
        self._selector.register(pidfd, selectors.EVENT_READ, lambda _: self._finish(End(How.DIED)))

    def wait_ready(self, deadline: float) -> End:
        """Wait until the runtime asks for an event: READY, INIT_FAILED, DIED or TIMED_OUT (at `time.monotonic()`)."""
        self._end = None
        self._serve_ready(0)  # it may have died or hung up since the last wait
        while self._end is None and self._parked is None:
            self._pump(deadline)
        self._drain_log()
        return self._end or End(How.READY)

    def invoke(self, event: Event, deadline: float) -> End:
        """Send one event to a ready runtime and wait for its end; the log is read up to there."""
        assert self._parked, "invoke() needs a runtime that wait_ready() has seen"  # noqa: S101
        link, self._parked = self._parked, None
        self._current, self._end = event.request_id, None
        self._send_event(link, event)
        while self._end is None:
            self._pump(deadline)
        self._current = None
        self._drain_log()
        return self._end

    def close(self) -> None:
        """Close every socket."""
        for link in list(self._links):
            self._drop(link)
        for open_socket in [*self._listeners, *([self._log_link] if self._log_link else [])]:
            open_socket.close()
        self._selector.close()

    def _send_event(self, link: Link, event: Event) -> None:
        try:
            link.send(200, event.headers(), event.payload)
            self._rearm(link)
        except OSError:  # hung up: what follows is its death, or the end of its time
            self._drop(link)

    def _pump(self, deadline: float) -> None:
        """Serve the sockets that are ready, or note that time is up."""
        self._serve_ready(max(0.0, deadline - time.monotonic()))
        if time.monotonic() >= deadline:
            self._finish(End(How.TIMED_OUT))

    def _serve_ready(self, timeout_s: float) -> None:
        for key, mask in self._selector.select(timeout_s):
            key.data(mask)

    def _finish(self, end: End) -> None:
        """Note an end, if it is the first: what a function does after its answer does not change the answer."""
        self._end = self._end or end

    def _watch(self, watched: socket.socket, ready: _Ready) -> None:
        watched.setblocking(False)
        self._selector.register(watched, selectors.EVENT_READ, ready)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            accepted, _ = listener.accept()
            if len(self._links) >= MAX_CONNECTIONS:
                accepted.close()
                return
            link = Link(accepted)
            self._links.add(link)
            self._watch(accepted, lambda mask: self._serve(link, mask))

    def _accept_log(self, listener: socket.socket) -> None:
        """Accept the log of the first process and no other: its children print to the same descriptor."""
        with contextlib.suppress(OSError):
            self._log_link, _ = listener.accept()
            self._watch(self._log_link, lambda _: self._read_log())
            self._selector.unregister(listener)
            listener.close()

    def _read_log(self) -> int:
        """Read one chunk of log; return its length, 0 when there is none now."""
        if self._log_link is None:
            return 0
        try:
            data = self._log_link.recv(CHUNK)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:  # closed inside: nothing more can come
            self._selector.unregister(self._log_link)
            self._log_link.close()
            self._log_link = None
        self._log.write(data)
        return len(data)

    def _drain_log(self) -> None:
        """Read what was printed before the end: it is in the socket by then."""
        budget = MAX_LATE_LOG_BYTES
        while budget > 0 and (got := self._read_log()):
            budget -= got

    def _serve(self, link: Link, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                link.flush()
            if mask & selectors.EVENT_READ and not link.receive():
                self._drop(link)
                return
            request = link.take_request()
            if request:
                self._answer(link, request)
            self._rearm(link)
        except (GarbageError, OSError):
            # Garbage, or gone: this connection ends, the function's own goes on.
            self._drop(link)

    def _rearm(self, link: Link) -> None:
        """Watch for room in the socket as well while something is left to send."""
        if self._selector.get_key(link.socket).events != link.interest():
            self._selector.modify(link.socket, link.interest(), lambda mask: self._serve(link, mask))

    def _drop(self, link: Link) -> None:
        self._links.discard(link)
        if self._parked is link:
            self._parked = None
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(link.socket)
        link.socket.close()

    def _answer(self, link: Link, request: Request) -> None:
        """Route one request; these are all routes of the Runtime API."""
        path = request.target.decode("latin-1").removeprefix(PREFIX)
        match request.method, path.split("/"):
            case "GET", ["invocation", "next"]:
                self._parked = link
            case "POST", ["invocation", request_id, "response"]:
                self._accept_end(link, request_id, _answered(request))
            case "POST", ["invocation", request_id, "error"]:
                self._accept_end(link, request_id, End(How.FAILED, bytes(request.body)))
            case "POST", ["init", "error"]:
                self._finish(End(How.INIT_FAILED, bytes(request.body)))
                link.reply(202, {"status": "OK"})
            case _:
                link.reply(404, _error("ResourceNotFound", "no such path in the Runtime API"))

    def _accept_end(self, link: Link, request_id: str, end: End) -> None:
        if request_id != self._current or self._end is not None:
            link.reply(400, _error("InvalidRequestID", "this Invocation is not the one that runs"))
            return
        self._finish(end)
        link.reply(202, {"status": "OK"})


def _answered(request: Request) -> End:
    if request.size > MAX_ANSWER_BYTES:
        return End(How.TOO_LARGE, size=request.size)
    return End(How.ANSWERED, bytes(request.body), request.size)


def _error(kind: str, sentence: str) -> dict[str, str]:
    return {"errorType": kind, "errorMessage": sentence}
