"""The REST API, as curl uses it."""

import base64
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.contract import Charge, Mode, Outcome, PeakScope, Status, Usage
from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure, Deployed, Worker, settlement_of, success, upload
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def test_a_zip_becomes_a_function(gateway: Gateway, key: Key) -> None:
    answer = upload(gateway, key, query="runtime=python3.11&handler=main.handler&memory_mb=256&timeout_s=5")

    shown = answer.json
    assert answer.status == 201
    assert (shown["name"], shown["runtime"], shown["handler"]) == ("hello", "python3.11", "main.handler")
    assert (shown["memory_mb"], shown["timeout_s"]) == (256, 5)
    assert shown["arn"].startswith("arn:aws:lambda:us-east-1:")
    assert shown["unpacked_bytes"] == 8192
    assert gateway.send("GET", "/functions/hello", headers=key).json == shown


def test_a_second_upload_replaces_and_keeps_what_it_does_not_name(gateway: Gateway, key: Key) -> None:
    first = upload(gateway, key, query="runtime=python3.11&handler=main.handler&memory_mb=256").json

    second = upload(gateway, key, query="timeout_s=9")

    assert second.status == 200
    assert (second.json["memory_mb"], second.json["timeout_s"]) == (256, 9)
    assert second.json["version_id"] != first["version_id"]


def test_the_same_upload_twice_is_the_same_version(gateway: Gateway, key: Key) -> None:
    assert upload(gateway, key).json["version_id"] == upload(gateway, key).json["version_id"]


def test_two_tenants_share_a_name_and_a_zip_but_neither_function_nor_version(
    gateway: Gateway, key: Key, hearth: Controller
) -> None:
    other = {"x-api-key": hearth.tenants.administration.create("other").api_key}

    mine, theirs = upload(gateway, key), upload(gateway, other)
    gateway.send("DELETE", "/functions/hello", headers=key)

    assert theirs.status == 201
    assert mine.json["version_id"] != theirs.json["version_id"]
    assert gateway.send("GET", "/functions/hello", headers=other).status == 200


def test_curls_default_content_type_carries_a_zip_unharmed(gateway: Gateway, key: Key) -> None:
    curl = key | {"content-type": "application/x-www-form-urlencoded"}

    answer = gateway.send("PUT", "/functions/hello?runtime=python3.11&handler=main.handler", zipped(), curl)

    assert answer.status == 201


def test_functions_are_listed_by_name_and_page(gateway: Gateway, key: Key) -> None:
    for name in ("c", "a", "b"):
        upload(gateway, key, name)

    first = gateway.send("GET", "/functions?limit=2", headers=key).json
    second = gateway.send("GET", f"/functions?limit=2&after={first['next_after']}", headers=key).json

    assert [one["name"] for one in first["functions"]] == ["a", "b"]
    assert [one["name"] for one in second["functions"]] == ["c"]
    assert second["next_after"] is None


def test_a_deleted_function_is_gone(gateway: Gateway, key: Key, function: Answer) -> None:
    assert gateway.send("DELETE", "/functions/hello", headers=key).status == 204

    assert gateway.send("GET", "/functions/hello", headers=key).status == 404
    assert gateway.send("DELETE", "/functions/hello", headers=key).status == 404


def test_a_sync_call_gives_the_functions_own_words(deployed: Deployed, function: Answer) -> None:
    taken = deployed.serve(success('{"a":  1.50}'))

    answer = deployed.call(b'{"who": "you"}', content_type="application/json")

    invocation = taken.result()
    assert (answer.status, answer.body) == (200, '{"a":  1.50}')
    assert answer.headers["x-hearth-invocation-id"] == invocation.invocation_id
    assert answer.headers["content-type"] == "application/json"
    assert "x-amz-function-error" not in answer.headers
    assert (invocation.mode, invocation.payload) == (Mode.SYNC, '{"who": "you"}')
    assert invocation.version.version_id == function.json["version_id"]
    assert invocation.deadline_us - invocation.admitted_at_us == (60 + 3) * 1_000_000


