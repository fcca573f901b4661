"""Spells the rows of the ledger as DynamoDB takes them; never does any I/O. `steps` says which may follow which."""

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Settlement, Status, fence

#: How long a row is kept, as the payloads and results in S3 are.
KEEP_S = 14 * 24 * 3600

Item = dict[str, dict[str, str]]


def queued(invocation: Invocation) -> Item:
    """Give the row of an Invocation that waits for its first Delivery."""
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
    """Give the row of an Invocation that runs on the express lane, and whose caller waits no longer."""
    return {**queued(invocation), "status": {"S": Status.RUNNING.value}, "attempt": {"N": str(fence(0, 1))}}


def settled(invocation: Invocation, settlement: Settlement) -> Item:
    """Give the row of an Invocation of the express lane that has ended."""
    return {
        **running(invocation),
        "status": {"S": settlement.outcome.status.value},
        "settlement": {"S": encode(settlement)},
    }
