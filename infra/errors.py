"""What can go wrong with a deployment, in a sentence that says what to do about it."""

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError


class DeployError(Exception):
    """A deployment cannot go on; the message says why and what to do."""


#: What the AWS library raises when it finds no credentials, or not all that belong together.
_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.SSOTokenLoadError,
)

#: AWS's codes for credentials that it does not take.
_REFUSED_CREDENTIALS = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"}


def sentence(error: BotoCoreError | ClientError) -> str:
    """Give what to tell of an error of the AWS library."""
    match error:
        case exceptions.NoRegionError():
            return "no region is set: export AWS_DEFAULT_REGION, or choose a profile that has one with AWS_PROFILE"
        case _ if isinstance(error, _CREDENTIALS):
            return (
                f"there are no usable AWS credentials ({error}): run `aws configure`, or export AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            )
        case ClientError() if error.response["Error"]["Code"] in _REFUSED_CREDENTIALS:
            return f"AWS does not accept these credentials: {error}"
        case exceptions.ConnectionError() | exceptions.HTTPClientError():
            return f"AWS cannot be reached: {error}"
        case _:
            return f"AWS: {error}"
