"""Reads typed models from requests and writes them as JSON: one TypedDict is all that is said of a body's members.

The OpenAPI schema of a model comes from the same TypedDict: see `schemas`. Of the libraries for this, pydantic would
add 10 MB to the Lambda's package, and msgspec's errors say neither what a member must be nor what to do. They are
TypedDicts, since seventy frozen dataclasses took an eighth of the app's import.
"""

import dataclasses
import functools
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, NotRequired, TypeVar

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError

T = TypeVar("T")

#: Characters of a refused name or value that an error repeats.
SHOWN_CHARS = 80

#: Type → what it is called in a sentence.
WORDS: Mapping[Any, str] = {int: "a whole number", bool: "true or false", str: "a text", float: "a number"}


@dataclass(frozen=True)
class Rule:
    """What a value must be besides its type, in words for the caller and in JSON Schema's keywords."""

    words: str
    keywords: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Says:
    """A sentence by which OpenAPI describes a member."""

    sentence: str


@dataclass(frozen=True)
class Member:
    """One member of a model. `hint` is its annotation."""

    name: str
    hint: Any
    required: bool


def one_of(*words: str) -> Rule:
    """Return the rule that a text is one of these words."""
    return Rule(_either(words), {"enum": [str(word) for word in words]})


def matching(pattern: str, words: str) -> Rule:
    """Return the rule that the whole of a text matches a regular expression."""
    return Rule(words, {"pattern": f"^(?:{pattern})$"})


def between(allowed: range, unit: str = "") -> Rule:
    """Return the rule that a number lies in this range."""
    first, last = allowed.start, allowed.stop - 1
    words = f"a whole number{f' of {unit}' if unit else ''} from {first} to {last}"
    return Rule(words, {"minimum": first, "maximum": last})


def is_model(kind: Any) -> bool:
    """Tell whether a type is a model: a TypedDict, or a value of the core."""
    return typing.is_typeddict(kind) or dataclasses.is_dataclass(kind)


def members_of(model: Any) -> tuple[Member, ...]:
    """Return the members of a model, in their order. A value of the core has all of them."""
    return _members_of(model)


@functools.cache
def _members_of(model: Any) -> tuple[Member, ...]:
    hints = typing.get_type_hints(model, include_extras=True)
    required = getattr(model, "__required_keys__", hints.keys())
    return tuple(Member(name, hint, required=name in required) for name, hint in hints.items())


def as_json(value: Any) -> str:
    """Return the JSON text of a model, or of anything made of models and JSON values."""
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else vars(value)


def body(call: Call, model: type[T]) -> T:
    """Read a request's JSON body; nothing stands for {}. Raises InvalidParameterError naming the member at fault."""
    return read(model, call.json() if call.body else {})


def query(call: Call, model: type[T]) -> T:
    """Read a request's query, each parameter from its text; raise InvalidParameterError naming the one at fault."""
    sent: dict[str, Any] = {}
    hints = {one.name: apart(one.hint) for one in members_of(model)}
    for name, text in call.query:
        kind = hints[name].kind if name in hints else str
        if typing.get_origin(kind) is tuple:
            sent.setdefault(name, []).append(text)
        else:
            sent[name] = _from_text(kind, text)
    return read(model, sent, what="parameter")


def _from_text(kind: Any, text: str) -> Any:
    is_number = kind is int and re.fullmatch(r"[0-9]{1,9}", text, re.ASCII)
    return int(text) if is_number else text


def read(model: type[T], sent: Mapping[str, Any], where: str = "", what: str = "member") -> T:
    """Return the model of these members; raise InvalidParameterError for the first at fault."""
    known = members_of(model)
    named = {name: value for name, value in sent.items() if value is not None}
    for name in named:
        if name not in {one.name for one in known}:
            names = ", ".join(one.name for one in known)
            raise InvalidParameterError(f"Unknown {what} {name[:SHOWN_CHARS]!r}; known: {names}")
    found = {one.name: checked(one.hint, named[one.name], where + one.name) for one in known if one.name in named}
    for one in known:
        if one.required and one.name not in found:
            raise InvalidParameterError(f"{where}{one.name} is missing: it must be {_words(apart(one.hint))}")
    return typing.cast(T, found)


@dataclass(frozen=True)
class Apart:
    """An annotation taken apart. `kind` is a class, a generic alias or Any."""

    kind: Any
    rules: tuple[Rule, ...] = ()
    says: str = ""
    nullable: bool = False


