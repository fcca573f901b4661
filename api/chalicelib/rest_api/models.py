"""The answers of the REST API, each a model from which both the JSON and its OpenAPI schema are made.

They are TypedDicts: mypy holds the views to them, and at run time they are the dicts that are written. The names of the
classes are the names of the schemas. Further models are values of the core that are shown as they are: Usage, Advice,
Cors, Room, TenantLimits.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib.functions.urls import Cors
from chalicelib.invocations.advice import Advice
from chalicelib.rest_api.kinds import (
    AliasName,
    Count,
    Day,
    FunctionName,
    LastUpdate,
    LayerName,
    Moment,
    Qualifier,
    Runtime,
    State,
    UrlAuth,
    Weights,
)
from chalicelib.rest_api.members import one_of
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.tenant import TenantLimits
from shared_lua.contract import Status, Usage


class Error(TypedDict):
    """What went wrong, in one sentence."""

    error: str
    type: str
    request_id: str


class Health(TypedDict):
    """The state of each dependency."""

    status: Annotated[str, one_of("ok", "down")]
    parts: Mapping[str, str]


class Function(TypedDict):
    """A function, or a published version of one."""

    name: FunctionName
    arn: str
    version: str
    version_id: str
    runtime: Runtime
    handler: str
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str]
    description: str
    layers: tuple[str, ...]
    code_sha256: str
    code_bytes: Count
    unpacked_bytes: Count
    modified: Moment
    state: State
    last_update: LastUpdate
    reason: str | None


class Functions(TypedDict):
    """A page of functions, by name."""

    functions: tuple[Function, ...]
    next_after: str | None


class Versions(TypedDict):
    """A page of published versions, oldest first."""

    versions: tuple[Function, ...]
    next_after: str | None


class Alias(TypedDict):
    """A name for one version, or for two by weight."""

    name: AliasName
    arn: str
    version: str
    weights: Weights
    description: str


class Aliases(TypedDict):
    """A page of aliases, by name."""

    aliases: tuple[Alias, ...]
    next_after: str | None


class FunctionAdvice(TypedDict):
    """Advice on a function's memory size, or the reason why there is none."""

    function: FunctionName
    advice: Advice | None
    reason: NotRequired[str]


class FunctionConcurrency(TypedDict):
    """The permits that a function has reserved; null when it shares the tenant's."""

    reserved: Count | None


class ProvisionedConcurrency(TypedDict):
    """The sandboxes that are kept warm for a version or an alias."""

    qualifier: Qualifier
    provisioned: Count
    allocated: Count
    available: Count
    status: Annotated[str, one_of("READY", "IN_PROGRESS", "FAILED")]
    reason: str | None
    modified: Moment


class ProvisionedConcurrencies(TypedDict):
    """A page of them, by qualifier."""

    provisioned: tuple[ProvisionedConcurrency, ...]
    next_after: str | None


class EventInvoke(TypedDict):
    """What is done about asynchronous Invocations; null is the default."""

    qualifier: Qualifier
    retries: Count | None
    max_age_s: Count | None
    on_success: str | None
    on_failure: str | None
    modified: Moment


class EventInvokes(TypedDict):
    """A page of them, by qualifier."""

    event_invokes: tuple[EventInvoke, ...]
    next_after: str | None


class Tags(TypedDict):
    """All tags of a function."""

    tags: Mapping[str, str]


class Statement(TypedDict):
    """A statement of a function's policy, as AWS spells it."""

    Sid: str
    Effect: str
    Principal: Any
    Action: str
    Resource: str
    Condition: NotRequired[Mapping[str, Mapping[str, str]]]


class Permissions(TypedDict):
    """The policy of a function, or of a version or alias."""

    statements: tuple[Statement, ...]


class FunctionUrl(TypedDict):
    """The URL of a function or of an alias."""

    url: str
    function: FunctionName
    qualifier: Qualifier
    auth_type: UrlAuth
    cors: Cors | None
    created: Moment
    modified: Moment


class FunctionUrls(TypedDict):
    """All URLs of a function: its own and those of its aliases."""

    urls: tuple[FunctionUrl, ...]


class LayerVersion(TypedDict):
    """A version of a layer."""

    layer: LayerName
    version: Count
    arn: str
    description: str
    license: str
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]
    code_sha256: str
    code_bytes: Count
    unpacked_bytes: Count
    created: Moment
    code_url: NotRequired[str]


class Layers(TypedDict):
    """A page of layers by name, each with its latest version."""

    layers: tuple[LayerVersion, ...]
    next_after: str | None


class LayerVersions(TypedDict):
    """A page of a layer's versions, newest first."""

    versions: tuple[LayerVersion, ...]
    next_after: str | None


class Form(TypedDict):
    """A form that takes one zip to S3, as multipart/form-data."""

    url: str
    fields: Mapping[str, str]
    expires_in_s: Count


