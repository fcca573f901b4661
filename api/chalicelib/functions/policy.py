"""A function's resource policy: statements as Lambda composes and shows them; it grants nothing but a public URL.

In Hearth only a tenant's own keys reach its functions, whatever a statement says, since there is no other account that
could be let in. The one exception is as on Lambda: a function URL without authentication answers strangers only while
a statement opens it to everybody (`opens_url`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import (
    ConflictError,
    InvalidParameterError,
    NotFoundError,
    PolicyTooLongError,
    RevisionMismatchError,
)
from chalicelib.storage.items import Item, Items
from shared_lua import keys

#: Of the policy's JSON text, as on Lambda.
MAX_POLICY_BYTES = 20 * 1024

INVOKE_URL = "lambda:InvokeFunctionUrl"
AUTH_TYPE = "lambda:FunctionUrlAuthType"
OPENING_ACTIONS = frozenset({INVOKE_URL, "lambda:*", "*"})

ACCOUNT = re.compile(r"[0-9]{12}")
PRINCIPAL_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:\S+")
SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

#: Member of AddPermission → operator and key of the condition that it becomes.
CONDITIONS: Mapping[str, tuple[str, str]] = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", AUTH_TYPE),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """A policy as GetPolicy gives it."""

    text: str
    revision: str


@dataclass(frozen=True)
class Policies:
    """Policies by function and qualifier. Whether there is such a function is for the caller to know."""

    items: Items

    def get(self, tenant: str, name: str, qualifier: str | None) -> Shown:
        """Give a policy; raise NotFoundError when there is none."""
        item = self._find(tenant, name, qualifier)
        if item is None:
            raise NotFoundError("The resource you requested does not exist.")
        return Shown(_text(item.body["statements"]), item.revision)

    def add(self, tenant: str, name: str, qualifier: str | None, statement: Statement, revision: str | None) -> None:
        """Add a statement; raise ConflictError when its id is taken, RevisionMismatchError, PolicyTooLongError."""
        present = self._find(tenant, name, qualifier)
        _check_revision(present, revision)
        statements = _statements(present)
        if any(one["Sid"] == statement["Sid"] for one in statements):
            raise ConflictError(
                f"The statement id ({statement['Sid']}) provided already exists. Please provide a new statement id, or"
                " remove the existing statement."
            )
        self._store(tenant, name, qualifier, [*statements, statement], present)

    def remove(self, tenant: str, name: str, qualifier: str | None, sid: str, revision: str | None) -> None:
        """Remove a statement; raise NotFoundError when there is none of this id, RevisionMismatchError."""
        present = self._find(tenant, name, qualifier)
        _check_revision(present, revision)
        rest = [one for one in _statements(present) if one["Sid"] != sid]
        if len(rest) == len(_statements(present)):
            raise NotFoundError(f"Statement {sid} is not found in resource policy.")
        self._store(tenant, name, qualifier, rest, present)

    def open_url(self, tenant: str, name: str, qualifier: str | None) -> bool:
        """Tell whether everybody may use the function's URL that asks for no authentication."""
        return any(opens_url(one) for one in _statements(self._find(tenant, name, qualifier)))

    def _find(self, tenant: str, name: str, qualifier: str | None) -> Item | None:
        item = self.items.find(keys.function_items(tenant, name), _item_name(qualifier))
        return item if _statements(item) else None

    def _store(
        self, tenant: str, name: str, qualifier: str | None, statements: list[Statement], present: Item | None
    ) -> None:
        if len(_text(statements).encode()) > MAX_POLICY_BYTES:
            raise PolicyTooLongError
        partition = keys.function_items(tenant, name)
        item = Item(partition=partition, name=_item_name(qualifier), body={"statements": statements})
        if not statements:
            self.items.remove(item.partition, item.name)
        elif not (self.items.replace(item, present.revision) if present else self.items.add(item)):
            raise ConflictError(f"The policy of {name} was changed by another request meanwhile. Try again.")


def compose(resource: str, asked: Mapping[str, Any]) -> Statement:
    """Give the statement that AddPermission's members ask for; raise InvalidParameterError."""
    if "FunctionUrlAuthType" in asked and asked["Action"] not in OPENING_ACTIONS:
        raise InvalidParameterError(f"FunctionUrlAuthType goes with the action {INVOKE_URL}, not {asked['Action']}")
    conditions: dict[str, dict[str, str]] = {}
    for member, (operator, key) in CONDITIONS.items():
        if member in asked:
            value = asked[member]
            conditions.setdefault(operator, {})[key] = str(value).lower() if isinstance(value, bool) else value
    return {
        "Sid": asked["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(asked["Principal"]),
        "Action": asked["Action"],
        "Resource": resource,
        **({"Condition": conditions} if conditions else {}),
    }


def opens_url(statement: Statement) -> bool:
    """Tell whether a statement lets everybody use a URL that asks for no authentication.

    A condition that we cannot judge, such as an organisation, is one that does not hold: open by mistake costs more.
    """
    conditions = statement.get("Condition", {})
    return (
        statement["Principal"] == "*"
        and statement["Action"] in OPENING_ACTIONS
        and conditions in ({}, {"StringEquals": {AUTH_TYPE: "NONE"}})
    )


def as_text(statement: Statement) -> str:
    """Give a statement's JSON text, as Lambda answers with it."""
    return json.dumps(statement, separators=(",", ":"))


def _principal(asked: str) -> str | dict[str, str]:
    if asked == "*":
        return "*"
    if ACCOUNT.fullmatch(asked):
        return {"AWS": f"arn:aws:iam::{asked}:root"}
    if PRINCIPAL_ARN.fullmatch(asked):
        return {"AWS": asked}
    if SERVICE.fullmatch(asked):
        return {"Service": asked}
    raise InvalidParameterError(
        f"The provided principal was invalid. {asked!r} is neither *, an account, a user's or role's ARN nor a service"
    )


def _item_name(qualifier: str | None) -> str:
    return keys.POLICY + (qualifier or "")


def _statements(item: Item | None) -> list[Statement]:
    return list(item.body["statements"]) if item else []


def _text(statements: list[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements}, separators=(",", ":"))


def _check_revision(present: Item | None, revision: str | None) -> None:
    if revision is not None and (present is None or present.revision != revision):
        raise RevisionMismatchError("The RevisionId provided does not match the latest one. Call GetPolicy.")
