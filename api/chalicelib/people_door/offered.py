"""Door 2's table of contents: each route, and the view that serves it."""

from collections.abc import Callable

from chalice.app import Response

from chalicelib.people_door import functions, health, invocations, schedules

View = Callable[..., Response]

#: Method, path, view. A view gets the controller, the call, the tenant and what the path names.
OFFERED: list[tuple[str, str, View]] = [
    ("GET", "/functions", functions.list_all),
    ("PUT", "/functions/{name}", functions.put),
    ("GET", "/functions/{name}", functions.show),
    ("DELETE", "/functions/{name}", functions.delete),
    ("GET", "/functions/{name}/advice", functions.advice),
    ("POST", "/functions/{name}/invocations", invocations.run),
    ("GET", "/functions/{name}/schedules", schedules.list_all),
    ("PUT", "/functions/{name}/schedules/{schedule_id}", schedules.put),
    ("GET", "/functions/{name}/schedules/{schedule_id}", schedules.show),
    ("DELETE", "/functions/{name}/schedules/{schedule_id}", schedules.delete),
    ("GET", "/invocations/{invocation_id}", invocations.show),
]

#: The same for whoever asks, with a key or without: the view gets no tenant.
PUBLIC: list[tuple[str, str, View]] = [
    ("GET", "/health", health.health),
]
