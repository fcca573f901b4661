"""The JSON Schemas of what goes in and out of door 2, by the names the OpenAPI description gives them."""

import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from chalicelib import limits
from chalicelib.invocations.advice import Advice
from chalicelib.invocations.redrive import MOST
from chalicelib.naming import NAME
from chalicelib.operations.fleet import Room
from chalicelib.rest_api.description import Schema, ref
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.tenant import TenantLimits
from shared_lua.contract import TERMINAL, Charge, Status, Usage

#: JSON Schema's words for what our values are made of.
WORDS: dict[Any, str] = {int: "integer", bool: "boolean", str: "string", float: "number"}


def record(sometimes: Mapping[str, Schema] | None = None, /, **always: Schema) -> Schema:
    """Give the schema of an object that always has `always`, and may have `sometimes`."""
    return {"type": "object", "properties": {**always, **(sometimes or {})}, "required": list(always)}


def optional(schema: Schema) -> Schema:
    """Give the schema of what may be null instead."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Give the schema of a list."""
    return {"type": "array", "items": schema}


def one_of(words: Iterable[str]) -> Schema:
    """Give the schema of a text that is one of these words."""
    return {"type": "string", "enum": sorted(str(word) for word in words)}


def fields_of(kind: type) -> dict[str, Schema]:
    """Give the schemas of a frozen value's fields, from their annotations."""
    return {name: _of(hint) for name, hint in typing.get_type_hints(kind).items()}


def _of(hint: Any) -> Schema:
    if type(None) in typing.get_args(hint):
        [inner] = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return optional(_of(inner))
    return one_of(hint) if issubclass(hint, StrEnum) else {"type": WORDS[hint]}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
ANYTHING: Schema = {}
WEIGHTS: Schema = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
FUNCTION_NAME: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}

STATES = ("Active", "Pending", "Failed")
LAST_UPDATES = ("InProgress", "Failed", "Successful")

_CONFIGURATION: dict[str, Schema] = {
    "runtime": one_of(limits.RUNTIMES),
    "handler": TEXT,
    "memory_mb": {"type": "integer"},
    "timeout_s": {"type": "integer"},
    "environment": {"type": "object", "additionalProperties": TEXT},
    "description": TEXT,
}

_KEY = {
    "key_id": TEXT,
    "kind": one_of(Kind),
    "last_four": TEXT,
    "created": MOMENT,
    "ends": optional(MOMENT),
}

_LIMITS = {
    name: optional({"type": "integer", "minimum": limits.TENANT_LIMIT.start, "maximum": limits.TENANT_LIMIT.stop - 1})
    for name in TenantLimits.__dataclass_fields__
}

_INVOCATION = {
    "invocation_id": TEXT,
    "function": FUNCTION_NAME,
    "status": one_of(Status),
    "attempt": COUNT,
    "tries": COUNT,
    "created": MOMENT,
    "settled": optional(MOMENT),
    "redriven_as": optional(TEXT),
    "phases": optional(record(queue_ms=NUMBER, start_ms=NUMBER, run_ms=NUMBER)),
    "usage": optional(ref("Usage")),
    "charge": optional(ref("Charge")),
}

