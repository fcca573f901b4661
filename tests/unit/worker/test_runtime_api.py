"""The Runtime API over real sockets of loopback, with a test in the place of the runtime client."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker_agent.sandboxes.log_buffer import LogBuffer
from worker_agent.sandboxes.runtime_api import MAX_CONNECTIONS, End, Event, How, RuntimeApi
from worker_agent.sandboxes.runtime_link import MAX_ANSWER_BYTES

NEXT = "/2018-06-01/runtime/invocation/next"
EVENT = Event("i-1", b'{"n": 1}', 1_000, "arn:f", trace_header="Root=1-2-3", client_context='{"a":1}')


@dataclass
class Inside:
    """What a sandbox's processes see, and the process whose life stands for theirs."""

    port: int
    log_path: str
    process: "subprocess.Popen[bytes]"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def log(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(self.log_path)
        return link


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[RuntimeApi, Inside, LogBuffer]]:
    process = subprocess.Popen(["sleep", "60"])
    pidfd = os.pidfd_open(process.pid)
    listener = socket.create_server(("127.0.0.1", 0))
    log_listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    log_listener.bind(str(tmp_path / "log"))
    log_listener.listen(1)
    inside = Inside(listener.getsockname()[1], str(tmp_path / "log"), process)
    buffer = LogBuffer()
    api = RuntimeApi(listener, log_listener, pidfd, buffer)
    yield api, inside, buffer
    api.close()
    os.close(pidfd)
    process.kill()
    process.wait()


def soon(seconds: float = 20) -> float:
    return time.monotonic() + seconds


def client(inside: Inside, answer: Callable[[http.client.HTTPConnection, str, bytes], None]) -> threading.Thread:
    """A runtime client that asks for one event and lets `answer` deal with it."""

    def run() -> None:
        link = inside.connect()
        link.request("GET", NEXT)
        response = link.getresponse()
        answer(link, response.headers["Lambda-Runtime-Aws-Request-Id"], response.read())
        link.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def post(link: http.client.HTTPConnection, path: str, body: bytes) -> int:
    link.request("POST", "/2018-06-01/runtime/" + path, body)
    response = link.getresponse()
    response.read()
    return response.status


def run_one(parts: tuple[RuntimeApi, Inside, LogBuffer], path: str, body: bytes) -> tuple[End, int]:
    """Let a client answer one event by one POST; give the end and the client's status."""
    api, inside, _ = parts
    statuses: list[int] = []
    thread = client(inside, lambda link, id_, _: statuses.append(post(link, path.format(id=id_), body)))
    assert api.wait_ready(soon()).how is How.READY
    end = api.invoke(EVENT, soon())
    thread.join()
    return end, statuses[0]


