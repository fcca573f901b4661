"""Parses requests and renders answers of Lambda's operations, as botocore's model of the service describes them."""

import functools
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import botocore.session

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.lambda_api.members import checked, from_text

#: Locations in the model of members that travel as text.
_TEXTUAL = frozenset({"uri", "querystring", "header", "headers"})


class _Textual:
    """A member that travels as text in path, query or headers. Prepared once, since every call reads it."""

    def __init__(self, member: str, shape: Any) -> None:
        self.member, self.shape = member, shape
        self._location = _location(shape)
        self._wire = shape.serialization.get("name", member)
        self._header = self._wire.lower()
        self._is_list = shape.type_name == "list"

    def text(self, call: Call, names: Mapping[str, str]) -> Any:
        """Return its text in a call, a list of texts for a list, or None when it is absent."""
        if self._location == "uri":
            return names.get(self._wire)
        if self._location != "querystring":
            return call.header(self._header)
        if self._is_list and (every := [value for name, value in call.query if name == self._wire]):
            return every
        return call.parameter(self._wire)


class Operation:
    """One operation: its path and method, and how its request is parsed and its answer rendered."""

    def __init__(self, model: Any) -> None:
        self.name: str = model.name
        self.method: str = model.http["method"]
        uri, _, query = model.http["requestUri"].partition("?")
        self.path: str = uri.rstrip("/")
        self.query = dict(parse_qsl(query))  #: fixed; distinguishes it from another operation at its path
        self._status: int = model.http.get("responseCode", 200)
        self._input = model.input_shape
        self._output = model.output_shape
        members = self._input.members.items()
        self._textual = [_Textual(member, shape) for member, shape in members if _location(shape) in _TEXTUAL]
        self._has_body = any(not _location(shape) for _, shape in members)

    def is_meant(self, call: Call) -> bool:
        """Tell whether a call to its path and method has its fixed query."""
        return all(call.parameter(name) == value for name, value in self.query.items())

    def parse(self, call: Call, names: Mapping[str, str]) -> dict[str, Any]:
        """Return the members of a call, typed as in the model; raise InvalidParameterError for the first at fault."""
        found = {
            one.member: from_text(one.shape, text, one.member)
            for one in self._textual
            if (text := one.text(call, names)) is not None
        }
        if payload := self._input.serialization.get("payload"):
            found[payload] = call.body
        elif self._has_body:
            found |= self._body(call)
        members: dict[str, Any] = checked(self._input, found, "")
        return members

    def _body(self, call: Call) -> dict[str, Any]:
        """Return the members of the JSON body."""
        return call.json() if call.body else {}

    def render(self, members: Mapping[str, Any]) -> HttpAnswer:
        """Return the answer that carries these members."""
        shapes = self._output.members if self._output else {}
        headers, status = {}, self._status
        for name in [name for name in members if _location(shapes[name])]:
            location, value = _location(shapes[name]), members[name]
            if location == "statusCode":
                status = value
            elif value is not None:
                headers[shapes[name].serialization["name"]] = str(value)
        payload = self._output.serialization.get("payload") if self._output else None
        if payload:
            return json_answer(members[payload], status, headers)
        body = {name: _plain(shapes[name], value) for name, value in members.items() if not _location(shapes[name])}
        return json_answer(json.dumps(body, separators=(",", ":")) if self._output else "", status, headers)


def _location(shape: Any) -> str | None:
    location: str | None = shape.serialization.get("location")
    return location


def _plain(shape: Any, value: Any) -> Any:
    """Return a value as JSON carries it."""
    if value is None:
        return None
    if shape.type_name == "structure":
        return {name: _plain(shape.members[name], one) for name, one in value.items()}
    if shape.type_name == "list":
        return [_plain(shape.member, one) for one in value]
    if shape.type_name == "map":
        return {name: _plain(shape.value, one) for name, one in value.items()}
    if isinstance(value, datetime):
        return value.isoformat() if shape.serialization.get("timestampFormat") == "iso8601" else _epoch(value)
    return value


def _epoch(moment: datetime) -> float:
    seconds = moment.astimezone(UTC).timestamp()
    return math.floor(seconds * 1000) / 1000


@functools.cache
def operations() -> dict[str, Operation]:
    """Return every operation of the model by its name."""
    model = botocore.session.get_session().get_service_model("lambda")
    return {name: Operation(model.operation_model(name)) for name in model.operation_names}