#: Name → schema. `ref` points here.
SHAPES: dict[str, Schema] = {
    "Error": record(error=TEXT, type=TEXT, request_id=TEXT),
    # What the gateway before the controller refuses by itself: no such route, a body of more than 10 MB.
    "GatewayError": record(message=TEXT),
    "Function": record(
        name=FUNCTION_NAME,
        arn=TEXT,
        version=TEXT,
        version_id=TEXT,
        **_CONFIGURATION,
        layers=listed(TEXT),
        code_sha256=TEXT,
        code_bytes=COUNT,
        unpacked_bytes=COUNT,
        modified=MOMENT,
        state=one_of(STATES),
        last_update=one_of(LAST_UPDATES),
        reason=optional(TEXT),
    ),
    "Functions": record(functions=listed(ref("Function")), next_after=optional(TEXT)),
    "Configuration": record({**_CONFIGURATION, "layers": listed(TEXT)}),
    "WantedUpload": record({"function": FUNCTION_NAME, **_CONFIGURATION, "publish": {"type": "boolean"}}),
    "Upload": record(
        {
            "upload_id": TEXT,
            "function": FUNCTION_NAME,
            "state": one_of(STATES),
            "last_update": one_of(LAST_UPDATES),
            "give_up": MOMENT,
            "s3_bucket": TEXT,
            "s3_key": TEXT,
        },
        url=TEXT,
        fields={"type": "object", "additionalProperties": TEXT},
        expires_in_s=COUNT,
    ),
    "Publication": record({"description": TEXT}),
    "Versions": record(versions=listed(ref("Function")), next_after=optional(TEXT)),
    "Reservation": record(reserved=COUNT),
    "Pointing": record({"weights": WEIGHTS, "description": TEXT}, version=TEXT),
    "Alias": record(name=TEXT, arn=TEXT, version=TEXT, weights=WEIGHTS, description=TEXT),
    "Aliases": record(aliases=listed(ref("Alias")), next_after=optional(TEXT)),
    "Advice": record({"reason": TEXT}, function=FUNCTION_NAME, advice=optional(record(**fields_of(Advice)))),
    "Accepted": record(invocation_id=TEXT, status=one_of([Status.QUEUED])),
    "Outcome": record(
        status=one_of(TERMINAL),
        payload=ANYTHING,
        error_type=optional(TEXT),
        log_tail=TEXT,
        executed={"type": "boolean"},
    ),
    "Usage": record(**fields_of(Usage)),
    "Charge": record(**fields_of(Charge), total_pico_usd=COUNT),
    "Invocation": record(**_INVOCATION, outcome=optional(ref("Outcome")), log_tail=optional(TEXT)),
    "Invocations": record(
        invocations=listed(record(**_INVOCATION, error_type=optional(TEXT))), next_after=optional(TEXT)
    ),
    "Logs": record(logs=listed(record(invocation_id=TEXT, status=one_of(Status), created=MOMENT, log=TEXT)), next=TEXT),
    "Selection": record(
        {
            "invocation_ids": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 128},
                "minItems": 1,
                "maxItems": MOST,
            },
            "since": MOMENT,
        }
    ),
    "Redriven": record(
        redriven=listed(record(invocation_id=TEXT, redriven_as=TEXT)),
        skipped=listed(record(invocation_id=TEXT, reason=TEXT)),
    ),
    "UsageDays": record(
        **{"from": DAY, "to": DAY},
        usage=listed(
            record(
                day=DAY,
                function=FUNCTION_NAME,
                invocations=COUNT,
                errors=COUNT,
                unserved=COUNT,
                gb_s=NUMBER,
                cpu_s=NUMBER,
                charge_pico_usd=COUNT,
            )
        ),
        next_after=optional(TEXT),
    ),
    "Room": record(**fields_of(Room)),
    "Workers": record(
        workers=listed(
            record(
                {"running": COUNT, "slots": COUNTS, "stems": COUNTS},
                id=TEXT,
                host=TEXT,
                schema=COUNT,
                since=MOMENT,
                concurrency=COUNT,
                able={"type": "boolean"},
            )
        )
    ),
    "WantedSchedule": record(
        {"input": ANYTHING, "enabled": optional({"type": "boolean"}), "qualifier": optional(TEXT)},
        expression={"type": "string", "examples": ["rate(5 minutes)", "cron(0 12 * * ? *)"]},
    ),
    "Schedule": record(
        id=TEXT,
        function=FUNCTION_NAME,
        expression=TEXT,
        input=ANYTHING,
        enabled={"type": "boolean"},
        qualifier=TEXT,
        next=optional(MOMENT),
        created=MOMENT,
    ),
    "Schedules": record(schedules=listed(ref("Schedule"))),
    "Key": record(**_KEY),
    "Keys": record(keys=listed(ref("Key"))),
    "IssuedKey": record({"api_key": TEXT, "admin_key": TEXT, "access_key_id": TEXT, "secret_access_key": TEXT}, **_KEY),
    "IssuedKeys": record(keys=listed(ref("IssuedKey"))),
    "Limits": record(_LIMITS),
    "Tenant": record(tenant=FUNCTION_NAME, created=MOMENT, limits=ref("Limits")),
    "NewTenant": record(
        tenant=FUNCTION_NAME,
        created=MOMENT,
        limits=ref("Limits"),
        keys=record(tenant=FUNCTION_NAME, api_key=TEXT, access_key_id=TEXT, secret_access_key=TEXT),
    ),
    "Tenants": record(tenants=listed(ref("Tenant")), next_after=optional(TEXT)),
    "DeletingTenant": record(tenant=FUNCTION_NAME, status=one_of(["deleting"]), next=TEXT),
    "Health": record(status=one_of(["ok", "down"]), parts={"type": "object", "additionalProperties": TEXT}),
}
