"""Patches moto's DynamoDB transactions, which are neither isolated nor fast.

moto copies every table that a transaction names, which takes longer with every row. If a condition fails it puts the
copies back, and with them undoes what others wrote meanwhile. DynamoDB does neither.
"""

import copy
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import MultipleTransactionsException, TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend

#: One lock for all backends, so that no transaction sees half of another, or half of a single write.
_lock = threading.RLock()

_Entry = tuple[str, Mapping[str, Any]]
_HELD = (None, None, None)


def patch() -> None:
    """Patches moto in this process; a second call does nothing."""
    if getattr(DynamoDBBackend.transact_write_items, "is_ours", False):
        return
    for name in ("put_item", "update_item", "delete_item"):
        setattr(DynamoDBBackend, name, _locked(getattr(DynamoDBBackend, name)))
    _transact.is_ours = True  # type: ignore[attr-defined]
    setattr(DynamoDBBackend, "transact_write_items", _transact)  # noqa: B010  (as above: mypy would know better)


def _locked(write: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(write)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with _lock:
            return write(*args, **kwargs)

    return locked


def _transact(backend: Any, transact_items: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
    """Checks all conditions and then writes, under the lock. If a write fails, the earlier ones are undone."""
    entries: list[_Entry] = [next(iter(item.items())) for item in transact_items]
    with _lock:
        keys = [(entry["TableName"], _key(backend, kind, entry)) for kind, entry in entries]
        if len({str(key) for key in keys}) < len(keys):
            raise MultipleTransactionsException
        reasons = [_reason(backend, entry, key) for (_, entry), key in zip(entries, keys, strict=True)]
        if any(reason is not _HELD for reason in reasons):
            raise TransactionCanceledException(reasons)
        before = [copy.deepcopy(backend.get_item(*key)) for key in keys]
        try:
            for (kind, entry), key in zip(entries, keys, strict=True):
                _write(backend, kind, entry, key)
        except BaseException:
            for key, item in zip(keys, before, strict=True):
                _restore(backend, key, item)
            raise


def _key(backend: Any, kind: str, entry: Mapping[str, Any]) -> Any:
    if kind != "Put":
        return entry["Key"]
    table = backend.get_table(entry["TableName"])
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    return {name: entry["Item"][name] for name in names}


def _reason(backend: Any, entry: Mapping[str, Any], key: tuple[str, Any]) -> Any:
    """Returns why an entry cancels the transaction, as code, message and item; `_HELD` if its condition holds."""
    if "ConditionExpression" not in entry:
        return _HELD
    names, values = entry.get("ExpressionAttributeNames"), entry.get("ExpressionAttributeValues")
    current = backend.get_item(*key)
    if get_filter_expression(entry["ConditionExpression"], names, values).expr(current):
        return _HELD
    shows = current and entry.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return (
        "ConditionalCheckFailed",
        "The conditional request failed",
        current.to_json()["Attributes"] if shows else None,
    )


def _write(backend: Any, kind: str, entry: Mapping[str, Any], key: tuple[str, Any]) -> None:
    if kind == "Put":
        backend.put_item(key[0], entry["Item"])
    elif kind == "Delete":
        backend.delete_item(*key)
    elif kind == "Update":
        backend.update_item(
            *key,
            update_expression=entry["UpdateExpression"],
            condition_expression=entry.get("ConditionExpression"),
            expression_attribute_names=entry.get("ExpressionAttributeNames"),
            expression_attribute_values=entry.get("ExpressionAttributeValues"),
        )


def _restore(backend: Any, key: tuple[str, Any], item: Any) -> None:
    if item is None:
        backend.delete_item(*key)
    else:
        backend.put_item(key[0], item.to_json()["Attributes"])
