"""Zips in S3, by the digest of their bytes: equal zips are one object, and no object is overwritten by another zip.

An object is deleted once no version names it any more, which `references` counts.
"""

import base64
from collections.abc import Callable
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from chalicelib.code.references import CodeRefs, Unnamed
from chalicelib.errors import UnservedError
from chalicelib.storage.aws_errors import needing
from chalicelib.storage.s3_file import GONE, PART, open_object
from shared_lua import keys

#: How long a link to a function's zip works, as on Lambda.
LINK_S = 600


class CodeStore:
    """Zips by digest. Each method that talks to S3 raises UnavailableError when it does not answer."""

    def __init__(self, s3: Any, bucket: str, refs: CodeRefs, now_s: Callable[[], int]) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._refs = refs
        self._now_s = now_s

    def put(self, sha256: str, source: bytes | BinaryIO) -> None:
        """Store a zip under its digest unless it is there. It stays for the grace of `collect`, and longer once named.

        A file is read in pieces. S3 itself refuses bytes of another digest, so that what is stored is what was checked.
        Raises UnservedError while an equal zip is being removed.
        """
        self._hold(sha256)
        if not isinstance(source, bytes):
            source.seek(0)  # hashing and checking left it at its end, and S3's client sends from the current position
        with needing(PART):
            if not self._has(sha256):
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=keys.code(sha256),
                    Body=source,
                    ContentType="application/zip",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                )

    def open(self, key: str) -> BinaryIO:
        """Open what was uploaded under a key of the bucket; raise InvalidParameterError when nothing was."""
        return open_object(self._s3, self._bucket, key)

    def collect(self, now_s: int, grace_s: int, most: int = 100) -> int:
        """Delete zips that no version has named for `grace_s`, of the `most` oldest; give how many were deleted.

        An Invocation in a queue may need a zip that no version names any more: the grace must outlast every queue.
        """
        collected = 0
        for unnamed in self._refs.unnamed(now_s - grace_s, most):
            collected += self._collect(unnamed, now_s, now_s - grace_s)
        return collected

    def link(self, sha256: str) -> str:
        """Give a URL from which the zip can be fetched for LINK_S seconds without credentials."""
        where = {"Bucket": self._bucket, "Key": keys.code(sha256)}
        url: str = self._s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_S)
        return url

    def check(self) -> None:
        """Raise UnavailableError unless the bucket answers."""
        with needing(PART):
            self._s3.head_bucket(Bucket=self._bucket)

    def _hold(self, sha256: str) -> None:
        if not self._refs.hold(sha256, self._now_s()):
            raise UnservedError("An equal zip is being removed. Try again in a few seconds.")

    def _collect(self, unnamed: Unnamed, now_s: int, before_s: int) -> bool:
        """Mark the zip, delete the object, then the rows: another collector can finish what a dead one began."""
        if not self._refs.mark(unnamed.sha256, now_s, before_s):
            if not self._refs.is_collecting(unnamed.sha256):
                self._refs.clear(unnamed)
            return False
        with needing(PART):
            self._s3.delete_object(Bucket=self._bucket, Key=keys.code(unnamed.sha256))
        self._refs.gone(unnamed.sha256, now_s)
        self._refs.clear(unnamed)
        return True

    def _has(self, sha256: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=keys.code(sha256))
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return False
        return True
