"""The durable lane: one SQS message per Invocation; never reads the queue."""

from typing import Any

from chalicelib.storage.aws_errors import needing
from shared_lua.codec import encode
from shared_lua.contract import Invocation

ITEMS = "The queue (SQS)"


class DurableLane:
    """Sends; raises UnavailableError when the queue does not take it."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def send(self, invocation: Invocation) -> None:
        """Hand an Invocation to whichever worker comes first; the queue serves tenants in turn, by their groups."""
        with needing(ITEMS):
            self._sqs.send_message(
                QueueUrl=self._queue_url, MessageBody=encode(invocation), MessageGroupId=invocation.version.tenant
            )

    def check(self) -> None:
        """Raise UnavailableError unless the queue answers."""
        with needing(ITEMS):
            self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
