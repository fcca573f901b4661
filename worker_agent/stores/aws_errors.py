"""Turns botocore's errors into the worker's own, in every adapter of an AWS service."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from worker_agent.errors import AwsUnavailableError, RecordRefusedError

#: DynamoDB's errors about an item as such: too large, malformed, not to be deserialized. Waiting mends none of them,
#: and the next item may be in order. Every other error is the platform's and passes: throttling, no network, a missing
#: table. Denied access is one of these: our policies name tables and never items, so one denied write means that all
#: are denied until somebody corrects the role, and to set all records aside meanwhile would help nobody.
ITEM_ERRORS = frozenset(
    {
        "ItemCollectionSizeLimitExceededException",
        "RequestEntityTooLarge",
        "SerializationException",
        "ValidationException",
    }
)
#: The same, as a cancelled transaction gives them as reasons. What is cancelled with one is the whole transaction.
ITEM_REASONS = frozenset({"ItemCollectionSizeLimitExceeded", "ValidationError"})


@contextmanager
def aws_call(part: str, act: str) -> Iterator[None]:
    """Raise AwsUnavailableError or RecordRefusedError, saying which part failed to do what, for botocore's errors."""
    try:
        yield
    except UnicodeError as error:  # botocore could not even send the text
        raise RecordRefusedError(f"{part} cannot {act}: {error}") from error
    except (BotoCoreError, ClientError) as error:
        kind = RecordRefusedError if _is_about_the_item(error) else AwsUnavailableError
        raise kind(f"{part} failed to {act}: {error}") from error


def _is_about_the_item(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
    return error.response["Error"]["Code"] in ITEM_ERRORS or bool(reasons & ITEM_REASONS)
