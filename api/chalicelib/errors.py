"""The errors that a caller may get, each with its HTTP status and Lambda's name for it."""

from typing import ClassVar

from shared_lua.scripts import Decision, Verdict

#: Lambda's name for each kind of refusal.
REASONS = {
    Decision.ADDRESS: "CallerRateLimitExceeded",
    Decision.TENANT: "CallerRateLimitExceeded",
    Decision.FUNCTION: "ReservedFunctionConcurrentInvocationLimitExceeded",
    Decision.CONCURRENCY: "ConcurrentInvocationLimitExceeded",
    Decision.FLEET: "ConcurrentInvocationLimitExceeded",
}


class HearthError(Exception):
    """An unexpected error on the server's side. The request id finds it in the log."""

    status: ClassVar[int] = 500
    #: The Lambda API's status, where Lambda's differs from the one that HTTP suggests.
    lambda_status: ClassVar[int | None] = None
    error_type: ClassVar[str] = "ServiceException"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.__doc__)

    def headers(self) -> dict[str, str]:
        """Further headers of the answer."""
        return {}

    def fields(self) -> dict[str, str]:
        """Further members of the Lambda API's error object."""
        return {}


class InvalidParameterError(HearthError):
    """A parameter is missing, out of range or not offered."""

    status = 400
    error_type = "InvalidParameterValueException"


class InvalidRequestContentError(HearthError):
    """The body is not what this operation takes."""

    status = 400
    error_type = "InvalidRequestContentException"


class TooLargeError(HearthError):
    """The body is larger than this operation takes."""

    status = 413
    error_type = "RequestTooLargeException"


class NotFoundError(HearthError):
    """It does not exist."""

    status = 404
    error_type = "ResourceNotFoundException"


class ProvisionedNotFoundError(NotFoundError):
    """No Provisioned Concurrency Config found for this function"""

    error_type = "ProvisionedConcurrencyConfigNotFoundException"


class ConflictError(HearthError):
    """It exists already, or another request is changing it."""

    status = 409
    error_type = "ResourceConflictException"


class PolicyTooLongError(HearthError):
    """The policy would have more than the 20,480 bytes that are allowed. Remove statements, or make them shorter."""

    status = 400
    error_type = "PolicyLengthExceededException"


class RevisionMismatchError(HearthError):
    """The RevisionId provided does not match the latest one. Call GetFunction to retrieve the latest."""

    status = 412
    error_type = "PreconditionFailedException"


class IdempotencyMismatchError(HearthError):
    """This Idempotency-Key was used within a day for another event, mode or qualifier. Use a new key for a new call."""

    status = 422
    error_type = "IdempotentParameterMismatchException"


class UnauthenticatedError(HearthError):
    """The caller is unknown."""

    status = 403


class MissingCredentialsError(UnauthenticatedError):
    """No credentials: send an `x-api-key` header, or sign the request with AWS Signature Version 4."""

    status = 401
    lambda_status = 403
    error_type = "MissingAuthenticationTokenException"

    def headers(self) -> dict[str, str]:
        """How to authenticate."""
        return {"WWW-Authenticate": "AWS4-HMAC-SHA256"}


class ForbiddenUrlError(UnauthenticatedError):
    """This function URL is not open to this caller."""

    error_type = "AccessDeniedException"


class WrongApiKeyError(UnauthenticatedError):
    """This API key belongs to no tenant: it is mistyped, or was revoked."""

    error_type = "AccessDeniedException"


class UnknownAccessKeyError(UnauthenticatedError):
    """The security token included in the request is invalid: no tenant has this access key id."""

    error_type = "UnrecognizedClientException"


class IncompleteSignatureError(UnauthenticatedError):
    """The Authorization header is not an AWS Signature Version 4, or signs too little."""

    error_type = "IncompleteSignatureException"


class InvalidSignatureError(UnauthenticatedError):
    """The request signature we calculated does not match the signature you provided. Check your secret access key."""

    error_type = "InvalidSignatureException"


class SessionTokenError(UnauthenticatedError):
    """The security token included in the request is invalid: Hearth gives none. Send no X-Amz-Security-Token."""

    error_type = "UnrecognizedClientException"


class NotAdminError(UnauthenticatedError):
    """Only the admin key may do this."""

    error_type = "AccessDeniedException"


class AdminOnlyError(UnauthenticatedError):
    """The admin key manages tenants and has no functions: use a tenant's own key here."""

    error_type = "AccessDeniedException"


class TooManyRequestsError(HearthError):
    """Too Many Requests"""

    status = 429
    error_type = "TooManyRequestsException"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self._verdict = verdict

    def headers(self) -> dict[str, str]:
        """When to retry, in whole seconds and never 0: a caller told 0 would hammer."""
        return {
            "Retry-After": str(max(1, -(-self._verdict.wait_ms // 1000))),
            "RateLimit-Limit": str(self._verdict.limit),
            "RateLimit-Remaining": str(self._verdict.remaining),
            "RateLimit-Reset": str(max(1, -(-self._verdict.reset_ms // 1000))),
        }

    def fields(self) -> dict[str, str]:
        """Lambda's name for this kind of refusal."""
        return {"Reason": REASONS[self._verdict.decision]}


class NotOfferedError(HearthError):
    """An operation of the Lambda API that Hearth does not offer."""

    status = 501
    error_type = "NotImplementedException"

    def __init__(self, operation: str) -> None:
        super().__init__(f"Hearth does not offer {operation}. What it offers: GET /openapi.json, and the README.")


class UnservedError(HearthError):
    """The platform cannot do it at the moment; nothing was billed."""

    status = 503

    def headers(self) -> dict[str, str]:
        """When to retry, in seconds."""
        return {"Retry-After": "5"}


class UnservedAgainError(UnservedError):
    """The platform could not do it when it was first asked for under this Idempotency-Key."""

    def headers(self) -> dict[str, str]:
        """Say that this is the first answer again: a retry brings no other."""
        return {"Idempotency-Replayed": "true"}


class UnavailableError(UnservedError):
    """A dependency of this call is down."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is not answering, and this call needs it. Try again in a few seconds.")
