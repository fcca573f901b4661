"""Door 1, held operation by operation against botocore's model of Lambda: requests, answers, refusals.

What is valid is in `examples.EXAMPLES`; what is invalid is derived from the model's own limits and types.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from chalicelib.lambda_door.members import OWN_RULES
from chalicelib.lambda_door.offered import OFFERED, RUNNING

from tests.apigateway import Answer, Gateway
from tests.integration.api.examples import EXAMPLES, OUT_OF_BOUNDS, SETUPS, filled

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]

MODEL: Any = botocore.session.get_session().get_service_model("lambda")
NAMES = sorted(OFFERED.keys() | RUNNING.keys())

#: A value of another type than the model says, by the model's type.
OTHER_TYPES: dict[str, Any] = {
    "string": 7,
    "integer": "x",
    "long": "x",
    "double": "x",
    "boolean": "x",
    "list": {},
    "map": [],
    "structure": [],
    "blob": 7,
}
#: What JSON carries of each of the model's types.
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
    "timestamp": (str, int, float),
}
LEFT_OUT = object()


class Caller:
    """Sends members of operations as they are, right or wrong: boto3 would refuse some itself."""

    def __init__(self, gateway: Gateway, key: Key) -> None:
        self._gateway = gateway
        self._key = key

    def send(self, operation: Any, members: Mapping[str, Any], wrong: Mapping[str, Any] | None = None) -> Answer:
        """Send valid members, and others in place of some of them."""
        textual = {name: value for name, value in (wrong or {}).items() if _place(operation, name)}
        valid = {name: value for name, value in {**members, **textual}.items() if value is not LEFT_OUT}
        serializer = create_serializer("rest-json", include_validation=False)
        request = serializer.serialize_to_request(valid, operation)
        query = urlencode(request["query_string"] or {}, doseq=True)
        body = self._body(request["body"], operation, {k: v for k, v in (wrong or {}).items() if k not in textual})
        headers = {**self._key, "Content-Type": "application/json", **dict(request["headers"])}
        separator = "&" if "?" in request["url_path"] else "?"
        return self._gateway.send(request["method"], f"{request['url_path']}{separator}{query}", body, headers)

    def _body(self, sent: Any, operation: Any, wrong: Mapping[str, Any]) -> bytes:
        body: bytes = sent.encode() if isinstance(sent, str) else sent or b""
        if not wrong:
            return body
        members = json.loads(body or b"{}") | dict(wrong)
        return json.dumps({name: value for name, value in members.items() if value is not LEFT_OUT}).encode()


@pytest.fixture
def caller(gateway: Gateway, key: Key) -> Caller:
    """Somebody who sends whatever it is told."""
    return Caller(gateway, key)


def _place(operation: Any, member: str) -> str | None:
    place: str | None = operation.input_shape.members[member].serialization.get("location")
    return place


def arranged(boto: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """Give an operation and its valid members, with what they need in place."""
    example, own = EXAMPLES[name], f"of-{name}"
    for thing in SETUPS:
        if thing in example.needs:
            SETUPS[thing](boto, own)
    return MODEL.operation_model(name), filled(example.members, own)


def test_every_offered_operation_has_an_example() -> None:
    missing, stale = [one for one in NAMES if one not in EXAMPLES], sorted(EXAMPLES.keys() - set(NAMES))

    assert not missing, (
        f"EXAMPLES in tests/integration/api/examples.py lacks {', '.join(missing)}: add for each the members of a valid"
        " call, what it needs (a key of SETUPS, in the order they are made), and what is missing when it names what is"
        " not there."
    )
    assert not stale, f"EXAMPLES has what is not offered: {', '.join(stale)}"


def test_a_valid_call_is_answered_as_modelled(boto: Any, caller: Caller, subtests: pytest.Subtests) -> None:
    for name in NAMES:
        with subtests.test(name):
            operation, members = arranged(boto, name)

            answer = caller.send(operation, members)

            check_success(operation, answer)


def check_success(operation: Any, answer: Answer) -> None:
    """Fail unless an answer has the operation's status, and members as the model has them, none missing."""
    assert answer.status < 300, answer.body
    shape = operation.output_shape
    if shape is None:
        assert (answer.status, answer.body) == (operation.http["responseCode"], "")
        return
    raw = {"status_code": answer.status, "headers": answer.headers, "body": answer.body.encode()}
    parsed = create_parser("rest-json").parse(raw, shape)
    if "StatusCode" in shape.members:
        assert parsed["StatusCode"] == answer.status
    else:
        assert answer.status == operation.http["responseCode"]
    assert [member for member in shape.required_members if member not in parsed] == []
    if "payload" not in shape.serialization and answer.body:
        check_shape(shape, json.loads(answer.body), operation.name)


