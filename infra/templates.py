"""Reads the two CloudFormation templates and merges them; never talks to AWS."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE / "data.json"
CONTROLLER = HERE / "controller.json"

Template = dict[str, Any]

#: How the app spells a queue's ARN while it is packaged; the queue's logical name follows (chalicelib.event_sources).
PLACEHOLDER = "arn:aws:sqs:::"


def controller() -> Template:
    """Give the controller's template, which is merged over the data's."""
    return load(CONTROLLER)


def overlay() -> Template:
    """Give both templates as one: what `chalice package --merge-template` gets."""
    merged: Template = merge(load(DATA), controller())
    return merged


def load(path: Path) -> Template:
    """Give the template in a file."""
    template: Template = json.loads(path.read_text())
    return template


def merge(below: Any, above: Any) -> Any:
    """Merge one template over another: objects merge, any other value of `above` replaces the one below."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: merge(below.get(key), value) for key, value in above.items()}
    return above


def with_queues(value: Any) -> Any:
    """Give a template in which every placeholder of a queue's ARN has become a reference to that queue."""
    if isinstance(value, dict):
        return {key: with_queues(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_queues(inner) for inner in value]
    if isinstance(value, str) and value.startswith(PLACEHOLDER):
        return {"Fn::GetAtt": [value.removeprefix(PLACEHOLDER), "Arn"]}
    return value
