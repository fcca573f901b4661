"""The worker's adapter of S3: zips, large events and answers, abandoned payloads, refused records."""

import hashlib
import json
from typing import Any

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Settlement
from worker_agent.errors import AwsUnavailableError
from worker_agent.stores.aws_errors import aws_call


class Store:
    """One S3 bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def code(self, sha256: str) -> bytes:
        """Return a zip; raise AwsUnavailableError when it does not have the digest that it is named by."""
        data = self._get(keys.code(sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise AwsUnavailableError(f"the zip {sha256} in S3 is not what was uploaded")
        return data

    def payload(self, invocation_id: str) -> bytes:
        """Return an event that was too large for the queue."""
        return self._get(keys.payload(invocation_id))

    def put_result(self, invocation_id: str, result: str) -> None:
        """Store an answer that is too large for the ledger."""
        self._put(keys.result(invocation_id), result)

    def put_abandoned_payload(self, invocation: Invocation) -> None:
        """Store an Invocation that was not run, so that it can be redriven."""
        self._put(keys.abandoned_payload(invocation.invocation_id), encode(invocation))

    def put_refused_record(self, invocation: Invocation, settlement: Settlement, reason: str) -> None:
        """Store a record that DynamoDB refused, in the form of the stream, into which it can be put back."""
        record = {"reason": reason, "invocation": encode(invocation), "settlement": encode(settlement)}
        self._put(keys.refused_record(invocation.invocation_id), json.dumps(record))

    def _put(self, key: str, text: str) -> None:
        with aws_call("S3", f"write {key}"):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json")

    def _get(self, key: str) -> bytes:
        with aws_call("S3", f"read {key}"):
            data: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return data
