"""The Lambda API's operations on functions: reads the model's members, calls a use-case, renders its result."""

import base64
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from chalicelib import limits
from chalicelib.errors import InvalidParameterError
from chalicelib.functions import tags
from chalicelib.functions.function import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_S, Configuration, Function
from chalicelib.functions.lifecycle import Source
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import SHOWN, check_offered, marker, moment
from chalicelib.naming import Named, checked_name
from shared_lua import keys
from shared_lua.contract import LATEST

Asked = Mapping[str, Any]

CREATE = frozenset(
    {"FunctionName", "Runtime", "Role", "Handler", "Code", "Description", "Timeout", "MemorySize", "Environment"}
    | {"Tags", "Layers", "Publish"}
)
CODE = frozenset({"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"})
UPDATE_CODE = CODE | {"FunctionName", "DryRun", "RevisionId", "Publish"}
UPDATE_CONFIGURATION = frozenset(
    {"FunctionName", "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "Layers"}
    | {"RevisionId"}
)
#: Member of a configuration → field of ours.
FIELDS = {
    "Runtime": "runtime",
    "Role": "role",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout_s",
    "MemorySize": "memory_mb",
}
#: The markers that listings return: a name or a number. Anything longer could not be a key of the table.
NAME_MARKER = re.compile(r"\$LATEST|[a-zA-Z0-9_-]{1,140}")
NUMBER_MARKER = re.compile(r"[0-9]{1,10}", re.ASCII)


def create(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """CreateFunction."""
    check_offered(asked, CREATE)
    tags.check(asked.get("Tags", {}))  # before the function is created: a refused call leaves nothing behind
    configuration = Configuration(
        name=functions.home.resolve(tenant, asked["FunctionName"]),
        runtime=asked.get("Runtime", ""),
        handler=asked.get("Handler", ""),
        memory_mb=asked.get("MemorySize", DEFAULT_MEMORY_MB),
        timeout_s=asked.get("Timeout", DEFAULT_TIMEOUT_S),
        environment=asked.get("Environment", {}).get("Variables", {}),
        role=asked["Role"],
        description=asked.get("Description", ""),
        layers=functions.layers.named(tenant, asked.get("Layers", [])),
    )
    function = functions.lifecycle.create(tenant, configuration, code(functions, tenant, asked["Code"]))
    if asked.get("Tags"):
        functions.tags.add(tenant, configuration.name, asked["Tags"])
    return shown(_published(functions, tenant, function, asked))


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunction."""
    function = _shown_one(functions, tenant, asked)
    name = function.version.function
    latest = function if function.version.number == LATEST else functions.lifecycle.get(tenant, name)
    reserved = latest.reserved
    return {
        "Configuration": shown(function),
        "Code": {"RepositoryType": "S3", **_location(functions, function)},
        "Tags": functions.tags.of(tenant, name),
        **({"Concurrency": {"ReservedConcurrentExecutions": reserved}} if reserved is not None else {}),
    }


def get_configuration(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionConfiguration."""
    return shown(_shown_one(functions, tenant, asked))


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListFunctions. With FunctionVersion ALL each function is followed by its versions."""
    after, most = page_asked(asked)
    page = functions.lifecycle.page(tenant, checked_name(after) if after else None, most)
    found = list(page.functions)
    if asked.get("FunctionVersion") == "ALL":
        found = [one for latest in found for one in (qualified(latest), *_every_version(functions, tenant, latest))]
    return {"Functions": [shown(one) for one in found], **marker(page.next_after)}


def update_code(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """UpdateFunctionCode."""
    check_offered(asked, UPDATE_CODE)
    name = functions.home.resolve(tenant, asked["FunctionName"])
    source, is_dry_run = code(functions, tenant, asked), asked.get("DryRun", False)
    function = functions.lifecycle.update_code(tenant, name, source, asked.get("RevisionId"), dry_run=is_dry_run)
    return shown(function if is_dry_run else _published(functions, tenant, function, asked))


def update_configuration(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """UpdateFunctionConfiguration: what is not named stays as it is."""
    check_offered(asked, UPDATE_CONFIGURATION)
    name = functions.home.resolve(tenant, asked["FunctionName"])
    named = {FIELDS[member]: value for member, value in asked.items() if member in FIELDS}
    if "Environment" in asked:
        named["environment"] = asked["Environment"].get("Variables", {})
    if "Layers" in asked:
        named["layers"] = functions.layers.named(tenant, asked["Layers"])
    return shown(functions.lifecycle.configure(tenant, name, named, asked.get("RevisionId")))


def delete(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunction: all of the function, or one version."""
    named = functions.home.find(tenant, asked["FunctionName"], asked.get("Qualifier"))
    if LATEST in (asked.get("Qualifier"), asked["FunctionName"].rpartition(":")[2]):
        raise InvalidParameterError("$LATEST version cannot be deleted without deleting the function.")
    if named.qualifier is None:
        functions.lifecycle.delete(tenant, named.name)
    elif named.qualifier.isdecimal():
        number = named.qualifier
        functions.versions.delete(
            tenant, named.name, number, lambda: functions.aliases.naming(tenant, named.name, number)
        )
    else:
        functions.aliases.get(tenant, named.name, named.qualifier)
        raise InvalidParameterError(f"{named.qualifier!r} is an alias: delete it with DeleteAlias")
    functions.provisioned.follow(tenant, named.name)
    return {"StatusCode": 204}


def get_code_signing(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionCodeSigningConfig: there is none. Clients ask before they change a function's code."""
    functions.lifecycle.get(tenant, functions.home.resolve(tenant, asked["FunctionName"]))
    return {}  # as AWS answers, though its model requires members


def page_asked(asked: Asked, known: re.Pattern[str] = NAME_MARKER) -> tuple[str | None, int]:
    """Return a listing's marker and page size; raise InvalidParameterError for a marker that no listing returns."""
    after = asked.get("Marker") or None
    if after is not None and not known.fullmatch(after):
        raise InvalidParameterError(f"Marker {after[:200]!r} is none that a listing gave")
    return after, min(asked.get("MaxItems", limits.MAX_PAGE), limits.MAX_PAGE)


def existing(functions: FunctionUseCases, tenant: str, asked: Asked) -> Named:
    """Return name and qualifier of an existing function, version or alias; raise NotFoundError."""
    named = functions.home.find(tenant, asked["FunctionName"], asked.get("Qualifier"))
    functions.router.shown(tenant, named.name, named.qualifier)
    return named


def code(functions: FunctionUseCases, tenant: str, asked: Asked) -> Source:
    """Return the zip in the request, or the one that it names in Hearth's bucket; raise InvalidParameterError."""
    if asked.get("ZipFile"):
        data: bytes = asked["ZipFile"]
        return data
    if not asked.get("S3Key"):
        raise InvalidParameterError("Please provide a source for function code: ZipFile, or S3Bucket and S3Key")
    uploads, bucket = keys.upload(tenant, ""), functions.uploads.store.bucket
    if asked.get("S3Bucket") != bucket or not asked["S3Key"].startswith(uploads):
        raise InvalidParameterError(
            f"Code comes from S3 only as S3Bucket {bucket} and an S3Key under {uploads}; POST /uploads gives one"
        )
    return functions.lifecycle.code_store.open(asked["S3Key"])


def shown(function: Function) -> dict[str, Any]:
    """Return a function's configuration, or a published version's, as Lambda shows it."""
    version = function.version
    layers = [{"Arn": layer.arn, "CodeSize": layer.code_bytes} for layer in version.layers]
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
        "Version": version.number,
        "RevisionId": function.revision_id,
        **_states(function),
        **SHOWN,
        **({"Environment": {"Variables": dict(version.environment)}} if version.environment else {}),
        **({"Layers": layers} if layers else {}),
    }


def _location(functions: FunctionUseCases, function: Function) -> dict[str, str]:
    return {"Location": functions.lifecycle.code_link(function)} if function.version.code_sha256 else {}


def _states(function: Function) -> dict[str, str]:
    """Return the state of a function, and the status of its last update."""
    states = {"State": function.state, "LastUpdateStatus": function.last_update}
    if function.state == "Pending":
        states |= {"StateReason": "The function is waiting for its zip to be uploaded.", "StateReasonCode": "Creating"}
    if function.failure and function.state == "Failed":
        states |= {"StateReason": function.failure.reason, "StateReasonCode": function.failure.code}
    if function.failure:
        named = {"LastUpdateStatusReason": function.failure.reason, "LastUpdateStatusReasonCode": function.failure.code}
        states |= named
    return states


def qualified(latest: Function) -> Function:
    """Return a function as Lambda lists it among its versions, with an ARN that ends in $LATEST."""
    version = dataclasses.replace(latest.version, arn=f"{latest.version.arn}:{LATEST}")
    return dataclasses.replace(latest, version=version)


def _published(functions: FunctionUseCases, tenant: str, function: Function, asked: Asked) -> Function:
    """Publish a version when the request asks for it, and return it; else return the function itself."""
    if not asked.get("Publish"):
        return function
    return functions.versions.publish(tenant, function.version.function)


def _every_version(functions: FunctionUseCases, tenant: str, function: Function) -> list[Function]:
    found, after = functions.versions.page(tenant, function.version.function, None, limits.MAX_PAGE)
    while after:
        more, after = functions.versions.page(tenant, function.version.function, after, limits.MAX_PAGE)
        found += more
    return found


def _shown_one(functions: FunctionUseCases, tenant: str, asked: Asked) -> Function:
    """Return the function or version that a qualifier names, with the ARN that has this qualifier."""
    named = functions.home.find(tenant, asked["FunctionName"], asked.get("Qualifier"))
    function = functions.router.shown(tenant, named.name, named.qualifier)
    version = dataclasses.replace(function.version, arn=functions.home.arn(tenant, named.name, named.qualifier))
    return dataclasses.replace(function, version=version)
