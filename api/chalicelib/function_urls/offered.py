"""The routes of function URLs: every method, at a URL's id and four levels below it."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

#: Chalice binds path parameters by name and has no greedy one, so each level is a route.
PATHS = [f"/url/{{url_id}}{below}" for below in ("", "/{a}", "/{a}/{b}", "/{a}/{b}/{c}", "/{a}/{b}/{c}/{d}")]

#: Method and path.
OFFERED: list[tuple[str, str]] = [(method, path) for path in PATHS for method in METHODS]
