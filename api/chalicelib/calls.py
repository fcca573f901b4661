"""One HTTP request as the controller sees it, for all three APIs."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import InvalidRequestContentError


@dataclass(frozen=True, kw_only=True)
class Call:
    """A complete request. Header names are in lower case; the query is decoded, the path as it was sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    request_id: str
    home: str = ""  #: the controller's host as the gateway gives it, with the stage where that is part of the path

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name."""
        return self.headers.get(name)

    def parameter(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        return dict(self.query).get(name)

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; raise InvalidRequestContentError when it is none."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestContentError(f"Could not parse request body into json: {error}") from None
        if not isinstance(body, dict):
            raise InvalidRequestContentError("The body must be a JSON object")
        return body


@dataclass(frozen=True)
class Address:
    """The controller's own address: the `public_url` of the settings, else as the gateway gives it for each call."""

    public_url: str | None

    def of(self, call: Call) -> str:
        """Return the address as this caller sees it, without a slash at the end."""
        return self.public_url or f"https://{call.home}"


def from_event(event: Mapping[str, Any], body: bytes) -> Call:
    """Return the Call of an API Gateway proxy event. The caller's address is the gateway's sourceIp alone."""
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
    """Return every header once. Values of a repeated one are joined by commas, cookies by semicolons."""
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event["headers"] or {}).items()}
    return {name.lower(): ("; " if name.lower() == "cookie" else ",").join(values) for name, values in several.items()}


def _home(event: Mapping[str, Any]) -> str:
    """Return host and stage. The gateway's own host name has the stage in its paths; a custom domain has not."""
    context = event["requestContext"]
    headers = {name.lower(): value for name, value in (event["headers"] or {}).items()}
    host = context.get("domainName") or headers.get("host", "")
    stage = f"/{context.get('stage', '')}"
    staged = context["path"].startswith(f"{stage}/") and not event["path"].startswith(f"{stage}/")
    return f"{host}{stage}" if staged else str(host)
