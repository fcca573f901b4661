"""The JSON Schemas of the REST API's models, made from the same dataclasses that read requests and write answers."""

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from chalicelib.rest_api.members import apart, is_model, members_of

#: A JSON Schema, or another object of an OpenAPI document.
Schema = Mapping[str, Any]

#: JSON Schema's words for the types of Python.
TYPES: Mapping[Any, str] = {int: "integer", bool: "boolean", str: "string", float: "number"}


def schema_of(hint: Any) -> Schema:
    """Return the schema of an annotation; a model's is a reference to `components`."""
    one = apart(hint)
    schema = dict(_of_kind(one.kind))
    for rule in reversed(one.rules):
        schema |= rule.keywords
    schema = {"anyOf": [schema, {"type": "null"}]} if one.nullable else schema
    return {**schema, "description": one.says} if one.says else schema


def components(hints: Iterable[Any]) -> dict[str, Schema]:
    """Return the schemas of all models that annotations lead to, by name; raise ValueError when two have one name."""
    found: dict[str, type] = {}
    for model in (model for hint in hints for model in _models(hint)):
        if found.setdefault(model.__name__, model) is not model:
            raise ValueError(f"two models are called {model.__name__}")
    return {name: _object(model) for name, model in sorted(found.items())}


def _of_kind(kind: Any) -> Schema:
    if make := _GENERICS.get(typing.get_origin(kind)):
        return make(typing.get_args(kind))
    if is_model(kind):
        return {"$ref": f"#/components/schemas/{kind.__name__}"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": sorted(str(word) for word in kind)}
    return {"type": TYPES[kind]} if kind in TYPES else {}


def _array(arguments: Sequence[Any]) -> Schema:
    return {"type": "array", "items": schema_of(arguments[0])}


_GENERICS: Mapping[Any, Callable[[Sequence[Any]], Schema]] = {
    types.UnionType: lambda arguments: {"anyOf": [schema_of(one) for one in arguments]},
    dict: lambda _: {"type": "object"},
    Mapping: lambda arguments: {"type": "object", "additionalProperties": schema_of(arguments[1])},
    tuple: _array,
    Sequence: _array,
}


def _object(model: type) -> Schema:
    members = members_of(model)
    return {
        "type": "object",
        "description": str(model.__doc__).partition("\n")[0],
        "properties": {one.name: schema_of(one.hint) for one in members},
        "required": [one.name for one in members if one.required],
    }


def _models(hint: Any) -> Iterator[type]:
    kind = apart(hint).kind
    if is_model(kind):
        yield kind
        for one in members_of(kind):
            yield from _models(one.hint)
    for inner in typing.get_args(kind):
        if inner is not Ellipsis:
            yield from _models(inner)
