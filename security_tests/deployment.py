"""Speaks to a deployment through its public API, as any tenant does."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from security_tests.errors import ScanError

ANSWER_WITHIN_S = 60.0
#: How long an accepted Invocation may take to its record; a deployment at rest may have to start a host first.
RECORD_WITHIN_S = 300.0
ASK_AGAIN_AFTER_S = 1.0
UPLOAD = {"runtime": "python3.11", "handler": "main.handler", "memory_mb": 1769, "timeout_s": 60}
TERMINAL = ("succeeded", "failed", "expired", "abandoned")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Give the body's JSON value; raise ScanError when it has none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ScanError(f"The deployment answered {self.status} with what is not JSON: {_shown(self)}") from None


class Deployment:
    """A Hearth somewhere, and a Tenant's key to it."""

    def __init__(self, url: str, api_key: str) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ScanError(f"HEARTH_URL must begin with http:// or https://, not {url!r}.")
        self.url = url.rstrip("/")
        self._api_key = api_key

    @contextmanager
    def function(self, code: bytes) -> Iterator[str]:
        """Give the name of a Function made of this zip, which lives as long as the `with`; raise ScanError."""
        name = f"scan-{uuid.uuid4().hex[:12]}"
        path = f"/functions/{name}"
        try:
            self._expect("PUT", f"{path}?{urllib.parse.urlencode(UPLOAD)}", code, 200, 201)
            yield name
        except BaseException:
            # Also after an upload that failed: it may have been taken and only its answer lost.
            with suppress(ScanError):  # what went wrong first is what the operator must hear
                self._delete(path)
            raise
        self._delete(path)

    def invoke(self, name: str) -> Any:
        """Run the Function once and give its answer; raise ScanError when it gives none."""
        reply = self._expect("POST", f"/functions/{name}/invocations", b"{}", 200, 202)
        if reply.status == 202:
            return self._answer(reply.headers["location"])
        if "x-amz-function-error" in reply.headers:
            raise ScanError(f"The attacker function failed: {_shown(reply)}")
        return reply.json()

    def _delete(self, path: str) -> None:
        self._expect("DELETE", path, None, 204, 404)

    def _answer(self, path: str) -> Any:
        """Ask for an Invocation's record until it is terminal, and give the answer in it."""
        give_up = time.monotonic() + RECORD_WITHIN_S
        while (record := self._expect("GET", path, None, 200).json())["status"] not in TERMINAL:
            if time.monotonic() > give_up:
                raise ScanError(f"The attacker function was not run within {RECORD_WITHIN_S:.0f} s.")
            time.sleep(ASK_AGAIN_AFTER_S)
        if record["status"] != "succeeded":
            raise ScanError(f"The attacker function {record['status']}: {record['outcome']}")
        return record["outcome"]["payload"]

    def _expect(self, method: str, path: str, body: bytes | None, *statuses: int) -> Reply:
        reply = self._send(method, path, body)
        if reply.status not in statuses:
            raise ScanError(f"The deployment refused {method} {path.partition('?')[0]}: {reply.status} {_shown(reply)}")
        return reply

    def _send(self, method: str, path: str, body: bytes | None) -> Reply:
        kind = "application/zip" if method == "PUT" else "application/json"
        headers = {"x-api-key": self._api_key, "content-type": kind}
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310  (checked at birth)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310
                return _reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.headers, error.read())
        except (OSError, http.client.HTTPException) as error:
            raise ScanError(f"The deployment at {self.url} cannot be reached: {error}") from error


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body)


def _shown(reply: Reply) -> str:
    return reply.body[:300].decode(errors="replace")
