"""Zips in S3, by the digest of their bytes: equal zips are one object, and none is ever overwritten by another."""

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws_errors import needing
from shared_lua import keys

PART = "The bucket (S3)"

#: How long a link to a function's zip works, as on Lambda.
LINK_S = 600


class CodeStore:
    """Zips by digest. Each method that talks to S3 raises UnavailableError when it does not answer."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, sha256: str, data: bytes) -> None:
        """Store a zip under its digest unless it is there."""
        with needing(PART):
            if not self._has(sha256):
                self._s3.put_object(
                    Bucket=self._bucket, Key=keys.code(sha256), Body=data, ContentType="application/zip"
                )

    def link(self, sha256: str) -> str:
        """Give an address from which the zip can be fetched for ten minutes without credentials."""
        where = {"Bucket": self._bucket, "Key": keys.code(sha256)}
        url: str = self._s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_S)
        return url

    def check(self) -> None:
        """Raise UnavailableError unless the bucket answers."""
        with needing(PART):
            self._s3.head_bucket(Bucket=self._bucket)

    def _has(self, sha256: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=keys.code(sha256))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
            return False
        return True
