"""Reads what became of Invocations: their rows, the ends of their logs, and advice on memory drawn from them."""

from dataclasses import dataclass

from chalicelib.errors import NotFoundError
from chalicelib.functions.lifecycle import Functions
from chalicelib.invocations.advice import Advice, MeasuredRun, advise
from chalicelib.invocations.ledger import Ledger, Row, row_of
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.storage.redis_adapter import RedisAdapter
from shared_lua.contract import Settlement

#: Advice is drawn from this many of the latest runs.
RUNS_LOOKED_AT = 100


@dataclass(frozen=True, kw_only=True)
class Records:
    """The use-cases. Each method raises UnavailableError when the ledger does not answer."""

    functions: Functions
    ledger: Ledger
    payloads: PayloadStore
    redis: RedisAdapter

    def row(self, tenant: str, invocation_id: str) -> Row:
        """Give what the ledger knows of an Invocation; raise NotFoundError, also when it is another tenant's."""
        row = self.ledger.find(invocation_id) or self._coming(invocation_id)
        if row is None or row.tenant != tenant:
            raise NotFoundError(f"Invocation not found: {invocation_id}")
        return row

    def page(self, tenant: str, function: str, after: str | None, most: int) -> tuple[list[Row], str | None]:
        """Give a page of a function's Invocations, newest first; raise NotFoundError or InvalidParameterError."""
        self.functions.get(tenant, function)
        return self.ledger.page(tenant, function, most, after)

    def log_tail(self, row: Row) -> str | None:
        """Give the end of an Invocation's log, so far if it still runs; None when there is none to show."""
        if row.settlement:
            return row.settlement.outcome.log_tail
        live = self.redis.live_logs([row.invocation_id]).get(row.invocation_id)
        return live.tail if live else None

    def payload(self, settlement: Settlement) -> str | None:
        """Give what a function answered, from the record or from S3."""
        return self.payloads.answer(settlement)

    def advice(self, tenant: str, function: str) -> Advice | None:
        """Give advice on a function's memory from its recent runs, None when they say too little."""
        memory_mb = self.functions.get(tenant, function).version.memory_mb
        ends = [row.settlement for row in self.ledger.recent(tenant, function, RUNS_LOOKED_AT)]
        runs = [MeasuredRun(end.usage, end.charge) for end in ends if end and end.usage and end.charge]
        return advise(runs, memory_mb)

    def _coming(self, invocation_id: str) -> Row | None:
        """Give the row of an Invocation that was answered a moment ago and whose record is on its way; else None.

        A worker that died may have left the record to another worker, which writes it some seconds later.
        """
        coming = self.redis.record_coming(invocation_id)
        return row_of(*coming) if coming else self.ledger.find(invocation_id)  # which has it by now
