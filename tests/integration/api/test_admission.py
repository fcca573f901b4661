"""Who is let in how often."""

import pytest
from chalicelib.tenants import IssuedKeys

from tests.apigateway import Gateway
from tests.integration.api.conftest import Configure

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


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
    noisy, quiet = ({"x-api-key": hearth.tenants.create(name).api_key} for name in ("noisy", "quiet"))
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
    callers = hearth.entrance._authenticator._callers
    monkeypatch.setattr(callers, "look_up", lambda id_, _kind: looked_up.append(id_))

    statuses = [gateway.send("GET", "/functions", headers={"x-api-key": f"guess{n}"}).status for n in range(3)]

    assert (statuses, len(looked_up)) == ([403, 429, 429], 1)
