"""Computes AWS Signature Version 4 over a Call with botocore's own signer; never decides who may come in."""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.calls import Call
from chalicelib.errors import IncompleteSignatureError

SERVICE = "lambda"

#: Without these two a signature could be carried to another host or another day.
MUST_SIGN = frozenset({"host", "x-amz-date"})

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
    """Give what the header claims; raise IncompleteSignatureError when it is malformed or signs too little."""
    match = AUTHORIZATION.fullmatch(authorization)
    timestamp = call.header("x-amz-date") or ""
    if not match or not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp) or match["day"] != timestamp[:8]:
        raise IncompleteSignatureError
    headers = tuple(match["headers"].split(";"))
    if not MUST_SIGN.issubset(headers) or any(name not in call.headers for name in headers):
        raise IncompleteSignatureError
    return Signed(
        access_key_id=match["key"],
        region=match["region"],
        service=match["service"],
        timestamp=timestamp,
        headers=headers,
        signature=match["signature"],
    )


def signature(call: Call, signed: Signed, secret: str) -> str:
    """Give the signature that this call must carry, over exactly the headers it says it signs."""
    request = AWSRequest(
        method=call.method,
        url=f"http://signed{_path(call.path)}",
        data=call.body,
        params=list(call.query),
        headers={name: call.headers[name] for name in signed.headers},
    )
    request.context["timestamp"] = signed.timestamp
    signer = SigV4Auth(Credentials(signed.access_key_id, secret), signed.service, signed.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    computed: str = signer.signature(text, request)
    return computed


def body_is_as_declared(call: Call) -> bool:
    """Tell whether the body is the one whose digest the caller names, when it names one: `UNSIGNED-PAYLOAD` is none."""
    declared = call.header("x-amz-content-sha256")
    return declared is None or declared == hashlib.sha256(call.body).hexdigest()


def _path(path: str) -> str:
    """Give the path as AWS's clients send it: gateways differ in whether they hand it on decoded."""
    return quote(unquote(path), safe="/-_.~")
