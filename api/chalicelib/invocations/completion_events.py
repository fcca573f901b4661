"""Delivers completion events: tells an Invocation's destination how it ended, in AWS's own shape, at least once.

An event that cannot be delivered goes back to its queue, which redelivers it some times and then moves it to the
dead-letter queue.
"""

import json
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.admission.request import InvokeRequest
from chalicelib.errors import HearthError, UnservedError
from chalicelib.functions.destinations import Destinations, Queue
from chalicelib.invocations.invoke import Invoker
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.invocations.queue_sender import QueueSender
from chalicelib.invocations.records import Records
from chalicelib.naming import Named
from shared_lua.codec import decode
from shared_lua.contract import LATEST, Invocation, Mode, Settlement, Status

#: The most Invocations that may follow from one another: two functions that name each other would never end.
MAX_CHAIN = 16
#: The largest message that SQS surely takes.
MAX_RECORD_BYTES = 256 * 1024

logger = logging.getLogger("hearth")


@dataclass(frozen=True, kw_only=True)
class CompletionEvents:
    """The use-case."""

    invoker: Invoker
    records: Records
    payloads: PayloadStore
    destinations: Destinations
    queue_sender: QueueSender

    def deliver(self, message: str) -> None:
        """Deliver the completion event in a worker's message. A failure is logged and raised as HearthError."""
        invocation = decode(Invocation, message)
        try:
            self._deliver(invocation)
        except HearthError:
            logger.warning(
                "A completion event was not delivered",
                exc_info=True,
                extra=_about("completion_not_delivered", invocation),
            )
            raise

    def _deliver(self, invocation: Invocation) -> None:
        settlement = self.records.row(invocation.version.tenant, invocation.invocation_id).settlement
        arn = invocation.listener(settlement.outcome.status) if settlement else None
        if settlement is None or arn is None:
            return
        target = self.destinations.read(invocation.version.tenant, arn)
        record = self._record(invocation, settlement)
        if isinstance(target, Queue):
            self.queue_sender.send(target, _fitting(record))
        else:
            self._run(invocation, target, record)

    def _run(self, after: Invocation, target: Named, record: dict[str, Any]) -> None:
        """Run a function with the record as its event, once however often this event is delivered."""
        if after.chain >= MAX_CHAIN:
            logger.warning("A chain of destinations was cut", extra=_about("chain_cut", after))
            return
        request = InvokeRequest(
            function=target.name,
            qualifier=target.qualifier,
            event=_text(record).encode(),
            mode=Mode.ASYNC,
            chain=after.chain + 1,
        )
        next_id = str(uuid.uuid5(uuid.NAMESPACE_OID, after.invocation_id))
        if not self.invoker.queue_once(after.version.tenant, request, next_id):
            raise UnservedError("Another process is delivering this completion event right now")

    def _record(self, invocation: Invocation, settlement: Settlement) -> dict[str, Any]:
        """Return AWS's invocation record. An Invocation that never ran has no response in it."""
        outcome = settlement.outcome
        record = {
            "version": "1.0",
            "timestamp": _moment(settlement.settled_at_us),
            "requestContext": {
                "requestId": invocation.invocation_id,
                "functionArn": _qualified(invocation.function_arn or invocation.version.arn),
                "condition": condition(invocation, settlement),
                "approximateInvokeCount": settlement.tries if outcome.executed else 0,
            },
            "requestPayload": _json(self.payloads.event(invocation)),
        }
        if not outcome.executed:
            return record
        error = {} if outcome.status is Status.SUCCEEDED else {"functionError": "Unhandled"}
        context = {"statusCode": 200, "executedVersion": invocation.version.number, **error}
        return record | {
            "responseContext": context,
            "responsePayload": _json(self.payloads.answer(settlement)),
        }


def condition(invocation: Invocation, settlement: Settlement) -> str:
    """Return AWS's word for why it ended. One that failed with tries left had no time for them."""
    status = settlement.outcome.status
    if status is Status.SUCCEEDED:
        return "Success"
    tries_allowed = 1 + invocation.retries
    too_old = status is Status.EXPIRED or (status is Status.FAILED and settlement.tries < tries_allowed)
    return "EventAgeExceeded" if too_old else "RetriesExhausted"


def _fitting(record: dict[str, Any]) -> str:
    """Return the record as a message.

    One that would be too large loses its response payload, then its request payload.
    """
    text = _text(record)
    for payload in ("responsePayload", "requestPayload"):
        if len(text.encode()) > MAX_RECORD_BYTES:
            record = {**record, payload: None}
            text = _text(record)
    return text


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def _json(text: str | None) -> Any:
    """Parse JSON. A custom runtime may answer something else, which travels as a text."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _qualified(arn: str) -> str:
    return f"{arn}:{LATEST}" if arn.count(":") == 6 else arn


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _about(action: str, invocation: Invocation) -> dict[str, Any]:
    return {
        "action": action,
        "tenant": invocation.version.tenant,
        "function": invocation.version.function,
        "invocation_id": invocation.invocation_id,
        "chain": invocation.chain,
    }
