"""Who is let in how often."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import redis
from botocore.client import BaseClient
from chalicelib.admission.request import InvokeRequest
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_lua import keys
from shared_lua.contract import Mode
from tests.apigateway import ADDRESS, Answer, Gateway
from tests.conftest import RedisServer
from tests.integration.api.conftest import Configure, Deployed, principal, settlement_of, success, upload
from tests.waiting import eventually

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


@contextmanager
def aws_calls() -> Iterator[list[str]]:
    """Note every call of AWS that is made inside."""
    made: list[str] = []
    call = BaseClient._make_api_call

    def noted(self: Any, operation: str, arguments: Any) -> Any:
        made.append(operation)
        return call(self, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", noted):
        yield made


def test_a_tenant_beyond_its_burst_is_told_when_to_come_back(gateway: Gateway, key: Key, configure: Configure) -> None:
    configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="2")

    answers = [gateway.send("GET", "/functions", headers=key, source_ip=f"192.0.2.{n}") for n in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    refused = answers[2]
    assert (refused.json["error"], refused.json["type"]) == ("Too Many Requests", "TooManyRequestsException")
    assert refused.headers["retry-after"] == "1"
    assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("2", "0")
    assert refused.headers["ratelimit-reset"] == "2"


def test_boto3_gets_the_reason_and_the_wait(gateway: Gateway, tenant: IssuedKeys, configure: Configure) -> None:
    configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1")
    client = gateway.client(tenant.access_key_id, tenant.secret_access_key)
    client.list_functions()

    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.list_functions()

    assert refused.value.response["Reason"] == "CallerRateLimitExceeded"
    assert refused.value.response["retryAfterSeconds"] == "1"


def test_another_tenant_at_another_address_is_not_slowed(gateway: Gateway, configure: Configure) -> None:
    hearth = configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1")
    noisy, quiet = ({"x-api-key": hearth.tenants.administration.create(name).api_key} for name in ("noisy", "quiet"))
    flood = [gateway.send("GET", "/functions", headers=noisy).status for _ in range(3)]

    answer = gateway.send("GET", "/functions", headers=quiet, source_ip="192.0.2.9")

    assert (flood, answer.status) == ([200, 429, 429], 200)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"])
def test_failed_logins_are_slowed_by_address_whatever_headers_say(
    gateway: Gateway, configure: Configure, header: str
) -> None:
    configure(HEARTH_ADDRESS_RATE_PER_S="1", HEARTH_ADDRESS_BURST="2")

    statuses = [
        gateway.send("GET", "/functions", headers={"x-api-key": f"guess{n}", header: f"198.51.100.{n}"}).status
        for n in range(4)
    ]

    assert statuses == [403, 403, 429, 429]
    assert gateway.send("GET", "/functions", source_ip="192.0.2.77").status == 401


def test_failed_logins_with_a_known_key_are_slowed_as_well(
    gateway: Gateway,
    tenant: IssuedKeys,
    configure: Configure,
    signed: Callable[[str, str, IssuedKeys], dict[str, str]],
) -> None:
    """A key that is remembered costs no look-up, so nothing but this token slows those who guess its secret."""
    configure(HEARTH_ADDRESS_RATE_PER_S="1", HEARTH_ADDRESS_BURST="3")
    path = "/2015-03-31/functions"
    guessed = dataclasses.replace(tenant, secret_access_key="x" * 40)
    first = gateway.send("GET", path, headers=signed("GET", f"http://hearth.test{path}", tenant))
    wrong = signed("GET", f"http://hearth.test{path}", guessed)

    statuses = [gateway.send("GET", path, headers=wrong).status for _ in range(20)]

    assert first.status == 200
    assert set(statuses) == {403, 429}
    assert statuses[0] == 403


def test_failed_logins_take_nothing_from_a_tenant(gateway: Gateway, key: Key, configure: Configure) -> None:
    configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1", HEARTH_ADDRESS_BURST="2")

    gateway.send("GET", "/functions", headers={"x-api-key": "guess"})

    assert gateway.send("GET", "/functions", headers=key).status == 200


def test_a_tenant_that_is_refused_does_no_work(gateway: Gateway, key: Key, configure: Configure) -> None:
    configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1")
    gateway.send("GET", "/functions", headers=key)

    assert gateway.send("PUT", "/functions/x", b"not even a zip", key).status == 429


def test_beyond_its_rate_an_address_costs_no_look_up_of_its_key(
    gateway: Gateway, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearth = configure(HEARTH_ADDRESS_RATE_PER_S="1", HEARTH_ADDRESS_BURST="1")
    looked_up: list[str] = []
    callers = hearth.tenants.authentication._authenticator._callers
    monkeypatch.setattr(callers, "look_up", lambda id_, _kind: looked_up.append(id_))

    statuses = [gateway.send("GET", "/functions", headers={"x-api-key": f"guess{n}"}).status for n in range(3)]

    assert (statuses, len(looked_up)) == ([403, 429, 429], 1)


def test_nobody_may_wait_for_a_function_of_more_than_fifteen_minutes(gateway: Gateway, key: Key) -> None:
    def invoked(timeout_s: int, prefer: str = "") -> int:
        upload(gateway, key, f"f{timeout_s}", f"runtime=python3.11&handler=main.handler&timeout_s={timeout_s}")
        headers = key | {"Prefer": prefer}
        return gateway.send("POST", f"/functions/f{timeout_s}/invocations", b"{}", headers).status

    assert invoked(901) == 400
    assert invoked(901, "respond-async") == 202
    assert invoked(43_200, "respond-async") == 202


def test_concurrency_reserves_permits_for_one_function_and_leaves_the_rest_to_the_others(
    gateway: Gateway, key: Key, boto: Any, configure: Configure
) -> None:
    configure(HEARTH_TENANT_CONCURRENCY="12", HEARTH_MIN_UNRESERVED="10", HEARTH_SYNC_WAIT_S="1")
    for name in ("own", "other"):
        upload(gateway, key, name)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match=r"minimum value of \[10\]"):
        boto.put_function_concurrency(FunctionName="own", ReservedConcurrentExecutions=3)
    boto.put_function_concurrency(FunctionName="own", ReservedConcurrentExecutions=2)
    assert boto.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 10

    assert [invoke(gateway, key, "own").status for _ in range(3)] == [202, 202, 429]
    with pytest.raises(boto.exceptions.TooManyRequestsException) as refused:
        boto.invoke(FunctionName="own")
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert invoke(gateway, key, "other").status == 202

    boto.delete_function_concurrency(FunctionName="own")
    assert invoke(gateway, key, "own").status == 202
    assert boto.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 12


def invoke(gateway: Gateway, key: Key, name: str, prefer: str = "") -> Answer:
    return gateway.send("POST", f"/functions/{name}/invocations", b"{}", key | {"Prefer": prefer})


def test_a_full_tenant_and_a_full_fleet_refuse_at_once(gateway: Gateway, key: Key, configure: Configure) -> None:
    upload(gateway, key)
    configure(HEARTH_TENANT_CONCURRENCY="2", HEARTH_SYNC_WAIT_S="1")
    assert [invoke(gateway, key, "hello").status for _ in range(3)] == [202, 202, 429]

    configure(HEARTH_WAITING="2", HEARTH_SYNC_WAIT_S="1")
    refused = invoke(gateway, key, "hello")
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert invoke(gateway, key, "hello", "respond-async").status == 202


def test_a_refusal_costs_one_call_of_redis_and_none_of_aws(
    gateway: Gateway, key: Key, configure: Configure, redis_client: redis.Redis
) -> None:
    configure(HEARTH_TENANT_CONCURRENCY="1", HEARTH_SYNC_WAIT_S="1")
    upload(gateway, key)
    assert invoke(gateway, key, "hello").status == 202
    assert invoke(gateway, key, "hello").status == 429
    redis_client.config_resetstat()

    with aws_calls() as made:
        assert [invoke(gateway, key, "hello").status for _ in range(5)] == [429] * 5

    stats: Any = redis_client.info("commandstats")
    scripts = {name: row["calls"] for name, row in stats.items() if name in ("cmdstat_evalsha", "cmdstat_eval")}
    assert scripts == {"cmdstat_evalsha": 5}
    assert made == []


def test_a_roll_back_is_seen_by_the_next_call_of_another_process(
    gateway: Gateway, key: Key, boto: Any, configure: Configure, deployed: Deployed
) -> None:
    for number in ("1", "2"):
        upload(gateway, key, "hello", f"runtime=python3.11&handler=main.handler&timeout_s={number}")
        assert boto.publish_version(FunctionName="hello")["Version"] == number
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="2")
    elsewhere = configure()  # remembers what follows, as another process would
    live = InvokeRequest(function="hello", qualifier="live", event=b"{}", mode=Mode.ASYNC)
    ran = [elsewhere.admission.admit(principal(elsewhere, key), live).invocation.version.number]
    configure()

    boto.update_alias(FunctionName="hello", Name="live", FunctionVersion="1")

    ran.append(elsewhere.admission.admit(principal(elsewhere, key), live).invocation.version.number)
    assert ran == ["2", "1"]


def test_without_redis_only_a_little_that_nobody_waits_for_is_accepted(
    gateway: Gateway, key: Key, configure: Configure, redis_server: RedisServer
) -> None:
    configure(HEARTH_OUTAGE_BURST="2", HEARTH_OUTAGE_RATE_PER_S="1")
    upload(gateway, key)
    with redis_server.away():
        waiting = invoke(gateway, key, "hello")
        others = [invoke(gateway, key, "hello", "respond-async").status for _ in range(20)]

    assert (waiting.status, "Redis" in waiting.json["error"], int(waiting.headers["retry-after"]) >= 1) == (
        503,
        True,
        True,
    )
    assert others[0] == 202
    assert others[-1] == 503


def test_the_operator_may_have_everything_refused_without_redis(
    gateway: Gateway, key: Key, configure: Configure, redis_server: RedisServer
) -> None:
    configure(HEARTH_ACCEPT_WITHOUT_REDIS="no")
    upload(gateway, key)
    with redis_server.away():
        refused = invoke(gateway, key, "hello", "respond-async")

    assert refused.status == 503


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(
        st.sampled_from(["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "Via", "X-Forwarded-Host"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    )
)
def test_no_header_moves_a_caller_to_another_address(
    gateway: Gateway, hearth: Controller, headers: dict[str, str]
) -> None:
    gate = hearth.tenants.authentication._gate

    with patch.object(gate, "admit", wraps=gate.admit) as admit:
        gateway.send("GET", "/functions", headers={"x-api-key": "guess", **headers})

    [asked] = [call.args[0] for call in admit.call_args_list]
    assert asked.address.key == keys.address_bucket(ADDRESS)


def test_calls_wait_for_the_admission_in_the_adapter_of_redis(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, deployed: Deployed
) -> None:
    monkeypatch.setattr("chalicelib.wiring.ADMISSIONS_AT_ONCE", 1)
    monkeypatch.setattr("chalicelib.wiring.PATIENCE_S", 600)
    throttle = configure().invocations.invoker.redis._admissions

    with throttle.taken():
        called = deployed.aside.submit(deployed.call, query="?mode=async")
        eventually(lambda: len(throttle._waiting) == 1)
        assert not called.done()

    assert called.result(60).status == 202


def test_a_caller_who_waits_for_its_function_keeps_nobody_from_being_admitted(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, deployed: Deployed
) -> None:
    monkeypatch.setattr("chalicelib.wiring.ADMISSIONS_AT_ONCE", 1)
    monkeypatch.setattr("chalicelib.wiring.PATIENCE_S", 600)
    configure()
    waiting = deployed.aside.submit(deployed.call)
    taken = deployed.worker.take()

    answers = [deployed.call(query="?mode=async").status for _ in range(2)]
    deployed.worker.settle(settlement_of(taken.invocation_id, success("1")))

    assert answers == [202, 202]
    assert waiting.result(20).body == "1"
