"""Idempotency-Key in the REST API: one key, one Invocation, one answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from chalicelib.invocations.idempotency import KEEP_S, LOST_AFTER_US, Idempotency, IdempotentCall
from chalicelib.tenants.tenant import TenantLimits
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.contract import Mode, Outcome, Status
from tests.apigateway import Answer, Gateway
from tests.builders import invocation as an_invocation
from tests.builders import version as a_version
from tests.integration.api.conftest import Configure, Deployed, settlement_of, success, upload

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
Kept = Callable[[], dict[str, int]]


def again(answer: Answer) -> dict[str, str]:
    """An answer's headers without what only a repeat has."""
    return {name: value for name, value in answer.headers.items() if name != "idempotency-replayed"}


def test_a_repeat_gets_the_first_answer_and_runs_nothing(deployed: Deployed, kept: Kept) -> None:
    deployed.serve(success('{"a":  1.50}'))
    first = deployed.call(b'{"n":1}', idempotency_key="k-1")
    before = kept()

    second = deployed.call(b'{"n":1}', idempotency_key="k-1")

    assert (first.status, second.status, second.body) == (200, 200, '{"a":  1.50}')
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert again(second) == first.headers
    assert kept() == before


def test_the_error_of_a_function_and_its_log_are_given_again_too(deployed: Deployed) -> None:
    deployed.serve(Outcome(status=Status.FAILED, payload='{"errorMessage":"no"}', error_type="E", log_tail="oh\n"))
    first = deployed.call(idempotency_key="k", x_amz_log_type="Tail")

    second = deployed.call(idempotency_key="k", x_amz_log_type="Tail")

    assert (second.status, second.body, again(second)) == (200, first.body, first.headers)
    assert second.headers["x-amz-function-error"] == "Unhandled"


def test_what_the_platform_gave_up_is_given_up_again_and_says_that_it_is_no_news(deployed: Deployed) -> None:
    deployed.serve(Outcome(status=Status.ABANDONED, payload='{"errorMessage":"given up"}', executed=False))
    first = deployed.call(idempotency_key="k")

    second = deployed.call(idempotency_key="k")

    assert [(one.status, one.json["error"]) for one in (first, second)] == [(503, "given up")] * 2
    assert (second.headers["idempotency-replayed"], "retry-after" in second.headers) == ("true", False)


def test_a_repeat_while_the_first_runs_waits_for_its_outcome(deployed: Deployed) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(deployed.call, idempotency_key="k")
        taken = deployed.worker.take()
        second = pool.submit(deployed.call, idempotency_key="k")
        deployed.worker.settle(settlement_of(taken.invocation_id, success()))

    assert (first.result().body, second.result().body) == ('{"hello": "world"}',) * 2


def test_a_repeat_of_what_outlives_the_wait_gets_the_same_202(deployed: Deployed, configure: Configure) -> None:
    configure(HEARTH_SYNC_WAIT_S="1")
    first = deployed.call(idempotency_key="k")

    second = deployed.call(idempotency_key="k")

    assert (first.status, second.status) == (202, 202)
    assert (second.headers["location"], second.body) == (first.headers["location"], first.body)


def test_an_async_repeat_gets_the_same_202_and_is_not_queued_again(deployed: Deployed, kept: Kept) -> None:
    first = deployed.call(query="?mode=async", idempotency_key="k")
    before = kept()

    second = deployed.call(query="?mode=async", idempotency_key="k")

    assert (second.status, second.body, again(second)) == (202, first.body, first.headers)
    assert kept() == before


@pytest.mark.parametrize(("body", "query"), [(b'{"n":2}', "?mode=async"), (b'{"n":1}', "")])
def test_another_event_or_mode_under_the_same_key_is_refused(
    deployed: Deployed, body: bytes, query: str, kept: Kept
) -> None:
    deployed.call(b'{"n":1}', "?mode=async", idempotency_key="k")
    before = kept()

    answer = deployed.call(body, query, idempotency_key="k")

    assert (answer.status, answer.json["type"]) == (422, "IdempotentParameterMismatchException")
    assert "Use a new key for a new call" in answer.json["error"]
    assert kept() == before


