"""The JSON bodies and queries that the REST API reads, each a model from which both checking and OpenAPI come.

A member that is null counts as left out.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib import limits
from chalicelib.invocations.redrive import MOST
from chalicelib.rest_api.kinds import (
    Count,
    Description,
    FunctionName,
    Handler,
    LayerArns,
    LayerRuntimes,
    License,
    MemoryMb,
    Moment,
    Runtime,
    TimeoutS,
    UrlAuth,
    Variable,
    Weights,
)
from chalicelib.rest_api.members import Rule, Says, between, matching, one_of
from chalicelib.tenants.credentials import Kind


class FunctionUpload(TypedDict, total=False):
    """The query of an upload."""

    runtime: Annotated[Runtime, Says("The runtime. A new function needs one.")]
    handler: Annotated[Handler, Says("The handler. A new function needs one.")]
    memory_mb: Annotated[MemoryMb, Says("Memory in MB; CPU comes in proportion.")]
    timeout_s: Annotated[TimeoutS, Says("The longest time a run may take, in seconds.")]
    description: Annotated[Description, Says("A description.")]
    env: Annotated[
        tuple[Variable, ...], Says("An environment variable. Repeat it for more; they replace all that there were.")
    ]
    layer: Annotated[LayerArns, Says("A layer version's ARN. Repeat it for more; they replace all that there were.")]


class LayerUpload(TypedDict, total=False):
    """The query of a layer's upload."""

    description: Annotated[Description, Says("A description.")]
    license: Annotated[License, Says("An SPDX identifier, a URL or the license's text.")]
    runtime: Annotated[LayerRuntimes, Says("A runtime that the layer is for. Repeat it for more.")]


class Configuration(TypedDict):
    """What is to change of a function's configuration, its layers aside."""

    runtime: NotRequired[Runtime]
    handler: NotRequired[Handler]
    memory_mb: NotRequired[MemoryMb]
    timeout_s: NotRequired[TimeoutS]
    environment: NotRequired[Mapping[str, str]]
    description: NotRequired[Description]


class ConfigurationRequest(Configuration):
    """What is to change of a function's configuration."""

    layers: NotRequired[LayerArns]


class UploadRequest(Configuration):
    """The function whose code a zip becomes, and what is to change of its configuration."""

    function: NotRequired[FunctionName]
    publish: NotRequired[bool]


class Publication(TypedDict):
    """What is said of a new version."""

    description: NotRequired[Description]


class AliasRequest(TypedDict):
    """The version that an alias names, and another one that gets a share of its calls."""

    version: Annotated[str, Rule('a text, such as "3"')]
    weights: NotRequired[Weights]
    description: NotRequired[Description]


class Reservation(TypedDict):
    """The permits that a function is to have to itself."""

    reserved: Annotated[Count, Rule("a whole number, 0 or more, such as 5")]


class ProvisionedRequest(TypedDict):
    """How many sandboxes are to be kept warm."""

    provisioned: Annotated[int, Rule("a whole number, 1 or more, such as 2", {"minimum": 1})]


class EventInvokeRequest(TypedDict):
    """What is to be done about asynchronous Invocations."""

    retries: NotRequired[Annotated[int, between(limits.EVENT_RETRIES)]]
    max_age_s: NotRequired[Annotated[int, between(limits.EVENT_AGE_S, "seconds")]]
    on_success: NotRequired[str]
    on_failure: NotRequired[str]


class TagsRequest(TypedDict):
    """All tags that a function is to have."""

    tags: Annotated[Mapping[str, str], Rule('an object of texts, such as {"colour": "red"}')]


class TagChanges(TypedDict):
    """Tags to put on a function; null takes one off."""

    tags: Annotated[Mapping[str, str | None], Rule('an object of texts and nulls, such as {"colour": null}')]


class PermissionRequest(TypedDict):
    """A statement to add to a policy."""

    statement_id: Annotated[str, matching("[a-zA-Z0-9_-]{1,100}", "1 to 100 letters, digits, hyphens and underscores")]
    action: Annotated[str, matching(r"lambda:\*|lambda:[a-zA-Z]+|\*", "an action, such as lambda:InvokeFunctionUrl")]
    principal: Annotated[str, matching(r"\S{1,2048}", "an account, an ARN, a service or *")]
    source_arn: NotRequired[Annotated[str, matching(r"arn:\S{1,2044}", "an ARN")]]
    source_account: NotRequired[Annotated[str, matching("[0-9]{12}", "the 12 digits of an account")]]
    url_auth_type: NotRequired[UrlAuth]


class CorsRequest(TypedDict):
    """What pages of other origins may do."""

    allow_credentials: NotRequired[bool]
    allow_headers: NotRequired[Annotated[tuple[str, ...], Rule("a list of at most 100 headers", {"maxItems": 100})]]
    allow_methods: NotRequired[Annotated[tuple[str, ...], Rule("a list of at most 6 methods", {"maxItems": 6})]]
    allow_origins: NotRequired[Annotated[tuple[str, ...], Rule("a list of at most 100 origins", {"maxItems": 100})]]
    expose_headers: NotRequired[Annotated[tuple[str, ...], Rule("a list of at most 100 headers", {"maxItems": 100})]]
    max_age_s: NotRequired[Annotated[int, between(range(86_401), "seconds")]]


class FunctionUrlRequest(TypedDict):
    """How a function's URL may be used."""

    auth_type: UrlAuth
    cors: NotRequired[CorsRequest]


class RedriveSelection(TypedDict):
    """The Invocations to run again."""

    invocation_ids: NotRequired[
        Annotated[
            tuple[Annotated[str, Rule("an id", {"minLength": 1, "maxLength": 128})], ...],
            Rule(f"a list of 1 to {MOST} ids", {"minItems": 1, "maxItems": MOST}),
        ]
    ]
    since: NotRequired[Moment]


class ScheduleRequest(TypedDict):
    """When a function is to run by itself, and with what."""

    expression: Annotated[
        str,
        Rule(
            "a text, such as rate(5 minutes) or cron(0 12 * * ? *)",
            {"examples": ["rate(5 minutes)", "cron(0 12 * * ? *)"]},
        ),
    ]
    input: NotRequired[Any]
    enabled: NotRequired[bool]
    qualifier: NotRequired[str]


class KeyKinds(TypedDict):
    """The kinds of keys to make."""

    kinds: NotRequired[
        Annotated[
            tuple[Annotated[str, one_of(Kind.API_KEY, Kind.ACCESS_KEY)], ...],
            Rule("a list of api_key and access_key, at most 2 of them", {"minItems": 1, "maxItems": 2}),
        ]
    ]


class AdminKeyKinds(TypedDict):
    """The kinds of admin keys to make: there is one."""

    kinds: NotRequired[
        Annotated[
            tuple[Annotated[str, one_of(Kind.ADMIN_KEY)], ...],
            Rule("a list of admin_key, at most 1 of them", {"minItems": 1, "maxItems": 1}),
        ]
    ]


class LimitsRequest(TypedDict):
    """A tenant's limits; one that is left out is as the settings say."""

    rate_per_s: NotRequired[Annotated[int, between(limits.TENANT_LIMIT)]]
    burst: NotRequired[Annotated[int, between(limits.TENANT_LIMIT)]]
    concurrency: NotRequired[Annotated[int, between(limits.TENANT_LIMIT)]]
