"""What every route of the REST API takes and answers: the table that `GET /openapi.json` is made of.

A route added to `offered` needs its line here, with the models of its answers in `models` and of its body in `bodies`.
"""

from typing import Any

from chalicelib import limits
from chalicelib.http_answer import JSON
from chalicelib.operations.fleet import Room
from chalicelib.rest_api import bodies, kinds, models
from chalicelib.rest_api.description import (
    Body,
    Described,
    Parameter,
    ResponseDescription,
    header,
    parameters,
    says_nothing,
    shows,
)
from chalicelib.rest_api.schemas import Schema, schema_of
from chalicelib.schedules.store import ID
from shared_lua.contract import Mode

TEXT: Schema = {"type": "string"}

LIMIT = Parameter(
    name="limit",
    says=f"How many to list; a page never has more than {limits.MAX_PAGE}.",
    schema={"type": "integer", "minimum": 1, "maximum": 999_999_999},
)
AFTER_TEXT = Parameter(name="after", says="`next_after` of an earlier answer.", schema=TEXT)
PAGE = (Parameter(name="after", says="List what comes after this name.", schema=schema_of(kinds.FunctionName)), LIMIT)
AFTER_QUALIFIER = Parameter(
    name="after", says="List what comes after this qualifier.", schema=schema_of(kinds.Qualifier)
)
BY_QUALIFIER = Parameter(
    name="qualifier", says="A version's number, an alias or $LATEST.", schema=schema_of(kinds.Qualifier)
)
AFTER_NUMBER = Parameter(
    name="after",
    says="List what comes after this version.",
    schema={"type": "integer", "minimum": 0, "maximum": 999_999_999},
)
FOR_RUNTIME = Parameter(name="runtime", says="List only what is for this runtime.", schema=schema_of(kinds.Runtime))
OVERLAP = Parameter(
    name="overlap_s",
    says="How many seconds the old key works on; a day by default.",
    schema={"type": "integer", "minimum": 0, "maximum": limits.MAX_KEY_OVERLAP_S},
)

ZIP = Body(says="The zip.", content_type="application/zip")

INVOCATION_ID = header("Its id, for GET /invocations/{invocation_id}.", TEXT)
EXECUTED_VERSION = header("The version that runs: its number, or $LATEST.", TEXT)
REPLAYED = header("Only when an Idempotency-Key was used before: `true`.", TEXT, always=False)

RAN = shows(
    "The function's own answer, or Lambda's error object when the function failed.",
    Any,
    X_Hearth_Invocation_Id=INVOCATION_ID,
    X_Amz_Executed_Version=EXECUTED_VERSION,
    Idempotency_Replayed=REPLAYED,
    X_Amz_Function_Error=header("Only when the function failed: `Unhandled`.", TEXT, always=False),
    X_Hearth_Log_Result=header("Only when asked for: the end of the log, in base64.", TEXT, always=False),
)
RUNS = shows(
    "The Invocation is queued or running: the call was asynchronous, or the run takes longer than a call may wait.",
    models.Accepted,
    Location=header("Where its answer will be.", TEXT),
    X_Hearth_Invocation_Id=INVOCATION_ID,
    X_Amz_Executed_Version=EXECUTED_VERSION,
    Idempotency_Replayed=REPLAYED,
)

DELETED = says_nothing("It is deleted.")

#: A key made, listed, rotated, revoked: a tenant's and the admin's alike.
LISTED_KEYS = Described(answers={200: shows("The keys that work.", models.Keys)})
ROTATED_KEY = Described(
    query=(OVERLAP,),
    answers={201: shows("The new key with its secret, which is shown this once.", models.IssuedKey)},
    errors=(400, 404, 409),
)
REVOKED_KEY = Described(answers={204: says_nothing("The key is revoked.")}, errors=(404, 409))
MADE_KEYS = {201: shows("The keys with their secrets, which are shown this once.", models.IssuedKeys)}

