"""Door 2's table of contents: each route, and the view that serves it.

A new route needs its line in `described` too: `GET /openapi.json` says of every one what it takes and answers.
"""

import functools as memory
import json
from collections.abc import Callable
from typing import Any

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.rest_api import (
    aliases,
    concurrency,
    functions,
    health,
    invocations,
    keys,
    operations,
    redrive,
    schedules,
    tenants,
    uploads,
    usage,
    versions,
)

View = Callable[..., HttpAnswer]


def describe(_hearth: Any, _call: Call) -> HttpAnswer:
    """Describe every route of this door, as OpenAPI 3.1. Anyone may ask."""
    return json_answer(description())


@memory.cache
def description() -> str:
    """Give the description as JSON. What it is made of is imported now: few processes are ever asked for it."""
    from chalicelib.rest_api import openapi  # noqa: PLC0415

    tables = [("public", PUBLIC), ("tenant", OFFERED), ("tenant", RUNNING), ("admin", ADMIN)]
    routes = [openapi.Route(*row, who) for who, table in tables for row in table]
    return json.dumps(openapi.document(routes), separators=(",", ":"))


#: Method, path, view. A view gets the controller, the call, the tenant and what the path names.
OFFERED: list[tuple[str, str, View]] = [
    ("GET", "/functions", functions.list_all),
    ("PUT", "/functions/{name}", functions.put),
    ("GET", "/functions/{name}", functions.show),
    ("DELETE", "/functions/{name}", functions.delete),
    ("PATCH", "/functions/{name}", functions.configure),
    ("GET", "/functions/{name}/versions", versions.list_all),
    ("POST", "/functions/{name}/versions", versions.publish),
    ("DELETE", "/functions/{name}/versions/{number}", versions.delete),
    ("PUT", "/functions/{name}/concurrency", concurrency.put),
    ("DELETE", "/functions/{name}/concurrency", concurrency.delete),
    ("GET", "/functions/{name}/aliases", aliases.list_all),
    ("PUT", "/functions/{name}/aliases/{alias}", aliases.put),
    ("GET", "/functions/{name}/aliases/{alias}", aliases.show),
    ("DELETE", "/functions/{name}/aliases/{alias}", aliases.delete),
    ("GET", "/functions/{name}/advice", functions.advice),
    ("GET", "/functions/{name}/schedules", schedules.list_all),
    ("PUT", "/functions/{name}/schedules/{schedule_id}", schedules.put),
    ("GET", "/functions/{name}/schedules/{schedule_id}", schedules.show),
    ("DELETE", "/functions/{name}/schedules/{schedule_id}", schedules.delete),
    ("POST", "/uploads", uploads.begin),
    ("GET", "/functions/{name}/invocations", invocations.list_all),
    ("GET", "/functions/{name}/logs", invocations.logs),
    ("GET", "/invocations/{invocation_id}", invocations.show),
    ("GET", "/usage", usage.show),
    ("GET", "/fleet", operations.room),
    ("GET", "/keys", keys.list_all),
    ("POST", "/keys", keys.issue),
    ("DELETE", "/keys/{key_id}", keys.revoke),
    ("POST", "/keys/{key_id}/rotation", keys.rotate),
]

#: The same for what runs a function, whose admission takes its tokens and its permit in one: the view gets the visitor.
RUNNING: list[tuple[str, str, View]] = [
    ("POST", "/functions/{name}/invocations", invocations.run),
    ("POST", "/functions/{name}/redrive", redrive.redrive),
]

#: The same for whoever asks, with a key or without: the view gets no tenant.
PUBLIC: list[tuple[str, str, View]] = [
    ("GET", "/health", health.health),
    ("GET", "/openapi.json", describe),
]

#: The same for the admin key alone: the view gets the owner of the admin keys in the place of a tenant.
ADMIN: list[tuple[str, str, View]] = [
    ("GET", "/workers", operations.workers),
    ("GET", "/metrics", operations.metrics),
    ("GET", "/tenants", tenants.list_all),
    ("PUT", "/tenants/{tenant}", tenants.put),
    ("DELETE", "/tenants/{tenant}", tenants.delete),
    ("GET", "/admin/keys", keys.list_all),
    ("POST", "/admin/keys", keys.issue),
    ("DELETE", "/admin/keys/{key_id}", keys.revoke),
    ("POST", "/admin/keys/{key_id}/rotation", keys.rotate),
]
