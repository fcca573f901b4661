"""Events and answers too large for the queue and the ledger, in S3; never a small one."""

from contextlib import suppress
from typing import Any

from chalicelib.aws_errors import needing
from chalicelib.errors import UnavailableError
from shared_lua import keys

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
        """Remove an event that nobody will run, if S3 can be reached; else the bucket's lifecycle does in 14 days."""
        with suppress(UnavailableError), needing(PART):
            self._s3.delete_object(Bucket=self._bucket, Key=keys.payload(invocation_id))

    def event(self, invocation_id: str) -> str:
        """Give an event that was put here."""
        with needing(PART):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.payload(invocation_id))
            text: str = answer["Body"].read().decode()
        return text

    def result(self, invocation_id: str) -> str:
        """Give an answer that the worker put here."""
        with needing(PART):
            answer = self._s3.get_object(Bucket=self._bucket, Key=keys.result(invocation_id))
            text: str = answer["Body"].read().decode()
        return text