#: Method and path → what is said of the route.
ROUTES: dict[str, Described] = {
    "GET /health": Described(
        answers={
            200: shows("All dependencies are well.", models.Health),
            503: shows(
                "A dependency is down.",
                models.Health,
                Retry_After=header("When to ask again, in seconds.", {"type": "integer"}),
            ),
        }
    ),
    "GET /openapi.json": Described(answers={200: shows("This document.", dict[str, Any])}),
    "GET /functions": Described(
        query=PAGE, answers={200: shows("A page of functions, by name.", models.Functions)}, errors=(400,)
    ),
    "PUT /functions/{name}": Described(
        query=parameters(bodies.FunctionUpload),
        body=ZIP,
        answers={
            200: shows("The existing function with the new code.", models.Function),
            201: shows("A new function.", models.Function),
        },
        errors=(400, 409, 413),
    ),
    "GET /functions/{name}": Described(
        query=(BY_QUALIFIER,), answers={200: shows("The function.", models.Function)}, errors=(400, 404)
    ),
    "PATCH /functions/{name}": Described(
        body=Body(says="What is to change of its configuration.", model=bodies.ConfigurationRequest),
        answers={200: shows("The function as it is now.", models.Function)},
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}": Described(answers={204: DELETED}, errors=(400, 404, 409)),
    "POST /uploads": Described(
        body=Body(
            says="The function whose code the zip becomes, and what is to change of it; without one, the zip is only"
            " stored, to be named by bucket and key.",
            model=bodies.UploadRequest,
        ),
        answers={
            201: shows(
                "The form that takes the zip to S3, as multipart/form-data.", models.Upload | models.StoredUpload
            )
        },
        errors=(400, 409, 413),
    ),
    "POST /functions/{name}/versions": Described(
        body=Body(says="A description of the version; by default the function's own.", model=bodies.Publication),
        answers={201: shows("The version.", models.Function)},
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/versions": Described(
        query=(AFTER_NUMBER, LIMIT),
        answers={200: shows("A page of versions, oldest first.", models.Versions)},
        errors=(400, 404),
    ),
    "DELETE /functions/{name}/versions/{number}": Described(answers={204: DELETED}, errors=(400, 404, 409)),
    "GET /functions/{name}/concurrency": Described(
        answers={200: shows("What is reserved; null when nothing is.", models.FunctionConcurrency)}, errors=(400, 404)
    ),
    "PUT /functions/{name}/concurrency": Described(
        body=Body(says="How many runs at once are reserved for it; 0 stops it.", model=bodies.Reservation),
        answers={200: shows("What is reserved.", models.FunctionConcurrency)},
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}/concurrency": Described(
        answers={204: says_nothing("It shares the tenant's concurrency.")}, errors=(400, 404, 409)
    ),
    "GET /functions/{name}/provisioned": Described(
        query=(AFTER_QUALIFIER, LIMIT),
        answers={200: shows("A page of provisioned concurrency, by qualifier.", models.ProvisionedConcurrencies)},
        errors=(400, 404),
    ),
    "PUT /functions/{name}/provisioned/{qualifier}": Described(
        body=Body(says="How many sandboxes to keep warm.", model=bodies.ProvisionedRequest),
        answers={202: shows("The sandboxes are being started.", models.ProvisionedConcurrency)},
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/provisioned/{qualifier}": Described(
        answers={200: shows("How many sandboxes are warm.", models.ProvisionedConcurrency)}, errors=(400, 404)
    ),
    "DELETE /functions/{name}/provisioned/{qualifier}": Described(answers={204: DELETED}, errors=(400, 404, 409)),
    "GET /functions/{name}/event-invoke": Described(
        query=(BY_QUALIFIER,), answers={200: shows("The configuration.", models.EventInvoke)}, errors=(400, 404)
    ),
    "PUT /functions/{name}/event-invoke": Described(
        query=(BY_QUALIFIER,),
        body=Body(
            says="At least one member; what is left out gets its default.",
            model=bodies.EventInvokeRequest,
        ),
        answers={200: shows("The configuration.", models.EventInvoke)},
        errors=(400, 404, 409, 413),
    ),
    "PATCH /functions/{name}/event-invoke": Described(
        query=(BY_QUALIFIER,),
        body=Body(says="At least one member; what is left out stays as it is.", model=bodies.EventInvokeRequest),
        answers={200: shows("The configuration as it is now.", models.EventInvoke)},
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}/event-invoke": Described(
        query=(BY_QUALIFIER,), answers={204: DELETED}, errors=(400, 404, 409)
    ),
    "GET /functions/{name}/event-invokes": Described(
        query=(AFTER_QUALIFIER, LIMIT),
        answers={200: shows("A page of configurations, by qualifier.", models.EventInvokes)},
        errors=(400, 404),
    ),
    "GET /functions/{name}/tags": Described(
        answers={200: shows("The tags.", models.Tags)},
        errors=(400, 404),
    ),
    "PUT /functions/{name}/tags": Described(
        body=Body(says="All tags that the function is to have.", model=bodies.TagsRequest),
        answers={200: shows("The tags.", models.Tags)},
        errors=(400, 404, 409, 413),
    ),
    "PATCH /functions/{name}/tags": Described(
        body=Body(says="Tags to put on it; null takes one off.", model=bodies.TagChanges),
        answers={200: shows("The tags as they are now.", models.Tags)},
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/permissions": Described(
        query=(BY_QUALIFIER,),
        answers={200: shows("The statements of its policy.", models.Permissions)},
        errors=(400, 404),
    ),
    "POST /functions/{name}/permissions": Described(
        query=(BY_QUALIFIER,),
        body=Body(
            says="The statement. Only one opens anything here: principal `*` with action `lambda:InvokeFunctionUrl`"
            " opens a function URL whose auth_type is NONE.",
            model=bodies.PermissionRequest,
        ),
        answers={201: shows("The statement.", models.Statement)},
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}/permissions/{statement_id}": Described(
        query=(BY_QUALIFIER,), answers={204: DELETED}, errors=(400, 404, 409)
    ),
    "GET /functions/{name}/url": Described(
        query=(BY_QUALIFIER,), answers={200: shows("The URL.", models.FunctionUrl)}, errors=(400, 404)
    ),
    "PUT /functions/{name}/url": Described(
        query=(BY_QUALIFIER,),
        body=Body(says="How it may be used.", model=bodies.FunctionUrlRequest),
        answers={
            200: shows("The existing URL as it is now.", models.FunctionUrl),
            201: shows("A new URL.", models.FunctionUrl),
        },
        errors=(400, 404, 409, 413),
    ),
    "DELETE /functions/{name}/url": Described(query=(BY_QUALIFIER,), answers={204: DELETED}, errors=(400, 404, 409)),
    "GET /functions/{name}/urls": Described(
        answers={200: shows("All URLs of the function and its aliases.", models.FunctionUrls)}, errors=(400, 404)
    ),
    "GET /functions/{name}/aliases": Described(
        query=(AFTER_QUALIFIER, LIMIT),
        answers={200: shows("A page of aliases, by name.", models.Aliases)},
        errors=(400, 404),
    ),
    "PUT /functions/{name}/aliases/{alias}": Described(
        body=Body(says="The version it names, and another one that gets a share.", model=bodies.AliasRequest),
        answers={
            200: shows("The existing alias as it is now.", models.Alias),
            201: shows("A new alias.", models.Alias),
        },
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/aliases/{alias}": Described(
        answers={200: shows("The alias.", models.Alias)}, errors=(400, 404)
    ),
    "DELETE /functions/{name}/aliases/{alias}": Described(answers={204: DELETED}, errors=(400, 404, 409)),
    "GET /functions/{name}/advice": Described(
        answers={200: shows("The advice; null and a reason when it is too early.", models.FunctionAdvice)},
        errors=(400, 404),
    ),
    "POST /functions/{name}/invocations": Described(
        query=(
            Parameter(name="mode", says="Whether to wait for the answer; sync by default.", schema=schema_of(Mode)),
            BY_QUALIFIER,
        ),
        headers=(
            Parameter(
                name="Idempotency-Key",
                says="A call that is repeated with this key within a day is not run again; it gets the first answer.",
                schema={"type": "string", "pattern": f"^{limits.IDEMPOTENCY_KEY.pattern}$"},
            ),
            Parameter(name="Prefer", says="`respond-async` asks not to wait.", schema=TEXT),
            Parameter(name="X-Amz-Log-Type", says="`Tail` asks for the end of the log.", schema=TEXT),
        ),
        body=Body(says="The event: any JSON; an empty body stands for {}.", model=Any),
        answers={200: RAN, 202: RUNS},
        errors=(400, 404, 409, 413, 422),
    ),
    "GET /functions/{name}/invocations": Described(
        query=(AFTER_TEXT, LIMIT),
        answers={200: shows("A page of Invocations, newest first.", models.Invocations)},
        errors=(400, 404),
    ),
    "GET /functions/{name}/logs": Described(
        query=(
            Parameter(name="follow", says="`next` of an earlier answer: wait for what is new since.", schema=TEXT),
            LIMIT,
        ),
        answers={200: shows("The ends of the latest logs, oldest first.", models.Logs)},
        errors=(400, 404),
    ),
    "POST /functions/{name}/redrive": Described(
        body=Body(
            says="Which Invocations to run again; by default the latest that were abandoned.",
            model=bodies.RedriveSelection,
        ),
        answers={200: shows("What became of each.", models.Redrive)},
        errors=(400, 404, 409),
    ),
    "GET /layers": Described(
        query=(
            Parameter(name="after", says="List what comes after this name.", schema=schema_of(kinds.LayerName)),
            LIMIT,
            FOR_RUNTIME,
        ),
        answers={200: shows("A page of layers, by name.", models.Layers)},
        errors=(400,),
    ),
    "GET /layers/{layer}/versions": Described(
        query=(AFTER_NUMBER, LIMIT, FOR_RUNTIME),
        answers={200: shows("A page of versions, newest first.", models.LayerVersions)},
        errors=(400,),
    ),
    "POST /layers/{layer}/versions": Described(
        query=parameters(bodies.LayerUpload),
        body=ZIP,
        answers={201: shows("The new version.", models.LayerVersion)},
        errors=(400, 409, 413),
    ),
    "GET /layers/{layer}/versions/{number}": Described(
        answers={200: shows("The version, with an address of its zip.", models.LayerVersion)}, errors=(400, 404)
    ),
    "DELETE /layers/{layer}/versions/{number}": Described(answers={204: DELETED}, errors=(400, 404, 409)),
    "GET /usage": Described(
        query=(
            Parameter(
                name="from",
                says="The first day, in UTC; by default the first of this month.",
                schema=schema_of(kinds.Day),
            ),
            Parameter(name="to", says="The last day, inclusive; by default today.", schema=schema_of(kinds.Day)),
            AFTER_TEXT,
            Parameter(
                name="limit",
                says="How many functions' days to show.",
                schema={"type": "integer", "minimum": 1, "maximum": limits.MAX_USAGE_ROWS},
            ),
        ),
        answers={
            200: ResponseDescription(
                says="What each function used and cost on each day. `Accept: text/csv` asks for CSV.",
                content={JSON: models.UsageDays, "text/csv": str},
                headers={"X-Hearth-Next-After": header("With CSV: `after` for the rest.", TEXT, always=False)},
            )
        },
        errors=(400,),
    ),
    "GET /fleet": Described(answers={200: shows("The capacity of all workers, shared by all tenants.", Room)}),
    "GET /workers": Described(answers={200: shows("The workers that are alive.", models.Workers)}),
    "GET /metrics": Described(
        answers={200: ResponseDescription(says="The metrics in Prometheus's text format.", content={"text/plain": str})}
    ),
    "GET /functions/{name}/schedules": Described(
        answers={200: shows("All schedules, by id.", models.Schedules)}, errors=(400, 404)
    ),
    "PUT /functions/{name}/schedules/{schedule_id}": Described(
        body=Body(says="When it runs, and with what.", model=bodies.ScheduleRequest),
        answers={
            200: shows("The existing schedule as it is now.", models.Schedule),
            201: shows("A new schedule.", models.Schedule),
        },
        errors=(400, 404, 409, 413),
    ),
    "GET /functions/{name}/schedules/{schedule_id}": Described(
        answers={200: shows("The schedule.", models.Schedule)}, errors=(400, 404)
    ),
    "DELETE /functions/{name}/schedules/{schedule_id}": Described(answers={204: DELETED}, errors=(400, 404)),
    "GET /invocations/{invocation_id}": Described(
        answers={200: shows("All that is known of it.", models.Invocation)}, errors=(404,)
    ),
    "GET /keys": LISTED_KEYS,
    "POST /keys": Described(
        body=Body(says="The kinds of keys to make; by default one of each.", model=bodies.KeyKinds),
        answers=MADE_KEYS,
        errors=(400, 404, 409),
    ),
    "DELETE /keys/{key_id}": REVOKED_KEY,
    "POST /keys/{key_id}/rotation": ROTATED_KEY,
    "GET /tenants": Described(
        query=PAGE, answers={200: shows("A page of tenants, by name.", models.Tenants)}, errors=(400,)
    ),
    "PUT /tenants/{tenant}": Described(
        body=Body(says="Its limits; one that is left out is as the settings say.", model=bodies.LimitsRequest),
        answers={
            200: shows("The existing tenant with these limits.", models.Tenant),
            201: shows("A new tenant with its first keys, which are shown this once.", models.NewTenant),
        },
        errors=(400, 409),
    ),
    "DELETE /tenants/{tenant}": Described(
        answers={
            202: shows("Functions or layers are left: make the call again.", models.DeletingTenant),
            204: DELETED,
        },
        errors=(400, 404, 409),
    ),
    "GET /admin/keys": LISTED_KEYS,
    "POST /admin/keys": Described(
        body=Body(says="The kinds of keys to make; there is one.", model=bodies.AdminKeyKinds),
        answers=MADE_KEYS,
        errors=(400, 409),
    ),
    "DELETE /admin/keys/{key_id}": REVOKED_KEY,
    "POST /admin/keys/{key_id}/rotation": ROTATED_KEY,
}

#: Name of a parameter in paths → what it is, in every path.
NAMED: dict[str, Parameter] = {
    one.name: one
    for one in (
        Parameter(name="name", says="A function's name.", schema=schema_of(kinds.FunctionName)),
        Parameter(name="tenant", says="A tenant's name.", schema=schema_of(kinds.FunctionName)),
        Parameter(name="layer", says="A layer's name.", schema=schema_of(kinds.LayerName)),
        Parameter(name="invocation_id", says="As the answer to an invocation gives it.", schema=TEXT),
        Parameter(
            name="schedule_id",
            says="The schedule's id, which you choose.",
            schema={"type": "string", "pattern": f"^{ID.pattern}$"},
        ),
        Parameter(name="alias", says="An alias's name.", schema=schema_of(kinds.AliasName)),
        Parameter(name="number", says="A version's number.", schema=schema_of(kinds.Number)),
        Parameter(name="qualifier", says="A version's number or an alias.", schema=schema_of(kinds.Qualifier)),
        Parameter(name="statement_id", says="The statement's id, as it was added.", schema=TEXT),
        Parameter(name="key_id", says="As the list of keys gives it.", schema=TEXT),
    )
}
