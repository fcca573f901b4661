"""What a template refers to."""

import re
from typing import Any

_IN_SUB = re.compile(r"\$\{([^}]+)\}")


def references(value: Any) -> set[str]:
    """Every name that a template, or a part of one, refers to: of a resource, a parameter or AWS's own."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return {name.partition(".")[0] for name in _IN_SUB.findall(text)}
        case {"Fn::Sub": [str(text), dict(own)]}:
            return references({"Fn::Sub": text}) - own.keys() | references(own)
        case dict():
            depends = value.get("DependsOn", [])
            named = {depends} if isinstance(depends, str) else set(depends)
            return named.union(*(references(inner) for inner in value.values()))
        case list():
            return set[str]().union(*map(references, value))
        case _:
            return set()
