"""Reads, out of the controller's source, every AWS call its adapters make, as the IAM actions and resources it needs.

By `ast`, not by watching a run: a call that no test happens to make must be allowed too.
"""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from chalicelib import wiring
from chalicelib.config import REQUIRED, _field

from shared_lua import keys
from tests.conftest import ROOT

SOURCES = ROOT / "api" / "chalicelib"

#: What adapters call their client, with or without an underscore.
CLIENTS = ("dynamodb", "s3", "sqs")

#: Operations whose IAM action has another name, or that need more than one.
ACTIONS = {
    "HeadBucket": ["ListBucket"],
    "HeadObject": ["GetObject"],
    "ListObjectsV2": ["ListBucket"],
    "ListObjects": ["ListBucket"],
    "DeleteObjects": ["DeleteObject"],
    "CopyObject": ["GetObject", "PutObject"],
    "CreateMultipartUpload": ["PutObject"],
    "UploadPart": ["PutObject"],
    "CompleteMultipartUpload": ["PutObject"],
    "SendMessageBatch": ["SendMessage"],
    "DeleteMessageBatch": ["DeleteMessage"],
    "TransactGetItems": ["GetItem"],
}

#: What a transaction's entries need, each its own action.
ENTRIES = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}

#: These act on the bucket, all else of S3 on an object.
ON_THE_BUCKET = {"s3:ListBucket"}


@dataclass(frozen=True, order=True)
class Need:
    """An action, on a resource as infra/data.json names it; `inside` is an index, or an object's key."""

    action: str
    resource: str
    inside: str = ""


def needs() -> set[Need]:
    """Give everything the controller's adapters may ask of AWS; fail on a call that cannot be attributed."""
    resources = _resources_by_class()
    found: set[Need] = set()
    for path in sorted(SOURCES.glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            found |= set(_of_definition(node, resources, f"{path.name}: {getattr(node, 'name', 'module')}"))
    return found


def _of_definition(node: ast.stmt, resources: dict[str, str], where: str) -> Iterator[Need]:
    for method in [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef)]:
        for call in [one for one in ast.walk(method) if isinstance(one, ast.Call)]:
            service = _service(call.func)
            if service is None:
                continue
            assert isinstance(node, ast.ClassDef), f"{where}: AWS is called outside an adapter's class"
            assert node.name in resources, f"{where}: the wiring does not say on which resource it works"
            for action in _actions(service, call, node):
                yield Need(action, resources[node.name], _inside(action, call, method))


def _service(function: ast.expr) -> str | None:
    """Give the service whose client is called, None when none is."""
    if not isinstance(function, ast.Attribute):
        return None
    receiver = function.value
    name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
    return name.removeprefix("_") if name.removeprefix("_") in CLIENTS else None


def _actions(service: str, call: ast.Call, scope: ast.ClassDef) -> list[str]:
    assert isinstance(call.func, ast.Attribute)
    method = call.func.attr
    if method in ("get_paginator", "generate_presigned_url", "get_waiter"):
        method = ast.literal_eval(call.args[0])
    if method == "generate_presigned_post":
        method = "put_object"
    if method == "transact_write_items":
        return [f"dynamodb:{action}" for action in _entries(scope)]
    operations = boto3.client(service, region_name="us-east-1").meta.method_to_api_mapping
    assert method in operations, f"{scope.name}: {service} has no {method}"
    operation = operations[method]
    return [f"{service}:{action}" for action in ACTIONS.get(operation, [operation])]


def _entries(scope: ast.ClassDef) -> list[str]:
    dicts = [one for one in ast.walk(scope) if isinstance(one, ast.Dict)]
    used = {key.value for one in dicts for key in one.keys if isinstance(key, ast.Constant)}
    found = [action for entry, action in ENTRIES.items() if entry in used]
    assert found, f"{scope.name}: what does its transaction do?"
    return found


def _inside(action: str, call: ast.Call, method: ast.FunctionDef) -> str:
    """Give the index that a query goes through, or an example of the key of the object that is touched."""
    if action.startswith("s3:") and action not in ON_THE_BUCKET:
        return _example(call) or _example(method) or _unknown(action, method)
    indexes = [one.value for one in ast.walk(call) if isinstance(one, ast.keyword) and one.arg == "IndexName"]
    return f"index/{ast.literal_eval(indexes[0])}" if indexes else ""


def _example(scope: ast.AST) -> str:
    """Give a key as the first function of shared_lua.keys that is called here spells it; nothing when none is."""
    for one in ast.walk(scope):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and _is_key(one.func):
            example: str = getattr(keys, one.func.attr)(*["x"] * len(one.args))
            return example
    return ""


def _unknown(action: str, method: ast.FunctionDef) -> str:
    raise AssertionError(f"{method.name}: which object does its {action} touch? Let it call a function of keys")


def _is_key(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "keys"


def _resources_by_class() -> dict[str, str]:
    """Give the resource of every class that the wiring gives a client and the name of a resource."""
    named = {_field(name): name for name in REQUIRED}
    controller = json.loads((ROOT / "infra" / "controller.json").read_text())
    variables = controller["Globals"]["Function"]["Environment"]["Variables"]
    found: dict[str, str] = {}
    for call in _calls(wiring.__file__):
        settings = [one.attr for one in (*call.args, *[word.value for word in call.keywords]) if _is_setting(one)]
        if isinstance(call.func, ast.Name) and len(settings) == 1 and settings[0] in named:
            reference: dict[str, Any] = variables.get(named[settings[0]], {})
            found[call.func.id] = {"BucketName": "Bucket"}.get(reference.get("Ref", ""), reference.get("Ref", ""))
    return found


def _is_setting(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"


def _calls(path: str) -> Iterator[ast.Call]:
    with open(path) as source:
        yield from (one for one in ast.walk(ast.parse(source.read())) if isinstance(one, ast.Call))
