"""Says that an Invocation has ended, for whoever is to be told: one SQS message; it delivers nothing itself."""

from typing import Any

from shared_lua.contract import Invocation, encode
from worker_agent import log
from worker_agent.stores.aws_errors import aws_call


class CompletionEvents:
    """One SQS queue, from which the controller delivers; None when this deployment has none."""

    def __init__(self, sqs: Any, queue_url: str | None) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def tell(self, invocation: Invocation) -> None:
        """Say that it has ended. Its Settlement is read from the ledger: it may be too large to go along."""
        if self._queue_url is None:
            log.warn("nobody_told", "HEARTH_COMPLETION_QUEUE_URL is not set", invocation_id=invocation.invocation_id)
            return
        with aws_call("SQS", "say that an invocation has ended"):
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=encode(invocation))