@functools.cache
def apart(hint: Any) -> Apart:
    """Take an annotation apart into its type, the rules on it, its description, and whether it may be null."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is NotRequired:
        return apart(arguments[0])
    if origin is Annotated:
        return _annotated(apart(arguments[0]), arguments[1:])
    if type(None) in arguments:
        [inner] = [one for one in arguments if one is not type(None)]
        return dataclasses.replace(apart(inner), nullable=True)
    return Apart(hint)


def _annotated(inner: Apart, metadata: Sequence[Any]) -> Apart:
    rules = tuple(one for one in metadata if isinstance(one, Rule))
    says = next((one.sentence for one in metadata if isinstance(one, Says)), inner.says)
    return dataclasses.replace(inner, rules=(*rules, *inner.rules), says=says)


def checked(hint: Any, value: Any, where: str) -> Any:
    """Return the value that a JSON value stands for; raise InvalidParameterError when it is not as annotated."""
    one = apart(hint)
    read_kind = _reader(one.kind)
    found = read_kind(one, value, where)
    if not all(_obeys(value, rule.keywords) for rule in one.rules):
        raise _refused(one, value, where)
    return found


def _reader(kind: Any) -> Callable[[Apart, Any, str], Any]:
    if kind is Any:
        return _anything
    if is_model(kind):
        return _object
    return _CONTAINERS.get(typing.get_origin(kind), _scalar)


def _anything(_one: Apart, value: Any, _where: str) -> Any:
    return value


def _object(one: Apart, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _refused(one, value, where)
    return read(one.kind, value, f"{where}.")


def _list(one: Apart, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _refused(one, value, where)
    return tuple(checked(typing.get_args(one.kind)[0], inner, f"{where}[{n}]") for n, inner in enumerate(value))


def _map(one: Apart, value: Any, where: str) -> dict[str, Any]:
    inner = typing.get_args(one.kind)[1]
    if not isinstance(value, dict):
        raise _refused(one, value, where)
    for name, inner_value in value.items():
        if not _fits(inner, inner_value):
            raise InvalidParameterError(f"{where} must be {_words(one)}; {name[:SHOWN_CHARS]!r} has another value")
    return value


def _scalar(one: Apart, value: Any, where: str) -> Any:
    if isinstance(one.kind, type) and issubclass(one.kind, StrEnum):
        if value not in list(one.kind):
            raise _refused(one, value, where)
        return one.kind(value)
    # Exact, since JSON's true would pass for a number; but JSON writes 1.0 as 1.
    if type(value) is not one.kind and (one.kind is not float or type(value) is not int):
        raise _refused(one, value, where)
    return value


_CONTAINERS: Mapping[Any, Callable[[Apart, Any, str], Any]] = {tuple: _list, Sequence: _list, Mapping: _map}


def _fits(hint: Any, value: Any) -> bool:
    """Tell whether a value of an object is as annotated; null is, where None may be."""
    if value is None:
        return apart(hint).nullable
    try:
        checked(hint, value, "")
    except InvalidParameterError:
        return False
    return True


def _obeys(value: Any, keywords: Mapping[str, Any]) -> bool:
    """Tell whether a value is as JSON Schema's keywords say."""
    return all(_TESTS[name](value, limit) for name, limit in keywords.items() if name in _TESTS)


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, least: value >= least,
    "maximum": lambda value, most: value <= most,
    "minLength": lambda value, least: len(value) >= least,
    "maxLength": lambda value, most: len(value) <= most,
    "minItems": lambda value, least: len(value) >= least,
    "maxItems": lambda value, most: len(value) <= most,
    "enum": lambda value, words: value in words,
    "pattern": lambda value, pattern: re.fullmatch(pattern, value, re.ASCII) is not None,
}


def _words(one: Apart) -> str:
    """Say what a value must be."""
    if one.rules:
        return one.rules[0].words
    if isinstance(one.kind, type) and issubclass(one.kind, StrEnum):
        return _either([str(word) for word in one.kind])
    if typing.get_origin(one.kind) is tuple:
        return "a list"
    if typing.get_origin(one.kind) is Mapping:
        return "an object of texts"
    return WORDS.get(one.kind, "an object")


def _either(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _refused(one: Apart, value: Any, where: str) -> InvalidParameterError:
    return InvalidParameterError(f"{where} must be {_words(one)}, not {json.dumps(value)[:SHOWN_CHARS]}")
