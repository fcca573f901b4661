"""Authentication against botocore's own signer."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalicelib import keyring
from chalicelib.auth import ACCESS_KEY, API_KEY, Authenticator
from chalicelib.calls import Call
from chalicelib.errors import (
    IncompleteSignatureError,
    InvalidSignatureError,
    MissingCredentialsError,
    UnauthenticatedError,
    UnknownAccessKeyError,
    WrongApiKeyError,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.builders import call

SEED = "the seed of this test, long enough for it"
KEY_ID = "HK234567ABCDEFGHIJKL"
API_KEY_TEXT = "hearth_a-key"


class KnownCredentials:
    """Two credentials of one tenant, in memory."""

    def tenant_of(self, credential_id: str, kind: str) -> str | None:
        known = {(KEY_ID, ACCESS_KEY), (keyring.hash_of(API_KEY_TEXT), API_KEY)}
        return "acme" if (credential_id, kind) in known else None


def authenticator(skew_s: float = 0) -> Authenticator:
    return Authenticator(KnownCredentials(), SEED, "us-east-1", lambda: datetime.now(UTC).timestamp() + skew_s)


def signed(
    method: str = "POST",
    url: str = "http://hearth.test/2015-03-31/functions/hello/invocations",
    body: bytes = b'{"a": 1}',
    region: str = "us-east-1",
    service: str = "lambda",
    **headers: str,
) -> Call:
    """Give the call that a client with the right secret sends."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method=method, url=url, data=body, headers={"Host": "hearth.test", **names})
    SigV4Auth(Credentials(KEY_ID, keyring.secret_of(SEED, KEY_ID)), service, region).add_auth(request)
    parts = urlsplit(url)
    return call(
        method=method,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


def test_an_api_key_names_its_tenant() -> None:
    assert authenticator().tenant_of(call(headers={"x-api-key": API_KEY_TEXT})) == "acme"


def test_a_wrong_api_key_is_refused() -> None:
    with pytest.raises(WrongApiKeyError):
        authenticator().tenant_of(call(headers={"x-api-key": API_KEY_TEXT + "x"}))


def test_no_credentials_are_refused() -> None:
    with pytest.raises(MissingCredentialsError):
        authenticator().tenant_of(call())


def test_a_botocore_signature_names_its_tenant() -> None:
    assert authenticator().tenant_of(signed(x_amz_invocation_type="Event")) == "acme"


ARN = quote("arn:aws:lambda:us-east-1:000000000000:function:hello", safe="")


def test_a_gateway_may_decode_the_path() -> None:
    sent = signed(url=f"http://hearth.test/2015-03-31/functions/{ARN}/invocations?Qualifier=%24LATEST")
    decoded = dataclasses.replace(sent, path=sent.path.replace("%3A", ":"))

    assert authenticator().tenant_of(sent) == authenticator().tenant_of(decoded) == "acme"


def changed(sent: Call, **headers: str) -> Call:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(sent, headers={**sent.headers, **names})


TAMPERINGS: dict[str, Callable[[Call], Call]] = {
    "method": lambda sent: dataclasses.replace(sent, method="PUT"),
    "path": lambda sent: dataclasses.replace(sent, path=sent.path + "x"),
    "query": lambda sent: dataclasses.replace(sent, query=(("Qualifier", "other"),)),
    "body": lambda sent: dataclasses.replace(sent, body=sent.body + b" "),
    "host": lambda sent: changed(sent, host="evil.test"),
    "a signed header": lambda sent: changed(sent, x_amz_log_type="None"),
    "the signature": lambda sent: changed(
        sent,
        authorization=sent.headers["authorization"][:-1] + ("0" if sent.headers["authorization"][-1] != "0" else "1"),
    ),
    "a digest that is not the body's": lambda sent: changed(sent, x_amz_content_sha256="UNSIGNED-PAYLOAD"),
}


@pytest.mark.parametrize("part", TAMPERINGS)
def test_a_tampered_call_is_refused(part: str) -> None:
    sent = signed(x_amz_log_type="Tail")
    assert authenticator().tenant_of(sent) == "acme"

    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(TAMPERINGS[part](sent))


def test_an_unsigned_payload_is_refused_even_when_that_word_is_signed() -> None:
    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(signed(X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"))


@pytest.mark.parametrize("skew_s", [-302, 302])
def test_a_date_more_than_five_minutes_off_is_refused(skew_s: int) -> None:
    with pytest.raises(InvalidSignatureError, match="Signature expired"):
        authenticator(skew_s).tenant_of(signed())


@pytest.mark.parametrize("skew_s", [-297, 297])
def test_a_date_within_five_minutes_is_taken(skew_s: int) -> None:
    assert authenticator(skew_s).tenant_of(signed()) == "acme"


@pytest.mark.parametrize("scope", [{"region": "eu-west-1"}, {"service": "s3"}])
def test_a_signature_for_elsewhere_is_refused(scope: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignatureError, match="scoped"):
        authenticator().tenant_of(signed(**scope))


def test_an_unknown_access_key_is_refused() -> None:
    sent = signed()
    stranger = sent.headers["authorization"].replace(KEY_ID, "HKAAAAAAAAAAAAAAAAAA")

    with pytest.raises(UnknownAccessKeyError):
        authenticator().tenant_of(changed(sent, authorization=stranger))


MALFORMED = [
    lambda text: "Bearer token",
    lambda text: text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    lambda text: text.replace("host;", ""),
    lambda text: text.replace(";x-amz-date", ""),
    lambda text: text.replace("host;", "host;x-missing;"),
    lambda text: text.replace("/20", "/19", 1),
    lambda text: text[:-1],
]


@pytest.mark.parametrize("damage", MALFORMED)
def test_an_authorization_that_is_malformed_or_signs_too_little_is_refused(damage: Any) -> None:
    sent = signed()

    with pytest.raises(IncompleteSignatureError):
        authenticator().tenant_of(changed(sent, authorization=damage(sent.headers["authorization"])))


def test_a_date_that_is_none_is_refused() -> None:
    sent = signed()
    date, impossible = sent.headers["x-amz-date"], sent.headers["x-amz-date"][:8] + "T996199Z"
    assert date != impossible

    with pytest.raises(IncompleteSignatureError):
        authenticator().tenant_of(changed(sent, x_amz_date=impossible))


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(query=st.lists(st.tuples(words.filter(bool), words), max_size=4), body=st.binary(max_size=64))
def test_whatever_query_and_body_botocore_signs_is_taken(query: list[tuple[str, str]], body: bytes) -> None:
    encoded = urlencode(query, quote_via=quote, safe="-_.~")

    sent = signed(url=f"http://hearth.test/2015-03-31/functions?{encoded}", body=body)

    assert authenticator().tenant_of(sent) == "acme"


@given(authorization=st.text(max_size=200), date=st.text(max_size=20))
def test_garbage_is_refused_and_breaks_nothing(authorization: str, date: str) -> None:
    headers = {"host": "h", "authorization": f"AWS4-HMAC-SHA256 {authorization}", "x-amz-date": date}

    with pytest.raises(UnauthenticatedError):
        authenticator().tenant_of(call(headers=headers))
