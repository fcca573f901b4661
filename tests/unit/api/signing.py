"""An Authenticator with one tenant's keys in memory, and calls as botocore signs them."""

import dataclasses
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalicelib.calls import Call
from chalicelib.tenants import keyring
from chalicelib.tenants.callers import Caller
from chalicelib.tenants.credentials import Credential, Kind
from chalicelib.tenants.encryption import Encryption
from chalicelib.tenants.proof import Authenticator

from tests.unit.api.builders import call

SEED = "the seed of this test, long enough for it"
KEY_ID = "HK234567ABCDEFGHIJKL"
API_KEY_TEXT = "hearth_a-key"
SECRET = "a secret of forty characters, or nearly so"
STORED = {
    KEY_ID: Credential(
        credential_id=KEY_ID,
        kind=Kind.ACCESS_KEY,
        tenant="acme",
        encrypted=Encryption(SEED).encrypt(SECRET, "acme", KEY_ID),
    ),
    keyring.hash_of(API_KEY_TEXT): Credential(
        credential_id=keyring.hash_of(API_KEY_TEXT), kind=Kind.API_KEY, tenant="acme"
    ),
}


class KnownCallers:
    """Callers in memory; none is remembered."""

    def __init__(self, stored: dict[str, Credential]) -> None:
        self.stored = stored

    def remembered(self, credential_id: str, kind: str) -> Caller | None:
        return None

    def look_up(self, credential_id: str, kind: str) -> Caller | None:
        credential = self.stored.get(credential_id)
        return Caller(credential) if credential and credential.kind == kind else None


class TenantKnower:
    """An Authenticator that takes all its steps, and is asked for the tenant alone."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def tenant_of(self, given: Call) -> str:
        claim = self._authenticator.claim(given)
        caller = self._authenticator.look_up(claim)
        self._authenticator.verify(given, claim, caller)
        return caller.tenant


def authenticator(skew_s: float = 0, stored: dict[str, Credential] | None = None) -> TenantKnower:
    callers = KnownCallers(STORED if stored is None else stored)
    return TenantKnower(
        Authenticator(callers, Encryption(SEED), "us-east-1", lambda: datetime.now(UTC).timestamp() + skew_s)
    )


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
    SigV4Auth(Credentials(KEY_ID, SECRET), service, region).add_auth(request)
    items = urlsplit(url)
    return call(
        method=method,
        path=items.path,
        query=tuple(parse_qsl(items.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


def changed(sent: Call, **headers: str) -> Call:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(sent, headers={**sent.headers, **names})
