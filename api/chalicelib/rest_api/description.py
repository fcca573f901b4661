"""The values that describe one route of the REST API for OpenAPI."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.http_answer import JSON
from chalicelib.rest_api.members import apart, members_of
from chalicelib.rest_api.schemas import Schema, schema_of


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter in the path, the query or a header."""

    name: str
    says: str
    schema: Schema


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a caller sends: JSON that is read by `model`, or bytes of another content type."""

    says: str
    model: Any = None
    content_type: str = JSON

    @property
    def schema(self) -> Schema:
        """The schema of the content."""
        return {"type": "string", "format": "binary"} if self.model is None else schema_of(self.model)


@dataclass(frozen=True, kw_only=True)
class ResponseDescription:
    """An answer of a route: its content by content type, as annotations, and its headers by name."""

    says: str
    content: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Described:
    """One route. `answers` are by status; `errors` are the statuses of those errors that not every route has.

    Its summary is the docstring of its view, its path's parameters are known by their names, and its authentication,
    with the errors that go with it, follows from the table that it stands in.
    """

    answers: Mapping[int, ResponseDescription]
    errors: tuple[int, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None

    def models(self) -> list[Any]:
        """Return the annotations of all that its answers and its body are made of."""
        return [
            *(hint for answer in self.answers.values() for hint in answer.content.values()),
            *([self.body.model] if self.body and self.body.model else []),
        ]


def shows(says: str, model: Any, **headers: Schema) -> ResponseDescription:
    """Describe the answer that shows this model as JSON; header names are written with underscores."""
    return ResponseDescription(
        says=says,
        content={JSON: model},
        headers={name.replace("_", "-"): header for name, header in headers.items()},
    )


def says_nothing(says: str) -> ResponseDescription:
    """Describe the answer without a body."""
    return ResponseDescription(says=says)


def header(says: str, schema: Schema, *, always: bool = True) -> Schema:
    """Describe a header of an answer."""
    return {"description": says, "schema": schema, "required": always}


def parameters(model: type) -> tuple[Parameter, ...]:
    """Describe the query that this model reads."""
    return tuple(
        Parameter(name=one.name, says=apart(one.hint).says, schema=schema_of(one.hint)) for one in members_of(model)
    )
