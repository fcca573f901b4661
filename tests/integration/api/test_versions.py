"""Versions, aliases and provisioned concurrency, in both APIs."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Deployed, success
from tests.integration.api.model_calls import OTHER_CODE, creation

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
HELLO = {"FunctionName": "hello"}


@pytest.fixture
def two(boto: Any) -> Any:
    """A boto3 client, and a function `hello` with versions 1 and 2."""
    boto.create_function(**creation("hello"), Publish=True)
    boto.update_function_code(**HELLO, ZipFile=OTHER_CODE, Publish=True)
    return boto


def refs(hearth: Controller, boto_version: Any) -> Any:
    """How many versions name the zip of what boto3 showed."""
    sha256 = base64.b64decode(boto_version["CodeSha256"]).hex()
    items = hearth.functions.lifecycle.cascade.items
    row = items.dynamodb.get_item(
        TableName=items.table,
        Key={"partition_key": {"S": f"code/{sha256}"}, "sort_key": {"S": "refs"}},
        ConsistentRead=True,
    )
    return int(row["Item"]["refs"]["N"])


def test_a_deleted_function_leaves_none_of_its_zips_named(two: Any, hearth: Controller) -> None:
    first = two.get_function_configuration(**HELLO, Qualifier="1")
    second = two.get_function_configuration(**HELLO)
    assert (refs(hearth, first), refs(hearth, second)) == (1, 2)

    two.delete_function(**HELLO)

    assert (refs(hearth, first), refs(hearth, second)) == (0, 0)


def test_a_number_is_never_given_again_not_even_to_the_next_function_of_the_name(two: Any) -> None:
    two.delete_function(**HELLO, Qualifier="2")
    third = two.publish_version(**HELLO)["Version"]
    two.delete_function(**HELLO)

    again = two.create_function(**creation("hello"), Publish=True)["Version"]

    assert (third, again) == ("3", "4")


def test_versions_published_at_once_have_different_numbers(two: Any) -> None:
    def change_and_publish(n: int) -> str | None:
        try:
            two.update_function_configuration(**HELLO, Description=str(n), MemorySize=128 + n)
            return str(two.publish_version(**HELLO)["Version"])
        except two.exceptions.ResourceConflictException:
            return None

    with ThreadPoolExecutor(4) as callers:
        numbers = [number for number in callers.map(change_and_publish, range(1, 9)) if number]

    listed = [one["Version"] for one in two.list_versions_by_function(**HELLO)["Versions"]]
    assert set(numbers) <= set(listed)
    assert len(listed) == len(set(listed))
    shown = [two.get_function_configuration(**HELLO, Qualifier=number)["MemorySize"] for number in listed[1:]]
    assert len(shown) == len(set(shown)) + 1  # the first two differ by their code alone


def test_a_version_that_an_alias_names_stays(two: Any) -> None:
    two.create_alias(**HELLO, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})

    for number in ("1", "2"):
        with pytest.raises(two.exceptions.ResourceConflictException, match="live"):
            two.delete_function(**HELLO, Qualifier=number)


@pytest.mark.parametrize("number", ["$LATEST.PUBLISHED", "01", "9" * 40, "3"])
def test_an_alias_of_what_is_no_version_is_refused(two: Any, number: str) -> None:
    with pytest.raises(ClientError) as refused:
        two.create_alias(**HELLO, Name="live", FunctionVersion=number)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)


def test_provisioned_concurrency_is_kept_and_said_to_be_under_way(two: Any) -> None:
    two.create_alias(**HELLO, Name="live", FunctionVersion="2")
    live = {**HELLO, "Qualifier": "live"}

    two.put_provisioned_concurrency_config(**live, ProvisionedConcurrentExecutions=3)

    found = two.get_provisioned_concurrency_config(**live)
    assert (found["RequestedProvisionedConcurrentExecutions"], found["Status"]) == (3, "IN_PROGRESS")
    [listed] = two.list_provisioned_concurrency_configs(**HELLO)["ProvisionedConcurrencyConfigs"]
    assert listed["FunctionArn"].endswith(":function:hello:live")
    two.delete_provisioned_concurrency_config(**live)
    with pytest.raises(two.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        two.get_provisioned_concurrency_config(**live)


def test_no_more_is_provisioned_than_the_function_has_permits(two: Any) -> None:
    two.put_function_concurrency(**HELLO, ReservedConcurrentExecutions=5)
    put = two.put_provisioned_concurrency_config

    put(**HELLO, Qualifier="1", ProvisionedConcurrentExecutions=2)
    put(**HELLO, Qualifier="2", ProvisionedConcurrentExecutions=3)
    with pytest.raises(two.exceptions.InvalidParameterValueException, match="reservedConcurrentExecution"):
        put(**HELLO, Qualifier="2", ProvisionedConcurrentExecutions=4)
    with pytest.raises(two.exceptions.InvalidParameterValueException, match="unpublished"):
        put(**HELLO, Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)


def send(gateway: Gateway, key: Key, method: str, path: str, body: Any = None) -> Answer:
    return gateway.send(method, f"/functions/hello{path}", json.dumps(body).encode() if body is not None else b"", key)


def test_the_rest_api_publishes_points_and_rolls_back(deployed: Deployed, gateway: Gateway, key: Key) -> None:
    first = send(gateway, key, "POST", "/versions", {"description": "the first"})
    configured = send(gateway, key, "PATCH", "", {"memory_mb": 256, "environment": {"COLOUR": "red"}})
    second = send(gateway, key, "POST", "/versions")
    assert [(one.status, one.json["version"]) for one in (first, second)] == [(201, "1"), (201, "2")]
    assert (configured.json["memory_mb"], second.json["environment"]) == (256, {"COLOUR": "red"})
    assert [one["version"] for one in send(gateway, key, "GET", "/versions").json["versions"]] == ["1", "2"]

    for number, status in (("2", 201), ("1", 200)):
        pointed = send(gateway, key, "PUT", "/aliases/live", {"version": number})
        taken = deployed.serve(success())
        answer = deployed.call(query="?qualifier=live")
        assert (pointed.status, answer.status) == (status, 200)
        assert (taken.result().version.number, str(taken.result().function_arn).rpartition(":")[2]) == (number, "live")

    assert send(gateway, key, "GET", "?qualifier=live").json["memory_mb"] == first.json["memory_mb"]
    assert send(gateway, key, "GET", "/aliases/live").json["version"] == "1"
    assert [one["name"] for one in send(gateway, key, "GET", "/aliases").json["aliases"]] == ["live"]
    assert send(gateway, key, "DELETE", "/aliases/live").status == 204
    assert send(gateway, key, "GET", "/aliases/live").status == 404


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("PATCH ", {"memory": 256}),
        ("PATCH ", {"memory_mb": True}),
        ("PATCH ", {"environment": {"COLOUR": 1}}),
        ("PATCH ", []),
        ("POST /versions", {"description": 1}),
        ("PUT /aliases/live", {}),
        ("PUT /aliases/live", {"version": 1}),
        ("PUT /aliases/live", {"version": "1", "weights": {"1": "x"}}),
        ("PUT /aliases/7", {"version": "1"}),
        ("GET /versions?after=x", None),
    ],
)
def test_what_is_sent_wrongly_to_the_rest_api_is_refused(
    gateway: Gateway, key: Key, function: Answer, asked: str, body: Any
) -> None:
    method, path = asked.split(" ")

    assert send(gateway, key, method, path, body).status == 400
