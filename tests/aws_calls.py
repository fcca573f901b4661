"""Reads, out of the controller's source, every AWS call its adapters make, as the IAM actions and resources it needs.

By `ast`, not by watching a run: a call that no test happens to make must be allowed too.
"""

import ast
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from chalicelib.config import REQUIRED, _field

from shared_lua import keys
from tests.conftest import ROOT

SOURCES = ROOT / "api" / "chalicelib"

#: What adapters call their client, with or without an underscore.
CLIENTS = ("dynamodb", "s3", "sqs")

#: What works on a resource that the wiring does not give it: a helper of adapters, or a guest at another's table.
GUESTS = {"CodeRefs": "Items", "open_object": "Bucket", "_Ranges": "Bucket"} | {
    "QueueSender": "arn:${AWS::Partition}:sqs:*:*:hearth-to-x"
}

#: An object whose key comes from outside the adapter, so that no function of shared_lua.keys spells it there.
UPLOADED = "uploads/x"

#: Operations whose IAM action has another name, or that need more than one.
ACTIONS = {
    "HeadBucket": ["ListBucket"],
    "HeadObject": ["GetObject"],
    "ListObjectsV2": ["ListBucket"],
    "ListObjects": ["ListBucket"],
    "DeleteObjects": ["DeleteObject"],
    "CreateMultipartUpload": ["PutObject"],
    "UploadPart": ["PutObject"],
    "CompleteMultipartUpload": ["PutObject"],
    "SendMessageBatch": ["SendMessage"],
    "DeleteMessageBatch": ["DeleteMessage"],
    "TransactGetItems": ["GetItem"],
    "TransactWriteItems": [],  # what its entries need is seen where they are written
}

#: What a transaction's entries need, each its own action.
ENTRIES = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}

#: These take the operation's name as an argument.
BY_NAME = ("get_paginator", "generate_presigned_url", "get_waiter")

#: This acts on the bucket, all else of S3 on an object.
ON_THE_BUCKET = {"s3:ListBucket"}


@dataclass(frozen=True, order=True)
class Need:
    """An action, on a resource as infra/data.json names it; `inside` is an index, or an object's key."""

    action: str
    resource: str
    inside: str = ""


@functools.cache
def needs() -> frozenset[Need]:
    """Give everything the controller's adapters may ask of AWS; fail on a call that cannot be attributed."""
    resources = GUESTS | _resources_by_class()
    silent = _adapters()
    found: set[Need] = set()
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            asked = [*_operations(node), *_entries(node)]
            name = getattr(node, "name", path.stem)
            assert not asked or name in resources, f"{path.name}: on which resource does {name} work? Say so in GUESTS"
            found |= {Need(action, resources[name], inside) for action, inside in asked}
            silent -= {name} if asked else set()
    assert not silent, f"{silent} got a client and called it by no name of {CLIENTS}: its calls would go unseen"
    return frozenset(found)


def _operations(definition: ast.stmt) -> Iterator[tuple[str, str]]:
    """Give action, and index or key, of every operation of a client that is called or handed on in a definition."""
    for method in [one for one in ast.walk(definition) if isinstance(one, ast.FunctionDef)]:
        calls = {call.func: call for call in ast.walk(method) if isinstance(call, ast.Call)}
        for node in ast.walk(method):
            service = _service(node)
            if service and isinstance(node, ast.Attribute):
                yield from _asked(service, node.attr, calls.get(node), method)


def _service(node: ast.AST) -> str | None:
    """Give the service whose client's attribute this is, None when it is none's."""
    match node:
        case ast.Attribute(value=ast.Attribute(attr=name)) | ast.Attribute(value=ast.Name(id=name)):
            return name.removeprefix("_") if name.removeprefix("_") in CLIENTS else None
        case _:
            return None


def _asked(service: str, name: str, call: ast.Call | None, method: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    if name in BY_NAME:
        assert call, f"{method.name}: {name} must be called where it is named"
        name = ast.literal_eval(call.args[0])
    if name == "generate_presigned_post":
        name = "put_object"
    if name == "copy_object":
        yield "s3:GetObject", UPLOADED
        name = "put_object"
    operations = _offered(service)
    assert name in operations, f"{method.name}: {service} has no {name}"
    for action in ACTIONS.get(operations[name], [operations[name]]):
        yield f"{service}:{action}", _inside(f"{service}:{action}", call, method)


@functools.cache
def _offered(service: str) -> dict[str, str]:
    """Give the operations of a client by the names of its methods."""
    operations: dict[str, str] = boto3.client(service, region_name="us-east-1").meta.method_to_api_mapping
    return operations


def _entries(definition: ast.stmt) -> Iterator[tuple[str, str]]:
    """Give the actions of all entries of transactions that are written down in a definition."""
    for node in [one for one in ast.walk(definition) if isinstance(one, ast.Dict)]:
        names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        yield from ((f"dynamodb:{ENTRIES[name]}", "") for name in names if name in ENTRIES)


def _inside(action: str, call: ast.Call | None, method: ast.FunctionDef) -> str:
    """Give the index that a query goes through, or an example of the key of the object that is touched."""
    if action.startswith("s3:") and action not in ON_THE_BUCKET:
        return (call and _example(call)) or _example(method) or UPLOADED
    words = [one for one in ast.walk(call or method) if isinstance(one, ast.keyword) and one.arg == "IndexName"]
    return f"index/{ast.literal_eval(words[0].value)}" if words else ""


def _example(scope: ast.AST) -> str:
    """Give a key as the first function of shared_lua.keys that is called here spells it; nothing when none is."""
    for one in ast.walk(scope):
        match one:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="keys"), attr=name), args=given):
                example: str = getattr(keys, name)(*["x"] * len(given))
                return example
    return ""


def _resources_by_class() -> dict[str, str]:
    """Give the resource of every class that the wiring gives a client and the name of a resource."""
    named = {_field(name): name for name in REQUIRED}
    controller = json.loads((ROOT / "infra" / "controller.json").read_text())
    variables = controller["Globals"]["Function"]["Environment"]["Variables"]
    found: dict[str, str] = {}
    for call in _calls():
        given: list[Any] = [*call.args, *(word.value for word in call.keywords)]
        settings = [one.attr for one in given if _is_setting(one)]
        if isinstance(call.func, ast.Name) and len(settings) == 1 and settings[0] in named:
            reference: dict[str, Any] = variables.get(named[settings[0]], {})
            found[call.func.id] = reference.get("Ref", "")
    return found


def _adapters() -> set[str]:
    """Give every class that the wiring hands a client."""
    calls = [call for call in _calls() if isinstance(call.func, ast.Name)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name) and any(map(_is_client, call.args))}


def _is_client(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CLIENTS
        case _:
            return False


def _is_setting(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"


def _calls() -> Iterator[ast.Call]:
    """Give every call of the controller's wiring, and of each package's."""
    for path in sorted(SOURCES.rglob("wiring.py")):
        yield from (one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call))
