"""An object in S3 as a seekable file. One range of it is fetched at a time, and held."""

import io
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import InvalidParameterError
from chalicelib.storage.aws_errors import needing
from shared_lua.contract import MIB

PART = "The bucket (S3)"

#: What one request fetches: a zip of 50 MiB takes 50 of them.
RANGE_BYTES = MIB

GONE = ("404", "NoSuchKey", "NotFound")
#: The object was replaced, or is shorter now.
CHANGED = ("412", "PreconditionFailed", "416", "InvalidRange")


def open_object(s3: Any, bucket: str, key: str) -> io.BufferedReader:
    """Open the object as it is now; raise InvalidParameterError when there is none, or UnavailableError.

    Reading raises the same, InvalidParameterError once the object was replaced.
    """
    with needing(PART):
        try:
            head = s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            raise InvalidParameterError(
                f"Error occurred while GetObject. S3 Error Code: NoSuchKey. There is nothing at {key}: upload it first"
            ) from None
    ranges = _Ranges(s3, {"Bucket": bucket, "Key": key, "IfMatch": head["ETag"]}, head["ContentLength"])
    return io.BufferedReader(ranges, RANGE_BYTES)


class _Ranges(io.RawIOBase):
    """Each read is one request, which fails once the object was replaced: else what is stored could differ from what
    was checked.
    """

    def __init__(self, s3: Any, where: dict[str, str], size_bytes: int) -> None:
        self._s3 = s3
        self._where = where
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer).cast("B") as view:
            count = min(len(view), RANGE_BYTES, self._size_bytes - self._at)
            if count <= 0:
                return 0
            data = self._get(self._at, count)
            view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _get(self, at: int, count: int) -> bytes:
        with needing(PART):
            try:
                answer = self._s3.get_object(**self._where, Range=f"bytes={at}-{at + count - 1}")
            except ClientError as error:
                if error.response["Error"]["Code"] not in (*GONE, *CHANGED):
                    raise
                raise InvalidParameterError("The upload was changed while it was checked. Try again.") from None
            with answer["Body"] as body:
                data: bytes = body.read()
        return data
