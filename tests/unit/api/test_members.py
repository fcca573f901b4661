"""Models of the REST API: how they are read, what is said of what is wrong, and the schemas that they have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError, InvalidRequestContentError
from chalicelib.rest_api import bodies, kinds, models
from chalicelib.rest_api.members import Rule, Says, as_json, between, body, matching, members_of, one_of, query, read
from chalicelib.rest_api.schemas import components, schema_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(TypedDict):
    """What lies within."""

    size: Annotated[int, between(range(1, 4), "bytes")]


class Outer(TypedDict):
    """All kinds of members."""

    name: Annotated[str, matching("[a-z]+", "small letters, such as abc")]
    colour: NotRequired[Colour]
    inner: NotRequired[Inner]
    few: NotRequired[Annotated[tuple[str, ...], Rule("a list of 1 or 2 texts", {"minItems": 1, "maxItems": 2})]]
    labels: NotRequired[Mapping[str, str]]
    changes: NotRequired[Mapping[str, str | None]]
    share: NotRequired[kinds.Weight]
    on: NotRequired[bool]
    any: NotRequired[Any]
    kind: NotRequired[Annotated[str, one_of("a", "b", "c")]]


@dataclass(frozen=True)
class Value:
    """A value of the core."""

    count: int
    reason: str | None = None


def call(text: str = "", pairs: tuple[tuple[str, str], ...] = ()) -> Call:
    return Call(
        method="PUT", path="/", query=pairs, headers={}, body=text.encode(), source_ip="192.0.2.1", request_id="r"
    )


def test_members_are_given_as_they_were_sent_and_null_counts_as_left_out() -> None:
    sent = {"name": "abc", "colour": "red", "inner": {"size": 3}, "few": ["x"], "share": 1, "on": False, "any": [None]}

    found = body(call(json.dumps({**sent, "labels": None})), Outer)

    assert found == {**sent, "few": ("x",)}
    assert found["colour"] is Colour.RED


@pytest.mark.parametrize(
    ("member", "value", "sentence"),
    [
        ("name", 5, "name must be small letters, such as abc, not 5"),
        ("name", "ABC", 'name must be small letters, such as abc, not "ABC"'),
        ("name", "abc\n", 'name must be small letters, such as abc, not "abc\\n"'),
        ("name", None, "name is missing: it must be small letters, such as abc"),
        ("colour", "green", 'colour must be red or blue, not "green"'),
        ("kind", "d", 'kind must be a, b or c, not "d"'),
        ("inner", [], "inner must be an object, not []"),
        ("inner", {}, "inner.size is missing: it must be a whole number of bytes from 1 to 3"),
        ("inner", {"size": 0}, "inner.size must be a whole number of bytes from 1 to 3, not 0"),
        ("inner", {"size": 4}, "inner.size must be a whole number of bytes from 1 to 3, not 4"),
        ("inner", {"size": True}, "inner.size must be a whole number of bytes from 1 to 3, not true"),
        ("inner", {"width": 1}, "Unknown member 'width'; known: size"),
        ("few", [], "few must be a list of 1 or 2 texts, not []"),
        ("few", ["a", "b", "c"], 'few must be a list of 1 or 2 texts, not ["a", "b", "c"]'),
        ("few", ["a", 1], "few[1] must be a text, not 1"),
        ("labels", {"a": 1}, "labels must be an object of texts; 'a' has another value"),
        ("labels", {"a": None}, "labels must be an object of texts; 'a' has another value"),
        ("labels", ["a"], 'labels must be an object of texts, not ["a"]'),
        ("changes", {"a": 1}, "changes must be an object of texts; 'a' has another value"),
        ("share", 1.5, "share must be a number from 0 to 1, not 1.5"),
        ("share", "1", 'share must be a number from 0 to 1, not "1"'),
        ("on", "yes", 'on must be true or false, not "yes"'),
        ("nme", 1, "Unknown member 'nme'; known: name, colour, "),
    ],
)
def test_an_error_names_the_member_and_says_what_it_must_be(member: str, value: Any, sentence: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        read(Outer, {"name": "abc", member: value})

    assert str(refused.value).startswith(sentence)


def test_a_refused_value_is_repeated_only_so_far() -> None:
    with pytest.raises(InvalidParameterError) as refused:
        read(Outer, {"name": "A" * 10_000})

    assert len(str(refused.value)) < 200


def test_a_null_in_an_object_is_read_where_it_may_be() -> None:
    assert read(Outer, {"name": "abc", "changes": {"a": None, "b": "x"}})["changes"] == {"a": None, "b": "x"}


def test_an_empty_body_stands_for_no_members_and_what_is_no_object_is_refused() -> None:
    assert body(call(), bodies.Publication) == {}
    with pytest.raises(InvalidRequestContentError):
        body(call("[]"), bodies.Publication)


def test_a_query_is_read_from_its_texts() -> None:
    pairs = (("memory_mb", "128"), ("env", "A=1"), ("env", "B=x=y\n"), ("handler", "5"))

    assert query(call(pairs=pairs), bodies.FunctionUpload) == {
        "memory_mb": 128,
        "env": ("A=1", "B=x=y\n"),
        "handler": "5",
    }


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("memory_mb", "many"), 'memory_mb must be a whole number of MB from 64 to 10240, not "many"'),
        (("memory_mb", ""), 'memory_mb must be a whole number of MB from 64 to 10240, not ""'),
        (("env", "NAME"), 'env[0] must be NAME=value, not "NAME"'),
        (("memory", "128"), "Unknown parameter 'memory'; known: runtime, handler, memory_mb, "),
    ],
)
def test_an_error_in_a_query_names_the_parameter(pair: tuple[str, str], sentence: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        query(call(pairs=(pair,)), bodies.FunctionUpload)

    assert str(refused.value).startswith(sentence)


def test_answers_are_written_with_the_values_of_the_core_in_them() -> None:
    assert as_json({"value": Value(1), "colour": Colour.RED}) == '{"value":{"count":1,"reason":null},"colour":"red"}'


def test_a_schema_has_the_rules_that_a_value_is_read_by() -> None:
    assert schema_of(Outer.__annotations__["name"]) == {"type": "string", "pattern": "^(?:[a-z]+)$"}
    assert schema_of(kinds.Weight | None) == {
        "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]
    }
    assert schema_of(Annotated[int, Says("How many.")]) == {"type": "integer", "description": "How many."}


def test_the_schemas_of_a_model_are_those_of_all_that_it_leads_to() -> None:
    found = components([Outer, Value])

    assert found.keys() == {"Outer", "Inner", "Value"}
    assert found["Outer"]["required"] == ["name"]
    assert found["Outer"]["properties"]["inner"] == {"$ref": "#/components/schemas/Inner"}
    assert found["Value"]["required"] == ["count", "reason"]
    assert found["Inner"]["description"] == "What lies within."


def test_two_models_of_one_name_cannot_both_be_described() -> None:
    class Inner(TypedDict):
        """Another one."""

        width: int

    with pytest.raises(ValueError, match="two models are called Inner"):
        components([Outer, Inner])


def test_every_member_of_every_model_has_a_schema() -> None:
    for model in [one for module in (models, bodies) for one in vars(module).values() if isinstance(one, type)]:
        for member in members_of(model):
            assert isinstance(schema_of(member.hint), dict)
