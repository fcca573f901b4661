"""What is said of an error of the AWS library."""

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import sentence


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "CreateStack")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoRegionError(), "no region is set: export AWS_DEFAULT_REGION"),
        (exceptions.NoCredentialsError(), "there are no usable AWS credentials"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), "aws_secret_access_key"),
        (exceptions.ProfileNotFound(profile="gone"), "AWS: The config profile (gone) could not be found"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached: Could not connect"),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x"), "AWS cannot be reached: Connect timeout"),
        (exceptions.SSLError(endpoint_url="https://x", error="e"), "AWS cannot be reached: SSL validation failed"),
        (refused("ExpiredToken"), "AWS does not accept these credentials: "),
        (refused("AccessDenied"), "AWS: An error occurred (AccessDenied) when calling the CreateStack operation: no"),
    ],
)
def test_an_error_is_one_sentence_that_says_what_is_missing(error: BotoCoreError | ClientError, said: str) -> None:
    told = sentence(error)

    assert said in told
    assert "\n" not in told
