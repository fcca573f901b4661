"""Door 1, AWS Lambda's REST API of 2015-03-31: parses and renders as botocore's model says, and decides nothing."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from chalice.app import Response

from chalicelib import limits
from chalicelib.calls import Call
from chalicelib.errors import HearthError, InvalidParameterError, InvalidRequestContentError, TooLargeError
from chalicelib.function import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_S, Configuration, Function
from chalicelib.invocations import Reply, Wish
from chalicelib.naming import LATEST, checked_name
from chalicelib.registry import Page
from shared_lua.contract import Mode, Status

T = TypeVar("T")

#: What each operation reads; anything else a client asks for is refused by name, never quietly left out.
CREATE = frozenset(
    {"FunctionName", "Runtime", "Role", "Handler", "Code", "Description", "Timeout", "MemorySize", "Environment"}
)
UPDATE_CODE = frozenset({"ZipFile", "DryRun", "RevisionId"})

#: Members that may be sent as long as they ask for what is so anyway.
FIXED = {
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
}

MODES = {"RequestResponse": Mode.SYNC, "Event": Mode.ASYNC}


def creation(call: Call) -> tuple[Configuration, bytes]:
    """Give the configuration and the zip of a CreateFunction."""
    body = call.json()
    _check_offered(body, CREATE)
    code = _member(body, "Code", dict, {})
    _check_offered(code, frozenset({"ZipFile"}))
    configuration = Configuration(
        name=checked_name(_member(body, "FunctionName", str, "").rpartition(":")[2]),
        runtime=_member(body, "Runtime", str, ""),
        handler=_member(body, "Handler", str, ""),
        memory_mb=_member(body, "MemorySize", int, DEFAULT_MEMORY_MB),
        timeout_s=_member(body, "Timeout", int, DEFAULT_TIMEOUT_S),
        environment=_environment(body),
        role=_member(body, "Role", str, ""),
        description=_member(body, "Description", str, ""),
    )
    return configuration, _zip(code)


def code_update(call: Call) -> tuple[bytes, str | None, bool]:
    """Give the zip of an UpdateFunctionCode, the revision it expects, and whether it is a dry run."""
    body = call.json()
    _check_offered(body, UPDATE_CODE)
    return _zip(body), _member(body, "RevisionId", str, "") or None, _member(body, "DryRun", bool, False)


def page_asked(call: Call) -> tuple[str | None, int]:
    """Give the marker of a ListFunctions and how many it asks for."""
    most = call.parameter("MaxItems") or str(limits.MAX_PAGE)
    if not most.isdecimal() or not 1 <= int(most[:9]) <= 10_000:
        raise InvalidParameterError(f"MaxItems must be 1 to 10000, not {most!r}")
    marker = call.parameter("Marker")
    return checked_name(marker) if marker else None, int(most)


def is_dry_run(call: Call) -> bool:
    """Tell whether an Invoke only asks whether it would be let through."""
    return call.header("x-amz-invocation-type") == "DryRun"


def wish(call: Call, name: str) -> Wish:
    """Give what an Invoke asks for."""
    kind = call.header("x-amz-invocation-type") or "RequestResponse"
    if kind not in MODES and kind != "DryRun":
        raise InvalidParameterError(f"InvocationType must be RequestResponse, Event or DryRun, not {kind!r}")
    mode = MODES.get(kind, Mode.SYNC)
    return Wish(function=name, event=call.body, mode=mode, client_context=_client_context(call))


def function_with_code(shown: Function, link: str) -> Response:
    """Answer a GetFunction."""
    code = {"RepositoryType": "S3", "Location": link}
    return _json({"Configuration": _configuration(shown), "Code": code, "Tags": {}})


def function(shown: Function, status: int = 200) -> Response:
    """Answer a CreateFunction or an UpdateFunctionCode."""
    return _json(_configuration(shown), status)


def page(shown: Page) -> Response:
    """Answer a ListFunctions."""
    marker = {"NextMarker": shown.next_after} if shown.next_after else {}
    return _json({"Functions": [_configuration(one) for one in shown.functions], **marker})


def nothing() -> Response:
    """Answer a DeleteFunction, or an Invoke that was a dry run."""
    return Response(body="", status_code=204)


def reply(given: Reply, call: Call) -> Response:
    """Answer an Invoke: 200 with the function's own words, or 202 when they are still to come."""
    headers = {"X-Amz-Executed-Version": LATEST, "X-Hearth-Invocation-Id": given.invocation_id}
    if given.outcome is None:
        return _text("", 202, headers | {"Location": f"/invocations/{given.invocation_id}"})
    if given.outcome.status is Status.FAILED:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if call.header("x-amz-log-type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(given.outcome.log_tail.encode(errors="replace")).decode()
    return _text(given.outcome.payload or "", 200, headers)


def error(refusal: HearthError, _request_id: str) -> Response:
    """Answer with Lambda's error object."""
    status = refusal.lambda_status or refusal.status
    body = {"Type": "User" if status < 500 else "Service", "Message": str(refusal), **refusal.fields()}
    return _json(body, status, {"x-amzn-ErrorType": refusal.error_type, **refusal.headers()})


def _configuration(shown: Function) -> dict[str, Any]:
    version = shown.version
    environment = {"Environment": {"Variables": dict(version.environment)}} if version.environment else {}
    return {
        "FunctionName": version.function,
        "FunctionArn": version.arn,
        "Runtime": version.runtime,
        "Role": shown.role,
        "Handler": version.handler,
        "CodeSize": version.code_bytes,
        "Description": shown.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": _time(shown.modified_at_us),
        "CodeSha256": base64.b64encode(bytes.fromhex(version.code_sha256)).decode(),
        "Version": LATEST,
        "RevisionId": shown.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        **FIXED,
        **environment,
    }


def _check_offered(body: dict[str, Any], offered: frozenset[str]) -> None:
    for name, value in body.items():
        asks_nothing = not value or value == FIXED.get(name)
        if name not in offered and not asks_nothing:
            raise InvalidParameterError(f"{name} is not offered here with this value; leave it out")


def _member(body: dict[str, Any], name: str, kind: type[T], default: T) -> T:
    """Give a member of the body; null counts as left out, as Lambda's clients mean it."""
    value = body.get(name)
    if value is None:
        return default
    if type(value) is not kind:  # exact: JSON's true would pass for a number
        raise InvalidParameterError(f"{name} must be of type {kind.__name__}")
    return value


def _environment(body: dict[str, Any]) -> dict[str, str]:
    variables = _member(_member(body, "Environment", dict, {}), "Variables", dict, {})
    if not all(isinstance(value, str) for value in variables.values()):
        raise InvalidParameterError("Environment.Variables must be an object of texts")
    return variables


def _zip(holder: dict[str, Any]) -> bytes:
    text = _member(holder, "ZipFile", str, "")
    if not text:
        raise InvalidParameterError("Please provide a source for function code: ZipFile")
    if len(text) > limits.MAX_ZIP_BYTES * 4 // 3 + 4:
        raise TooLargeError(f"The zip has more than the {limits.MAX_ZIP_BYTES} bytes that are allowed")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameterError("ZipFile must be the zip in base64") from None


def _client_context(call: Call) -> str | None:
    header = call.header("x-amz-client-context")
    if not header:
        return None
    try:
        context = json.loads(base64.b64decode(header, validate=True))
    except (ValueError, RecursionError):
        context = None
    if not isinstance(context, dict) or len(header) > limits.MAX_CLIENT_CONTEXT_CHARS:
        raise InvalidRequestContentError(
            f"ClientContext must be a JSON object in base64, {limits.MAX_CLIENT_CONTEXT_CHARS} characters at most"
        )
    return json.dumps(context)  # one line of ASCII, whatever came: it travels to the function in a header


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _text(json.dumps(body, separators=(",", ":")), status, headers or {})


def _text(body: str, status: int, headers: dict[str, str]) -> Response:
    return Response(body=body, status_code=status, headers={"Content-Type": "application/json", **headers})
