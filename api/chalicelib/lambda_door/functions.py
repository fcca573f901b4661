"""Door 1's operations on functions: from the model's members to a use-case and back."""

import base64
from collections.abc import Mapping
from typing import Any

from chalicelib import limits, tags
from chalicelib.errors import InvalidParameterError
from chalicelib.function import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_S, Configuration, Function
from chalicelib.lambda_door.answers import SHOWN, check_offered, moment
from chalicelib.naming import LATEST, checked_name
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]

CREATE = frozenset(
    {"FunctionName", "Runtime", "Role", "Handler", "Code", "Description", "Timeout", "MemorySize", "Environment"}
    | {"Tags"}
)
UPDATE_CODE = frozenset({"FunctionName", "ZipFile", "DryRun", "RevisionId"})
MAX_ITEMS = range(1, 10_000 + 1)


def create(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """CreateFunction."""
    check_offered(asked, CREATE)
    configuration = Configuration(
        name=hearth.home.resolve(tenant, asked["FunctionName"]),
        runtime=asked.get("Runtime", ""),
        handler=asked.get("Handler", ""),
        memory_mb=asked.get("MemorySize", DEFAULT_MEMORY_MB),
        timeout_s=asked.get("Timeout", DEFAULT_TIMEOUT_S),
        environment=asked.get("Environment", {}).get("Variables", {}),
        role=asked["Role"],
        description=asked.get("Description", ""),
    )
    labels = asked.get("Tags", {})
    tags.check(labels)
    function = hearth.functions.create(tenant, configuration, _zip(asked["Code"]))
    if labels:
        hearth.tags.add(tenant, configuration.name, labels)
    return shown(function)


def get(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunction."""
    function = _named(hearth, tenant, asked)
    code = {"RepositoryType": "S3", "Location": hearth.functions.code_link(function)}
    return {"Configuration": shown(function), "Code": code, "Tags": hearth.tags.of(tenant, function.version.function)}


def get_configuration(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionConfiguration."""
    return shown(_named(hearth, tenant, asked))


def list_all(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListFunctions."""
    after, most = page_asked(asked)
    page = hearth.functions.page(tenant, checked_name(after) if after else None, min(most, limits.MAX_PAGE))
    marker = {"NextMarker": page.next_after} if page.next_after else {}
    return {"Functions": [shown(one) for one in page.functions], **marker}


def update_code(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """UpdateFunctionCode."""
    check_offered(asked, UPDATE_CODE)
    name = hearth.home.resolve(tenant, asked["FunctionName"])
    is_dry_run = asked.get("DryRun", False)
    revision = asked.get("RevisionId")
    return shown(hearth.functions.update_code(tenant, name, _zip(asked), revision, dry_run=is_dry_run))


def delete(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunction."""
    hearth.functions.delete(tenant, hearth.home.resolve(tenant, asked["FunctionName"], asked.get("Qualifier")))
    return {"StatusCode": 204}


def page_asked(asked: Asked) -> tuple[str | None, int]:
    """Give the marker of a listing and how many it asks for; raise InvalidParameterError."""
    most = asked.get("MaxItems", limits.MAX_PAGE)
    if most not in MAX_ITEMS:
        raise InvalidParameterError(f"MaxItems must be 1 to {MAX_ITEMS.stop - 1}, not {most!r}")
    return asked.get("Marker") or None, most


def shown(function: Function) -> dict[str, Any]:
    """Give a function's configuration as Lambda shows it."""
    version = function.version
    environment = {"Environment": {"Variables": dict(version.environment)}} if version.environment else {}
    return {
        "FunctionName": version.function,
        "FunctionArn": version.arn,
        "Runtime": version.runtime,
        "Role": function.role,
        "Handler": version.handler,
        "CodeSize": version.code_bytes,
        "Description": function.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": moment(function.modified_at_us),
        "CodeSha256": base64.b64encode(bytes.fromhex(version.code_sha256)).decode(),
        "Version": LATEST,
        "RevisionId": function.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        **SHOWN,
        **environment,
    }


def _named(hearth: Controller, tenant: str, asked: Asked) -> Function:
    return hearth.functions.get(tenant, hearth.home.resolve(tenant, asked["FunctionName"], asked.get("Qualifier")))


def _zip(code: Asked) -> bytes:
    check_offered(code, UPDATE_CODE)
    if not code.get("ZipFile"):
        raise InvalidParameterError("Please provide a source for function code: ZipFile")
    data: bytes = code["ZipFile"]
    return data
