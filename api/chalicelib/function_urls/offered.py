"""Door 3's table of contents: every method, at a URL's id and four levels below it."""

from collections.abc import Callable

from chalicelib.function_urls import view
from chalicelib.http_answer import HttpAnswer

View = Callable[..., HttpAnswer]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

#: Chalice binds path parameters by name and has no greedy one, so each level is a route.
PATHS = [f"/url/{{url_id}}{below}" for below in ("", "/{a}", "/{a}/{b}", "/{a}/{b}/{c}", "/{a}/{b}/{c}/{d}")]

#: Method, path, view. A view gets the controller, the call and what the path names; it lets in by itself.
OFFERED: list[tuple[str, str, View]] = [(method, path, view.serve) for path in PATHS for method in METHODS]
