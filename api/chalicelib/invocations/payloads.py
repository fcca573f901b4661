"""Stores in S3 the events and answers that are too large for the queue and the ledger."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import UnavailableError
from chalicelib.storage.aws_errors import needing
from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Settlement

PART = "The bucket (S3)"


class PayloadStore:
    """Payloads by Invocation; each method raises UnavailableError unless it says otherwise."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, invocation_id: str, event: str) -> None:
        """Store an event for the worker to fetch."""
        with needing(PART):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=keys.payload(invocation_id),
                Body=event.encode(),
                ContentType="application/json",
            )

    def forget(self, invocation_id: str) -> None:
        """Delete an event that will not run.

        If S3 cannot be reached, the bucket's lifecycle deletes it after 14 days.
        """
        with suppress(UnavailableError), needing(PART):
            self._s3.delete_object(Bucket=self._bucket, Key=keys.payload(invocation_id))

    def event(self, invocation: Invocation) -> str:
        """Return an Invocation's event, from the Invocation or from S3."""
        if invocation.payload is not None:
            return invocation.payload
        with needing(PART):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.payload(invocation.invocation_id))
            text: str = answer["Body"].read().decode()
        return text

    def abandoned_payload(self, invocation_id: str) -> Invocation | None:
        """Return an abandoned Invocation with its event; None when the worker could not store it."""
        with needing(PART):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=keys.abandoned_payload(invocation_id))
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                return None
            return decode(Invocation, answer["Body"].read().decode())

    def answer(self, settlement: Settlement) -> str | None:
        """Return the text that a function answered, from the Settlement or from S3."""
        payload = settlement.outcome.payload
        return payload if payload is not None else self._result(settlement.invocation_id)

    def _result(self, invocation_id: str) -> str:
        """Return an answer that the worker stored."""
        with needing(PART):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.result(invocation_id))
            text: str = answer["Body"].read().decode()
        return text
