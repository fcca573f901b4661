"""Encodes contract values as JSON text and decodes them, checking every field.

A value travels as one JSON object with its schema number. A reader ignores fields that it does not know and fills
missing ones from the defaults, so that an older controller and a newer worker understand each other.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from shared_lua.contract import ContractError

#: Raised by one only when an older reader could no longer make sense of a value.
SCHEMA = 1

T = TypeVar("T")

#: Made once, and of `vars` where `asdict` copies everything: each admission writes an Invocation, and most are refused.
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=vars)
#: What is in JSON as it is in a value.
_PLAIN = frozenset({str, int, bool, type(None)})


def encode(value: Any) -> str:
    """Give the JSON text of a contract value."""
    return _JSON.encode({"schema": SCHEMA, **vars(value)})


def decode(kind: type[T], text: str) -> T:
    """Give the `kind` value that `text` holds; raise ContractError with the field's name when it does not hold one."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{kind.__name__}: not JSON ({error})") from None
    if isinstance(data, dict) and data.get("schema", SCHEMA) != SCHEMA:
        raise ContractError(f"{kind.__name__}: schema {data['schema']!r}, this side reads {SCHEMA}")
    value: T = _build(kind, data, kind.__name__)
    return value


def _build(kind: Any, data: Any, where: str) -> Any:
    """Turn decoded JSON into a value of the annotated type `kind`."""
    origin = typing.get_origin(kind)
    if _is_union(kind):
        inner = next(k for k in typing.get_args(kind) if k is not type(None))
        return None if data is None else _build(inner, data, where)
    if origin is Mapping:
        return _build_mapping(data, where)
    if origin is tuple:
        return _build_tuple(typing.get_args(kind)[0], data, where)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, data, where)
    if issubclass(kind, StrEnum) and data in list(kind):
        return kind(data)
    if type(data) is not kind:  # exact: a bool is an int to isinstance, and must not pass for one
        raise ContractError(f"{where}: expected {kind.__name__}, got {type(data).__name__}")
    return data


def _build_mapping(data: Any, where: str) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(x, str) for pair in data.items() for x in pair):
        raise ContractError(f"{where}: expected an object of strings")
    return data


def _build_tuple(kind: Any, data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ContractError(f"{where}: expected a list, got {type(data).__name__}")
    return tuple(_build(kind, item, f"{where}[{n}]") for n, item in enumerate(data))


def _build_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ContractError(f"{where}: expected an object, got {type(data).__name__}")
    known = {}
    for name, (hint, plain) in _fields(kind).items():
        if name in data:
            value = data[name]
            known[name] = value if type(value) in plain else _build(hint, value, f"{where}.{name}")
    try:
        return kind(**known)
    except TypeError as error:  # a field without a default is missing
        raise ContractError(f"{where}: {error}") from None


@functools.cache
def _fields(kind: type) -> dict[str, tuple[Any, frozenset[Any]]]:
    """Give each field's type, and the types of a value that is right as it stands.

    Once a type: to resolve annotations on every message would cost more than the rest of decoding.
    """
    return {name: (hint, _PLAIN.intersection(_kinds(hint))) for name, hint in typing.get_type_hints(kind).items()}


def _kinds(hint: Any) -> Sequence[Any]:
    return typing.get_args(hint) if _is_union(hint) else [hint]


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (types.UnionType, typing.Union)
