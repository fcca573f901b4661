"""The sending end of the durable lane: one SQS message per Invocation."""

from typing import Any

from chalicelib.storage.aws_errors import needing
from shared_lua.codec import encode
from shared_lua.contract import Invocation

PART = "The queue (SQS)"


class DurableLane:
    """Sends; raises UnavailableError when the queue does not take it."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def send(self, invocation: Invocation) -> None:
        """Enqueue an Invocation. The message group is the tenant, so that SQS serves tenants fairly."""
        with needing(PART):
            self._sqs.send_message(
                QueueUrl=self._queue_url, MessageBody=encode(invocation), MessageGroupId=invocation.version.tenant
            )

    def check(self) -> None:
        """Raise UnavailableError unless the queue answers."""
        with needing(PART):
            self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
