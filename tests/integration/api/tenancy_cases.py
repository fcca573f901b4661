"""A request for every place where a caller can name a thing.

A route or an operation that is added needs its line in CASES.
"""

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote

from chalicelib.function_urls import offered as function_urls_api

from tests.apigateway import Answer, Gateway
from tests.integration.api.test_bad_input import creation
from tests.zips import zipped

Key = dict[str, str]
#: What stands for a thing in a case.
THING = "~thing~"
#: A function of the other tenant's, and one of nobody's.
THEIRS, ABSENT = "their-function", "absent-function"


@dataclass(frozen=True)
class Case:
    """A request that names a thing, in its path, its query or its body.

    `things` says of which kind: a key of `World.pairs`. Where it is "nothing", the request names nothing of anybody's,
    and its answer must not tell of another tenant's either.
    """

    things: str
    url: str
    body: bytes = b""
    content_type: str = "application/json"

    def send(self, gateway: Gateway, method: str, key: Key, thing: str) -> Answer:
        """Send the request with this thing in it."""
        url = self.url.replace(THING, quote(thing, safe=""))
        body = self.body.replace(THING.encode(), thing.encode())
        return gateway.send(method, url, body, {**key, "Content-Type": self.content_type})


#: One zip for all: what is stored of it must not differ by who was first.
CODE = zipped()
FUNCTIONS = f"/functions/{THING}"
LAMBDA = "/2015-03-31/functions"
REFERENCE = f"{LAMBDA}/{THING}"
PROVISIONED = f"/2019-09-30/functions/{THING}/provisioned-concurrency"
EVENT_INVOKE = f"/2019-09-25/functions/{THING}/event-invoke-config"
LAYERS = "/2018-10-31/layers"
TAGS = f"/2017-03-31/tags/{THING}"
URL = f"/2021-10-31/functions/{THING}/url"
CODE_TEXT = base64.b64encode(CODE).decode()
CREATION = creation(FunctionName=THING, Code={"ZipFile": CODE_TEXT})
#: The REST API's routes by method and path, and the operations offered by the Lambda API by name.
CASES: dict[str, list[Case]] = {
    "GET /health": [Case("nothing", "/health")],
    "GET /openapi.json": [Case("nothing", "/openapi.json")],
    "GET /functions": [Case("nothing", "/functions"), Case("name", f"/functions?after={THING}&limit=1")],
    "PUT /functions/{name}": [
        Case("name", f"{FUNCTIONS}?runtime=python3.11&handler=main.handler", CODE, "application/zip"),
        Case(
            "layer version",
            f"/functions/new?runtime=python3.11&handler=main.handler&layer={THING}",
            CODE,
            "application/zip",
        ),
    ],
    "GET /functions/{name}": [Case("name", FUNCTIONS)],
    "PATCH /functions/{name}": [
        Case("name", FUNCTIONS, b'{"memory_mb": 256}'),
        Case("layer version", "/functions/zone", f'{{"layers": ["{THING}"]}}'.encode()),
    ],
    "POST /functions/{name}/versions": [Case("name", f"{FUNCTIONS}/versions")],
    "DELETE /functions/{name}/versions/{number}": [Case("name", f"{FUNCTIONS}/versions/1")],
    "PUT /functions/{name}/concurrency": [Case("name", f"{FUNCTIONS}/concurrency", b'{"reserved": 1}')],
    "DELETE /functions/{name}/concurrency": [Case("name", f"{FUNCTIONS}/concurrency")],
    "GET /functions/{name}/concurrency": [Case("name", f"{FUNCTIONS}/concurrency")],
    "GET /functions/{name}/provisioned": [Case("name", f"{FUNCTIONS}/provisioned")],
    "PUT /functions/{name}/provisioned/{qualifier}": [
        Case("name", f"{FUNCTIONS}/provisioned/{one}", b'{"provisioned": 1}') for one in ("live", "1")
    ],
    "GET /functions/{name}/provisioned/{qualifier}": [
        Case("name", f"{FUNCTIONS}/provisioned/{one}") for one in ("live", "1")
    ],
    "DELETE /functions/{name}/provisioned/{qualifier}": [Case("name", f"{FUNCTIONS}/provisioned/1")],
    "GET /functions/{name}/event-invoke": [
        Case("name", f"{FUNCTIONS}/event-invoke"),
        Case("name", f"{FUNCTIONS}/event-invoke?qualifier=live"),
    ],
    "PUT /functions/{name}/event-invoke": [
        Case("name", f"{FUNCTIONS}/event-invoke", b'{"retries": 1}'),
        Case("arn", "/functions/zone/event-invoke", f'{{"on_failure": "{THING}"}}'.encode()),
    ],
    "PATCH /functions/{name}/event-invoke": [Case("name", f"{FUNCTIONS}/event-invoke", b'{"retries": 1}')],
    "DELETE /functions/{name}/event-invoke": [Case("name", f"{FUNCTIONS}/event-invoke")],
    "GET /functions/{name}/event-invokes": [Case("name", f"{FUNCTIONS}/event-invokes")],
    "GET /functions/{name}/tags": [Case("name", f"{FUNCTIONS}/tags")],
    "PUT /functions/{name}/tags": [Case("name", f"{FUNCTIONS}/tags", b'{"tags": {"colour": "red"}}')],
    "PATCH /functions/{name}/tags": [Case("name", f"{FUNCTIONS}/tags", b'{"tags": {"colour": null}}')],
    "GET /functions/{name}/permissions": [
        Case("name", f"{FUNCTIONS}/permissions"),
        Case("name", f"{FUNCTIONS}/permissions?qualifier=live"),
    ],
    "POST /functions/{name}/permissions": [
        Case(
            "name",
            f"{FUNCTIONS}/permissions",
            b'{"statement_id": "new", "action": "lambda:InvokeFunction", "principal": "*"}',
        )
    ],
    "DELETE /functions/{name}/permissions/{statement_id}": [Case("name", f"{FUNCTIONS}/permissions/s")],
    "GET /functions/{name}/url": [
        Case("name", f"{FUNCTIONS}/url"),
        Case("name", f"{FUNCTIONS}/url?qualifier=live"),
    ],
    "PUT /functions/{name}/url": [Case("name", f"{FUNCTIONS}/url", b'{"auth_type": "NONE"}')],
    "DELETE /functions/{name}/url": [Case("name", f"{FUNCTIONS}/url")],
    "GET /functions/{name}/urls": [Case("name", f"{FUNCTIONS}/urls")],
    "GET /layers": [Case("nothing", "/layers"), Case("name", f"/layers?after={THING}")],
    "GET /layers/{layer}/versions": [Case("name", f"/layers/{THING}/versions")],
    "POST /layers/{layer}/versions": [Case("name", f"/layers/{THING}/versions", CODE, "application/zip")],
    "GET /layers/{layer}/versions/{number}": [Case("name", f"/layers/{THING}/versions/1")],
    "DELETE /layers/{layer}/versions/{number}": [Case("name", f"/layers/{THING}/versions/1")],
    "GET /functions/{name}/versions": [Case("name", f"{FUNCTIONS}/versions")],
    "GET /functions/{name}/aliases": [Case("name", f"{FUNCTIONS}/aliases")],
    "PUT /functions/{name}/aliases/{alias}": [Case("name", f"{FUNCTIONS}/aliases/live", b'{"version": "1"}')],
    "GET /functions/{name}/aliases/{alias}": [Case("name", f"{FUNCTIONS}/aliases/live")],
    "DELETE /functions/{name}/aliases/{alias}": [Case("name", f"{FUNCTIONS}/aliases/live")],
    "DELETE /functions/{name}": [Case("name", FUNCTIONS)],
    "GET /functions/{name}/advice": [Case("name", f"{FUNCTIONS}/advice")],
    "POST /functions/{name}/invocations": [
        Case("name", f"{FUNCTIONS}/invocations", b"{}"),
        Case("name", f"{FUNCTIONS}/invocations?mode=async", b"{}"),
    ],
    "POST /uploads": [
        Case("nothing", "/uploads"),
        Case("name", "/uploads", f'{{"function": "{THING}", "runtime": "python3.11", "handler": "m.f"}}'.encode()),
    ],
    "POST /functions/{name}/redrive": [Case("name", f"{FUNCTIONS}/redrive")],
    "GET /functions/{name}/invocations": [Case("name", f"{FUNCTIONS}/invocations?limit=1")],
    "GET /functions/{name}/logs": [Case("name", f"{FUNCTIONS}/logs")],
    "GET /invocations/{invocation_id}": [Case("invocation", f"/invocations/{THING}")],
    "GET /usage": [
        Case("nothing", "/usage"),
        Case("name", f"/usage?from=2026-11-24&to=2026-11-30&after=2026-11-24/{THING}"),
    ],
    "GET /fleet": [Case("nothing", "/fleet")],
    "GET /workers": [Case("nothing", "/workers")],
    "GET /metrics": [Case("nothing", "/metrics")],
    "GET /keys": [Case("nothing", "/keys")],
    "POST /keys": [Case("nothing", "/keys", b'{"kinds": ["api_key"]}')],
    "DELETE /keys/{key_id}": [Case("key", f"/keys/{THING}")],
    "POST /keys/{key_id}/rotation": [Case("key", f"/keys/{THING}/rotation?overlap_s=0")],
    "GET /tenants": [Case("nothing", "/tenants")],
    "PUT /tenants/{tenant}": [Case("tenant", f"/tenants/{THING}", b'{"burst": 1}')],
    "DELETE /tenants/{tenant}": [Case("tenant", f"/tenants/{THING}")],
    "GET /admin/keys": [Case("nothing", "/admin/keys")],
    "POST /admin/keys": [Case("nothing", "/admin/keys")],
    "DELETE /admin/keys/{key_id}": [Case("key", f"/admin/keys/{THING}")],
    "POST /admin/keys/{key_id}/rotation": [Case("key", f"/admin/keys/{THING}/rotation")],
    "CreateFunction": [
        Case("name", LAMBDA, CREATION),
        Case("reference", LAMBDA, CREATION),
        Case("layer version", LAMBDA, creation(FunctionName="new", Layers=[THING])),
    ],
    "GetFunction": [Case("reference", REFERENCE), Case("reference", f"{REFERENCE}?Qualifier=$LATEST")],
    "GetFunctionConfiguration": [Case("reference", f"{REFERENCE}/configuration")],
    "ListFunctions": [Case("nothing", f"{LAMBDA}/"), Case("name", f"{LAMBDA}/?Marker={THING}")],
    "UpdateFunctionCode": [
        Case("reference", f"{REFERENCE}/code", b'{"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}'),
    ],
    "PutProvisionedConcurrencyConfig": [
        Case("reference", f"{PROVISIONED}?Qualifier={one}", b'{"ProvisionedConcurrentExecutions": 1}')
        for one in ("live", "1")
    ],
    "GetProvisionedConcurrencyConfig": [Case("reference", f"{PROVISIONED}?Qualifier={one}") for one in ("live", "1")],
    "ListProvisionedConcurrencyConfigs": [Case("reference", f"{PROVISIONED}?List=ALL")],
    "DeleteProvisionedConcurrencyConfig": [Case("reference", f"{PROVISIONED}?Qualifier=1")],
    "DeleteFunction": [Case("reference", REFERENCE)],
    "Invoke": [Case("reference", f"{REFERENCE}/invocations", b"{}")],
    "PutFunctionEventInvokeConfig": [
        Case("reference", EVENT_INVOKE, b'{"MaximumRetryAttempts": 1}'),
        Case(
            "arn",
            "/2019-09-25/functions/zone/event-invoke-config",
            f'{{"DestinationConfig": {{"OnFailure": {{"Destination": "{THING}"}}}}}}'.encode(),
        ),
    ],
    "UpdateFunctionEventInvokeConfig": [Case("reference", EVENT_INVOKE, b'{"MaximumRetryAttempts": 1}')],
    "GetFunctionEventInvokeConfig": [
        Case("reference", EVENT_INVOKE),
        Case("reference", f"{EVENT_INVOKE}?Qualifier=live"),
    ],
    "DeleteFunctionEventInvokeConfig": [Case("reference", EVENT_INVOKE)],
    "ListFunctionEventInvokeConfigs": [Case("reference", f"{EVENT_INVOKE}/list")],
    "UpdateFunctionConfiguration": [
        Case("reference", f"{REFERENCE}/configuration", b'{"Timeout": 4}'),
        Case("layer version", f"{LAMBDA}/zone/configuration", f'{{"Layers": ["{THING}"]}}'.encode()),
    ],
    "GetFunctionCodeSigningConfig": [Case("reference", f"/2020-06-30/functions/{THING}/code-signing-config")],
    "PublishVersion": [Case("reference", f"{REFERENCE}/versions")],
    "ListVersionsByFunction": [Case("reference", f"{REFERENCE}/versions")],
    "CreateAlias": [Case("reference", f"{REFERENCE}/aliases", b'{"Name": "live", "FunctionVersion": "1"}')],
    "GetAlias": [Case("reference", f"{REFERENCE}/aliases/live")],
    "UpdateAlias": [Case("reference", f"{REFERENCE}/aliases/live", b'{"FunctionVersion": "$LATEST"}')],
    "DeleteAlias": [Case("reference", f"{REFERENCE}/aliases/live")],
    "ListAliases": [Case("reference", f"{REFERENCE}/aliases")],
    "PutFunctionConcurrency": [
        Case("reference", f"/2017-10-31/functions/{THING}/concurrency", b'{"ReservedConcurrentExecutions": 1}')
    ],
    "GetFunctionConcurrency": [Case("reference", f"/2019-09-30/functions/{THING}/concurrency")],
    "DeleteFunctionConcurrency": [Case("reference", f"/2017-10-31/functions/{THING}/concurrency")],
    "GetRuntimeManagementConfig": [Case("reference", f"/2021-07-20/functions/{THING}/runtime-management-config")],
    "GetFunctionRecursionConfig": [Case("reference", f"/2024-08-31/functions/{THING}/recursion-config")],
    "GetAccountSettings": [Case("nothing", "/2016-08-19/account-settings")],
    "PublishLayerVersion": [
        Case("layer", f"{LAYERS}/{THING}/versions", f'{{"Content": {{"ZipFile": "{CODE_TEXT}"}}}}'.encode())
    ],
    "GetLayerVersion": [Case("layer", f"{LAYERS}/{THING}/versions/1")],
    "GetLayerVersionByArn": [Case("layer version", f"{LAYERS}?find=LayerVersion&Arn={THING}")],
    "ListLayers": [Case("nothing", LAYERS), Case("layer", f"{LAYERS}?Marker={THING}")],
    "ListLayerVersions": [Case("layer", f"{LAYERS}/{THING}/versions")],
    "DeleteLayerVersion": [Case("layer", f"{LAYERS}/{THING}/versions/1")],
    "GET /functions/{name}/schedules": [Case("name", f"{FUNCTIONS}/schedules")],
    "PUT /functions/{name}/schedules/{schedule_id}": [
        Case("name", f"{FUNCTIONS}/schedules/s", b'{"expression": "rate(5 minutes)"}')
    ],
    "GET /functions/{name}/schedules/{schedule_id}": [Case("name", f"{FUNCTIONS}/schedules/s")],
    "DELETE /functions/{name}/schedules/{schedule_id}": [Case("name", f"{FUNCTIONS}/schedules/s")],
    "AddPermission": [
        Case(
            "reference",
            f"{REFERENCE}/policy",
            b'{"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}',
        )
    ],
    "GetPolicy": [Case("reference", f"{REFERENCE}/policy"), Case("name", f"{REFERENCE}/policy?Qualifier=live")],
    "RemovePermission": [Case("reference", f"{REFERENCE}/policy/s")],
    "TagResource": [Case("reference", TAGS, b'{"Tags": {"colour": "red"}}')],
    "UntagResource": [Case("reference", f"{TAGS}?tagKeys=colour")],
    "ListTags": [Case("arn", TAGS), Case("reference", TAGS)],
    "CreateFunctionUrlConfig": [Case("reference", URL, b'{"AuthType": "NONE"}')],
    "GetFunctionUrlConfig": [Case("reference", URL), Case("name", f"{URL}?Qualifier=live")],
    "UpdateFunctionUrlConfig": [Case("reference", URL, b'{"AuthType": "NONE"}')],
    "DeleteFunctionUrlConfig": [Case("reference", URL)],
    "ListFunctionUrlConfigs": [Case("reference", f"{URL}s")],
} | {
    # An address is no name: 128 random bits that its owner gives to whom it likes, so a caller who has one may be
    # told that it is closed. What it must not tell, `test_a_closed_address_tells_nothing_of_what_is_behind_it` holds.
    f"{method} {path}": [Case("nothing", re.sub(r"{\w+}", "0" * 32, path))]
    for method, path in function_urls_api.OFFERED
}
