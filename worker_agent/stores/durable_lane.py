"""The worker's adapter of the durable lane, an SQS queue, and the heartbeat that keeps its messages invisible."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared_lua.codec import encode
from shared_lua.contract import Invocation
from worker_agent import log
from worker_agent.clock import now_us
from worker_agent.errors import PlatformError
from worker_agent.periodic import Periodic
from worker_agent.stores.aws_errors import aws_call

#: The most messages of one call to SQS.
BATCH = 10
#: The longest time from its receipt that SQS keeps a message invisible. Then it is delivered again, though it runs.
SQS_KEEPS_S = 43_200
#: From this age on a Delivery is also kept by a lease in the ledger, as its run may outlast what SQS allows.
LEASE_AFTER_S = 6 * 3600
#: How long a lease lasts unless it is renewed: a dead worker's work waits as long, a heartbeat that failed must not end
#: it, and two hosts' clocks never differ by so much.
LEASE_S = 300
#: The longest delay of a message in SQS.
MAX_DELAY_S = 900


@dataclass(frozen=True)
class Delivery:
    """One delivery of an Invocation by the queue."""

    body: str
    receipt: str
    attempt: int  #: how often SQS has delivered it, this time included
    received_at_us: int


@dataclass(frozen=True)
class Deferral:
    """An Invocation that is to be delivered anew in `after_s` seconds, instead of the Delivery that brought it."""

    invocation: Invocation
    after_s: int


class DurableLane:
    """One SQS queue."""

    def __init__(self, sqs: Any, queue_url: str, visibility_s: int, poll_s: int) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._visibility_s = visibility_s
        self._poll_s = poll_s

    def send(self, invocation: Invocation) -> None:
        """Put an Invocation into the lane."""
        with aws_call("SQS", "send to the queue"):
            self._send(invocation)

    def receive(self, most: int, *, waits: bool = True) -> list[Delivery]:
        """Return at most `most` Deliveries; with `waits`, wait for one up to the poll time when there is none."""
        with aws_call("SQS", "receive from the queue"):
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(most, BATCH),
                WaitTimeSeconds=self._poll_s if waits else 0,
                VisibilityTimeout=self._visibility_s,
                AttributeNames=["ApproximateReceiveCount"],
            )
        received_at_us = now_us()
        return [
            Delivery(m["Body"], m["ReceiptHandle"], int(m["Attributes"]["ApproximateReceiveCount"]), received_at_us)
            for m in answer.get("Messages", [])
        ]

    def acknowledge(self, delivery: Delivery) -> None:
        """Delete a Delivery's message. If this fails it is delivered again, and found settled."""
        with aws_call("SQS", "acknowledge a delivery"):
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=delivery.receipt)

    def nack(self, delivery: Delivery, after_s: int) -> None:
        """Return a Delivery to the queue, for another attempt in `after_s` seconds."""
        with aws_call("SQS", "return a delivery"):
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=delivery.receipt, VisibilityTimeout=after_s
            )

    def defer(self, delivery: Delivery, invocation: Invocation, after_s: int) -> None:
        """Put the Invocation into the queue anew, to be delivered in `after_s` seconds (at most 900), attempts reset.

        The new message is sent before the old one is deleted. A crash in between leaves both, which the ledger makes
        harmless: one is settled, and the other is found settled or superseded.
        """
        anew = dataclasses.replace(invocation, enqueue_generation=invocation.enqueue_generation + 1)
        with aws_call("SQS", "defer a delivery"):
            self._send(anew, DelaySeconds=min(after_s, MAX_DELAY_S))
        self.acknowledge(delivery)

    def extend(self, deliveries: list[Delivery]) -> None:
        """Keep at most ten Deliveries invisible for another visibility timeout from now."""
        entries = [
            {"Id": str(i), "ReceiptHandle": d.receipt, "VisibilityTimeout": self._visibility_s}
            for i, d in enumerate(deliveries)
        ]
        with aws_call("SQS", "extend deliveries"):
            self._sqs.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)

    def _send(self, invocation: Invocation, **how: Any) -> None:
        """Send in the tenant's group, so that no tenant's backlog holds up another's (SQS fair queues)."""
        group = invocation.version.tenant
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=encode(invocation), MessageGroupId=group, **how)


@dataclass
class _Kept:
    delivery: Delivery
    leased_until_us: int = 0

    @property
    def age_s(self) -> float:
        return (now_us() - self.delivery.received_at_us) / 1_000_000


class VisibilityHeartbeat:
    """Keeps the messages of running Invocations invisible, by extending them thrice in a visibility timeout.

    `hold` writes a lease of a Delivery until a moment, µs, for runs that outlast SQS's limit: their messages are
    delivered again, but the worker that receives one finds the lease, or the record.
    """

    def __init__(self, lane: DurableLane, visibility_s: int, hold: Callable[[Delivery, int], None]) -> None:
        self._lane = lane
        self._visibility_s = visibility_s
        self._hold = hold
        self._held: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self.periodic = Periodic("visibility-heartbeat", visibility_s / 3, self._keep_all)

    @contextmanager
    def keep(self, delivery: Delivery) -> Iterator[None]:
        """Keep one Delivery invisible for the length of a `with`."""
        with self._lock:
            self._held[delivery.receipt] = _Kept(delivery)
        try:
            yield
        finally:
            with self._lock:
                del self._held[delivery.receipt]

    def _keep_all(self) -> None:
        with self._lock:
            held = list(self._held.values())
        for kept in held:
            if kept.age_s >= LEASE_AFTER_S:
                self._lease(kept)
        # SQS would refuse to extend the others for another visibility timeout: they are delivered again from here on.
        young = [kept.delivery for kept in held if kept.age_s + self._visibility_s <= SQS_KEEPS_S]
        for first in range(0, len(young), BATCH):
            self._extend(young[first : first + BATCH])

    def _extend(self, deliveries: list[Delivery]) -> None:
        try:
            self._lane.extend(deliveries)
        except PlatformError as error:
            # Two more attempts come before these are delivered again; then the first of both runs to settle counts.
            log.warn("extend_failed", f"{len(deliveries)} deliveries were not extended: {error}")

    def _lease(self, kept: _Kept) -> None:
        """Renew a lease of which a third is over."""
        began_us = now_us()
        if kept.leased_until_us - began_us > LEASE_S * 1_000_000 * 2 / 3:
            return
        until_us = began_us + LEASE_S * 1_000_000
        try:
            self._hold(kept.delivery, until_us)
        except PlatformError as error:
            log.warn("lease_failed", f"a lease was not renewed and is tried again: {error}")
        else:
            kept.leased_until_us = until_us
