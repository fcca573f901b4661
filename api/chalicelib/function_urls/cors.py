"""What browsers are told about a function URL: pure functions of its Cors and the request; never an access check."""

from collections.abc import Mapping, Sequence

from chalicelib.calls import Call
from chalicelib.functions.urls import Cors

WILD = "*"


def is_preflight(call: Call) -> bool:
    """Tell whether a browser asks what it may, before it does it."""
    return call.method == "OPTIONS" and bool(call.header("origin") and call.header("access-control-request-method"))


def for_preflight(cors: Cors, call: Call) -> dict[str, str]:
    """Give the headers that answer a preflight; none for an origin that is not allowed."""
    shared = for_answer(cors, call)
    if not shared:
        return {}
    lists = {
        "access-control-allow-methods": cors.allow_methods,
        "access-control-allow-headers": cors.allow_headers,
    }
    shared |= {name: ",".join(values) for name, values in lists.items() if values}
    return shared | ({"access-control-max-age": str(cors.max_age_s)} if cors.max_age_s else {})


def for_answer(cors: Cors | None, call: Call) -> dict[str, str]:
    """Give the headers that go with an answer, in the place of any that the function wrote."""
    origin = call.header("origin")
    if cors is None or origin is None or not _allows(cors.allow_origins, origin):
        return {}
    headers = {"access-control-allow-origin": WILD if WILD in cors.allow_origins else origin}
    if WILD not in cors.allow_origins:
        headers["vary"] = "Origin"
    if cors.allow_credentials:
        headers["access-control-allow-credentials"] = "true"
    if cors.expose_headers:
        headers["access-control-expose-headers"] = ",".join(cors.expose_headers)
    return headers


def without(headers: Mapping[str, str]) -> dict[str, str]:
    """Give an answer's headers without the function's own words on other origins: the configuration counts."""
    return {name: value for name, value in headers.items() if not name.startswith("access-control-")}


def _allows(origins: Sequence[str], origin: str) -> bool:
    return WILD in origins or origin.lower() in {one.lower() for one in origins}
