"""The load tests' HTTP client, on a server of its own on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtest.client import Client
from loadtest.errors import LoadTestError


class Echo(BaseHTTPRequestHandler):
    """Answers a PUT with what was put and the headers it came with, a GET with 404, and a POST with nothing at all."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._answer(
            201, f'["{self.path}", "{self.headers["x-api-key"]}", "{self.headers["content-type"]}", {len(body)}]'
        )

    def do_GET(self) -> None:
        self._answer(404, "no such function")

    def do_POST(self) -> None:
        self.close_connection = True

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_request_carries_the_key_the_headers_and_the_body(url: str) -> None:
    answer = Client(url, "the-key").call("PUT", "/functions/f", b"zip", content_type="application/zip")

    assert (answer.status, answer.json()) == (201, ["/functions/f", "the-key", "application/zip", 3])


def test_an_error_status_is_an_error_in_the_servers_own_words(url: str) -> None:
    with pytest.raises(LoadTestError, match=r"GET http://127.0.0.1:\d+/x answered 404: no such function"):
        Client(url).call("GET", "/x")


def test_a_connection_that_ends_without_an_answer_is_an_error(url: str) -> None:
    with pytest.raises(LoadTestError, match=r"POST .* got no answer"):
        Client(url).call("POST", "/x", b"{}")


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LoadTestError, match=r"got no answer: .*refused"):
        Client("http://127.0.0.1:9").call("GET", "/")


def test_a_proxy_in_the_environment_is_not_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert Client(url).call("PUT", "/", b"").status == 201
