"""What tenants put into S3 themselves, under the key that they were given."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from chalicelib.limits import MAX_ZIP_BYTES
from chalicelib.storage.aws_errors import needing
from chalicelib.storage.s3_file import PART, open_object
from shared_lua import keys

#: How long a form may be used; an upload that has begun by then goes on.
FORM_S = 900
CONTENT_TYPE = "application/zip"


@dataclass(frozen=True)
class Form:
    """What a browser or curl posts, as multipart/form-data: the fields first, then the zip as `file`."""

    url: str
    fields: dict[str, str]


class UploadStore:
    """Uploads in the bucket. Each method that talks to S3 raises UnavailableError when it does not answer."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def form(self, tenant: str, upload_id: str) -> Form:
        """Give the form that puts one zip under one key, and nothing else; asks nobody."""
        key = keys.upload(tenant, upload_id)
        form = self._s3.generate_presigned_post(
            Bucket=self.bucket,
            Key=key,
            Fields={"Content-Type": CONTENT_TYPE},
            Conditions=[
                {"key": key},
                {"Content-Type": CONTENT_TYPE},
                ["content-length-range", 1, MAX_ZIP_BYTES],
            ],
            ExpiresIn=FORM_S,
        )
        return Form(**form)

    def open(self, tenant: str, upload_id: str) -> BinaryIO:
        """Give what was put there; raise InvalidParameterError when nothing was."""
        return open_object(self._s3, self.bucket, keys.upload(tenant, upload_id))

    def forget(self, tenant: str, upload_id: str) -> None:
        """Remove what was put there, if anything was."""
        with needing(PART):
            self._s3.delete_object(Bucket=self.bucket, Key=keys.upload(tenant, upload_id))
