"""Bad input: each kind its own 4xx with a sentence that helps; nothing stored, nothing queued."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from chalicelib.limits import MAX_PAYLOAD_BYTES, MAX_ZIP_BYTES

from tests.apigateway import Gateway
from tests.integration.api.conftest import Configure, Deployed
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Kept = Callable[[], dict[str, int]]
Key = dict[str, str]

GOOD = "runtime=python3.11&handler=main.handler"
ROLE = "arn:aws:iam::000000000000:role/any"


def empty_zip() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


UPLOADS = {
    "not a zip": (GOOD, b"hello", 400, "not a zip"),
    "nothing at all": (GOOD, b"", 400, "not a zip"),
    "an empty zip": (GOOD, empty_zip(), 400, "empty"),
    "no handler file": ("runtime=python3.11&handler=other.handler", zipped(), 400, "other.py"),
    "an unknown runtime": ("runtime=python2.7&handler=main.handler", zipped(), 400, "runtime must be nodejs20.x, "),
    "no runtime": ("handler=main.handler", zipped(), 400, "needs runtime"),
    "a handler that names no function": ("runtime=python3.11&handler=main", zipped(), 400, "main.handler"),
    "too little memory": (f"{GOOD}&memory_mb=63", zipped(), 400, "from 64 to 10240"),
    "too long a timeout": (f"{GOOD}&timeout_s=43201", zipped(), 400, "from 1 to 43200"),
    "a timeout that is no number": (f"{GOOD}&timeout_s=soon", zipped(), 400, "whole number"),
    "a misspelt parameter": (f"{GOOD}&memory=128", zipped(), 400, "'memory'"),
    "a way out": (GOOD, zipped({"main.py": "", "../evil": ""}), 400, "'../evil'"),
    "a zip too large": (GOOD, b"x" * (MAX_ZIP_BYTES + 1), 413, str(MAX_ZIP_BYTES)),
}


def test_a_bad_upload_is_refused_and_leaves_nothing(
    gateway: Gateway, key: Key, kept: Kept, subtests: pytest.Subtests
) -> None:
    headers = key | {"Content-Type": "application/zip"}
    for case, (query, body, status, word) in UPLOADS.items():
        with subtests.test(case):
            answer = gateway.send("PUT", f"/functions/hello?{query}", body, headers)

            assert answer.status == status
            assert word in answer.json["error"]
            assert set(answer.json) == {"error", "type", "request_id"}
    assert not any(kept().values())


def test_a_name_out_of_rule_is_refused(gateway: Gateway, key: Key, kept: Kept, subtests: pytest.Subtests) -> None:
    headers = key | {"Content-Type": "application/zip"}
    for name in ("a" * 65, "a.b", "h%C3%A9", "a%20b", "a%2Fb"):
        with subtests.test(name):
            answer = gateway.send("PUT", f"/functions/{name}?{GOOD}", zipped(), headers)

            assert answer.status == 400
            assert "1 to 64" in answer.json["error"]
    assert not any(kept().values())


EVENTS = {
    "JSON that is not JSON": (b"{'a': 1}", 400, "InvalidRequestContentException"),
    "NaN": (b"[NaN]", 400, "InvalidRequestContentException"),
    "half of it": (b'{"a": ', 400, "InvalidRequestContentException"),
    "not text": (b"\xff\xfe", 400, "InvalidRequestContentException"),
    "deeper than can be read": (b"[" * 100_000, 400, "InvalidRequestContentException"),
    "too large": (b" " * MAX_PAYLOAD_BYTES + b"1", 413, "RequestTooLargeException"),
}


@pytest.mark.parametrize("prefix", ["", "/2015-03-31"])
def test_a_bad_event_is_refused(deployed: Deployed, kept: Kept, subtests: pytest.Subtests, prefix: str) -> None:
    before = kept()
    headers = deployed.key | {"Content-Type": "application/octet-stream"}
    for case, (body, status, error_type) in EVENTS.items():
        with subtests.test(case):
            answer = deployed.gateway.send("POST", f"{prefix}/functions/hello/invocations", body, headers)

            assert answer.status == status
            assert error_type in (answer.json.get("type"), answer.headers.get("x-amzn-errortype"))
    assert kept() == before


UNKNOWN = [
    ("GET", "/functions/nobody"),
    ("DELETE", "/functions/nobody"),
    ("POST", "/functions/nobody/invocations"),
    ("GET", "/invocations/nobody"),
]


LONG = "x" * 3000  # longer than any key of a table

WORDS = {
    "a function's name": ("DELETE", f"/functions/{LONG}", 400),
    "a function's name, for advice": ("GET", f"/functions/{LONG}/advice", 400),
    "a function's name, for schedules": ("GET", f"/functions/{LONG}/schedules", 400),
    "an ARN for a name": ("GET", "/functions/arn%3Aaws%3Alambda/schedules/s", 400),
    "an alias": ("GET", f"/functions/hello/aliases/{LONG}", 404),
    "a version": ("DELETE", f"/functions/hello/versions/{LONG}", 404),
    "a schedule": ("GET", f"/functions/hello/schedules/{LONG}", 404),
    "a schedule to delete": ("DELETE", f"/functions/hello/schedules/{LONG}", 404),
    "an Invocation": ("GET", f"/invocations/{LONG}", 404),
    "a key": ("DELETE", f"/keys/{LONG}", 404),
}


def test_a_word_that_can_name_nothing_is_no_outage(deployed: Deployed, subtests: pytest.Subtests) -> None:
    for case, (method, path, status) in WORDS.items():
        with subtests.test(case):
            assert deployed.gateway.send(method, path, headers=deployed.key).status == status


def test_what_is_unknown_is_a_404(gateway: Gateway, key: Key, kept: Kept, subtests: pytest.Subtests) -> None:
    for method, path in UNKNOWN:
        with subtests.test(f"{method} {path}"):
            answer = gateway.send(method, path, headers=key)

            assert (answer.status, answer.json["type"]) == (404, "ResourceNotFoundException")
            assert "not found" in answer.json["error"]
    assert not any(kept().values())


def test_an_unknown_mode_is_refused(deployed: Deployed) -> None:
    answer = deployed.call(query="?mode=later")

    assert (answer.status, answer.json["error"]) == (400, "mode must be sync or async, not 'later'")


ROUTES = [
    ("GET", "/functions", 401),
    ("PUT", "/functions/hello", 401),
    ("POST", "/functions/hello/invocations", 401),
    ("GET", "/invocations/any", 401),
    ("GET", "/2015-03-31/functions", 403),
    ("POST", "/2015-03-31/functions/hello/invocations", 403),
]


def test_no_key_is_refused(deployed: Deployed, kept: Kept, subtests: pytest.Subtests) -> None:
    before = kept()
    for method, path, status in ROUTES:
        with subtests.test(f"{method} {path}"):
            answer = deployed.gateway.send(method, path, b"{}")

            said = (answer.json.get("type"), answer.headers.get("x-amzn-errortype"))
            assert answer.status == status
            assert "MissingAuthenticationTokenException" in said
    assert kept() == before


def test_a_wrong_key_is_refused(deployed: Deployed, kept: Kept, subtests: pytest.Subtests) -> None:
    before = kept()
    for method, path, _ in ROUTES:
        with subtests.test(f"{method} {path}"):
            assert deployed.gateway.send(method, path, b"{}", {"x-api-key": "hearth_guess"}).status == 403
    assert kept() == before


def test_an_unexpected_error_leaves_in_the_apis_shape_and_tells_no_detail(
    gateway: Gateway, key: Key, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearth = configure()
    monkeypatch.setattr(type(hearth.functions.lifecycle), "page", lambda *_: 1 / 0)

    rest = gateway.send("GET", "/functions", headers=key)
    lambda_api = gateway.send("GET", "/2015-03-31/functions", headers=key)

    assert (rest.status, rest.json["type"]) == (500, "ServiceException")
    assert (lambda_api.status, lambda_api.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert "division" not in rest.body + lambda_api.body


def creation(**changes: Any) -> bytes:
    body = {
        "FunctionName": "hello",
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "main.handler",
        "Code": {"ZipFile": base64.b64encode(zipped()).decode()},
    }
    return json.dumps(body | changes).encode()


CREATIONS = {
    "not JSON": (b"{", "InvalidRequestContentException", "json"),
    "not an object": (b"[]", "InvalidRequestContentException", "object"),
    "no code": (creation(Code={}), "InvalidParameterValueException", "ZipFile"),
    "code that is no base64": (creation(Code={"ZipFile": "%%"}), "InvalidParameterValueException", "base64"),
    "code from a bucket": (creation(Code={"S3Bucket": "b"}), "InvalidParameterValueException", "S3Bucket"),
    "a number for a name": (creation(FunctionName=1), "InvalidParameterValueException", "FunctionName"),
    "true for a number": (creation(Timeout=True), "InvalidParameterValueException", "Timeout"),
    "layers": (creation(Layers=["l"]), "InvalidParameterValueException", "Layers"),
    "an image": (creation(PackageType="Image"), "InvalidParameterValueException", "PackageType"),
    "a reserved variable": (
        creation(Environment={"Variables": {"AWS_REGION": "x"}}),
        "InvalidParameterValueException",
        "AWS_REGION",
    ),
    "a variable that is no text": (
        creation(Environment={"Variables": {"NAME": 1}}),
        "InvalidParameterValueException",
        "a text",
    ),
    "half a character": (creation(Description="\ud800"), "InvalidParameterValueException", "surrogate"),
    "half a character in a variable's name": (
        creation(Environment={"Variables": {"\ud800": "x"}}),
        "InvalidParameterValueException",
        "name",
    ),
}


def test_a_bad_creation_is_refused_and_leaves_nothing(
    gateway: Gateway, key: Key, kept: Kept, subtests: pytest.Subtests
) -> None:
    headers = key | {"Content-Type": "application/json"}
    for case, (body, error_type, word) in CREATIONS.items():
        with subtests.test(case):
            answer = gateway.send("POST", "/2015-03-31/functions", body, headers)

            assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, error_type)
            assert (answer.json["Type"], word in answer.json["Message"]) == ("User", True)
    assert not any(kept().values())
