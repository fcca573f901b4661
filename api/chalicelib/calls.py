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
    home: str = ""  #: where the controller is for this caller, by the gateway's word: host, and stage if in the path

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
        headers=_headers(event),
        body=body,
        source_ip=context["identity"]["sourceIp"],
        request_id=context.get("requestId") or str(uuid.uuid4()),
        home=_home(event),
    )


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Give every header once; a repeated one as the list that HTTP says it is, cookies as one header."""
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event["headers"] or {}).items()}
    return {name.lower(): ("; " if name.lower() == "cookie" else ",").join(values) for name, values in several.items()}


def _home(event: Mapping[str, Any]) -> str:
    """The gateway's own name has the stage in its paths; a domain of one's own that leads to the stage has not."""
    context = event["requestContext"]
    headers = {name.lower(): value for name, value in (event["headers"] or {}).items()}
    host = context.get("domainName") or headers.get("host", "")
    stage = f"/{context.get('stage', '')}"
    staged = context["path"].startswith(f"{stage}/") and not event["path"].startswith(f"{stage}/")
    return f"{host}{stage}" if staged else str(host)
