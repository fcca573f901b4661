"""A signature against botocore's own signer: what it covers, and that nothing else has it."""

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from chalicelib.calls import Call, from_event
from chalicelib.errors import IncompleteSignatureError, InvalidSignatureError, UnauthenticatedError
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.api.signing import authenticator, changed, signed


def test_a_botocore_signature_names_its_tenant() -> None:
    assert authenticator().tenant_of(signed(x_amz_invocation_type="Event")) == "acme"


ARN = quote("arn:aws:lambda:us-east-1:000000000000:function:hello", safe="")


def test_a_gateway_may_decode_the_path() -> None:
    sent = signed(url=f"http://hearth.test/2015-03-31/functions/{ARN}/invocations?Qualifier=%24LATEST")
    decoded = dataclasses.replace(sent, path=sent.path.replace("%3A", ":"))

    assert authenticator().tenant_of(sent) == authenticator().tenant_of(decoded) == "acme"


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


def test_a_captured_signature_does_for_no_other_body_and_no_other_call() -> None:
    one, other = signed(body=b'{"pay": 1}'), signed(body=b'{"pay": 2}')

    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(dataclasses.replace(one, body=other.body))
    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(changed(other, authorization=one.headers["authorization"]))


def test_a_lambda_header_that_is_not_signed_is_refused() -> None:
    sent = signed()

    with pytest.raises(IncompleteSignatureError):
        authenticator().tenant_of(changed(sent, x_amz_invocation_type="Event"))


def test_what_cloudfront_and_tracing_add_on_the_way_does_not_count() -> None:
    sent = changed(signed(), x_amz_cf_id="abc", x_amzn_trace_id="Root=1-2-3", via="2.0 a", user_agent="b")

    assert authenticator().tenant_of(sent) == "acme"


def test_a_header_sent_twice_counts_as_both() -> None:
    sent = signed(x_amz_log_type="Tail")
    event: dict[str, Any] = {
        "requestContext": {
            "httpMethod": sent.method,
            "path": sent.path,
            "identity": {"sourceIp": "192.0.2.1"},
            "requestId": "r",
        },
        "multiValueQueryStringParameters": None,
        "headers": sent.headers,
        "multiValueHeaders": {name: [value] for name, value in sent.headers.items()},
    }
    assert authenticator().tenant_of(from_event(event, sent.body)) == "acme"

    event["multiValueHeaders"]["x-amz-log-type"] = ["None", "Tail"]

    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(from_event(event, sent.body))


@pytest.mark.parametrize("value", ["  Tail", "Tail \t", "a  b", "a \t b"])
def test_blanks_around_and_within_a_header_count_as_the_signer_counts_them(value: str) -> None:
    assert authenticator().tenant_of(signed(x_amz_log_type=value)) == "acme"


@pytest.mark.parametrize("name", [ARN, "%2524LATEST", "a%2Fb", "a%3Fb", "a%20b", "%C3%A9", "a+b"])
def test_a_name_counts_as_it_was_encoded_once_and_never_decoded(name: str) -> None:
    sent = signed(url=f"http://hearth.test/2015-03-31/functions/{name}")
    assert authenticator().tenant_of(sent) == "acme"

    for other in (quote(name), name.lower() if "%" in name else name + "%20"):
        if other != name:
            with pytest.raises(InvalidSignatureError):
                authenticator().tenant_of(dataclasses.replace(sent, path=f"/2015-03-31/functions/{other}"))


#: What is sent, and what a signer that shortens or decodes would take for the same.
TWINS = [
    ("/2015-03-31/functions/b", "/2015-03-31/functions/a/../b"),
    ("/2015-03-31/functions/b", "/2015-03-31/functions/./b"),
    ("/2015-03-31/functions/b", "/2015-03-31//functions/b"),
    ("/2015-03-31/functions/b/code", "/2015-03-31/functions/b%2Fcode"),
    ("/2015-03-31/functions/b", "/2015-03-31/functions/%62"),
    ("/2015-03-31/functions/b", "/2015-03-31/functions/b?c"),
    ("/2015-03-31/functions/b", "/2015-03-31/functions/b#c"),
    ("/2015-03-31/functions/b", "2015-03-31/functions/b"),
]


