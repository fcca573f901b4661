"""Completion events: one SQS message for each Invocation whose end has a destination."""

from typing import Any

from shared_lua.codec import encode
from shared_lua.contract import Invocation
from worker_agent import log
from worker_agent.stores.aws_errors import aws_call


class CompletionEvents:
    """The SQS queue from which the controller delivers to destinations; None in a deployment without one."""

    def __init__(self, sqs: Any, queue_url: str | None) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def tell(self, invocation: Invocation) -> None:
        """Send one. It has no Settlement, which may be too large for it: the controller reads that from the ledger."""
        if self._queue_url is None:
            log.warn("event_not_sent", "HEARTH_COMPLETION_QUEUE_URL is not set", invocation_id=invocation.invocation_id)
            return
        with aws_call("SQS", "say that an invocation has ended"):
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=encode(invocation))
