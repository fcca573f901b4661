"""Which credentials are taken, and what is said of those that are not."""

import dataclasses

import pytest
from chalicelib.errors import (
    IncompleteSignatureError,
    MissingCredentialsError,
    SessionTokenError,
    UnauthenticatedError,
    UnknownAccessKeyError,
    WrongApiKeyError,
)
from chalicelib.tenants import keyring
from chalicelib.tenants.credentials import Credential, Kind
from chalicelib.tenants.encryption import Encryption
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.builders import call
from tests.unit.api.signing import API_KEY_TEXT, KEY_ID, SECRET, SEED, STORED, authenticator, changed, signed


def test_an_api_key_names_its_tenant() -> None:
    assert authenticator().tenant_of(call(headers={"x-api-key": API_KEY_TEXT})) == "acme"


def test_a_wrong_api_key_is_refused() -> None:
    with pytest.raises(WrongApiKeyError):
        authenticator().tenant_of(call(headers={"x-api-key": API_KEY_TEXT + "x"}))


def test_no_credentials_are_refused() -> None:
    with pytest.raises(MissingCredentialsError):
        authenticator().tenant_of(call())


def test_an_unknown_access_key_is_refused() -> None:
    sent = signed()
    anonymous = sent.headers["authorization"].replace(KEY_ID, "HKAAAAAAAAAAAAAAAAAA")

    with pytest.raises(UnknownAccessKeyError):
        authenticator().tenant_of(changed(sent, authorization=anonymous))


@given(authorization=st.text(max_size=200), date=st.text(max_size=20))
def test_garbage_is_refused_and_breaks_nothing(authorization: str, date: str) -> None:
    headers = {"host": "h", "authorization": f"AWS4-HMAC-SHA256 {authorization}", "x-amz-date": date}

    with pytest.raises(UnauthenticatedError):
        authenticator().tenant_of(call(headers=headers))


def test_a_presigned_call_is_told_that_its_kind_is_not_taken() -> None:
    query = (("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Signature", "0" * 64))

    with pytest.raises(IncompleteSignatureError, match="in the query is not taken"):
        authenticator().tenant_of(call(query=query))


def test_a_session_token_is_none_of_ours() -> None:
    with pytest.raises(SessionTokenError, match="Send no X-Amz-Security-Token"):
        authenticator().tenant_of(signed(X_Amz_Security_Token="a token of AWS's"))


def test_an_admin_key_is_looked_for_among_admin_keys_only() -> None:
    text = keyring.new_admin_key()
    key_id = keyring.hash_of(text)
    as_kind = {kind: Credential(credential_id=key_id, kind=kind, tenant="acme") for kind in Kind}

    sent = call(headers={"x-api-key": text})

    assert authenticator(stored={key_id: as_kind[Kind.ADMIN_KEY]}).tenant_of(sent) == "acme"
    with pytest.raises(WrongApiKeyError):
        authenticator(stored={key_id: as_kind[Kind.API_KEY]}).tenant_of(sent)


@pytest.mark.parametrize(
    "sealed_for",
    [
        ("other", KEY_ID, SEED),
        ("acme", "HKAAAAAAAAAAAAAAAAAA", SEED),
        ("acme", KEY_ID, "the seed of another deployment, as long"),
        None,
    ],
)
def test_a_secret_that_does_not_decrypt_is_refused_and_named_in_the_log(
    sealed_for: tuple[str, str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    tenant, key_id, seed = sealed_for or ("", "", "")
    encrypted = Encryption(seed).encrypt(SECRET, tenant, key_id) if sealed_for else b""
    moved = {KEY_ID: dataclasses.replace(STORED[KEY_ID], encrypted=encrypted)}

    with pytest.raises(UnknownAccessKeyError):
        authenticator(stored=moved).tenant_of(signed())

    [line] = [record for record in caplog.records if record.__dict__.get("action") == "secret_not_decrypted"]
    assert (line.__dict__["access_key_id"], line.__dict__["tenant"]) == (KEY_ID, "acme")
    assert "does not decrypt" in line.getMessage()
    assert SECRET not in caplog.text
