"""Turns botocore's errors into ours, where an adapter cannot explain them better."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError


@contextmanager
def needing(part: str) -> Iterator[None]:
    """Run AWS calls; raise UnavailableError naming the part when one fails."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(part) from error


def is_refused_condition(error: ClientError) -> bool:
    """Tell whether DynamoDB refused a conditional write because its condition does not hold."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
