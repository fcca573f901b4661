"""The REST API held against its own description by schemathesis: no 5xx, and no answer that is not described.

What is sent is the same in every run: what the schemas' edges give, and what a fixed seed gives. It goes through the
local gateway to the app, over a real Redis and moto; no worker is there, so that a run that is waited for ends in 202.
"""

import copy
import dataclasses
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from app import app
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.tenant import ADMIN
from hypothesis import strategies as st
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from local.gateway import Gateway
from shared_lua.contract import Charge, Invocation, PeakScope, Usage, fence
from tests.apigateway import Gateway as Direct
from tests.integration.api.conftest import Configure, Worker, settlement_of, success, upload
from tests.zips import zipped
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]

#: What it finds fault with: a server's error; a status, content type, header or body that is not described.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = 8
SEED = 4

#: Nothing may be refused for its number: a refusal would hide what comes behind the admission.
PLENTY = {f"HEARTH_{whose}_{what}": "100000" for whose in ("TENANT", "ADDRESS") for what in ("RATE_PER_S", "BURST")}

#: One that will do, one without the handler, and what is none.
ZIPS = [zipped(), zipped({"other.py": ""}), b"", b"PK\x05\x06", b"\0" * 100]


ZIP = "application/zip"


@schemathesis.serializer(ZIP)
def as_it_is(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


schemathesis.openapi.format("binary", st.sampled_from(ZIPS))


#: A route, the header that lets in, and what to send besides.
Step = tuple[str, dict[str, str], dict[str, Any]]


@dataclass
class Findings:
    """What a run found fault with, and which statuses it saw of each route."""

    faults: list[str] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def add(self, recorder: ScenarioRecorder) -> None:
        for one in recorder.interactions.values():
            assert one.response is not None
            self.statuses.setdefault(recorder.label, set()).add(one.response.status_code)
        for case_id, checks in recorder.checks.items():
            for failure in (check.failure_info.failure for check in checks if check.failure_info):
                curl = recorder.cases[case_id].value.as_curl_command()
                self.faults.append(f"{recorder.label}: {failure.title}: {failure.message}\n{curl}")


def run(schema: Any, seldom: list[Step]) -> Findings:
    findings = Findings()
    for label, key, given in seldom:
        method, path = label.split()
        response = schema[path][method].Case(headers=key, **given).call_and_validate()
        findings.statuses.setdefault(label, set()).add(response.status_code)
    for event in engine.from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            findings.faults.append(f"{event.label}: {event.info.message}")
        if isinstance(event, ScenarioFinished):
            findings.add(event.recorder)
    return findings


def served(key: str, admin_key: str, known: dict[str, list[str]]) -> Any:
    """The app behind the local gateway, and its description as a test takes it, with keys for both kinds of callers."""
    document = prepared(Direct(app).send("GET", "/openapi.json").json, known)
    no_feedback = {"extra-data-sources": {"responses": False}}
    config = {
        "seed": SEED,
        "headers": {"x-api-key": key},
        "operations": [
            {"include-path-regex": "^/(tenants|admin|workers|metrics)", "headers": {"x-api-key": admin_key}}
        ],
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "database": "none"},
        "phases": {
            "stateful": {"enabled": False},
            **dict.fromkeys(("examples", "coverage", "fuzzing"), no_feedback),
        },
        "checks": {"enabled": False} | {name: {"enabled": True} for name in CHECKS},
    }
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
    gateway = Gateway(app)
    schema.app = lambda environ, start: gateway(environ | {"REMOTE_ADDR": "127.0.0.1"}, start)
    return schema


def prepared(document: Any, known: dict[str, list[str]]) -> Any:
    """Close every object, so that a member that is not described is found too, and let known things be named."""
    document = copy.deepcopy(document)
    del document["servers"]  # "." is where it was fetched from, and this was not
    for shape in every(document["components"]["schemas"], lambda one: "properties" in one):
        shape.setdefault("additionalProperties", False)
    for one in every(document["paths"], lambda one: one.get("name") in known):
        one["schema"] = {"enum": known[one["name"]]}  # what is none of them is sent as well: as a wrong value
    return document


