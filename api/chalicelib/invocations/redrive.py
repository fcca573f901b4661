"""Redrives abandoned and expired Invocations, each at most once. An Invocation that ran to an end is never redriven.

A worker that gives an Invocation up keeps its payload in S3: one write where something went wrong, none elsewhere.
The old row is marked and the new one opened in one transaction, and then it is queued. If the controller dies in
between, the next redrive replaces that new row; a message that was sent after all finds no row, and is not run.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.admission.admit import Admission
from chalicelib.admission.request import InvokeRequest
from chalicelib.errors import NotFoundError, UnavailableError
from chalicelib.invocations.invoke import Invoker
from chalicelib.invocations.ledger import Ledger, Row
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.storage.items import Items
from chalicelib.tenants.authentication import Principal
from shared_lua.contract import Invocation, Mode, Status

#: How many Invocations one call redrives, and how many of a function's latest ones it looks through for them.
MOST = 100
LOOKED_AT = 1000
PAGE = 100
GIVEN_UP = frozenset({Status.EXPIRED, Status.ABANDONED})
#: Recording and enqueueing lie milliseconds apart; after this long the process that recorded it must be dead.
HALF_DONE_US = 60_000_000


@dataclass(frozen=True)
class Selection:
    """What to redrive: these Invocations, or the latest abandoned and expired ones, none from before `since_us`."""

    invocation_ids: tuple[str, ...] | None = None
    since_us: int = 0


@dataclass(frozen=True)
class Redriven:
    """The result for one Invocation: the one that runs in its place, or the reason why none does."""

    invocation_id: str
    redriven_as: str | None = None
    reason: str | None = None


class _SkippedError(Exception):
    """The Invocation is not redriven; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """The use-case."""

    admission: Admission
    invoker: Invoker
    ledger: Ledger
    payloads: PayloadStore
    items: Items
    now_us: Callable[[], int]

    def redrive(self, principal: Principal, name: str, selection: Selection) -> list[Redriven]:
        """Redrive a function's Invocations and return a result for each, the latest first.

        Raises what admission raises, and UnavailableError when rows cannot be read; what was redriven by then stays so.
        """
        self.admission.admit(principal, InvokeRequest(function=name, event=b"{}", mode=Mode.ASYNC))
        principal = principal.without_tokens()
        if selection.invocation_ids is None:
            return [self._try(principal, row) for row in self._given_up(principal.tenant, name, selection.since_us)]
        return [self._try_named(principal, name, id_, selection.since_us) for id_ in selection.invocation_ids]

    def _given_up(self, tenant: str, name: str, since_us: int) -> list[Row]:
        rows = (row for row in self._latest(tenant, name) if row.status in GIVEN_UP and not row.is_redriven)
        found: list[Row] = []
        for row in rows:
            if row.created_at_us < since_us or len(found) == MOST:
                break
            found.append(row)
        return found

    def _latest(self, tenant: str, name: str) -> Iterator[Row]:
        after: str | None = None
        for _ in range(0, LOOKED_AT, PAGE):
            rows, after = self.ledger.page(tenant, name, PAGE, after)
            yield from rows
            if after is None:
                return

    def _try_named(self, principal: Principal, name: str, invocation_id: str, since_us: int) -> Redriven:
        row = self.ledger.find(invocation_id)
        if row is None or (row.tenant, row.function) != (principal.tenant, name):
            return Redriven(invocation_id, reason="this function has no such Invocation")
        if row.created_at_us < since_us:
            return Redriven(invocation_id, reason="it is from before `since`")
        return self._try(principal, row)

    def _try(self, principal: Principal, row: Row) -> Redriven:
        try:
            return Redriven(row.invocation_id, redriven_as=self._again(principal, row).invocation_id)
        except (_SkippedError, NotFoundError, UnavailableError) as error:
            return Redriven(row.invocation_id, reason=str(error))

    def _again(self, principal: Principal, row: Row) -> Invocation:
        self._check(row)
        kept = self.payloads.abandoned_payload(row.invocation_id)
        if kept is None:
            raise _SkippedError("its event was not kept: the bucket could not be reached when it was given up")
        invocation = self.invoker.accept(principal, self._request(kept), lambda new: self._record(row, new))
        with suppress(UnavailableError):  # it is queued all the same, and the next redrive will see that it runs
            self.ledger.redriven(row, invocation)
        return invocation

    def _check(self, row: Row) -> None:
        """Raise _SkippedError unless it is abandoned or expired, and nothing runs or may run in its place."""
        if row.status not in GIVEN_UP:
            raise _SkippedError(f"it is {row.status.value}; only what is expired or abandoned runs again")
        if row.redriven_as is None:
            return
        successor = None if row.is_redriven else self.ledger.find(row.redriven_as)
        half_done = successor is None or (
            successor.status is Status.QUEUED and self.now_us() - successor.created_at_us > HALF_DONE_US
        )
        if row.is_redriven or not half_done:
            raise _SkippedError(f"it was redriven before, as {row.redriven_as}")

    def _record(self, row: Row, invocation: Invocation) -> None:
        if not self.items.transact(self.ledger.redriving(row, invocation)):
            raise _SkippedError("another redrive has just taken it")

    def _request(self, kept: Invocation) -> InvokeRequest:
        """Return the original request. The function's name may stand for another version by now."""
        return InvokeRequest(
            function=kept.version.function,
            qualifier=_qualifier(kept),
            event=self.payloads.event(kept).encode(),
            mode=Mode.ASYNC,
            client_context=kept.client_context,
        )


def _qualifier(kept: Invocation) -> str | None:
    """Return the qualifier that the caller named: the eighth field of the ARN, if it has one."""
    fields = (kept.function_arn or kept.version.arn).split(":")
    return fields[7] if len(fields) > 7 else None
