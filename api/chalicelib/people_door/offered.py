"""Door 2's table of contents: each route, and the view that serves it."""

from collections.abc import Callable

from chalice.app import Response

from chalicelib.people_door import functions, health, invocations, keys, schedules, tenants, uploads

View = Callable[..., Response]

#: Method, path, view. A view gets the controller, the call, the tenant and what the path names.
OFFERED: list[tuple[str, str, View]] = [
    ("GET", "/functions", functions.list_all),
    ("PUT", "/functions/{name}", functions.put),
    ("GET", "/functions/{name}", functions.show),
    ("DELETE", "/functions/{name}", functions.delete),
    ("GET", "/functions/{name}/advice", functions.advice),
    ("GET", "/functions/{name}/schedules", schedules.list_all),
    ("PUT", "/functions/{name}/schedules/{schedule_id}", schedules.put),
    ("GET", "/functions/{name}/schedules/{schedule_id}", schedules.show),
    ("DELETE", "/functions/{name}/schedules/{schedule_id}", schedules.delete),
    ("POST", "/uploads", uploads.begin),
    ("GET", "/invocations/{invocation_id}", invocations.show),
    ("GET", "/keys", keys.list_all),
    ("POST", "/keys", keys.issue),
    ("DELETE", "/keys/{key_id}", keys.revoke),
    ("POST", "/keys/{key_id}/rotation", keys.rotate),
]

#: The same for what runs a function, whose admission takes its tokens and its seat in one: the view gets the visitor.
RUNNING: list[tuple[str, str, View]] = [
    ("POST", "/functions/{name}/invocations", invocations.run),
]

#: The same for whoever asks, with a key or without: the view gets no tenant.
PUBLIC: list[tuple[str, str, View]] = [
    ("GET", "/health", health.health),
]

#: The same for the admin key alone: the view gets the owner of the admin keys in the place of a tenant.
ADMIN: list[tuple[str, str, View]] = [
    ("GET", "/tenants", tenants.list_all),
    ("PUT", "/tenants/{tenant}", tenants.put),
    ("DELETE", "/tenants/{tenant}", tenants.delete),
    ("GET", "/admin/keys", keys.list_all),
    ("POST", "/admin/keys", keys.issue),
    ("DELETE", "/admin/keys/{key_id}", keys.revoke),
    ("POST", "/admin/keys/{key_id}/rotation", keys.rotate),
]
