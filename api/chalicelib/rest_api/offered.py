"""The routes of the REST API, each with the view that serves it.

A new route needs its line in `described` too, of which `GET /openapi.json` is made.
"""

import functools as memory
import json
from collections.abc import Callable
from typing import NamedTuple

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.rest_api import (
    aliases,
    concurrency,
    event_invoke,
    function_urls,
    functions,
    health,
    invocations,
    keys,
    layers,
    operations,
    redrive,
    schedules,
    tags,
    tenants,
    uploads,
    usage,
    versions,
)

View = Callable[..., HttpAnswer]

#: What a view needs of the controller, by the names of its fields.
Needs = tuple[str, ...]
FUNCTIONS: Needs = ("functions",)
ADDRESSED: Needs = ("functions", "address")
TENANTS: Needs = ("tenants",)
INVOCATIONS: Needs = ("invocations",)
SCHEDULES: Needs = ("schedules",)
OPERATIONS: Needs = ("operations",)


class Route(NamedTuple):
    """A route: its view gets what it needs of the controller, the call, the caller, and by name what the path names."""

    method: str
    path: str
    view: View
    needs: Needs


def describe(_call: Call) -> HttpAnswer:
    """Describe every route of the REST API as OpenAPI 3.1. No key is needed."""
    return json_answer(description())


@memory.cache
def description() -> str:
    """Return the OpenAPI document. What it is made of is imported on demand: few processes are ever asked for it."""
    from chalicelib.rest_api import openapi  # noqa: PLC0415

    tables = [("public", PUBLIC), ("tenant", OFFERED), ("tenant", RUNNING), ("admin", ADMIN)]
    routes = [openapi.Route(row.method, row.path, row.view, who) for who, table in tables for row in table]
    return json.dumps(openapi.document(routes), separators=(",", ":"))


