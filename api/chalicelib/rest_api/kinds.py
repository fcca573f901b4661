"""The kinds of values that models of requests and answers share, each with its rule."""

from collections.abc import Mapping
from typing import Annotated

from chalicelib import limits
from chalicelib.functions import aliases, urls
from chalicelib.functions.versions import NUMBER
from chalicelib.naming import LAYER_NAME, NAME
from chalicelib.rest_api.members import Rule, between, matching, one_of

Count = Annotated[int, Rule("a whole number, 0 or more", {"minimum": 0})]
Moment = Annotated[str, Rule("a moment, such as 2026-01-31T12:00:00Z", {"format": "date-time"})]
Day = Annotated[str, Rule("a day, such as 2026-01-31", {"format": "date"})]

FunctionName = Annotated[str, matching(NAME.pattern, "1 to 64 letters, digits, hyphens and underscores")]
LayerName = Annotated[str, matching(LAYER_NAME.pattern, "1 to 140 letters, digits, hyphens and underscores")]
AliasName = Annotated[
    str, matching(aliases.NAME.pattern, "1 to 128 letters, digits, hyphens and underscores, one of them no digit")
]
Number = Annotated[str, matching(NUMBER.pattern, "a version's number")]
Qualifier = Annotated[
    str, matching(r"\$LATEST|[a-zA-Z0-9_-]{1,128}", "a version's number, the name of an alias or $LATEST")
]

Runtime = Annotated[str, one_of(*limits.RUNTIMES)]
Handler = Annotated[
    str,
    Rule(
        f"a text of at most {limits.MAX_HANDLER_CHARS} characters, such as main.handler",
        {"maxLength": limits.MAX_HANDLER_CHARS, "examples": ["main.handler"]},
    ),
]
MemoryMb = Annotated[int, between(limits.MEMORY_MB, "MB")]
TimeoutS = Annotated[int, between(limits.TIMEOUT_S, "seconds")]
Description = Annotated[
    str,
    Rule(f"a text of at most {limits.MAX_DESCRIPTION_CHARS} characters", {"maxLength": limits.MAX_DESCRIPTION_CHARS}),
]
License = Annotated[
    str, Rule(f"a text of at most {limits.MAX_LICENSE_CHARS} characters", {"maxLength": limits.MAX_LICENSE_CHARS})
]
Variable = Annotated[str, matching(r"[^=]+=[\s\S]*", "NAME=value")]
LayerRuntimes = Annotated[tuple[Runtime, ...], Rule("a list of at most 15 runtimes", {"maxItems": 15})]
LayerArns = Annotated[tuple[str, ...], Rule("a list of layer versions' ARNs", {"maxItems": limits.MAX_LAYERS})]
Weight = Annotated[float, Rule("a number from 0 to 1", {"minimum": 0, "maximum": 1})]
Weights = Annotated[Mapping[str, Weight], Rule('an object of one weight from 0 to 1, such as {"4": 0.1}')]

State = Annotated[str, one_of("Active", "Pending", "Failed")]
LastUpdate = Annotated[str, one_of("InProgress", "Failed", "Successful")]
UrlAuth = Annotated[str, one_of(urls.NONE, urls.AWS_IAM)]
