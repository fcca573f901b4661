"""The app object under threads."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from chalicelib.threadsafe import ThreadSafeChalice

from tests.apigateway import Gateway

THREADS = 16


def test_sixteen_threads_each_see_their_own_request_and_context() -> None:
    app = ThreadSafeChalice("test")
    together = threading.Barrier(THREADS)

    @app.route("/echo", methods=["POST"])
    def echo() -> dict[str, str]:
        together.wait()
        return {"body": app.current_request.raw_body.decode(), "context": app.lambda_context}

    def send(number: int) -> tuple[str, str]:
        event = Gateway(app).event("POST", "/echo", f"b{number}".encode(), {})
        answer = json.loads(app(event, f"c{number}")["body"])
        return answer["body"], answer["context"]

    with ThreadPoolExecutor(THREADS) as pool:
        seen = list(pool.map(send, range(THREADS * 10)))

    assert seen == [(f"b{number}", f"c{number}") for number in range(THREADS * 10)]


def test_a_thread_that_serves_nothing_sees_no_request() -> None:
    app = ThreadSafeChalice("test")

    assert (app.current_request, app.lambda_context) == (None, None)
