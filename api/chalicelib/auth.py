"""Answers who is calling, from an API key or a signature; never what the caller may do."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from chalicelib import keyring, sigv4
from chalicelib.calls import Call
from chalicelib.errors import (
    IncompleteSignatureError,
    InvalidSignatureError,
    MissingCredentialsError,
    UnknownAccessKeyError,
    WrongApiKeyError,
)

API_KEY = "api_key"
ACCESS_KEY = "access_key"

#: How far a signature's date may be from now. A captured request is of use for no longer than this.
MAX_SKEW_S = 300


class Credentials(Protocol):
    """Where credentials are looked up."""

    def tenant_of(self, credential_id: str, kind: str) -> str | None:
        """Give the tenant that a credential of this kind belongs to, None when there is none."""


class Authenticator:
    """Knows tenants by their keys. `now_s` gives seconds since the Unix epoch."""

    def __init__(self, credentials: Credentials, seed: str, region: str, now_s: Callable[[], float]) -> None:
        self._credentials = credentials
        self._seed = seed
        self._region = region
        self._now_s = now_s

    def tenant_of(self, call: Call) -> str:
        """Give the tenant that this call proves to be from; raise one of the UnauthenticatedError errors."""
        if api_key := call.header("x-api-key"):
            return self._by_api_key(api_key)
        if authorization := call.header("authorization"):
            return self._by_signature(call, authorization)
        raise MissingCredentialsError

    def signer_of(self, call: Call) -> str:
        """Give the tenant whose signature this call carries; an API key does not count. Raise as `tenant_of` does."""
        if authorization := call.header("authorization"):
            return self._by_signature(call, authorization)
        raise MissingCredentialsError

    def _by_api_key(self, api_key: str) -> str:
        tenant = self._credentials.tenant_of(keyring.hash_of(api_key), API_KEY)
        if tenant is None:
            raise WrongApiKeyError
        return tenant

    def _by_signature(self, call: Call, authorization: str) -> str:
        signed = sigv4.parse(call, authorization)
        self._check_scope(signed)
        tenant = self._credentials.tenant_of(signed.access_key_id, ACCESS_KEY)
        if tenant is None:
            raise UnknownAccessKeyError
        expected = sigv4.signature(call, signed, keyring.secret_of(self._seed, signed.access_key_id))
        if not sigv4.body_is_as_declared(call) or not hmac.compare_digest(expected, signed.signature):
            raise InvalidSignatureError
        return tenant

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
