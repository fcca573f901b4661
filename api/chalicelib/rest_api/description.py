"""What is said of one route of door 2 in its OpenAPI description; never how the document is put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A JSON Schema, or another object of an OpenAPI document.
Schema = Mapping[str, Any]

JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Something that a caller may say in the query or in a header."""

    name: str
    says: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a caller sends."""

    says: str
    schema: Schema
    content_type: str = JSON
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class ResponseDescription:
    """What a caller gets when it goes well, or as well as it may. Headers are by name, each with its description."""

    says: str
    content: Mapping[str, Schema] = field(default_factory=dict)  #: by content type
    headers: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Described:
    """One route. `answers` are by status; `errors` are the statuses of those errors that not every route has.

    Its first sentence is the docstring of its view, its path's parameters are known by their names, and who may call
    it, with the errors that go with it, follows from the table that it stands in: none of these is said again here.
    """

    answers: Mapping[int, ResponseDescription]
    errors: tuple[int, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None


def shows(says: str, schema: Schema, **headers: Schema) -> ResponseDescription:
    """Give the answer that shows a JSON value; header names are written with underscores."""
    return ResponseDescription(
        says=says,
        content={JSON: schema},
        headers={name.replace("_", "-"): header for name, header in headers.items()},
    )


def says_nothing(says: str) -> ResponseDescription:
    """Give the answer without a body."""
    return ResponseDescription(says=says)


def header(says: str, schema: Schema, *, always: bool = True) -> Schema:
    """Give the description of a header of an answer."""
    return {"description": says, "schema": schema, "required": always}


def ref(name: str) -> Schema:
    """Give the schema that stands under this name in `shapes`."""
    return {"$ref": f"#/components/schemas/{name}"}