@pytest.mark.parametrize(("path", "twin"), TWINS)
def test_a_path_that_reads_alike_has_no_signature_in_common(path: str, twin: str) -> None:
    sent = signed(url=f"http://hearth.test{path}")
    assert authenticator().tenant_of(sent) == "acme"

    with pytest.raises(InvalidSignatureError):
        authenticator().tenant_of(dataclasses.replace(sent, path=twin))


def test_half_a_surrogate_pair_is_refused_and_breaks_nothing() -> None:
    sent = signed()

    for broken in (dataclasses.replace(sent, query=(("a", "\ud800"),)), changed(sent, host="\ud800")):
        with pytest.raises(InvalidSignatureError):
            authenticator().tenant_of(broken)


#: Visible ASCII: what a header may hold whose blanks a signer folds.
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
odd_names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)


@st.composite
def signed_calls(draw: st.DrawFn) -> Call:
    """A call as botocore signs it, with any name, query, header and payload."""
    query = draw(st.lists(st.tuples(words.filter(bool), words), max_size=3))
    encoded = urlencode(query, quote_via=quote, safe="-_.~")
    return signed(
        method=draw(st.sampled_from(["GET", "PUT", "POST", "DELETE"])),
        url=f"http://hearth.test/2015-03-31/functions/{quote(draw(odd_names), safe='-._~')}/invocations?{encoded}",
        body=draw(st.binary(max_size=40)),
        X_Amz_Client_Context=draw(visible),
    )


@given(sent=signed_calls())
def test_whatever_botocore_signs_is_taken(sent: Call) -> None:
    assert authenticator().tenant_of(sent) == "acme"


def another(draw: st.DrawFn, text: str) -> str:
    """The text with one character replaced by another visible one."""
    at = draw(st.integers(0, len(text) - 1))
    new = draw(st.characters(min_codepoint=33, max_codepoint=126))
    assume(new != text[at])
    return text[:at] + new + text[at + 1 :]


def damaged(draw: st.DrawFn, sent: Call) -> Call:
    """The call with one character or bit of it changed, anywhere that is signed."""
    where = draw(st.sampled_from(["method", "path", "query", "header", "signature", "body"]))
    if where == "query":
        assume(sent.query)
        at = draw(st.integers(0, len(sent.query) - 1))
        pair = list(sent.query[at])
        side = draw(st.sampled_from([side for side in (0, 1) if pair[side]]))
        pair[side] = another(draw, pair[side])
        return dataclasses.replace(sent, query=(*sent.query[:at], (pair[0], pair[1]), *sent.query[at + 1 :]))
    if where == "header":
        name = draw(st.sampled_from(["host", "x-amz-client-context"]))
        return dataclasses.replace(sent, headers={**sent.headers, name: another(draw, sent.headers[name])})
    if where == "signature":
        authorization, _, signature = sent.headers["authorization"].rpartition("=")
        flipped = another(draw, signature)
        return dataclasses.replace(sent, headers={**sent.headers, "authorization": f"{authorization}={flipped}"})
    if where == "body":
        assume(sent.body)
        at = draw(st.integers(0, len(sent.body) - 1))
        changed_byte = bytes([sent.body[at] ^ (1 << draw(st.integers(0, 7)))])
        return dataclasses.replace(sent, body=sent.body[:at] + changed_byte + sent.body[at + 1 :])
    if where == "path":
        return dataclasses.replace(sent, path=another(draw, sent.path))
    return dataclasses.replace(sent, method=another(draw, sent.method))


@given(sent=signed_calls(), data=st.data())
def test_no_single_character_of_what_is_signed_can_be_changed(sent: Call, data: st.DataObject) -> None:
    broken = data.draw(st.composite(lambda draw: damaged(draw, sent))())
    assume(sorted(broken.query) != sorted(sent.query) or broken.query == sent.query)

    with pytest.raises(UnauthenticatedError):
        authenticator().tenant_of(broken)
