"""Turns botocore's errors into the worker's at the border of each adapter; never hides one."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from worker_agent.errors import AwsUnavailableError


@contextmanager
def aws_call(part: str, act: str) -> Iterator[None]:
    """Raise AwsUnavailableError, saying which part failed to do what, for whatever botocore raises inside."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise AwsUnavailableError(f"{part} failed to {act}: {error}") from error
