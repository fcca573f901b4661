"""Lists the objects in the bucket, as the AWS stand-in sends no events about new ones."""

import logging
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_log = logging.getLogger("hearth.events")


class Bucket:
    """An S3 bucket."""

    def __init__(self, s3: Any, name: str) -> None:
        self._s3 = s3
        self.name = name

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Bucket":
        """Returns the bucket that the stack's variables name."""
        return cls(boto3.client("s3"), environ["HEARTH_BUCKET"])

    def objects(self, prefix: str) -> dict[str, str]:
        """Returns the keys of the objects under a prefix, each by a tag that changes with its content.

        Returns none if S3 does not answer.
        """
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            found = [one for page in pages for one in page.get("Contents", [])]
        except (BotoCoreError, ClientError):
            _log.warning("the bucket could not be listed", exc_info=True)
            return {}
        return {f"{one['Key']} {one['ETag']} {one['LastModified']}": one["Key"] for one in found}
