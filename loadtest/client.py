"""The HTTP client of the load tests: every request goes through it, except the load itself, which k6 sends."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.errors import LoadTestError

TIMEOUT_S = 60.0

#: Every server asked here is on this machine; a proxy that the environment names could not reach it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with a 2xx status."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Returns the body's JSON value."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """A caller of the server at `url`, with an API key where it needs one."""

    url: str
    api_key: str = ""

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Sends one request and returns its answer. `content_type=…` sets the header `content-type`.

        Raises LoadTestError when the server does not answer, or answers with an error status.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, {"x-api-key": self.api_key, **named}, method=method)  # noqa: S310  (an http address of our own)
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise LoadTestError(f"{method} {self.url}{path} answered {error.code}: {text}") from None
        except (OSError, http.client.HTTPException) as error:
            raise LoadTestError(f"{method} {self.url}{path} got no answer: {error}") from None

    def make_tenant(self, name: str, limits: Mapping[str, int]) -> str:
        """Creates a tenant with these limits and returns its API key. Needs the admin key."""
        made = self.call("PUT", f"/tenants/{name}", json.dumps(limits).encode(), content_type="application/json")
        return str(made.json()["keys"]["api_key"])

    def deploy(self, name: str, code: bytes, *, memory_mb: int, timeout_s: int) -> None:
        """Creates or replaces a Python function from a zip with the handler `main.handler`."""
        configuration = {
            "runtime": "python3.11",
            "handler": "main.handler",
            "memory_mb": memory_mb,
            "timeout_s": timeout_s,
        }
        path = f"/functions/{name}?{urllib.parse.urlencode(configuration)}"
        self.call("PUT", path, code, content_type="application/zip")
