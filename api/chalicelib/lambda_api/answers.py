"""What the Lambda API's operations share: the error object, and the check for members that are not offered."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import HearthError, InvalidParameterError
from chalicelib.http_answer import HttpAnswer, json_answer

#: Members that are accepted only with the value that Hearth has anyway.
FIXED: Mapping[str, Any] = {
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None"},
    "LoggingConfig": {"LogFormat": "Text"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False},
}

#: The same members in answers.
SHOWN: Mapping[str, Any] = {name: FIXED[name] for name in ("PackageType", "Architectures", "EphemeralStorage")} | {
    "TracingConfig": FIXED["TracingConfig"],
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
}


def check_offered(asked: Mapping[str, Any], offered: frozenset[str]) -> None:
    """Raise InvalidParameterError for a member that is not offered, unless its value is what Hearth has anyway."""
    for name, value in asked.items():
        if name not in offered and not _asks_nothing(value, FIXED.get(name)):
            raise InvalidParameterError(f"{name} is not offered here with this value; leave it out")


def _asks_nothing(value: Any, fixed: Any) -> bool:
    if isinstance(value, dict) and isinstance(fixed, dict):
        return all(_asks_nothing(one, fixed.get(name)) for name, one in value.items())
    return not value or value == fixed


def error(refusal: HearthError, _request_id: str) -> HttpAnswer:
    """Return the answer with Lambda's error object."""
    status = refusal.lambda_status or refusal.status
    body = {"Type": "User" if status < 500 else "Service", "Message": str(refusal), **refusal.fields()}
    headers = {"x-amzn-ErrorType": refusal.error_type, **refusal.headers()}
    return json_answer(json.dumps(body, separators=(",", ":")), status, headers)


def marker(last: str | None) -> dict[str, str]:
    """Return a listing's NextMarker, or nothing on the last page."""
    return {"NextMarker": last} if last else {}


def moment(at_us: int) -> str:
    """Format a moment as Lambda does in members that are texts."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
