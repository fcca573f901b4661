"""The CORS headers of a function URL: pure functions of its configuration and the request. They check no access."""

from collections.abc import Mapping, Sequence

from chalicelib.calls import Call
from chalicelib.functions.urls import Cors

WILD = "*"


def is_preflight(call: Call) -> bool:
    """Tell whether a request is a browser's CORS preflight."""
    return call.method == "OPTIONS" and bool(call.header("origin") and call.header("access-control-request-method"))


def for_preflight(cors: Cors, call: Call) -> dict[str, str]:
    """Return the headers that answer a preflight; none for an origin that is not allowed."""
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
    """Return the CORS headers of an answer, which replace any that the function set."""
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
    """Return an answer's headers without the CORS headers that the function set: the configuration counts."""
    return {name: value for name, value in headers.items() if not name.startswith("access-control-")}


def _allows(origins: Sequence[str], origin: str) -> bool:
    return WILD in origins or origin.lower() in {one.lower() for one in origins}
