"""What every route of door 2 takes and answers: the one table that `GET /openapi.json` is made of.

Whoever adds a route to `offered` adds it here, with the shapes of its answers in `shapes`.
"""

from chalicelib import limits
from chalicelib.functions.aliases import NAME as ALIAS
from chalicelib.functions.versions import NUMBER
from chalicelib.rest_api.description import (
    JSON,
    Body,
    Described,
    Parameter,
    ResponseDescription,
    Schema,
    header,
    ref,
    says_nothing,
    shows,
)
from chalicelib.rest_api.shapes import ANYTHING, DAY, FUNCTION_NAME, TEXT, listed, one_of, record
from chalicelib.schedules.store import ID
from shared_lua.contract import Mode

LIMIT = Parameter(
    name="limit",
    says=f"How many to list. There are never more than {limits.MAX_PAGE} on a page.",
    schema={"type": "integer", "minimum": 1, "maximum": 999_999_999},
)
AFTER_TEXT = Parameter(name="after", says="`next_after` of an earlier answer.", schema=TEXT)
PAGE = (Parameter(name="after", says="List what comes after this name.", schema=FUNCTION_NAME), LIMIT)

QUALIFIER: Schema = {"type": "string", "pattern": r"^(\$LATEST|[a-zA-Z0-9_-]{1,128})$"}
IDEMPOTENCY_KEY: Schema = {"type": "string", "pattern": f"^{limits.IDEMPOTENCY_KEY.pattern}$"}

BY_QUALIFIER = Parameter(name="qualifier", says="A version's number, an alias or $LATEST.", schema=QUALIFIER)
AFTER_NUMBER = Parameter(
    name="after",
    says="List what comes after this version.",
    schema={"type": "integer", "minimum": 0, "maximum": 999_999_999},
)

OVERLAP = Parameter(
    name="overlap_s",
    says="How many seconds the old key works on; a day when nothing is said.",
    schema={"type": "integer", "minimum": 0, "maximum": limits.MAX_KEY_OVERLAP_S},
)

UPLOAD: tuple[Parameter, ...] = (
    Parameter(name="runtime", says="A new function needs one.", schema=one_of(limits.RUNTIMES)),
    Parameter(
        name="handler",
        says="A new function needs one, as main.handler.",
        schema={"type": "string", "maxLength": limits.MAX_HANDLER_CHARS, "examples": ["main.handler"]},
    ),
    Parameter(
        name="memory_mb",
        says="Memory; processor time goes with it.",
        schema={"type": "integer", "minimum": limits.MEMORY_MB.start, "maximum": limits.MEMORY_MB.stop - 1},
    ),
    Parameter(
        name="timeout_s",
        says="How long it may run.",
        schema={"type": "integer", "minimum": limits.TIMEOUT_S.start, "maximum": limits.TIMEOUT_S.stop - 1},
    ),
)

ZIP = Body(says="The zip.", schema={"type": "string", "format": "binary"}, content_type="application/zip")

INVOCATION_ID = header("Its id, for GET /invocations/{invocation_id}.", TEXT)

EXECUTED_VERSION = header("The version that runs: its number, or $LATEST.", TEXT)
REPLAYED = header("Only when an Idempotency-Key came again: `true`.", TEXT, always=False)

RAN = shows(
    "The function's own answer, or what Lambda answers for it when it failed.",
    ANYTHING,
    X_Hearth_Invocation_Id=INVOCATION_ID,
    X_Amz_Executed_Version=EXECUTED_VERSION,
    Idempotency_Replayed=REPLAYED,
    X_Amz_Function_Error=header("Only when the function failed: `Unhandled`.", TEXT, always=False),
    X_Hearth_Log_Result=header("Only when asked for: the end of the log, in base64.", TEXT, always=False),
)
RUNS = shows(
    "It runs, or will: somebody asked not to wait, or it takes longer than a call may.",
    ref("Accepted"),
    Location=header("Where its answer will be.", TEXT),
    X_Hearth_Invocation_Id=INVOCATION_ID,
    X_Amz_Executed_Version=EXECUTED_VERSION,
    Idempotency_Replayed=REPLAYED,
)


def _kinds(*kinds: str) -> Body:
    """Give the body that names the kinds of the keys to make."""
    asked: Schema = {**listed(one_of(kinds)), "minItems": 1, "maxItems": len(kinds)}
    return Body(says="The kinds of keys to make; one of each when nothing is said.", schema=record({"kinds": asked}))


#: A key made, listed, rotated, revoked: a tenant's and the admin's alike.
LISTED_KEYS = Described(answers={200: shows("The keys that work.", ref("Keys"))})
ROTATED_KEY = Described(
    query=(OVERLAP,),
    answers={201: shows("The new key, with its secret, this once.", ref("IssuedKey"))},
    errors=(400, 404, 409),
)
REVOKED_KEY = Described(answers={204: says_nothing("It counts no more.")}, errors=(404, 409))
MADE_KEYS: dict[int, ResponseDescription] = {201: shows("The keys, with their secrets, this once.", ref("IssuedKeys"))}

