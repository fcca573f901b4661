"""Ten thousand functions in a tenant: one is found, invoked and shown by the same few calls as when there are ten."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from chalicelib.admission.request import InvokeRequest
from chalicelib.functions.registry import _item
from chalicelib.wiring import Controller

from shared_lua.contract import Mode
from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import principal
from tests.integration.api.test_admission import aws_calls

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]

BATCH = 25  #: items that DynamoDB takes at once


@pytest.fixture
def put_many(hearth: Controller, function: Answer, aws: Any, data: dict[str, str]) -> Callable[[list[str]], None]:
    """A function that puts functions like `hello` straight into the table."""
    dynamodb, like = aws("dynamodb"), hearth.functions.lifecycle.get("acme", "hello")

    def put(names: list[str]) -> None:
        for start in range(0, len(names), BATCH):
            versions = [dataclasses.replace(like.version, function=name) for name in names[start : start + BATCH]]
            items = [_item(dataclasses.replace(like, version=version)) for version in versions]
            requests = [{"PutRequest": {"Item": item}} for item in items]
            answer = dynamodb.batch_write_item(RequestItems={data["FunctionsTable"]: requests})
            assert not answer["UnprocessedItems"]

    return put


def calls(hearth: Controller, gateway: Gateway, boto: Any, key: Key, name: str) -> dict[str, list[str]]:
    """Give what AWS is asked when one function is shown by both APIs, and let in twice."""
    made: dict[str, list[str]] = {}
    boto.list_functions(MaxItems=1)  # both of the tenant's keys are remembered from here on
    gateway.send("GET", "/functions?limit=1", headers=key)
    request = InvokeRequest(function=name, event=b"{}", mode=Mode.ASYNC)
    asked: dict[str, Callable[[], bool]] = {
        "shown by REST": lambda: gateway.send("GET", f"/functions/{name}", headers=key).status == 200,
        "shown by Lambda": lambda: boto.get_function(FunctionName=name)["Configuration"]["FunctionName"] == name,
        "let in": lambda: hearth.admission.admit(principal(hearth, key), request).invocation.version.function == name,
        "let in again": lambda: (
            hearth.admission.admit(principal(hearth, key), request).invocation.version.function == name
        ),
    }
    for what, ask in asked.items():
        with aws_calls() as noted:
            assert ask(), what
        made[what] = [operation for operation in noted if operation != "GetFunction"]  # boto3's own call of us
    return made


def test_one_of_ten_thousand_functions_costs_what_one_of_ten_does(
    gateway: Gateway, hearth: Controller, boto: Any, key: Key, put_many: Callable[[list[str]], None]
) -> None:
    names = [f"function-{n:05}" for n in range(10_000)]
    put_many(names[:10])
    of_ten = calls(hearth, gateway, boto, key, names[7])
    put_many(names[10:])

    of_many = calls(hearth, gateway, boto, key, names[7_777])

    assert of_many == of_ten
    assert of_many == {
        "shown by REST": ["GetItem"],
        "shown by Lambda": ["GetItem", "GetItem"],  # the function, and its tags
        "let in": ["GetItem", "GetItem"],  # the function, and its event-invoke configuration
        "let in again": [],
    }