def test_a_key_is_its_functions_and_its_tenants_own(
    deployed: Deployed, gateway: Gateway, key: Key, hearth: Controller
) -> None:
    other = {"x-api-key": hearth.tenants.administration.create("other").api_key}
    upload(gateway, key, "second")
    upload(gateway, other)
    calls = [(key, "hello"), (key, "second"), (other, "hello")]

    answers = [
        gateway.send("POST", f"/functions/{name}/invocations?mode=async", b"{}", who | {"Idempotency-Key": "k"})
        for who, name in calls
    ]

    assert len({answer.json["invocation_id"] for answer in answers}) == 3


@pytest.mark.parametrize("asked", ["k", " ~", "x" * 255])
def test_a_key_may_be_any_printable_ascii_up_to_255_characters(deployed: Deployed, asked: str) -> None:
    assert deployed.call(query="?mode=async", idempotency_key=asked).status == 202


@pytest.mark.parametrize("asked", ["", "x" * 256, "é", "a\tb", "a\x7f"])
def test_any_other_key_is_refused_and_says_what_a_key_is(deployed: Deployed, kept: Kept, asked: str) -> None:
    before = kept()

    answer = deployed.call(query="?mode=async", idempotency_key=asked)

    assert (answer.status, answer.json["type"]) == (400, "InvalidParameterValueException")
    assert "1 to 255 characters" in answer.json["error"]
    assert kept() == before


def test_twenty_at_once_with_one_key_are_one_invocation_and_get_one_answer(deployed: Deployed, kept: Kept) -> None:
    deployed.serve(success('{"n": 1}'))

    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(deployed.call, b"{}", idempotency_key="one") for _ in range(20)]
        answers = [call.result() for call in calls]

    assert {(answer.status, answer.body, str(again(answer))) for answer in answers} == {
        (200, '{"n": 1}', str(again(answers[0])))
    }
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert (kept()["InvocationsTable"], kept()["messages"]) == (1, 0)


def test_a_repeat_needs_no_permit_and_another_call_does(
    deployed: Deployed, hearth: Controller, configure: Configure
) -> None:
    hearth.tenants.administration.put("acme", TenantLimits(concurrency=1))
    configure(HEARTH_SYNC_WAIT_S="1")
    first = deployed.call(idempotency_key="k")

    repeat, other = deployed.call(idempotency_key="k"), deployed.call(idempotency_key="other")

    assert (first.status, repeat.status, other.status) == (202, 202, 429)


def test_a_call_without_a_permit_leaves_nothing_and_its_key_is_good_for_another_try(
    deployed: Deployed, hearth: Controller, configure: Configure, kept: Kept
) -> None:
    hearth.tenants.administration.put("acme", TenantLimits(concurrency=1))
    configure(HEARTH_SYNC_WAIT_S="1")
    deployed.call()
    before = kept()

    refused = deployed.call(idempotency_key="k")

    assert (refused.status, kept()) == (429, before)
    deployed.worker.serve_one(success())
    deployed.serve(success())
    assert deployed.call(idempotency_key="k").status == 200


def test_a_repeat_takes_a_rate_token_as_any_call_does(deployed: Deployed, hearth: Controller) -> None:
    gate = hearth.tenants.authentication._gate
    deployed.call(query="?mode=async", idempotency_key="k")

    with patch.object(gate, "admit", wraps=gate.admit) as admit:
        replayed = deployed.call(query="?mode=async", idempotency_key="k")

    assert replayed.headers["idempotency-replayed"] == "true"
    [asked] = [call.args[0] for call in admit.call_args_list]
    assert asked.bucket.key == keys.tenant_bucket("acme")