#: Method and path → what is said of the route.
ROUTES: dict[str, Described] = {
    "GET /health": Described(
        answers={
            200: shows("All parts are well.", ref("Health")),
            503: shows(
                "A part is down.",
                ref("Health"),
                Retry_After=header("When to ask again, in seconds.", {"type": "integer"}),
            ),
        }
    ),
    "GET /openapi.json": Described(answers={200: shows("This document.", {"type": "object"})}),
    "GET /functions": Described(
        query=PAGE, answers={200: shows("A page of them, by name.", ref("Functions"))}, errors=(400,)
    ),
    "PUT /functions/{name}": Described(
        query=UPLOAD,
        body=ZIP,
        answers={
            200: shows("The function there was, with the new code.", ref("Function")),
            201: shows("A new function.", ref("Function")),
        },
        errors=(400, 409, 413),
    ),
    "GET /functions/{name}": Described(
        query=(BY_QUALIFIER,), answers={200: shows("The function.", ref("Function"))}, errors=(400, 404)
    ),
    "PATCH /functions/{name}": Described(
        body=Body(says="What is to change of its configuration.", schema=ref("Configuration")),
        answers={200: shows("The function as it is now.", ref("Function"))},
        errors=(400, 404, 409, 413),
    ),
    "POST /uploads": Described(
        body=Body(
            says="The function whose code the zip becomes, with what is to change of it; without one it is only kept.",
            schema=ref("WantedUpload"),
        ),
        answers={201: shows("The form that takes the zip to S3, as multipart/form-data.", ref("Upload"))},
        errors=(400, 409, 413),
    ),
    "POST /functions/{name}/versions": Described(
        body=Body(says="A description of the version; the function's own unless said.", schema=ref("Publication")),
        answers={201: shows("The version.", ref("Function"))},
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/versions": Described(
        query=(AFTER_NUMBER, LIMIT),
        answers={200: shows("A page of them, oldest first.", ref("Versions"))},
        errors=(400, 404),
    ),
    "DELETE /functions/{name}/versions/{number}": Described(
        answers={204: says_nothing("It is gone.")}, errors=(400, 404, 409)
    ),
    "PUT /functions/{name}/concurrency": Described(
        body=Body(says="How many permits are its own; 0 stops it.", schema=ref("Reservation")),
        answers={200: shows("What is reserved.", ref("Reservation"))},
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}/concurrency": Described(
        answers={204: says_nothing("It shares the tenant's permits.")}, errors=(400, 404, 409)
    ),
    "GET /functions/{name}/aliases": Described(
        query=(Parameter(name="after", says="List what comes after this name.", schema=QUALIFIER), LIMIT),
        answers={200: shows("A page of them, by name.", ref("Aliases"))},
        errors=(400, 404),
    ),
    "PUT /functions/{name}/aliases/{alias}": Described(
        body=Body(says="Which version it names, and which other one gets a part of its calls.", schema=ref("Pointing")),
        answers={
            200: shows("The alias there was, as it points now.", ref("Alias")),
            201: shows("A new alias.", ref("Alias")),
        },
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/aliases/{alias}": Described(
        answers={200: shows("The alias.", ref("Alias"))}, errors=(400, 404)
    ),
    "DELETE /functions/{name}/aliases/{alias}": Described(
        answers={204: says_nothing("It is gone.")}, errors=(400, 404, 409)
    ),
    "DELETE /functions/{name}": Described(answers={204: says_nothing("It is gone.")}, errors=(400, 404, 409)),
    "GET /functions/{name}/advice": Described(
        answers={200: shows("The advice; null and a reason when it is too early.", ref("Advice"))}, errors=(400, 404)
    ),
    "POST /functions/{name}/invocations": Described(
        query=(
            Parameter(name="mode", says="Whether to wait for the answer; yes unless said.", schema=one_of(Mode)),
            BY_QUALIFIER,
        ),
        headers=(
            Parameter(
                name="Idempotency-Key",
                says="A call that comes again with it within a day is not run again: it gets the first one's answer.",
                schema=IDEMPOTENCY_KEY,
            ),
            Parameter(name="Prefer", says="`respond-async` asks not to wait.", schema=TEXT),
            Parameter(name="X-Amz-Log-Type", says="`Tail` asks for the end of the log.", schema=TEXT),
        ),
        body=Body(says="The event: any JSON; nothing stands for {}.", schema=ANYTHING),
        answers={200: RAN, 202: RUNS},
        errors=(400, 404, 413, 422),
    ),
    "GET /functions/{name}/invocations": Described(
        query=(AFTER_TEXT, LIMIT),
        answers={200: shows("A page of them, newest first.", ref("Invocations"))},
        errors=(400, 404),
    ),
    "GET /functions/{name}/logs": Described(
        query=(
            Parameter(name="follow", says="`next` of an earlier answer: wait for what is new since.", schema=TEXT),
            LIMIT,
        ),
        answers={200: shows("The ends of the latest logs, oldest first.", ref("Logs"))},
        errors=(400, 404),
    ),
    "POST /functions/{name}/redrive": Described(
        body=Body(
            says="Which to run again; the latest that were given up when nothing is said.", schema=ref("Selection")
        ),
        answers={200: shows("What became of each.", ref("Redriven"))},
        errors=(400, 404),
    ),
    "GET /usage": Described(
        query=(
            Parameter(name="from", says="The first day, in UTC; the first of this month unless said.", schema=DAY),
            Parameter(name="to", says="The last day, which counts; today unless said.", schema=DAY),
            AFTER_TEXT,
            Parameter(
                name="limit",
                says="How many functions' days to show.",
                schema={"type": "integer", "minimum": 1, "maximum": limits.MAX_USAGE_ROWS},
            ),
        ),
        answers={
            200: ResponseDescription(
                says="What each function took and cost on each day. `Accept: text/csv` asks for CSV.",
                content={JSON: ref("UsageDays"), "text/csv": TEXT},
                headers={"X-Hearth-Next-After": header("With CSV: `after` for the rest.", TEXT, always=False)},
            )
        },
        errors=(400,),
    ),
    "GET /fleet": Described(answers={200: shows("The room there is, for all tenants together.", ref("Room"))}),
    "GET /workers": Described(answers={200: shows("The workers that are there.", ref("Workers"))}),
    "GET /metrics": Described(
        answers={
            200: ResponseDescription(says="The figures, in Prometheus's text format.", content={"text/plain": TEXT})
        }
    ),
    "GET /functions/{name}/schedules": Described(
        answers={200: shows("All of them, by id.", ref("Schedules"))}, errors=(400, 404)
    ),
    "PUT /functions/{name}/schedules/{schedule_id}": Described(
        body=Body(says="When it runs, with what; nothing else may be in it.", schema=ref("WantedSchedule")),
        answers={
            200: shows("The schedule there was, as it is now.", ref("Schedule")),
            201: shows("A new schedule.", ref("Schedule")),
        },
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/schedules/{schedule_id}": Described(
        answers={200: shows("The schedule.", ref("Schedule"))}, errors=(400, 404)
    ),
    "DELETE /functions/{name}/schedules/{schedule_id}": Described(
        answers={204: says_nothing("It is gone.")}, errors=(400, 404)
    ),
    "GET /invocations/{invocation_id}": Described(
        answers={200: shows("All that is known of it.", ref("Invocation"))}, errors=(404,)
    ),
    "GET /keys": LISTED_KEYS,
    "POST /keys": Described(body=_kinds("api_key", "access_key"), answers=MADE_KEYS, errors=(400, 404, 409)),
    "DELETE /keys/{key_id}": REVOKED_KEY,
    "POST /keys/{key_id}/rotation": ROTATED_KEY,
    "GET /tenants": Described(query=PAGE, answers={200: shows("A page of them.", ref("Tenants"))}, errors=(400,)),
    "PUT /tenants/{tenant}": Described(
        body=Body(says="Its limits; what is not named or null is as the settings say.", schema=ref("Limits")),
        answers={
            200: shows("A tenant there was, with these limits.", ref("Tenant")),
            201: shows("A new tenant, with its first keys, this once.", ref("NewTenant")),
        },
        errors=(400, 409),
    ),
    "DELETE /tenants/{tenant}": Described(
        answers={
            202: shows("Functions or layers are left: make the call again.", ref("DeletingTenant")),
            204: says_nothing("It is gone."),
        },
        errors=(400, 404, 409),
    ),
    "GET /admin/keys": LISTED_KEYS,
    "POST /admin/keys": Described(body=_kinds("admin_key"), answers=MADE_KEYS, errors=(400, 409)),
    "DELETE /admin/keys/{key_id}": REVOKED_KEY,
    "POST /admin/keys/{key_id}/rotation": ROTATED_KEY,
}

#: What paths name → its schema, in every path that names it.
NAMED: dict[str, Parameter] = {
    "name": Parameter(name="name", says="A function's name.", schema=FUNCTION_NAME),
    "tenant": Parameter(name="tenant", says="A tenant's name.", schema=FUNCTION_NAME),
    "invocation_id": Parameter(name="invocation_id", says="As the answer to an invocation names it.", schema=TEXT),
    "schedule_id": Parameter(
        name="schedule_id",
        says="A name of one's own among the function's schedules.",
        schema={"type": "string", "pattern": f"^{ID.pattern}$"},
    ),
    "alias": Parameter(
        name="alias", says="An alias's name.", schema={"type": "string", "pattern": f"^{ALIAS.pattern}$"}
    ),
    "number": Parameter(
        name="number", says="A version's number.", schema={"type": "string", "pattern": f"^{NUMBER.pattern}$"}
    ),
    "key_id": Parameter(name="key_id", says="As the list of keys names it.", schema=TEXT),
}
