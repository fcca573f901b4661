"""Looks into the bucket, since the AWS stand-in tells nobody what comes into it."""

import logging
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_log = logging.getLogger("hearth.events")


class Bucket:
    """One bucket."""

    def __init__(self, s3: Any, name: str) -> None:
        self._s3 = s3
        self.name = name

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Bucket":
        """Give the bucket that the stack's variables name."""
        return cls(boto3.client("s3"), environ["HEARTH_BUCKET"])

    def lying(self, prefix: str) -> dict[str, str]:
        """Give what lies under a prefix, by a tag that is another one for other bytes; nothing when S3 is silent."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            found = [one for page in pages for one in page.get("Contents", [])]
        except (BotoCoreError, ClientError):
            _log.warning("the bucket could not be looked into", exc_info=True)
            return {}
        return {f"{one['Key']} {one['ETag']} {one['LastModified']}": one["Key"] for one in found}
