"""Provisioned concurrency in the Lambda API, published in a real Redis, with a test that plays the workers."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
import redis
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Held, Provision
from tests.apigateway import Answer, Gateway
from tests.conftest import RedisServer

pytestmark = [pytest.mark.aws, pytest.mark.redis]


@dataclass
class Fleet:
    """What the workers would read and tell."""

    client: redis.Redis

    def requests(self) -> dict[str, Provision]:
        found = cast(dict[bytes, bytes], self.client.hgetall(keys.provisions()))
        return {field.decode(): decode(Provision, text.decode()) for field, text in found.items()}

    def numbers(self) -> dict[str, tuple[str, int]]:
        return {field: (request.version.number, request.wanted) for field, request in self.requests().items()}

    def tell(self, worker: str, field: str, held: Held) -> None:
        of = self.requests()[field].version
        seconds, _ = self.client.time()
        self.client.zadd(keys.workers(), {worker: (seconds + 60) * 1000})
        self.client.hset(keys.held(worker), keys.held_version(of.tenant, of.function, of.version_id), encode(held))


@pytest.fixture
def fleet(redis_client: redis.Redis) -> Fleet:
    return Fleet(redis_client)


@pytest.fixture
def published(function: Answer, boto: Any) -> Any:
    """boto3, and a function `hello` with two versions and an alias at the first."""
    boto.publish_version(FunctionName="hello")
    boto.update_function_configuration(FunctionName="hello", MemorySize=256)
    boto.publish_version(FunctionName="hello")
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    return boto


def put(boto: Any, qualifier: str = "live", wanted: int = 3, name: str = "hello") -> Any:
    return boto.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=wanted
    )


def get(boto: Any, qualifier: str = "live") -> Any:
    return boto.get_provisioned_concurrency_config(FunctionName="hello", Qualifier=qualifier)


def counts(answer: Any) -> tuple[int, int, int, str]:
    names = ("Requested", "Allocated", "Available")
    [requested, allocated, available] = [answer[f"{name}ProvisionedConcurrentExecutions"] for name in names]
    return requested, allocated, available, answer["Status"]


def test_a_wish_is_published_and_stands_by_what_the_workers_hold(published: Any, fleet: Fleet) -> None:
    asked = put(published)
    assert asked["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert counts(asked) == (3, 0, 0, "IN_PROGRESS")
    assert fleet.numbers() == {"acme/hello/live": ("1", 3)}

    fleet.tell("a|8", "acme/hello/live", Held(held=2, idle=1))
    assert counts(get(published)) == (3, 2, 1, "IN_PROGRESS")
    fleet.tell("b|8", "acme/hello/live", Held(held=1, idle=1))
    assert counts(get(published)) == (3, 3, 2, "READY")

    [listed] = published.list_provisioned_concurrency_configs(FunctionName="hello")["ProvisionedConcurrencyConfigs"]
    assert listed["FunctionArn"].endswith(":function:hello:live")
    assert counts(listed) == (3, 3, 2, "READY")


def test_why_no_more_are_warm_is_told(published: Any, fleet: Fleet) -> None:
    put(published)
    fleet.tell("a|8", "acme/hello/live", Held(held=1, idle=1, reason="A worker has room for 1 of its 3."))

    standing = get(published)

    assert counts(standing) == (3, 1, 1, "FAILED")
    assert standing["StatusReason"] == "A worker has room for 1 of its 3."


def test_what_a_worker_said_that_is_gone_counts_no_more(published: Any, fleet: Fleet) -> None:
    put(published)
    fleet.tell("a|8", "acme/hello/live", Held(held=3, idle=3))
    fleet.client.zrem(keys.workers(), "a|8")

    assert counts(get(published)) == (3, 0, 0, "IN_PROGRESS")


def test_an_alias_that_moves_takes_its_permits_along_at_once(published: Any, fleet: Fleet) -> None:
    put(published)
    fleet.tell("a|8", "acme/hello/live", Held(held=3, idle=3))

    published.update_alias(FunctionName="hello", Name="live", FunctionVersion="2")

    assert fleet.numbers() == {"acme/hello/live": ("2", 3)}
    assert counts(get(published)) == (3, 0, 0, "IN_PROGRESS")


def test_at_door_2_too_the_wish_follows_its_alias_and_goes_with_it(
    published: Any, fleet: Fleet, gateway: Gateway, key: dict[str, str]
) -> None:
    put(published)

    assert gateway.send("PUT", "/functions/hello/aliases/live", b'{"version": "2"}', key).status == 200
    assert fleet.numbers() == {"acme/hello/live": ("2", 3)}
    assert gateway.send("DELETE", "/functions/hello/aliases/live", headers=key).status == 204
    assert fleet.numbers() == {}


def test_a_version_deleted_at_door_2_takes_its_wish_along(
    published: Any, fleet: Fleet, gateway: Gateway, key: dict[str, str]
) -> None:
    put(published, "2", 1)

    assert gateway.send("DELETE", "/functions/hello/versions/2", headers=key).status == 204
    assert fleet.numbers() == {}


def test_an_alias_that_leads_to_the_unpublished_by_now_says_so(published: Any, fleet: Fleet) -> None:
    put(published)
    published.update_alias(FunctionName="hello", Name="live", FunctionVersion="$LATEST")

    assert fleet.numbers() == {}
    assert get(published)["Status"] == "FAILED"
    assert "unpublished" in get(published)["StatusReason"]


def test_a_wish_is_changed_and_taken_back(published: Any, fleet: Fleet) -> None:
    put(published, wanted=1)
    put(published, wanted=2)
    assert fleet.numbers() == {"acme/hello/live": ("1", 2)}

    gone = published.delete_provisioned_concurrency_config(FunctionName="hello", Qualifier="live")

    assert (gone["ResponseMetadata"]["HTTPStatusCode"], fleet.numbers()) == (204, {})
    absent = published.exceptions.ProvisionedConcurrencyConfigNotFoundException
    with pytest.raises(absent):
        get(published)
    with pytest.raises(absent):
        published.delete_provisioned_concurrency_config(FunctionName="hello", Qualifier="live")


def test_the_tick_publishes_everything_again_and_takes_back_what_nobody_wishes(
    published: Any, fleet: Fleet, hearth: Controller
) -> None:
    put(published)
    put(published, "2", 1)
    there = fleet.numbers()
    fleet.client.delete(keys.provisions())
    fleet.client.hset(keys.provisions(), "acme/gone/1", "whatever")

    hearth.operations.chores.run()

    assert fleet.numbers() == there == {"acme/hello/live": ("1", 3), "acme/hello/2": ("2", 1)}


@pytest.mark.parametrize("what", ["function", "version", "alias"])
def test_a_wish_goes_with_what_it_is_for(what: str, published: Any, fleet: Fleet, hearth: Controller) -> None:
    put(published, "2" if what == "version" else "live")
    {
        "function": lambda: published.delete_function(FunctionName="hello"),
        "version": lambda: published.delete_function(FunctionName="hello", Qualifier="2"),
        "alias": lambda: published.delete_alias(FunctionName="hello", Name="live"),
    }[what]()

    assert fleet.numbers() == {}
    assert hearth.functions.provisioned.items.every(keys.PROVISIONED) == []


@pytest.mark.parametrize(
    ("name", "qualifier", "error"),
    [
        ("hello", "$LATEST", "InvalidParameterValueException"),
        ("hello", "9", "ResourceNotFoundException"),
        ("hello", "nobody", "ResourceNotFoundException"),
        ("absent", "1", "ResourceNotFoundException"),
    ],
)
def test_only_what_is_published_can_be_kept_warm(name: str, qualifier: str, error: str, published: Any) -> None:
    with pytest.raises(getattr(published.exceptions, error)):
        put(published, qualifier, 1, name)


def test_a_version_is_kept_warm_under_one_name_only(published: Any) -> None:
    put(published)

    with pytest.raises(published.exceptions.ResourceConflictException, match="as live already"):
        put(published, "1")


def test_a_tenant_gets_what_it_may_and_not_one_more(published: Any) -> None:
    put(published, "2", 60)
    with pytest.raises(published.exceptions.InvalidParameterValueException, match="30 more can be provisioned"):
        put(published, "live", 31)
    put(published, "live", 30)

    put(published, "live", 29)  # its own former request does not count against it


def test_a_function_gets_what_it_has_reserved_and_not_one_more(published: Any) -> None:
    published.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    put(published, "2", 2)
    with pytest.raises(published.exceptions.InvalidParameterValueException, match="reservedConcurrentExecution"):
        put(published, "live", 4)

    put(published, "live", 3)


def test_wishes_are_listed_in_pages(published: Any) -> None:
    put(published, "2", 1)
    put(published, "live", 1)

    first = published.list_provisioned_concurrency_configs(FunctionName="hello", MaxItems=1)
    rest = published.list_provisioned_concurrency_configs(FunctionName="hello", Marker=first["NextMarker"])

    arns = [one["FunctionArn"] for page in (first, rest) for one in page["ProvisionedConcurrencyConfigs"]]
    assert [arn.rpartition(":")[2] for arn in arns] == ["2", "live"]


def test_without_redis_the_last_word_is_503(
    published: Any, redis_server: RedisServer, gateway: Gateway, key: dict[str, str]
) -> None:
    put(published)
    with redis_server.away():
        path = "/2019-09-30/functions/hello/provisioned-concurrency?Qualifier=live"
        assert gateway.send("GET", path, headers=key).status == 503