def every(value: Any, wanted: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if wanted(value):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from every(inner, wanted)


def settle(invocation: Invocation, ledger: Ledger) -> None:
    """End an Invocation as one that ran and is billed."""
    usage = Usage(
        queue_us=1, start_us=2, run_us=3, cpu_us=4, peak_memory_bytes=5, peak_scope=PeakScope.SANDBOX, cold=True
    )
    charge = Charge(billed_us=1000, memory_mb=128, duration_pico_usd=1, request_pico_usd=1)
    end = settlement_of(invocation.invocation_id, success())
    ledger.claim(invocation.invocation_id, fence(0, 1))
    assert ledger.settle(invocation.version, dataclasses.replace(end, usage=usage, charge=charge), 0)


@pytest.fixture
def findings(configure: Configure, worker: Worker, aws: Any, data: dict[str, str]) -> Findings:
    """What a run over all routes found. There is something of everything."""
    hearth = configure(HEARTH_SYNC_WAIT_S="1", HEARTH_WAITING="3", **PLENTY)
    keys = hearth.tenants.administration.create("acme")
    [spare, *others] = hearth.tenants.keys.issue("acme", [Kind.API_KEY, Kind.API_KEY, Kind.ACCESS_KEY], own="")
    [admin, spare_admin, *other_admins] = hearth.tenants.keys.issue(ADMIN, [Kind.ADMIN_KEY] * 4, own="")
    key = {"x-api-key": keys.api_key}
    upload(Direct(app), key)
    started = Direct(app).send("POST", "/functions/hello/invocations?mode=async", b"{}", key)
    settle(worker.take(), Ledger(aws("dynamodb"), data["InvocationsTable"], data["ItemsTable"]))
    Heartbeat(
        RedisAdapter(worker.redis_client), new_worker(8), lambda: {"running": 1, "slots": {"idle": 1}, "stems": {}}
    ).tell()
    known = {
        "name": ["hello", "there", "absent"],
        "tenant": ["beta", "gamma"],
        "schedule_id": ["nightly"],
        "alias": ["live"],
        "invocation_id": [started.json["invocation_id"], str(uuid.UUID(int=0))],
        "key_id": [one.listed.key_id for one in (*others, *other_admins)],
        "handler": ["main.handler"],
        "layer": ["shared", "other"],
        "qualifier": ["1", "live"],
        "statement_id": ["s"],
        "env": [["GREETING=hello"]],
    }
    admin_key = {"x-api-key": admin.secret}
    alias = {"name": "hello", "alias": "mine"}
    schedule = {"name": "hello", "schedule_id": "mine"}
    # What chance seldom gets right, or right too late.
    seldom: list[Step] = [
        ("POST /functions/{name}/versions", key, {"path_parameters": {"name": "hello"}}),
        ("PUT /functions/{name}/aliases/{alias}", key, {"path_parameters": alias, "body": {"version": "1"}}),
        ("GET /functions/{name}/aliases/{alias}", key, {"path_parameters": alias}),
        ("GET /functions/{name}/aliases", key, {"path_parameters": {"name": "hello"}}),
        ("DELETE /functions/{name}/aliases/{alias}", key, {"path_parameters": alias}),
        (
            "DELETE /functions/{name}/versions/{number}",
            key,
            {"path_parameters": {"name": "hello", "number": "1"}},
        ),
        (
            "PUT /functions/{name}/concurrency",
            key,
            {"path_parameters": {"name": "hello"}, "body": {"reserved": 1}},
        ),
        ("DELETE /functions/{name}/concurrency", key, {"path_parameters": {"name": "hello"}}),
        *settings(key),
        ("GET /functions/{name}", key, {"path_parameters": {"name": "hello"}}),
        ("PATCH /functions/{name}", key, {"path_parameters": {"name": "hello"}, "body": {"timeout_s": 9}}),
        ("PUT /functions/{name}", key, {"path_parameters": {"name": "hello"}, "body": zipped(), "media_type": ZIP}),
        (
            "PUT /functions/{name}/schedules/{schedule_id}",
            key,
            {"path_parameters": schedule, "body": {"expression": "rate(1 day)"}},
        ),
        ("DELETE /functions/{name}/schedules/{schedule_id}", key, {"path_parameters": schedule}),
        ("DELETE /keys/{key_id}", key, {"path_parameters": {"key_id": spare.listed.key_id}}),
        ("GET /workers", admin_key, {}),
        ("GET /usage", key, {"query": {"from": "2023-11-14", "to": "2023-11-14"}}),
        ("GET /usage", key | {"Accept": "text/csv"}, {}),
        ("DELETE /admin/keys/{key_id}", admin_key, {"path_parameters": {"key_id": spare_admin.listed.key_id}}),
    ]
    return run(served(keys.api_key, admin.secret, known), seldom)


def settings(key: dict[str, str]) -> list[Step]:
    """What belongs to a function and to layers, made, shown and removed while version 1 and the alias are there."""
    hello = {"name": "hello"}
    statement = {"statement_id": "s", "action": "lambda:InvokeFunctionUrl", "principal": "*"}
    bodies: list[tuple[str, dict[str, str], Any]] = [
        ("PUT /functions/{name}/url", hello, {"auth_type": "NONE", "cors": {"allow_origins": ["*"]}}),
        ("GET /functions/{name}/url", hello, None),
        ("GET /functions/{name}/urls", hello, None),
        ("DELETE /functions/{name}/url", hello, None),
        ("POST /functions/{name}/permissions", hello, statement),
        ("GET /functions/{name}/permissions", hello, None),
        ("DELETE /functions/{name}/permissions/{statement_id}", {**hello, "statement_id": "s"}, None),
        ("PUT /functions/{name}/event-invoke", hello, {"retries": 1}),
        ("PATCH /functions/{name}/event-invoke", hello, {"max_age_s": 60}),
        ("GET /functions/{name}/event-invoke", hello, None),
        ("GET /functions/{name}/event-invokes", hello, None),
        ("DELETE /functions/{name}/event-invoke", hello, None),
        ("PUT /functions/{name}/tags", hello, {"tags": {"colour": "red"}}),
        ("PATCH /functions/{name}/tags", hello, {"tags": {"colour": None}}),
        ("GET /functions/{name}/tags", hello, None),
        ("GET /functions/{name}/concurrency", hello, None),
        ("POST /functions/{name}/versions", hello, None),
        ("PUT /functions/{name}/provisioned/{qualifier}", {"name": "hello", "qualifier": "2"}, {"provisioned": 1}),
        ("GET /functions/{name}/provisioned/{qualifier}", {"name": "hello", "qualifier": "2"}, None),
        ("GET /functions/{name}/provisioned", hello, None),
        ("DELETE /functions/{name}/provisioned/{qualifier}", {"name": "hello", "qualifier": "2"}, None),
    ]
    layer = {"layer": "shared", "number": "1"}
    zip_body = {"body": zipped({"python/a.py": ""}), "media_type": ZIP}
    return [
        *(
            (label, key, {"path_parameters": names} | ({"body": body} if body is not None else {}))
            for label, names, body in bodies
        ),
        ("POST /layers/{layer}/versions", key, {"path_parameters": {"layer": "shared"}, **zip_body}),
        ("GET /layers/{layer}/versions/{number}", key, {"path_parameters": layer}),
        ("DELETE /layers/{layer}/versions/{number}", key, {"path_parameters": layer}),
    ]


def test_nothing_fails_and_every_answer_is_described(findings: Findings) -> None:
    assert findings.faults == [], "\n\n".join(findings.faults)

    only_refused = {label: seen for label, seen in findings.statuses.items() if min(seen) >= 400}
    assert only_refused == {}
