"""Turns a request to a function URL into the event that Lambda's function URLs send, in version 2.0."""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chalicelib.calls import Call
from chalicelib.functions.urls import AWS_IAM, FunctionUrl
from chalicelib.naming import account

#: Bodies of these types go to the function as text; all others, and what is not UTF-8, go as base64.
TEXTUAL = re.compile(r"text/.*|application/(json|javascript|xml|.*\+json|.*\+xml)")

#: Headers that the function does not get: credentials are meant for Hearth, and cookies have a member of their own.
HIDDEN = frozenset({"cookie"})
HIDDEN_WHEN_SIGNED = HIDDEN | {"authorization", "x-amz-security-token"}


def event(url: FunctionUrl, call: Call, base: str) -> bytes:
    """Return the event's JSON text. As on Lambda, members that would be empty are left out."""
    path = call.path.partition(f"/url/{url.url_id}")[2] or "/"
    made = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(call.query, quote_via=quote),
        **_cookies(call),
        "headers": _headers(url, call, base),
        **({"queryStringParameters": _joined(call.query)} if call.query else {}),
        "requestContext": _context(url, call, path, base),
        **_body(call),
    }
    return json.dumps(made, separators=(",", ":")).encode()


def _cookies(call: Call) -> dict[str, list[str]]:
    pairs = [pair.strip() for pair in (call.header("cookie") or "").split(";")]
    return {"cookies": [pair for pair in pairs if pair]} if any(pairs) else {}


def _headers(url: FunctionUrl, call: Call, base: str) -> dict[str, str]:
    """Return the caller's headers, with Hearth's own forwarding headers: a caller could write any address there."""
    hidden = HIDDEN_WHEN_SIGNED if url.auth_type == AWS_IAM else HIDDEN
    shown = {name: value for name, value in call.headers.items() if name not in hidden}
    return shown | {"x-forwarded-for": call.source_ip, "x-forwarded-proto": urlsplit(base).scheme}


def _context(url: FunctionUrl, call: Call, path: str, base: str) -> dict[str, Any]:
    now_s = time.time()
    signed = url.auth_type == AWS_IAM
    return {
        "accountId": account(url.tenant) if signed else "anonymous",
        "apiId": url.url_id,
        **({"authorizer": {"iam": _signer(url)}} if signed else {}),
        "domainName": urlsplit(base).netloc,
        "domainPrefix": url.url_id,
        "http": {
            "method": call.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": call.source_ip,
            "userAgent": call.header("user-agent") or "",
        },
        "requestId": call.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_s)),
        "timeEpoch": int(now_s * 1000),
    }


def _signer(url: FunctionUrl) -> dict[str, Any]:
    """Describe the caller as the tenant itself: only the owner's keys are accepted, and keys have no users."""
    owner = account(url.tenant)
    return {
        "accountId": owner,
        "callerId": owner,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{owner}:root",
        "userId": owner,
    }


def _joined(query: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in query:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(call: Call) -> dict[str, Any]:
    if not call.body:
        return {"isBase64Encoded": False}
    kind = (call.header("content-type") or "").partition(";")[0].strip().lower()
    text = _text(call.body) if TEXTUAL.fullmatch(kind) else None
    if text is not None:
        return {"body": text, "isBase64Encoded": False}
    return {"body": base64.b64encode(call.body).decode(), "isBase64Encoded": True}


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
