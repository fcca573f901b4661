"""Sends messages to tenants' own queues. Whether a tenant may name a queue is decided in `functions.destinations`."""

from typing import Any

from chalicelib.functions.destinations import Queue
from chalicelib.storage.aws_errors import needing


class QueueSender:
    """Sends; raises UnavailableError when a queue is not there, is not open to Hearth, or does not answer."""

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs

    def send(self, queue: Queue, text: str) -> None:
        """Put one message into a queue."""
        with needing(f"The queue {queue.name} of account {queue.account} (SQS)"):
            found = self._sqs.get_queue_url(QueueName=queue.name, QueueOwnerAWSAccountId=queue.account)
            self._sqs.send_message(QueueUrl=found["QueueUrl"], MessageBody=text)
