"""Names, to whoever deploys, the queues that handlers of the app listen to; on Lambda nobody asks."""

import os


def queue(logical_name: str) -> str:
    """Give the ARN of a queue of infra/data.json: the deployed one's, or one that packaging turns into a reference."""
    return os.environ.get(f"HEARTH_QUEUE_ARN_{logical_name}") or f"arn:aws:sqs:::{logical_name}"