def test_an_error_of_the_function_is_a_200_that_says_so(deployed: Deployed) -> None:
    payload = '{"errorMessage":"no"}'
    deployed.serve(Outcome(status=Status.FAILED, payload=payload, error_type="ValueError", log_tail="oh\n"))

    answer = deployed.call(x_amz_log_type="Tail")

    assert (answer.status, answer.body) == (200, payload)
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert base64.b64decode(answer.headers["x-hearth-log-result"]) == b"oh\n"


@pytest.mark.parametrize(("query", "header"), [("?mode=async", {}), ("", {"Prefer": "respond-async"})])
def test_an_async_call_is_accepted_and_can_be_looked_up(deployed: Deployed, query: str, header: Key) -> None:
    answer = deployed.call(b"", query, **header)

    assert (answer.status, answer.json["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/invocations/{answer.json['invocation_id']}"
    queued = deployed.get(answer.headers["location"]).json
    assert (queued["status"], queued["outcome"], queued["attempt"]) == ("queued", None, 0)

    invocation = deployed.worker.serve_one(success())

    assert (invocation.mode, invocation.payload) == (Mode.ASYNC, "{}")
    assert deployed.get(answer.headers["location"]).json["status"] == "succeeded"


def test_what_is_queued_is_in_its_tenants_group_by_which_sqs_is_fair(deployed: Deployed, data: dict[str, str]) -> None:
    deployed.call(query="?mode=async")

    answer = deployed.worker.sqs.receive_message(
        QueueUrl=data["QueueUrl"], WaitTimeSeconds=5, AttributeNames=["MessageGroupId"]
    )

    assert [one["Attributes"]["MessageGroupId"] for one in answer["Messages"]] == ["acme"]


def test_a_sync_call_that_outlives_the_wait_turns_into_a_202(deployed: Deployed, configure: Configure) -> None:
    configure(HEARTH_SYNC_WAIT_S="1")

    answer = deployed.call()

    assert answer.status == 202
    assert deployed.get(answer.headers["location"]).json["status"] == "queued"


def test_an_invocation_shows_its_phases_usage_and_charge(deployed: Deployed) -> None:
    location = deployed.call(query="?mode=async").headers["location"]
    usage = Usage(
        queue_us=1500,
        start_us=2000,
        run_us=3000,
        cpu_us=900,
        peak_memory_bytes=5_000_000,
        peak_scope=PeakScope.INVOCATION,
        cold=True,
    )
    charge = Charge(billed_us=5000, memory_mb=128, duration_pico_usd=10, request_pico_usd=200)
    end = settlement_of(deployed.worker.take().invocation_id, success('{"n": 1}'))

    deployed.worker.settle(dataclasses.replace(end, usage=usage, charge=charge))

    shown = deployed.get(location).json
    assert shown["outcome"]["payload"] == {"n": 1}
    assert shown["outcome"]["log_tail"] == end.outcome.log_tail
    assert shown["phases"] == {"queue_ms": 1.5, "start_ms": 2.0, "run_ms": 3.0}
    assert (shown["usage"]["cpu_us"], shown["usage"]["peak_scope"]) == (900, "invocation")
    assert shown["charge"]["total_pico_usd"] == 210


def test_an_answer_too_large_for_the_ledger_comes_from_the_bucket(
    deployed: Deployed, aws: Any, data: dict[str, str]
) -> None:
    def serve() -> None:
        invocation_id = deployed.worker.take().invocation_id
        aws("s3").put_object(Bucket=data["BucketName"], Key=keys.result(invocation_id), Body=b'"large"')
        deployed.worker.settle(settlement_of(invocation_id, success(None)))

    deployed.aside.submit(serve)

    answer = deployed.call()

    assert (answer.status, answer.body) == (200, '"large"')
    shown = deployed.get(f"/invocations/{answer.headers['x-hearth-invocation-id']}")
    assert shown.json["outcome"]["payload"] == "large"


#: In the message the event stands as a text: its own bytes and two quotes.
@pytest.mark.parametrize(("spaces", "is_queued"), [(128 * 1024 - 3, True), (128 * 1024 - 2, False)])
def test_an_event_too_large_for_the_queue_waits_in_the_bucket(
    deployed: Deployed, aws: Any, data: dict[str, str], spaces: int, is_queued: bool
) -> None:
    deployed.call(b" " * spaces + b"1", "?mode=async")

    invocation = deployed.worker.take()
    assert (invocation.payload is not None) == is_queued
    stored = aws("s3").list_objects_v2(Bucket=data["BucketName"], Prefix="payloads/").get("Contents", [])
    assert [one["Key"] for one in stored] == ([] if is_queued else [keys.payload(invocation.invocation_id)])


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.ABANDONED])
def test_what_the_platform_could_not_do_is_a_503_with_its_reason(deployed: Deployed, status: Status) -> None:
    payload = '{"errorMessage":"It waited too long for a slot."}'
    deployed.serve(Outcome(status=status, payload=payload, executed=False))

    answer = deployed.call()

    assert answer.status == 503
    assert answer.json["error"] == "It waited too long for a slot."
    assert int(answer.headers["retry-after"]) >= 1