def check_shape(shape: Any, value: Any, where: str) -> None:
    """Fail unless a JSON value is what the model says, whole."""
    kind = shape.type_name
    assert isinstance(value, JSON_TYPES[kind]), (where, kind, value)
    if kind == "structure":
        assert value.keys() <= shape.members.keys(), where
        assert set(shape.required_members) <= value.keys(), where
        for name, one in value.items():
            check_shape(shape.members[name], one, f"{where}.{name}")
    elif kind == "list":
        for one in value:
            check_shape(shape.member, one, f"{where}[]")
    elif kind == "map":
        for one in value.values():
            check_shape(shape.value, one, f"{where}.*")
    assert "enum" not in shape.metadata or value in shape.metadata["enum"], (where, value)


def wrong_values(operation: Any, members: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give for each member of an operation the values that it must not have: none, another type, out of a limit."""
    shape = operation.input_shape
    for name, one in (shape.members if shape else {}).items():
        place = one.serialization.get("location")
        if name in shape.required_members and place != "uri" and name != shape.serialization.get("payload"):
            yield name, LEFT_OUT
        if name == shape.serialization.get("payload"):
            continue
        if place is None:
            yield name, OTHER_TYPES[one.type_name]
            yield from ((name, value) for value in _inner_types(one, members.get(name)))
        elif one.type_name in ("integer", "long", "boolean"):
            yield name, "x"
        own = OUT_OF_BOUNDS.get(name, []) if name in OWN_RULES else _out_of_limits(one)
        yield from ((name, value) for value in own)


def _inner_types(shape: Any, value: Any) -> Iterator[Any]:
    """Give a valid value with one thing in it of another type, or a member more than the model knows."""
    if shape.type_name == "structure":
        yield {**_plain(value or {}), "Unknown": 1}
        for name, one in shape.members.items():
            yield {**_plain(value or {}), name: OTHER_TYPES[one.type_name]}
    elif shape.type_name == "list":
        yield [OTHER_TYPES[shape.member.type_name]]
    elif shape.type_name == "map":
        yield {"key": OTHER_TYPES[shape.value.type_name]}


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: base64.b64encode(one).decode() if isinstance(one, bytes) else one for name, one in value.items()}


def _out_of_limits(shape: Any) -> Iterator[Any]:
    limits = shape.metadata
    if shape.type_name in ("integer", "long"):
        yield from (limits[edge] + step for edge, step in (("min", -1), ("max", 1)) if edge in limits)
    elif shape.type_name == "string":
        if limits.get("min", 0) > 0 and not shape.serialization:
            yield "a" * (limits["min"] - 1)
        if "max" in limits:
            yield "1" * (limits["max"] + 1)
        if "enum" in limits:
            yield "no such thing"
        if "pattern" in limits and not re.fullmatch(limits["pattern"], "é §"):
            yield "é §"


def test_every_invalid_member_raises_an_error_that_is_modelled(
    boto: Any, caller: Caller, subtests: pytest.Subtests
) -> None:
    tried = 0
    for name in NAMES:
        operation, members = arranged(boto, name)
        for member, value in wrong_values(operation, members):
            with subtests.test(f"{name}: {member}={'left out' if value is LEFT_OUT else repr(value)[:60]}"):
                tried += 1
                check_error(operation, caller.send(operation, members, {member: value}))
    assert tried > 300


def check_error(operation: Any, answer: Answer, expected: str | None = None) -> None:
    """Fail unless the answer is an error that the operation's model lists, or this one, under its modelled status."""
    modelled = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes}
    said = answer.headers.get("x-amzn-errortype")
    assert (said, answer.status) in modelled.items(), (answer.status, answer.body)
    assert answer.status < 500
    assert expected in (None, said)
    assert json.loads(answer.body)["Message"]


def test_what_is_not_there_is_not_found(boto: Any, caller: Caller, subtests: pytest.Subtests) -> None:
    for name in NAMES:
        if not EXAMPLES[name].missing:
            continue
        operation, members = arranged(boto, name)
        for change in EXAMPLES[name].missing:
            with subtests.test(f"{name}: {change}"):
                answer = caller.send(operation, {**members, **change})

                check_error(operation, answer, "ResourceNotFoundException")


def test_an_operation_that_can_miss_something_says_what(subtests: pytest.Subtests) -> None:
    """Those whose model lists ResourceNotFoundException, with nothing to miss here: each with its reason."""
    misses_nothing = {
        "CreateFunction": "it names layers only, and a layer that is not there is an invalid parameter, as on Lambda",
        "PublishLayerVersion": "it names nothing that must be there",
        "ListLayerVersions": "a layer without versions has an empty list, as on Lambda",
        "DeleteLayerVersion": "what is not there is deleted already, as on Lambda",
    }
    for name in NAMES:
        with subtests.test(name):
            listed = "ResourceNotFoundException" in {one.name for one in MODEL.operation_model(name).error_shapes}
            assert listed == (bool(EXAMPLES[name].missing) or name in misses_nothing)
