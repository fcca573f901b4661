"""Spells the ledger's rows as DynamoDB takes them, for whoever opens one; standard library only, never any I/O."""

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Settlement, Status, fence

#: How long a row is kept, as the payloads and results in S3 are.
KEEP_S = 14 * 24 * 3600

Item = dict[str, dict[str, str]]


def queued(invocation: Invocation) -> Item:
    """Give the row of an Invocation that waits."""
    version, created_us = invocation.version, invocation.admitted_at_us
    return {
        **{attribute: {"S": value} for attribute, value in keys.invocation_row(invocation.invocation_id).items()},
        "tenant": {"S": version.tenant},
        "function": {"S": version.function},
        "tenant_function": {"S": keys.tenant_function(version.tenant, version.function)},
        "status": {"S": Status.QUEUED.value},
        "attempt": {"N": "0"},
        "created_us": {"N": str(created_us)},
        "expires_s": {"N": str(created_us // 1_000_000 + KEEP_S)},
    }


def running(invocation: Invocation) -> Item:
    """Give the row of an Invocation that a worker has had from the express lane, and that nobody recorded yet."""
    return {**queued(invocation), "status": {"S": Status.RUNNING.value}, "attempt": {"N": str(fence(0, 1))}}


def settled(invocation: Invocation, settlement: Settlement) -> Item:
    """Give the row of an Invocation that was over before there was a row of it."""
    return {
        **running(invocation),
        "status": {"S": settlement.outcome.status.value},
        "settlement": {"S": encode(settlement)},
    }