#: Routes with a tenant's key: the caller is the tenant.
OFFERED: list[Route] = [
    Route("GET", "/functions", functions.list_all, FUNCTIONS),
    Route("PUT", "/functions/{name}", functions.put, FUNCTIONS),
    Route("GET", "/functions/{name}", functions.show, FUNCTIONS),
    Route("DELETE", "/functions/{name}", functions.delete, FUNCTIONS),
    Route("PATCH", "/functions/{name}", functions.configure, FUNCTIONS),
    Route("GET", "/functions/{name}/versions", versions.list_all, FUNCTIONS),
    Route("POST", "/functions/{name}/versions", versions.publish, FUNCTIONS),
    Route("DELETE", "/functions/{name}/versions/{number}", versions.delete, FUNCTIONS),
    Route("GET", "/functions/{name}/concurrency", concurrency.show, FUNCTIONS),
    Route("PUT", "/functions/{name}/concurrency", concurrency.put, FUNCTIONS),
    Route("DELETE", "/functions/{name}/concurrency", concurrency.delete, FUNCTIONS),
    Route("GET", "/functions/{name}/provisioned", concurrency.list_provisioned, FUNCTIONS),
    Route("PUT", "/functions/{name}/provisioned/{qualifier}", concurrency.provision, FUNCTIONS),
    Route("GET", "/functions/{name}/provisioned/{qualifier}", concurrency.show_provisioned, FUNCTIONS),
    Route("DELETE", "/functions/{name}/provisioned/{qualifier}", concurrency.delete_provisioned, FUNCTIONS),
    Route("GET", "/functions/{name}/event-invoke", event_invoke.show, FUNCTIONS),
    Route("PUT", "/functions/{name}/event-invoke", event_invoke.put, FUNCTIONS),
    Route("PATCH", "/functions/{name}/event-invoke", event_invoke.change, FUNCTIONS),
    Route("DELETE", "/functions/{name}/event-invoke", event_invoke.delete, FUNCTIONS),
    Route("GET", "/functions/{name}/event-invokes", event_invoke.list_all, FUNCTIONS),
    Route("GET", "/functions/{name}/tags", tags.show, FUNCTIONS),
    Route("PUT", "/functions/{name}/tags", tags.put, FUNCTIONS),
    Route("PATCH", "/functions/{name}/tags", tags.change, FUNCTIONS),
    Route("GET", "/functions/{name}/permissions", function_urls.permissions, FUNCTIONS),
    Route("POST", "/functions/{name}/permissions", function_urls.permit, FUNCTIONS),
    Route("DELETE", "/functions/{name}/permissions/{statement_id}", function_urls.forbid, FUNCTIONS),
    Route("GET", "/functions/{name}/url", function_urls.show, ADDRESSED),
    Route("PUT", "/functions/{name}/url", function_urls.put, ADDRESSED),
    Route("DELETE", "/functions/{name}/url", function_urls.delete, FUNCTIONS),
    Route("GET", "/functions/{name}/urls", function_urls.list_all, ADDRESSED),
    Route("GET", "/functions/{name}/aliases", aliases.list_all, FUNCTIONS),
    Route("PUT", "/functions/{name}/aliases/{alias}", aliases.put, FUNCTIONS),
    Route("GET", "/functions/{name}/aliases/{alias}", aliases.show, FUNCTIONS),
    Route("DELETE", "/functions/{name}/aliases/{alias}", aliases.delete, FUNCTIONS),
    Route("GET", "/functions/{name}/advice", invocations.advice, INVOCATIONS),
    Route("GET", "/functions/{name}/schedules", schedules.list_all, SCHEDULES),
    Route("PUT", "/functions/{name}/schedules/{schedule_id}", schedules.put, SCHEDULES),
    Route("GET", "/functions/{name}/schedules/{schedule_id}", schedules.show, SCHEDULES),
    Route("DELETE", "/functions/{name}/schedules/{schedule_id}", schedules.delete, SCHEDULES),
    Route("POST", "/uploads", uploads.begin, FUNCTIONS),
    Route("GET", "/functions/{name}/invocations", invocations.list_all, INVOCATIONS),
    Route("GET", "/functions/{name}/logs", invocations.logs, INVOCATIONS),
    Route("GET", "/invocations/{invocation_id}", invocations.show, INVOCATIONS),
    Route("GET", "/layers", layers.list_all, FUNCTIONS),
    Route("GET", "/layers/{layer}/versions", layers.list_versions, FUNCTIONS),
    Route("POST", "/layers/{layer}/versions", layers.publish, FUNCTIONS),
    Route("GET", "/layers/{layer}/versions/{number}", layers.show, FUNCTIONS),
    Route("DELETE", "/layers/{layer}/versions/{number}", layers.delete, FUNCTIONS),
    Route("GET", "/usage", usage.show, INVOCATIONS),
    Route("GET", "/fleet", operations.room, OPERATIONS),
    Route("GET", "/keys", keys.list_all, TENANTS),
    Route("POST", "/keys", keys.issue, TENANTS),
    Route("DELETE", "/keys/{key_id}", keys.revoke, TENANTS),
    Route("POST", "/keys/{key_id}/rotation", keys.rotate, TENANTS),
]

#: Routes that run functions, whose admission takes tokens and permit in one: the caller is the principal.
RUNNING: list[Route] = [
    Route("POST", "/functions/{name}/invocations", invocations.run, INVOCATIONS),
    Route("POST", "/functions/{name}/redrive", redrive.redrive, INVOCATIONS),
]

#: Routes that need no key: there is no caller among the view's arguments.
PUBLIC: list[Route] = [
    Route("GET", "/health", health.health, OPERATIONS),
    Route("GET", "/openapi.json", describe, ()),
]

#: Routes with the admin key alone: the caller is the owner of the admin keys.
ADMIN: list[Route] = [
    Route("GET", "/workers", operations.workers, OPERATIONS),
    Route("GET", "/metrics", operations.metrics, OPERATIONS),
    Route("GET", "/tenants", tenants.list_all, TENANTS),
    Route("PUT", "/tenants/{tenant}", tenants.put, TENANTS),
    Route("DELETE", "/tenants/{tenant}", tenants.delete, TENANTS),
    Route("GET", "/admin/keys", keys.list_all, TENANTS),
    Route("POST", "/admin/keys", keys.issue, TENANTS),
    Route("DELETE", "/admin/keys/{key_id}", keys.revoke, TENANTS),
    Route("POST", "/admin/keys/{key_id}/rotation", keys.rotate, TENANTS),
]
