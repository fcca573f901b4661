"""What the handlers of the app listen to: the queues' ARNs while it is deployed, and what a bucket's message says."""

import json
import os
from urllib.parse import unquote_plus


def queue(logical_name: str) -> str:
    """Give the ARN of a queue of infra/data.json; only Chalice asks, on Lambda nothing depends on it.

    `make stage` puts the stage's ARNs into Chalice's configuration, which sets them in the environment before it
    imports the app. `make package` finds a placeholder, and turns it into a reference to the queue.
    """
    return os.environ.get(f"HEARTH_QUEUE_ARN_{logical_name}") or f"arn:aws:sqs:::{logical_name}"


def created_keys(body: str) -> list[str]:
    """Give the keys of the objects that a message of S3's speaks of; none in the test that S3 sends at first."""
    records = json.loads(body).get("Records", [])
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]
