"""One HTTP answer, whichever API gives it; `app.py` alone turns it into Chalice's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """A complete answer. `body` is text, or base64 of bytes when `is_base64` says so."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    is_base64: bool = False
    cookies: tuple[str, ...] = ()  #: values of Set-Cookie, one header each


def json_answer(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Return the answer whose body is this JSON text."""
    return HttpAnswer(status=status, headers={"Content-Type": JSON, **(headers or {})}, body=text)