def test_another_tenants_invocation_does_not_exist(deployed: Deployed, hearth: Controller) -> None:
    location = deployed.call(query="?mode=async").headers["location"]
    other = {"x-api-key": hearth.tenants.administration.create("other").api_key}

    assert deployed.gateway.send("GET", location, headers=other).status == 404


def test_health_needs_no_key_and_names_every_part(gateway: Gateway) -> None:
    answer = gateway.send("GET", "/health")

    assert answer.status == 200
    assert answer.json["parts"] == {"redis": "ok", "tables": "ok", "bucket": "ok", "queue": "ok"}


def test_a_signed_request_is_authenticated_too(
    gateway: Gateway, tenant: IssuedKeys, signed: Callable[..., dict[str, str]]
) -> None:
    headers = signed("GET", "http://hearth.test/functions", tenant)

    assert gateway.send("GET", "/functions", headers=headers).json == {"functions": [], "next_after": None}


def test_advice_comes_from_recent_runs_and_says_when_there_are_too_few(
    gateway: Gateway, key: Key, deployed: Deployed, worker: Worker
) -> None:
    early = gateway.send("GET", "/functions/hello/advice", headers=key)
    usage = Usage(
        queue_us=0,
        start_us=0,
        run_us=500_000,
        cpu_us=1000,
        peak_memory_bytes=40 << 20,
        peak_scope=PeakScope.INVOCATION,
        cold=False,
    )
    charge = Charge(billed_us=500_000, memory_mb=128, duration_pico_usd=1_000_000, request_pico_usd=1)
    for _ in range(10):
        id_ = deployed.call(Prefer="respond-async").json["invocation_id"]
        end = dataclasses.replace(settlement_of(id_, success()), usage=usage, charge=charge)
        worker.settle(end)

    advice = gateway.send("GET", "/functions/hello/advice", headers=key).json["advice"]

    assert (early.status, early.json["advice"]) == (200, None)
    assert "fewer than 10 recent runs" in early.json["reason"]
    assert (advice["runs"], advice["memory_mb"], advice["enough_mb"], advice["advised_mb"]) == (10, 128, 64, 64)
    assert advice["saved_pico_usd"] > 0
    assert gateway.send("GET", "/functions/nobody/advice", headers=key).status == 404


@pytest.mark.parametrize(
    ("limit", "status"), [("1", 200), ("0", 400), ("50", 200), ("999999999", 200), ("1000000000", 400)]
)
def test_a_page_has_one_function_or_more(gateway: Gateway, key: dict[str, str], limit: str, status: int) -> None:
    assert gateway.send("GET", f"/functions?limit={limit}", headers=key).status == status
