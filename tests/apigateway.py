"""API Gateway for tests: calls the Chalice app with REST v1 proxy events, by hand or for an unmodified boto3 client."""

import base64
import functools
import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

ADDRESS = "192.0.2.1"
ENDPOINT = "http://hearth.test"


@functools.cache
def _session() -> Any:
    """Give the session of all clients: it keeps AWS's model of Lambda, which takes longer to read than most tests."""
    return boto3.session.Session()


@dataclass(frozen=True)
class Answer:
    """What came back, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: str
    several: dict[str, list[str]] = field(default_factory=dict)  #: headers that came more than once
    is_base64: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Gateway:
    """Turns requests into events for one app, through honest JSON both ways."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def send(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        source_ip: str = ADDRESS,
    ) -> Answer:
        """Send one request; `url` is a path with its query, encoded as a client would."""
        event = self.event(method, url, body, headers or {}, source_ip)
        answer = json.loads(json.dumps(self._app(json.loads(json.dumps(event)), None)))
        headers_back = {name.lower(): value for name, value in answer["headers"].items()}
        several = {name.lower(): values for name, values in (answer.get("multiValueHeaders") or {}).items()}
        return Answer(answer["statusCode"], headers_back, answer["body"], several, bool(answer.get("isBase64Encoded")))

    def event(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], source_ip: str = ADDRESS
    ) -> dict[str, Any]:
        """Give the event that API Gateway would make of a request."""
        parts = urlsplit(url)
        resource, names = self._resource(parts.path, method)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        binary = content_type in self._app.api.binary_types
        return {
            "resource": resource,
            "path": parts.path,
            "httpMethod": method,
            "headers": dict(headers),
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": names or None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "path": parts.path,
                "httpMethod": method,
                "requestId": str(uuid.uuid4()),
                "identity": {"sourceIp": source_ip},
            },
            "body": (base64.b64encode(body).decode() if binary else body.decode(errors="replace")) or None,
            "isBase64Encoded": binary,
        }

    def client(self, access_key_id: str, secret_access_key: str, region: str = "us-east-1") -> Any:
        """Give a stock boto3 Lambda client whose requests go to the app instead of a socket."""
        client = _session().client(
            "lambda",
            region_name=region,
            endpoint_url=ENDPOINT,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send.lambda", self._before_send)
        return client

    def _before_send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        parts = urlsplit(request.url)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        url = f"{parts.path}?{parts.query}" if parts.query else parts.path
        answer = self.send(request.method, url, body, {"Host": parts.netloc, **headers})
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body.encode()))

    def _resource(self, path: str, method: str) -> tuple[str, dict[str, str]]:
        for resource, entries in self._app.routes.items():
            names = _match(resource.split("/"), path.rstrip("/").split("/"))
            if names is not None and method in entries:
                return resource, names
        raise LookupError(f"the gateway has no route for {method} {path}")


class _Raw(io.BytesIO):
    """As much of urllib3's response as botocore reads."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def _match(template: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(template) != len(parts):
        return None
    pairs = list(zip(template, parts, strict=True))
    if any(name != part for name, part in pairs if not name.startswith("{")):
        return None
    return {name[1:-1]: part for name, part in pairs if name.startswith("{")}
