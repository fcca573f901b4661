"""Computes AWS Signature Version 4 over a Call with botocore's own signer."""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

from chalicelib.calls import Call
from chalicelib.errors import IncompleteSignatureError

SERVICE = "lambda"

#: Without these two a signature could be carried to another host or another day.
MUST_SIGN = frozenset({"host", "x-amz-date"})

#: These say how a function is run and what comes back: somebody who has captured a call could change them otherwise.
MUST_SIGN_PREFIX = "x-amz-"
#: What is added on the way (CloudFront's id), and what is checked against the body instead.
MAY_BE_UNSIGNED = frozenset({"x-amz-cf-id", "x-amz-content-sha256"})

#: What a path may hold on the wire. In a decoded one, `?` and `#` would end it for the signer.
SENT_PATH = re.compile(r"[\w/.~:@!$&'()*+,;=%-]+", re.ASCII)

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request, *"
    r"SignedHeaders=(?P<headers>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What an Authorization header claims."""

    access_key_id: str
    region: str
    service: str
    timestamp: str  #: as `x-amz-date` spells it
    headers: tuple[str, ...]
    signature: str


def parse(call: Call, authorization: str) -> Signed:
    """Parse the header; raise IncompleteSignatureError when it is malformed or signs too little."""
    match = AUTHORIZATION.fullmatch(authorization)
    timestamp = call.header("x-amz-date") or ""
    if not match or not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp) or match["day"] != timestamp[:8]:
        raise IncompleteSignatureError
    headers = tuple(match["headers"].split(";"))
    if not _must_be_signed(call).issubset(headers) or any(name not in call.headers for name in headers):
        raise IncompleteSignatureError
    return Signed(
        access_key_id=match["key"],
        region=match["region"],
        service=match["service"],
        timestamp=timestamp,
        headers=headers,
        signature=match["signature"],
    )


def _must_be_signed(call: Call) -> frozenset[str]:
    named = {name for name in call.headers if name.startswith(MUST_SIGN_PREFIX)}
    return MUST_SIGN | (named - MAY_BE_UNSIGNED)


def signatures(call: Call, signed: Signed, secret: str) -> list[str]:
    """Compute the signatures of which this call must carry one, over the headers that it says it signs.

    None at all for a call that nobody can have signed.
    """
    if (
        not call.method.isupper()
    ):  # the signer would change it to upper case, and one signature would do for two methods
        return []
    try:
        "".join(call.headers[name] for name in signed.headers).encode()
        return [_signature(call, signed, secret, path) for path in _paths(call.path)]
    except UnicodeError:  # half of a surrogate pair, which cannot be signed
        return []


def is_presigned(call: Call) -> bool:
    """Tell whether the call carries its signature in the query, as a presigned URL does."""
    return any(name.lower() in ("x-amz-signature", "x-amz-algorithm") for name, _ in call.query)


def body_is_as_declared(call: Call) -> bool:
    """Tell whether the body has the digest that the caller declares, if it does: `UNSIGNED-PAYLOAD` is no digest."""
    declared = call.header("x-amz-content-sha256")
    return declared is None or declared == hashlib.sha256(call.body).hexdigest()


def _signature(call: Call, signed: Signed, secret: str, path: str) -> str:
    request = AWSRequest(
        method=call.method,
        url=f"http://signed{path}",
        data=call.body,
        params=list(call.query),
        headers={name: call.headers[name] for name in signed.headers},
    )
    request.context["timestamp"] = signed.timestamp
    signer = SigV4Auth(Credentials(signed.access_key_id, secret), signed.service, signed.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    computed: str = signer.signature(text, request)
    return computed


def _paths(path: str) -> list[str]:
    """Give the path as the client may have sent it: some gateways decode it, others do not.

    A path with a percent sign was not decoded, as no name of ours has one, and is taken byte for byte: if it were
    decoded here, `a/b` and `a%2Fb` would have the same signature. A path that the signer would shorten first has none,
    for the same reason.
    """
    if normalize_url_path(path) != path or not path.startswith("/"):
        return []
    as_sent = [path] if SENT_PATH.fullmatch(path) else []
    encoded = quote(path, safe="/-_.~", errors="replace")
    return as_sent if "%" in path or encoded == path else [*as_sent, encoded]
