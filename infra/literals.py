"""Replaces a template's references by the values they stand for; never asks AWS for one."""

import re
from collections.abc import Mapping
from typing import Any

from infra.errors import DeployError

_IN_SUB = re.compile(r"\$\{([^}]+)\}")


def literal(value: Any, names: Mapping[str, Any]) -> Any:
    """Give `value` without a `Ref`, `Fn::GetAtt` or `Fn::Sub` in it.

    `names` holds `Bucket` for a Ref and `Bucket.Arn` for an attribute. Raise DeployError naming what it lacks.
    """
    if isinstance(value, list):
        return [literal(inner, names) for inner in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("Ref", str(name))]:
            return _named(name, names)
        case [("Fn::GetAtt", [resource, attribute])]:
            return _named(f"{resource}.{attribute}", names)
        case [("Fn::Sub", str(text))]:
            return _IN_SUB.sub(lambda found: str(_named(found[1], names)), text)
        case _:
            return {key: literal(inner, names) for key, inner in value.items()}


def _named(name: str, names: Mapping[str, Any]) -> Any:
    if name not in names:
        raise DeployError(f"the templates refer to {name}, which this deployment does not have")
    return names[name]
