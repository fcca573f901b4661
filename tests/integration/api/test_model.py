"""Every operation that is offered, driven from botocore's model of Lambda: what it takes, gives and refuses.

The calls are in `model_calls`. Whatever a member's shape rules out (its type, its limits, its absence) is made here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
import botocore.utils
import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from chalicelib import limits
from chalicelib.lambda_api.offered import OFFERED, RUNNING

from tests.apigateway import Answer, Gateway
from tests.integration.api.model_calls import ARN, CALLS, LAYER_ARN, WORLD, Step, Valid

pytestmark = [pytest.mark.aws, pytest.mark.redis]

MODEL = botocore.session.get_session().get_service_model("lambda")
NAMES = sorted(OFFERED.keys() | RUNNING.keys())

#: What changes nothing can be asked of one and the same function after the other.
READS = ("Get", "List")

#: So can what is refused; first what needs nothing made before, or a conflict with that could hide why it is refused.
BARE_FIRST = sorted((name for name in NAMES if name in CALLS), key=lambda name: bool(CALLS[name].before))

#: Where a member's range here is another than the model's: what is just outside of it instead.
OURS: Mapping[str, list[Any]] = {
    "MemorySize": [limits.MEMORY_MB.start - 1, limits.MEMORY_MB.stop],
    "Timeout": [limits.TIMEOUT_S.start - 1, limits.TIMEOUT_S.stop],
    "Runtime": ["python2.7", "python3.11 "],
    "Role": ["x" * 2049],
    "ClientContext": ["no base64"],
    "FunctionName": ["x" * 65, "a b", "a:b:c:d", "arn:aws:s3:::bucket"],
}

#: Wrong for a type, as JSON carries it.
MISTYPED: Mapping[str, list[Any]] = {
    "string": [7, ["x"]],
    "integer": ["7", 1.5, True],
    "long": ["7", 1.5, True],
    "double": ["0.5", True],
    "boolean": ["true", 1],
    "structure": ["x", []],
    "map": ["x", []],
    "list": ["x", {}],
    "blob": [7, "~ no base64 ~"],
}

#: Texts that most patterns do not match.
ODD = ["", " ", "a b", "!", "é", "x\n", "$"]

TEXTUAL = {"uri", "querystring", "header"}


class World:
    """A tenant with the function `hello`."""

    def __init__(self, gateway: Gateway, boto: Any, key: dict[str, str]) -> None:
        self._gateway = gateway
        self._key = key
        self.boto = boto
        self.raw: list[bytes] = []
        self._made: list[Step] = []
        boto.meta.events.register(
            "after-call.lambda", lambda http_response, **_: self.raw.append(http_response.content)
        )
        self.arn = ""
        for step in WORLD:
            self.call(step)
        self.arn = str(boto.get_function_configuration(FunctionName="hello")["FunctionArn"])

    def call(self, step: Step) -> dict[str, Any]:
        """Make a call by boto3 and give its answer as botocore's parser reads it."""
        operation, members = step
        answer: dict[str, Any] = self.boto._make_api_call(operation, self.named(members))
        return answer

    def prepared(self, operation: str) -> Valid:
        """Make what an operation's call needs, unless it was made before, and give the call."""
        valid = CALLS[operation]
        for step in valid.before:
            if step not in self._made:
                self._made.append(step)
                self.call(step)
        return valid

    def named(self, members: Mapping[str, Any]) -> dict[str, Any]:
        spelt = {ARN: self.arn, LAYER_ARN: self.arn.replace(":function:hello", ":layer:wares:1")}
        return {name: spelt.get(str(value), value) for name, value in members.items()}

    def send(self, operation: str, members: Mapping[str, Any], wrong: Mapping[str, Any] | None = None) -> Answer:
        """Send a request as botocore makes it, with some members in it that botocore would not let through."""
        model = MODEL.operation_model(operation)
        wrong = wrong or {}
        in_path = {name: value for name, value in wrong.items() if _location(model, name) == "uri"}
        request = create_serializer("rest-json", include_validation=False).serialize_to_request(
            {**self.named(members), **in_path}, model
        )
        for name, value in wrong.items():
            _mutate(request, model, name, value)
        query = "&".join(f"{name}={_quoted(value)}" for name, value in request["query_string"].items())
        path, _, fixed = request["url_path"].partition("?")
        url = f"{path}?{'&'.join(part for part in (fixed, query) if part)}"
        return self._gateway.send(request["method"], url, request["body"] or b"", {**self._key, **request["headers"]})


MISSING = object()


