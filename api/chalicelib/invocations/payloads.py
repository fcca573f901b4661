"""Events and answers too large for the queue and the ledger, in S3; never a small one."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import UnavailableError
from chalicelib.storage.aws_errors import needing
from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Settlement

ITEMS = "The bucket (S3)"


class PayloadStore:
    """Payloads by Invocation; each method raises UnavailableError unless it says otherwise."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, invocation_id: str, event: str) -> None:
        """Store an event for the worker to fetch."""
        with needing(ITEMS):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=keys.payload(invocation_id),
                Body=event.encode(),
                ContentType="application/json",
            )

    def forget(self, invocation_id: str) -> None:
        """Remove an event that nobody will run, if S3 can be reached; else the bucket's lifecycle does in 14 days."""
        with suppress(UnavailableError), needing(ITEMS):
            self._s3.delete_object(Bucket=self._bucket, Key=keys.payload(invocation_id))

    def event(self, invocation: Invocation) -> str:
        """Give an Invocation's event, wherever it waits."""
        if invocation.payload is not None:
            return invocation.payload
        with needing(ITEMS):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.payload(invocation.invocation_id))
            text: str = answer["Body"].read().decode()
        return text

    def abandoned_payload(self, invocation_id: str) -> Invocation | None:
        """Give an Invocation that a worker gave up without a run; None when it was not kept."""
        with needing(ITEMS):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=keys.abandoned_payload(invocation_id))
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                return None
            return decode(Invocation, answer["Body"].read().decode())

    def answer(self, settlement: Settlement) -> str | None:
        """Give the text that a function answered, from the Settlement or from S3."""
        payload = settlement.outcome.payload
        return payload if payload is not None else self._result(settlement.invocation_id)

    def _result(self, invocation_id: str) -> str:
        """Give an answer that the worker put here."""
        with needing(ITEMS):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.result(invocation_id))
            text: str = answer["Body"].read().decode()
        return text
