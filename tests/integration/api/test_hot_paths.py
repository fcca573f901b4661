"""What Get and Invoke ask of DynamoDB, with few functions in the tenant and with many: the same, and by key alone."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from chalicelib.functions.function import mint_version
from chalicelib.wiring import Controller

from tests.integration.api.model_calls import creation

pytestmark = [pytest.mark.aws, pytest.mark.redis]

HELLO = {"FunctionName": "hello"}
MANY = 200

#: What each call asks for when nothing is remembered; the ledger's row of an Invocation is a put.
READS = {"get": 2, "latest": 2, "version": 3, "alias": 4, "again": 0}


@contextmanager
def asked(hearth: Controller) -> Iterator[list[str]]:
    """Note every operation that the controller asks of DynamoDB meanwhile."""
    events, noted = hearth.functions.lifecycle.cascade.items.dynamodb.meta.events, list[str]()

    def note(model: Any, **_: Any) -> None:
        noted.append(model.name)

    events.register("before-call.dynamodb", note)
    yield noted
    events.unregister("before-call.dynamodb", note)


def fill(hearth: Controller, count: int) -> None:
    """Give the tenant so many functions more."""
    hello = hearth.functions.lifecycle.get("acme", "hello")
    for n in range(count):
        configuration = dataclasses.replace(hello.configuration, name=f"filler-{n:05}")
        version = mint_version(hearth.functions.home, "acme", configuration, hello.code)
        assert hearth.functions.lifecycle.registry.write(dataclasses.replace(hello, version=version, revision=0), None)


@pytest.mark.parametrize("others", [10, MANY])
def test_get_and_invoke_read_by_key_however_many_functions_there_are(
    boto: Any, hearth: Controller, others: int
) -> None:
    boto.create_function(**creation("hello"), Publish=True)
    boto.create_alias(**HELLO, Name="live", FunctionVersion="1")
    fill(hearth, others)
    boto.list_functions(MaxItems=1)  # the tenant's key is remembered from here on
    calls: dict[str, Any] = {
        "get": lambda: boto.get_function(**HELLO),
        "latest": lambda: boto.invoke(**HELLO, InvocationType="Event"),
        "version": lambda: boto.invoke(**HELLO, InvocationType="Event", Qualifier="1"),
        "alias": lambda: boto.invoke(**HELLO, InvocationType="Event", Qualifier="live"),
        "again": lambda: boto.invoke(**HELLO, InvocationType="Event", Qualifier="live"),
    }

    made: dict[str, list[str]] = {}
    for name, call in calls.items():
        with asked(hearth) as noted:
            call()
        made[name] = sorted(noted)

    assert made == {name: ["GetItem"] * count + ([] if name == "get" else ["PutItem"]) for name, count in READS.items()}
