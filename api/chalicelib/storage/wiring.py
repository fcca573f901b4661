"""Builds the adapters that several packages share."""

import time
from dataclasses import dataclass
from typing import Any

from chalicelib.config import Settings
from chalicelib.storage.items import Items
from chalicelib.storage.local_bucket import LocalBucket
from chalicelib.storage.redis_adapter import RedisAdapter


@dataclass(frozen=True, kw_only=True)
class AwsClients:
    """One client a service, as botocore makes it or as it is throttled."""

    dynamodb: Any
    s3: Any
    sqs: Any


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The clients, and the adapters that several packages share."""

    aws: AwsClients
    items: Items
    redis: RedisAdapter
    outage: LocalBucket  #: what this process admits by itself while Redis is down


def build(settings: Settings, aws: AwsClients, redis: RedisAdapter) -> Storage:
    """Build the shared adapters."""
    return Storage(
        aws=aws,
        items=Items(aws.dynamodb, settings.items_table),
        redis=redis,
        outage=LocalBucket(settings.outage_rate_per_s, settings.outage_burst, time.monotonic),
    )