def _mutate(request: dict[str, Any], model: Any, name: str, value: Any) -> None:
    shape = model.input_shape.members[name]
    wire, location = shape.serialization.get("name", name), _location(model, name)
    if location in ("querystring", "header"):
        place = request["query_string" if location == "querystring" else "headers"]
        place.pop(wire, None)
        if value is not MISSING:
            place[wire] = value
    elif location is None:
        body = json.loads(request["body"] or b"{}")
        body.pop(name, None)
        if value is not MISSING:
            body[name] = value
        request["body"] = json.dumps(body).encode()


def _location(model: Any, name: str) -> str | None:
    location: str | None = model.input_shape.members[name].serialization.get("location")
    return location


def _quoted(value: Any) -> str:
    return str(botocore.utils.percent_encode(str(value)))


@pytest.fixture
def world(gateway: Gateway, boto: Any, key: dict[str, str]) -> World:
    return World(gateway, boto, key)


def test_every_offered_operation_has_a_call_and_no_other() -> None:
    missing, stale = sorted(set(NAMES) - CALLS.keys()), sorted(CALLS.keys() - set(NAMES))

    assert not missing, f"CALLS in model_calls.py lacks {', '.join(missing)}: add a valid call of each"
    assert not stale, f"CALLS in model_calls.py has calls of what is not offered: {', '.join(stale)}"


@pytest.mark.parametrize("operation", [name for name in NAMES if not name.startswith(READS)])
def test_a_valid_call_is_answered_as_the_model_says(world: World, operation: str) -> None:
    assert_answered_as_modelled(world, operation)


def test_a_valid_call_that_reads_is_answered_as_the_model_says(world: World, subtests: pytest.Subtests) -> None:
    for operation in [name for name in NAMES if name.startswith(READS)]:
        with subtests.test(operation):
            assert_answered_as_modelled(world, operation)


def assert_answered_as_modelled(world: World, operation: str) -> None:
    valid = world.prepared(operation)
    model = MODEL.operation_model(operation)

    answer = world.call((operation, valid.members))

    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == answer.get("StatusCode", model.http.get("responseCode", 200))
    if model.output_shape is None or model.output_shape.serialization.get("payload"):
        return
    given = json.loads(world.raw[-1] or b"{}")
    assert _unknown(model.output_shape, given) == []
    assert _unfit(model.output_shape, answer) == []
    errors = ParamValidator().validate({**answer, **dict.fromkeys(valid.left_out, "x")}, model.output_shape)
    assert not errors.has_errors(), errors.generate_report()


def test_what_the_model_rules_out_is_refused_as_the_model_says(world: World, subtests: pytest.Subtests) -> None:
    for operation in BARE_FIRST:
        with subtests.test(operation):
            assert_refused_as_modelled(world, operation)


def assert_refused_as_modelled(world: World, operation: str) -> None:
    valid = world.prepared(operation)
    model = MODEL.operation_model(operation)
    modelled = {shape.name for shape in model.error_shapes}

    wrongly: list[Any] = []
    tried = 0
    for name, value in _invalid_members(model):
        answer = world.send(operation, valid.members, {name: value})
        tried += 1
        kind = answer.headers.get("x-amzn-errortype")
        if not (400 <= answer.status < 500 and kind in modelled):
            wrongly.append((name, str(value)[:80], answer.status, kind, answer.body[:120]))

    assert wrongly == []
    assert tried or not model.input_shape.members


def test_a_function_that_is_not_there_is_not_found(world: World, subtests: pytest.Subtests) -> None:
    for operation in BARE_FIRST:
        if CALLS[operation].names:
            with subtests.test(operation):
                assert_not_found(world, operation)


def assert_not_found(world: World, operation: str) -> None:
    valid = world.prepared(operation)
    name = str(valid.names)
    absent = "absent" if name == "FunctionName" else world.arn.replace("hello", "absent")

    answer = world.send(operation, {**valid.members, name: absent})

    assert "ResourceNotFoundException" in {shape.name for shape in MODEL.operation_model(operation).error_shapes}
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert set(answer.json) >= {"Type", "Message"}


def test_a_body_that_is_no_object_and_a_member_nobody_knows_are_refused(
    world: World, subtests: pytest.Subtests
) -> None:
    for operation in ("CreateFunction", "PublishVersion", "UpdateAlias"):
        model = MODEL.operation_model(operation)
        request = create_serializer("rest-json").serialize_to_request(world.named(CALLS[operation].members), model)
        path, method = request["url_path"], request["method"]

        for body in (b"[]", b"{", b'"x"', b'{"Unheard": 1}', b"nul"):
            with subtests.test(operation, body=body):
                answer = world._gateway.send(method, path, body, world._key)
                assert answer.status == 400, (body, answer)


