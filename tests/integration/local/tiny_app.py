"""A Chalice app that says what it got, behind the gateway: run as a module it serves itself on the port it is given."""

import sys
import time
from typing import Any

from chalice.app import Response
from chalicelib.threadsafe import ThreadSafeChalice

from local.gateway import Gateway
from local.process import die_with_parent
from local.serve import serve

app = ThreadSafeChalice("tiny")
app.debug = False


@app.route("/echo", methods=["GET", "POST", "PUT"], content_types=["*/*"])
def echo() -> dict[str, Any]:
    request = app.current_request
    return {"body": request.raw_body.decode(), "query": request.query_params, "context": request.context}


@app.route("/slow-echo", methods=["POST"], content_types=["*/*"])
def slow_echo() -> str:
    # Others are served meanwhile: what this thread then reads must still be its own request.
    time.sleep(0.002)
    return str(app.current_request.raw_body.decode())


@app.route("/bytes", methods=["POST"], content_types=["application/octet-stream"])
def same_bytes() -> Response:
    return Response(app.current_request.raw_body, headers={"Content-Type": "application/octet-stream"})


@app.route("/items/{name}", methods=["GET"])
def item(name: str) -> dict[str, str]:
    return {"name": name}


@app.route("/shared", methods=["GET"], cors=True)
def shared() -> dict[str, str]:
    return {}


def application() -> Gateway:
    die_with_parent()
    return Gateway(app)


if __name__ == "__main__":
    serve("tests.integration.local.tiny_app:application", int(sys.argv[1]), 64)