def test_what_the_queue_does_not_take_leaves_nothing_and_its_key_is_good_for_another_try(
    deployed: Deployed, data: dict[str, str], configure: Configure, kept: Kept
) -> None:
    url = data["QueueUrl"]
    configure(HEARTH_QUEUE_URL=url + "-gone")
    before = kept()

    refused = deployed.call(query="?mode=async", idempotency_key="k")

    assert (refused.status, kept()) == (503, before)
    configure()
    accepted = deployed.call(query="?mode=async", idempotency_key="k")
    assert (accepted.status, "idempotency-replayed" in accepted.headers) == (202, False)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock(an_invocation().admitted_at_us)


@pytest.fixture
def idempotency(hearth: Controller, clock: Clock) -> Idempotency:
    mine = hearth.invocations.invoker.idempotency
    return Idempotency(items=mine.items, ledger=mine.ledger, now_us=clock)


CALL = IdempotentCall(key="k", mode=Mode.ASYNC, qualifier=None, event="{}", client_context=None)


def test_a_key_stands_for_its_first_call_for_a_day_and_no_longer(idempotency: Idempotency, clock: Clock) -> None:
    first, second = an_invocation(invocation_id="i-1"), an_invocation(invocation_id="i-2")
    idempotency.open(CALL, first)
    idempotency.ledger._dynamodb.update_item(
        TableName=idempotency.ledger._table,
        Key={"invocation_id": {"S": "i-1"}},
        UpdateExpression="SET #status = :running",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":running": {"S": "running"}},
    )

    clock.now_us += KEEP_S * 1_000_000 - 1_000_000
    assert idempotency.open(CALL, second).invocation_id == "i-1"

    clock.now_us += 1_000_000
    assert idempotency.open(CALL, second).invocation_id == "i-2"


def test_what_was_recorded_by_a_controller_that_died_before_it_queued_it_is_replaced_once_it_cannot_run(
    idempotency: Idempotency, clock: Clock
) -> None:
    first, second = an_invocation(invocation_id="i-1"), an_invocation(invocation_id="i-2")
    idempotency.open(CALL, first)

    clock.now_us = first.start_by_us + LOST_AFTER_US
    assert idempotency.open(CALL, second).invocation_id == "i-1"

    clock.now_us += 1
    assert idempotency.open(CALL, second).invocation_id == "i-2"
    assert idempotency.open(CALL, an_invocation(invocation_id="i-3")).invocation_id == "i-2"


def test_a_repeat_names_the_version_that_ran_and_not_todays(idempotency: Idempotency) -> None:
    idempotency.open(CALL, an_invocation(invocation_id="i-1", version=a_version(number="1")))

    first = idempotency.open(CALL, an_invocation(invocation_id="i-2", version=a_version(number="2")))

    assert (first.invocation_id, first.version) == ("i-1", "1")


def test_a_key_whose_row_is_gone_stands_for_nothing(idempotency: Idempotency) -> None:
    idempotency.open(CALL, an_invocation(invocation_id="i-1"))
    idempotency.ledger.forget("i-1")

    assert idempotency.open(CALL, an_invocation(invocation_id="i-2")).invocation_id == "i-2"


def test_no_key_points_to_an_invocation_that_could_not_be_recorded(
    idempotency: Idempotency, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = an_invocation(invocation_id="i-1")
    refuse = {"ConditionExpression": "attribute_exists(invocation_id)"}
    opening = idempotency.ledger.opening(invocation)
    monkeypatch.setattr(idempotency.ledger, "opening", lambda _: {"Put": opening["Put"] | refuse})

    with pytest.raises(Exception, match="The record of Idempotency-Keys"):
        idempotency.open(CALL, invocation)

    partition = keys.idempotency_items(invocation.version.tenant, invocation.version.function)
    assert idempotency.items.every(partition) == []


@pytest.mark.parametrize("other", [{"qualifier": "1"}, {"client_context": "{}"}, {"mode": Mode.SYNC}, {"event": "1"}])
def test_all_that_makes_a_call_another_one_is_in_its_fingerprint(other: dict[str, Any]) -> None:
    same: dict[str, Any] = {"key": "k", "mode": Mode.ASYNC, "qualifier": None, "event": "{}", "client_context": None}

    assert IdempotentCall(**same).fingerprint == CALL.fingerprint != IdempotentCall(**(same | other)).fingerprint