class Upload(Form):
    """A form for a zip, and the function that waits for it."""

    upload_id: str
    function: FunctionName
    state: State
    last_update: LastUpdate
    give_up: Moment


class StoredUpload(Form):
    """A form for a zip that is to be named later, by bucket and key."""

    s3_bucket: str
    s3_key: str


class Accepted(TypedDict):
    """An Invocation that is not over yet."""

    invocation_id: str
    status: Annotated[str, one_of(Status.QUEUED)]


class Outcome(TypedDict):
    """How an Invocation ended."""

    status: Status
    payload: Any
    error_type: str | None
    log_tail: str
    executed: bool


class Phases(TypedDict):
    """How long each phase of an Invocation took."""

    queue_ms: float
    start_ms: float
    run_ms: float


class Charge(TypedDict):
    """What an Invocation costs, in picodollars."""

    billed_us: Count
    memory_mb: Count
    duration_pico_usd: Count
    request_pico_usd: Count
    total_pico_usd: Count


class InvocationBase(TypedDict):
    """What a list and the Invocation itself show alike."""

    invocation_id: str
    function: FunctionName
    status: Status
    attempt: Count
    tries: Count
    created: Moment
    settled: Moment | None
    redriven_as: str | None
    phases: Phases | None
    usage: Usage | None
    charge: Charge | None


class InvocationSummary(InvocationBase):
    """An Invocation without its answer and its log."""

    error_type: str | None


class Invocation(InvocationBase):
    """All that is known of an Invocation."""

    outcome: Outcome | None
    log_tail: str | None


class Invocations(TypedDict):
    """A page of Invocations, newest first."""

    invocations: tuple[InvocationSummary, ...]
    next_after: str | None


class Log(TypedDict):
    """The end of one Invocation's log."""

    invocation_id: str
    status: Status
    created: Moment
    log: str


class Logs(TypedDict):
    """The ends of the latest logs, oldest first."""

    logs: tuple[Log, ...]
    next: str


class Redriven(TypedDict):
    """An Invocation that runs again, and as which one."""

    invocation_id: str
    redriven_as: str


class Skipped(TypedDict):
    """An Invocation that does not run again, and why."""

    invocation_id: str
    reason: str


class Redrive(TypedDict):
    """What became of each Invocation that was to run again."""

    redriven: tuple[Redriven, ...]
    skipped: tuple[Skipped, ...]


class FunctionDay(TypedDict):
    """What one function used and cost on one day."""

    day: Day
    function: FunctionName
    invocations: Count
    errors: Count
    unserved: Count
    gb_s: float
    cpu_s: float
    charge_pico_usd: Count


#: Spelt as a call, since the name of its first member is a keyword.
UsageDays = TypedDict("UsageDays", {"from": Day, "to": Day, "usage": tuple[FunctionDay, ...], "next_after": str | None})
UsageDays.__doc__ = "What each function used and cost on each day, in UTC."


class Worker(TypedDict):
    """A worker by its latest heartbeat."""

    id: str
    host: str
    schema: Count
    since: Moment
    concurrency: Count
    able: bool
    running: NotRequired[Count]
    slots: NotRequired[Mapping[str, Count]]
    stems: NotRequired[Mapping[str, Count]]


class Workers(TypedDict):
    """All workers that are alive."""

    workers: tuple[Worker, ...]


class Schedule(TypedDict):
    """When a function runs by itself, and with what."""

    id: str
    function: FunctionName
    expression: str
    input: Any
    enabled: bool
    qualifier: str
    next: Moment | None
    created: Moment


class Schedules(TypedDict):
    """All schedules of a function, by id."""

    schedules: tuple[Schedule, ...]


class Key(TypedDict):
    """A key without its secret."""

    key_id: str
    kind: Kind
    last_four: str
    created: Moment
    ends: Moment | None


class Keys(TypedDict):
    """All keys that work."""

    keys: tuple[Key, ...]


class IssuedKey(Key):
    """A new key with its secret, which is shown this once."""

    api_key: NotRequired[str]
    admin_key: NotRequired[str]
    access_key_id: NotRequired[str]
    secret_access_key: NotRequired[str]


class IssuedKeys(TypedDict):
    """New keys with their secrets, which are shown this once."""

    keys: tuple[IssuedKey, ...]


class FirstKeys(TypedDict):
    """The first keys of a tenant, which are shown this once."""

    tenant: FunctionName
    api_key: str
    access_key_id: str
    secret_access_key: str


class Tenant(TypedDict):
    """A tenant and its limits; a limit that is null is as the settings say."""

    tenant: FunctionName
    created: Moment
    limits: TenantLimits


class NewTenant(Tenant):
    """A new tenant with its first keys."""

    keys: FirstKeys


class Tenants(TypedDict):
    """A page of tenants, by name."""

    tenants: tuple[Tenant, ...]
    next_after: str | None


class DeletingTenant(TypedDict):
    """A tenant of which something is left."""

    tenant: FunctionName
    status: Annotated[str, one_of("deleting")]
    next: str
