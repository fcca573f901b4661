"""Checks the members of a request against a shape of botocore's model: types and limits."""

import base64
import binascii
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib import limits
from chalicelib.errors import InvalidParameterError, TooLargeError

#: Members of which only the type is checked here: the use-cases have limits of their own, with better error texts.
OWN_RULES = frozenset(
    {"FunctionName", "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Marker"}
    | {"ClientContext", "Environment", "InvocationType", "TagKeys", "Tags"}
)

#: Type in the model → its JSON type, and what it is called in an error.
_KINDS: dict[str, tuple[type, str]] = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "long": (int, "a whole number"),
    "double": (float, "a number"),
    "boolean": (bool, "true or false"),
    "structure": (dict, "an object"),
    "map": (dict, "an object of texts"),
    "list": (list, "a list"),
    "blob": (str, "base64"),
}


def from_text(shape: Any, text: Any, where: str) -> Any:
    """Parse a text from path, query or header; raise InvalidParameterError."""
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise _refused(where, f"must be a whole number, not {text!r}")
        return int(text)
    if shape.type_name == "boolean":
        if text not in ("true", "false"):
            raise _refused(where, f"must be true or false, not {text!r}")
        return text == "true"
    return text


def checked(shape: Any, value: Any, where: str) -> Any:
    """Return `value` with blobs decoded; raise InvalidParameterError naming the first member that does not fit."""
    if shape.type_name == "blob" and isinstance(value, bytes):
        return value
    if shape.type_name == "double" and type(value) is int:  # JSON writes 1.0 as 1
        value = float(value)
    kind, spelt = _KINDS.get(shape.type_name, (object, "something else"))
    if kind is not object and type(value) is not kind:  # exact: JSON's true would pass for a number
        raise _refused(where, f"must be {spelt}")
    _check_limits(shape, value, where)
    inner: Callable[[Any, Any, str], Any] = _INNER.get(shape.type_name, _itself)
    return inner(shape, value, where)


def _itself(_shape: Any, value: Any, _where: str) -> Any:
    return value


def _structure(shape: Any, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    for name in shape.required_members:
        if value.get(name) is None:
            raise _refused(_inside(where, name), "is missing")
    found = {}
    for name, one in value.items():
        if one is None:  # Lambda's clients send null for members that are left out
            continue
        if name not in shape.members:
            raise _refused(_inside(where, name), "is not known; leave it out")
        found[name] = checked(shape.members[name], one, _inside(where, name))
    return found


def _list(shape: Any, value: list[Any], where: str) -> list[Any]:
    return [checked(shape.member, one, f"{where}[{n}]") for n, one in enumerate(value)]


def _map(shape: Any, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        checked(shape.key, name, f"{where}.{name}"): checked(shape.value, one, f"{where}.{name}")
        for name, one in value.items()
    }


def _blob(_shape: Any, value: str, where: str) -> bytes:
    if len(value) > limits.MAX_ZIP_BYTES * 4 // 3 + 4:
        raise TooLargeError(f"{where} has more than the {limits.MAX_ZIP_BYTES} bytes that are allowed")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(where, "must be in base64") from None


_INNER: dict[str, Callable[[Any, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "blob": _blob,
}


def _check_limits(shape: Any, value: Any, where: str) -> None:
    if re.split(r"[.\[]", where, maxsplit=1)[0] in OWN_RULES:
        return
    rules = shape.metadata
    is_number = isinstance(value, int | float)
    size = value if is_number else len(value)
    what = "" if is_number else " in length"
    if size < rules.get("min", size) or size > rules.get("max", size):
        raise _refused(where, f"must be {_range(rules)}{what}, not {size}")
    if "enum" in rules and value not in rules["enum"]:
        raise _refused(where, f"must be one of {', '.join(rules['enum'])}, not {value!r}")
    if "pattern" in rules and not _compiled(rules["pattern"]).fullmatch(value):
        raise _refused(where, f"must match {rules['pattern']}, which {value!r} does not")


def _range(rules: Mapping[str, Any]) -> str:
    least, most = rules.get("min"), rules.get("max")
    if least is None or most is None:
        return f"{least} or more" if most is None else f"{most} or less"
    return f"{least} to {most}"


@functools.cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern, re.ASCII)


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _refused(where: str, sentence: str) -> InvalidParameterError:
    return InvalidParameterError(f"{where or 'The request'} {sentence}")
