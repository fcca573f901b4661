"""Finds out who is calling, from an API key or a signature."""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from chalicelib.calls import Call
from chalicelib.errors import (
    IncompleteSignatureError,
    InvalidSignatureError,
    MissingCredentialsError,
    SessionTokenError,
    UnknownAccessKeyError,
    WrongApiKeyError,
)
from chalicelib.tenants import keyring, sigv4
from chalicelib.tenants.callers import Caller
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.encryption import DecryptionError, Encryption

#: How far a signature's date may be from now. A captured request is of use for no longer than this.
MAX_SKEW_S = 300

logger = logging.getLogger("hearth")


class Callers(Protocol):
    """What remembers callers and looks them up."""

    def remembered(self, credential_id: str, kind: str) -> Caller | None:
        """Give the caller if it is remembered, without any I/O."""

    def look_up(self, credential_id: str, kind: str) -> Caller | None:
        """Give the caller from the tables, None when there is none; raise UnavailableError."""


@dataclass(frozen=True)
class Claim:
    """The credential that a call names. It is not verified yet."""

    credential_id: str
    kind: Kind
    signed: sigv4.Signed | None = None


def claim_of(call: Call) -> Claim:
    """Read the credential that a call names.

    Raises MissingCredentialsError, IncompleteSignatureError or SessionTokenError.
    """
    if api_key := call.header("x-api-key"):
        kind = Kind.ADMIN_KEY if api_key.startswith(keyring.ADMIN_PREFIX) else Kind.API_KEY
        return Claim(keyring.hash_of(api_key), kind)
    if authorization := call.header("authorization"):
        if "x-amz-security-token" in call.headers:
            raise SessionTokenError
        signed = sigv4.parse(call, authorization)
        return Claim(signed.access_key_id, Kind.ACCESS_KEY, signed)
    if sigv4.is_presigned(call):
        raise IncompleteSignatureError("A signature in the query is not taken: sign in the Authorization header")
    raise MissingCredentialsError


class Authenticator:
    """Authenticates callers by their keys. `now_s` gives seconds since the Unix epoch.

    Only `look_up` does I/O: it reads the tables.
    """

    def __init__(self, callers: Callers, encryption: Encryption, region: str, now_s: Callable[[], float]) -> None:
        self._callers = callers
        self._encryption = encryption
        self._region = region
        self._now_s = now_s

    def claim(self, call: Call) -> Claim:
        """Read the credential that a call names; raise an UnauthenticatedError for one that no key could verify."""
        claim = claim_of(call)
        if claim.signed:
            self._check_scope(claim.signed)
        return claim

    def remembered(self, claim: Claim) -> Caller | None:
        """Give the caller if it is remembered."""
        return self._callers.remembered(claim.credential_id, claim.kind)

    def look_up(self, claim: Claim) -> Caller:
        """Give the caller from the tables; raise WrongApiKeyError, UnknownAccessKeyError or UnavailableError."""
        caller = self._callers.look_up(claim.credential_id, claim.kind)
        if caller is None:
            raise UnknownAccessKeyError if claim.signed else WrongApiKeyError
        return caller

    def verify(self, call: Call, claim: Claim, caller: Caller) -> None:
        """Raise an UnauthenticatedError unless the caller signed the call. An API key is its own proof."""
        if claim.signed is None:
            return
        if not sigv4.body_is_as_declared(call):
            raise InvalidSignatureError(
                "x-amz-content-sha256 is not the SHA-256 of the body: UNSIGNED-PAYLOAD and streams are not taken"
            )
        if not _is_one_of(claim.signed.signature, sigv4.signatures(call, claim.signed, self._secret(caller))):
            raise InvalidSignatureError

    def _secret(self, caller: Caller) -> str:
        credential = caller.credential
        try:
            return self._encryption.decrypt(credential.encrypted, credential.tenant, credential.credential_id)
        except DecryptionError:
            logger.error(  # noqa: TRY400  (the stack would say nothing more)
                "The stored secret of an access key does not decrypt: another HEARTH_SECRET_SEED encrypted it, or its"
                " row was changed. The key is refused until it is revoked and made anew",
                extra={
                    "action": "secret_not_decrypted",
                    "access_key_id": credential.credential_id,
                    "tenant": credential.tenant,
                },
            )
            raise UnknownAccessKeyError from None

    def _check_scope(self, signed: sigv4.Signed) -> None:
        if (signed.region, signed.service) != (self._region, sigv4.SERVICE):
            raise InvalidSignatureError(f"Credential should be scoped to {self._region} and {sigv4.SERVICE}")
        try:
            signed_at = datetime.strptime(signed.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise IncompleteSignatureError(f"x-amz-date {signed.timestamp} is no date") from None
        if abs(self._now_s() - signed_at.timestamp()) > MAX_SKEW_S:
            raise InvalidSignatureError(
                f"Signature expired: {signed.timestamp} is more than {MAX_SKEW_S} seconds off. Set your clock."
            )


def _is_one_of(given: str, expected: list[str]) -> bool:
    """Compare with each in constant time, and with all of them."""
    return sum(hmac.compare_digest(given, one) for one in expected) > 0