def test_an_answer_comes_back_as_it_was_given(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    assert run_one(parts, "invocation/{id}/response", b'"ok"') == (End(How.ANSWERED, b'"ok"', 4), 202)


def test_a_functions_error_comes_back_as_one(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    assert run_one(parts, "invocation/{id}/error", b"{}") == (End(How.FAILED, b"{}"), 202)


def test_the_event_carries_what_lambdas_runtime_api_says(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    seen: dict[str, str | None] = {}

    def run() -> None:
        link = inside.connect()
        link.request("GET", NEXT)
        response = link.getresponse()
        seen.update(response.headers.items(), body=response.read().decode())
        post(link, "invocation/i-1/response", b"1")
        link.close()

    thread = threading.Thread(target=run)
    thread.start()
    api.wait_ready(soon())
    api.invoke(EVENT, soon())
    thread.join()

    assert seen == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": "i-1",
        "Lambda-Runtime-Deadline-Ms": "1000",
        "Lambda-Runtime-Invoked-Function-Arn": "arn:f",
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
        "Lambda-Runtime-Client-Context": '{"a":1}',
        "Content-Length": "8",
        "body": '{"n": 1}',
    }


def test_an_answer_at_the_limit_is_taken_and_one_past_it_is_not(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    at, status = run_one(parts, "invocation/{id}/response", b"x" * MAX_ANSWER_BYTES)
    past, _ = run_one(parts, "invocation/{id}/response", b"x" * (MAX_ANSWER_BYTES + 1))

    assert (at.how, len(at.payload), status) == (How.ANSWERED, MAX_ANSWER_BYTES, 202)
    assert past == End(How.TOO_LARGE, b"", MAX_ANSWER_BYTES + 1)


def test_a_large_event_arrives_whole(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    event = Event("i-2", b"y" * (6 * 1024 * 1024), 1, "arn")
    lengths: list[int] = []

    def answer(link: http.client.HTTPConnection, id_: str, body: bytes) -> None:
        lengths.append(len(body))
        post(link, f"invocation/{id_}/response", b"1")

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(event, soon())
    thread.join()

    assert (end.how, lengths) == (How.ANSWERED, [6 * 1024 * 1024])


def test_a_start_error_ends_the_wait(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts

    def fail() -> None:
        link = inside.connect()
        post(link, "init/error", b'{"errorType":"E"}')
        link.close()

    thread = threading.Thread(target=fail)
    thread.start()

    end = api.wait_ready(soon())
    thread.join()

    assert end == End(How.INIT_FAILED, b'{"errorType":"E"}')


def test_time_that_is_up_ends_the_run_and_keeps_the_log(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, buffer = parts
    stopped = threading.Event()

    def answer(*_: object) -> None:
        with inside.log() as log:
            log.sendall(b"before the end\n")
            stopped.wait(20)

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(EVENT, soon(0.3))
    stopped.set()
    thread.join()

    assert end.how is How.TIMED_OUT
    assert buffer.take() == "before the end\n"


def test_a_death_ends_the_run(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    thread = client(inside, lambda *_: inside.process.kill())
    api.wait_ready(soon())

    assert api.invoke(EVENT, soon()).how is How.DIED
    thread.join()


def test_a_death_while_idle_is_noticed_before_the_next_event(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    link = inside.connect()
    link.request("GET", NEXT)
    assert api.wait_ready(soon()).how is How.READY

    inside.process.kill()
    inside.process.wait()

    assert api.wait_ready(soon()).how is How.DIED
    link.close()


def test_an_answer_to_another_invocation_is_refused(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    statuses: list[int] = []

    def answer(link: http.client.HTTPConnection, id_: str, _: bytes) -> None:
        statuses.append(post(link, "invocation/i-0/response", b'"stale"'))
        statuses.append(post(link, "invocation//response", b'"empty"'))
        statuses.append(post(link, f"invocation/{id_}/response", b'"right"'))

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(EVENT, soon())
    thread.join()

    assert (end.payload, statuses) == (b'"right"', [400, 400, 202])


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff" * 1000,
        b"GET / HTTP/1.1\r\n\r\n" * 50,
        b"POST /2018-06-01/runtime/invocation/i-1/response HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET " + b"x" * 2_000_000,
        b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 2_000_000,
    ],
)
def test_garbage_on_another_connection_does_not_disturb_the_run(
    parts: tuple[RuntimeApi, Inside, LogBuffer], garbage: bytes
) -> None:
    api, inside, _ = parts

    def answer(link: http.client.HTTPConnection, id_: str, _: bytes) -> None:
        with socket.create_connection(("127.0.0.1", inside.port)) as other, contextlib.suppress(OSError):
            other.sendall(garbage)  # or cut off in the middle: what it deserves
        post(link, f"invocation/{id_}/response", b'"fine"')

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(EVENT, soon())
    thread.join()

    assert end == End(How.ANSWERED, b'"fine"', 6)


def test_what_is_sent_ahead_of_an_answer_is_bounded(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    with socket.create_connection(("127.0.0.1", inside.port)) as flood:
        flood.sendall(f"GET {NEXT} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert api.wait_ready(soon()).how is How.READY

        def send() -> None:
            try:
                for _ in range(1000):
                    flood.sendall(b"z" * 65536)
            except OSError:
                return

        thread = threading.Thread(target=send)
        thread.start()
        assert api.invoke(EVENT, soon(2)).how is How.TIMED_OUT
        assert flood.fileno() >= 0
        thread.join(20)
        assert not thread.is_alive()


def test_connections_past_the_limit_are_closed_at_once(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    idle = [socket.create_connection(("127.0.0.1", inside.port)) for _ in range(MAX_CONNECTIONS)]
    assert api.wait_ready(soon(0.2)).how is How.TIMED_OUT

    one_more = socket.create_connection(("127.0.0.1", inside.port), timeout=20)
    assert api.wait_ready(soon(0.2)).how is How.TIMED_OUT

    assert one_more.recv(1) == b""
    for link in [*idle, one_more]:
        link.close()


def test_a_million_bytes_of_log_do_not_block_the_function(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, buffer = parts

    def answer(link: http.client.HTTPConnection, id_: str, _: bytes) -> None:
        with inside.log() as log:
            for number in range(20_000):
                log.sendall(b"%049d\n" % number)
        post(link, f"invocation/{id_}/response", json.dumps("done").encode())

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(EVENT, soon())
    thread.join()

    assert end.how is How.ANSWERED
    assert buffer.take().splitlines()[-1] == f"{19_999:049d}"


def test_a_second_request_before_the_first_was_answered_cuts_its_sender_off(
    parts: tuple[RuntimeApi, Inside, LogBuffer],
) -> None:
    api, inside, _ = parts

    def answer(link: http.client.HTTPConnection, id_: str, _: bytes) -> None:
        with socket.create_connection(("127.0.0.1", inside.port), timeout=20) as hasty:
            hasty.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
            with contextlib.suppress(ConnectionResetError):
                assert hasty.recv(65536).count(b"HTTP/1.1") <= 1
        post(link, f"invocation/{id_}/response", b'"fine"')

    thread = client(inside, answer)
    api.wait_ready(soon())
    end = api.invoke(EVENT, soon())
    thread.join()

    assert end.payload == b'"fine"'


def test_a_header_of_more_than_one_line_is_never_sent(parts: tuple[RuntimeApi, Inside, LogBuffer]) -> None:
    api, inside, _ = parts
    link = inside.connect()
    link.request("GET", NEXT)
    api.wait_ready(soon())

    with pytest.raises(ValueError, match="more than one line"):
        api.invoke(Event("i-1", b"1", 1, "arn", client_context="{}\r\nLambda-Runtime-Aws-Request-Id: other"), soon())
    link.close()