def _invalid_members(model: Any) -> Iterator[tuple[str, Any]]:
    """Give every member with each value that its shape rules out, as far as its place can carry it."""
    for name, shape in model.input_shape.members.items():
        location = _location(model, name)
        if model.input_shape.serialization.get("payload") == name:
            continue
        if name in model.input_shape.required_members and location != "uri":
            yield name, MISSING
        values = OURS.get(name) or list(_invalid(shape, 0, textual=location in TEXTUAL))
        yield from ((name, value) for value in values if location not in TEXTUAL or _travels(location, value))


def _travels(location: str | None, value: Any) -> bool:
    """A path that lacks a part is another path, a header holds no break, an empty text counts as left out."""
    return isinstance(value, str) and value != "" and value.isascii() and "\n" not in value


def _invalid(shape: Any, depth: int, *, textual: bool = False) -> Iterator[Any]:
    """Give values that a shape rules out."""
    if textual:
        yield from {"integer": ["x", "1.5", "-"], "long": ["x"], "boolean": ["x", "1"]}.get(shape.type_name, [])
    else:
        yield from MISTYPED.get(shape.type_name, [])
    yield from (str(value) if textual else value for value in _outside(shape))
    if depth < 3 and not textual:
        yield from _inside(shape, depth)


def _outside(shape: Any) -> Iterator[Any]:
    rules = shape.metadata
    least, most = rules.get("min"), rules.get("max")
    if shape.type_name in ("integer", "long", "double"):
        yield from ([least - 1] if least is not None else []) + ([most + 1] if most is not None else [])
    if shape.type_name == "string":
        yield from ["x" * (most + 1)] if most is not None and most <= 2048 else []
        yield from ["~"] if "enum" in rules else []
        if "pattern" in rules:
            fitting = [odd for odd in ODD if least is None or len(odd) >= least]
            yield from [odd for odd in fitting if not _matches(rules["pattern"], odd)][:2]
    if shape.type_name == "list" and most is not None and most <= 100 and shape.member.type_name == "string":
        yield ["a"] * (most + 1)


def _inside(shape: Any, depth: int) -> Iterator[Any]:
    if shape.type_name == "structure":
        if shape.required_members:
            yield {}
        for name, member in shape.members.items():
            yield from ({name: value} for value in _invalid(member, depth + 1))
    if shape.type_name == "list":
        yield from ([value] for value in _invalid(shape.member, depth + 1))
    if shape.type_name == "map":
        key = "1" if shape.key.metadata.get("pattern") == "[0-9]+" else "Some_key"
        yield from ({key: value} for value in _invalid(shape.value, depth + 1))


def _unknown(shape: Any, value: Any, where: str = "") -> list[str]:
    """Give the places of members that the model does not know."""
    if shape.type_name == "structure":
        unknown = [f"{where}.{name}" for name in value if name not in shape.members]
        inner = [(shape.members[name], one, name) for name, one in value.items() if name in shape.members]
    else:
        unknown, inner = [], _items(shape, value)
    return unknown + [place for member, one, name in inner for place in _unknown(member, one, f"{where}.{name}")]


def _unfit(shape: Any, value: Any, where: str = "") -> list[str]:
    """Give the places of texts that do not obey the model's enums and patterns."""
    unfit: list[str] = []
    if isinstance(value, str):
        rules = shape.metadata
        if value not in rules.get("enum", [value]) or not _matches(rules.get("pattern", ""), value):
            unfit.append(f"{where}: {value!r}")
    if shape.type_name == "structure":
        inner = [(shape.members[name], one, name) for name, one in value.items()]
    else:
        inner = _items(shape, value)
    return unfit + [place for member, one, name in inner for place in _unfit(member, one, f"{where}.{name}")]


def _matches(pattern: str, text: str) -> bool:
    """Tell whether a text obeys a pattern; one with Java's classes of letters, which Python does not know, fits all."""
    return not pattern or "\\p" in pattern or bool(re.fullmatch(pattern, text, re.ASCII | re.DOTALL))


def _items(shape: Any, value: Any) -> list[tuple[Any, Any, str]]:
    if shape.type_name == "list":
        return [(shape.member, one, str(n)) for n, one in enumerate(value)]
    if shape.type_name == "map":
        return [(shape.value, one, name) for name, one in value.items()]
    return []
