"""One HTTP request as the controller sees it, whichever door it came to; never judged here."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import InvalidRequestContentError


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, complete. Header names are in lower case; the query is decoded, the path as it was sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    request_id: str

    def header(self, name: str) -> str | None:
        """Give a header by its lower-case name."""
        return self.headers.get(name)

    def parameter(self, name: str) -> str | None:
        """Give the last value of a query parameter."""
        return dict(self.query).get(name)

    def json(self) -> dict[str, Any]:
        """Give the body as a JSON object; raise InvalidRequestContentError when it is none."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestContentError(f"Could not parse request body into json: {error}") from None
        if not isinstance(body, dict):
            raise InvalidRequestContentError("The body must be a JSON object")
        return body


def from_event(event: Mapping[str, Any], body: bytes) -> Call:
    """Give the Call of an API Gateway proxy event. Only the gateway's own word counts for the caller's address."""
    context = event["requestContext"]
    query = event["multiValueQueryStringParameters"] or {}
    return Call(
        method=context["httpMethod"],
        path=context["path"],
        query=tuple((name, value) for name, values in query.items() for value in values),
        headers={name.lower(): ",".join(values) for name, values in _headers(event).items()},
        body=body,
        source_ip=context["identity"]["sourceIp"],
        request_id=context.get("requestId") or str(uuid.uuid4()),
    )


def _headers(event: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Give every value of each header: one sent twice is signed twice, and counts as both here too."""
    single = {name: [value] for name, value in (event["headers"] or {}).items()}
    return single | (event.get("multiValueHeaders") or {})
