"""Every route and another tenant's things: those answer as what does not exist, in status, headers and body.

The routes are the app's own. Whoever adds one, or offers another operation of Lambda's, adds a line to CASES.
"""

import base64
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from app import app
from chalicelib import keyring
from chalicelib.lambda_door import offered as lambda_door
from chalicelib.naming import account
from chalicelib.tenants import IssuedKeys
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.test_bad_input import creation
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]

OFFERED = lambda_door.OFFERED.keys() | lambda_door.RUNNING.keys()

#: What stands for a thing in a case.
THING = "~thing~"

#: A function of the other tenant's, and one of nobody's.
THEIRS, ABSENT = "their-function", "absent-function"


@dataclass(frozen=True)
class Case:
    """A request that names a thing, in its path, its query or its body.

    `things` says of which kind: a key of `World.pairs`. Where it is "nothing", the request names nothing of anybody's,
    and its answer must not tell of another tenant's either.
    """

    things: str
    url: str
    body: bytes = b""
    content_type: str = "application/json"

    def send(self, gateway: Gateway, method: str, key: Key, thing: str) -> Answer:
        """Send the request with this thing in it."""
        url = self.url.replace(THING, quote(thing, safe=""))
        body = self.body.replace(THING.encode(), thing.encode())
        return gateway.send(method, url, body, {**key, "Content-Type": self.content_type})


#: One zip for all: what is stored of it must not differ by who was first.
CODE = zipped()

FUNCTIONS = f"/functions/{THING}"
LAMBDA = "/2015-03-31/functions"
REFERENCE = f"{LAMBDA}/{THING}"

PROVISIONED = f"/2019-09-30/functions/{THING}/provisioned-concurrency"

CREATION = creation(FunctionName=THING, Code={"ZipFile": base64.b64encode(CODE).decode()})

#: Door 2's routes by method and path, and door 1's offered operations by name.
CASES: dict[str, list[Case]] = {
    "GET /health": [Case("nothing", "/health")],
    "GET /functions": [Case("nothing", "/functions"), Case("name", f"/functions?after={THING}&limit=1")],
    "PUT /functions/{name}": [
        Case("name", f"{FUNCTIONS}?runtime=python3.11&handler=main.handler", CODE, "application/zip")
    ],
    "GET /functions/{name}": [Case("name", FUNCTIONS)],
    "DELETE /functions/{name}": [Case("name", FUNCTIONS)],
    "GET /functions/{name}/advice": [Case("name", f"{FUNCTIONS}/advice")],
    "POST /functions/{name}/invocations": [
        Case("name", f"{FUNCTIONS}/invocations", b"{}"),
        Case("name", f"{FUNCTIONS}/invocations?mode=async", b"{}"),
    ],
    "POST /uploads": [
        Case("nothing", "/uploads"),
        Case("name", "/uploads", f'{{"function": "{THING}", "runtime": "python3.11", "handler": "m.f"}}'.encode()),
    ],
    "GET /invocations/{invocation_id}": [Case("invocation", f"/invocations/{THING}")],
    "GET /keys": [Case("nothing", "/keys")],
    "POST /keys": [Case("nothing", "/keys", b'{"kinds": ["api_key"]}')],
    "DELETE /keys/{key_id}": [Case("key", f"/keys/{THING}")],
    "POST /keys/{key_id}/rotation": [Case("key", f"/keys/{THING}/rotation?overlap_s=0")],
    "GET /tenants": [Case("nothing", "/tenants")],
    "PUT /tenants/{tenant}": [Case("tenant", f"/tenants/{THING}", b'{"burst": 1}')],
    "DELETE /tenants/{tenant}": [Case("tenant", f"/tenants/{THING}")],
    "GET /admin/keys": [Case("nothing", "/admin/keys")],
    "POST /admin/keys": [Case("nothing", "/admin/keys")],
    "DELETE /admin/keys/{key_id}": [Case("key", f"/admin/keys/{THING}")],
    "POST /admin/keys/{key_id}/rotation": [Case("key", f"/admin/keys/{THING}/rotation")],
    "CreateFunction": [
        Case("name", LAMBDA, CREATION),
        Case("reference", LAMBDA, CREATION),
    ],
    "GetFunction": [Case("reference", REFERENCE), Case("reference", f"{REFERENCE}?Qualifier=$LATEST")],
    "GetFunctionConfiguration": [Case("reference", f"{REFERENCE}/configuration")],
    "ListFunctions": [Case("nothing", f"{LAMBDA}/"), Case("name", f"{LAMBDA}/?Marker={THING}")],
    "UpdateFunctionCode": [
        Case("reference", f"{REFERENCE}/code", b'{"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}'),
    ],
    "PutProvisionedConcurrencyConfig": [
        Case("reference", f"{PROVISIONED}?Qualifier={one}", b'{"ProvisionedConcurrentExecutions": 1}')
        for one in ("1", "live")
    ],
    "GetProvisionedConcurrencyConfig": [Case("reference", f"{PROVISIONED}?Qualifier={one}") for one in ("1", "live")],
    "ListProvisionedConcurrencyConfigs": [Case("reference", f"{PROVISIONED}?List=ALL")],
    "DeleteProvisionedConcurrencyConfig": [Case("reference", f"{PROVISIONED}?Qualifier=1")],
    "DeleteFunction": [Case("reference", REFERENCE)],
    "Invoke": [Case("reference", f"{REFERENCE}/invocations", b"{}")],
}


def routes() -> dict[str, tuple[str, str]]:
    """What needs cases → its method and path: every route of the app, at door 1 every operation that is offered."""
    named: dict[str, tuple[str, str]] = {}
    operations = lambda_door.routes()
    for path, methods in app.routes.items():
        for method in methods:
            candidates = operations.get((path, method))
            names = [f"{method} {path}"] if candidates is None else [one.name for one in candidates]
            named |= {name: (method, path) for name in names if candidates is None or name in OFFERED}
    return named


def unoffered() -> list[tuple[str, str]]:
    """Method and path of every route of door 1 at which nothing is offered."""
    operations = lambda_door.routes()
    return [
        (method, path)
        for (path, method), candidates in operations.items()
        if not any(one.name in OFFERED for one in candidates)
    ]


@dataclass(frozen=True)
class World:
    """A tenant with things, and another one that is to learn nothing of them."""

    gateway: Gateway
    owner: IssuedKeys
    owner_key: Key
    stranger_key: Key
    invocation_id: str

    def pairs(self, kind: str) -> list[tuple[str, str]]:
        """Things of a kind: the owner's, and beside each what does not exist."""
        api_key_id = keyring.hash_of(self.owner.api_key)
        return {
            "nothing": [],
            "name": [(THEIRS, ABSENT)],
            "reference": [(spelt(THEIRS), spelt(ABSENT)) for spelt in REFERENCES],
            "invocation": [(self.invocation_id, str(uuid.uuid4()))],
            "key": [(self.owner.access_key_id, keyring.new_access_key_id()), (api_key_id, api_key_id[::-1])],
            "tenant": [(self.owner.tenant, "nobody")],
        }[kind]

    def owned(self) -> list[Any]:
        """What the owner has, as it is shown to the owner."""
        paths = ("/functions", "/keys", f"/invocations/{self.invocation_id}")
        return [self.gateway.send("GET", path, headers=self.owner_key).json for path in paths]

    def traces(self) -> list[str]:
        """Texts that only an answer that tells of the owner's things would hold."""
        secrets = [self.owner.api_key, self.owner.secret_access_key, self.owner.access_key_id]
        return [THEIRS, self.invocation_id, account(self.owner.tenant), keyring.hash_of(self.owner.api_key), *secrets]


_ARN = f"arn:aws:lambda:us-east-1:{account('acme')}:function:"

#: Each way to spell a reference to a function, the owner's account in it where there is one.
REFERENCES: list[Callable[[str], str]] = [
    lambda name: name,
    lambda name: f"{name}:$LATEST",
    lambda name: f"{name}:1",
    lambda name: f"{name}:live",
    lambda name: f"function:{name}",
    lambda name: f"{account('acme')}:function:{name}",
    lambda name: f"{account('acme')}:function:{name}:1",
    lambda name: f"{_ARN}{name}",
    lambda name: f"{_ARN}{name}:$LATEST",
    lambda name: f"{_ARN}{name}:live",
]


@pytest.fixture
def world(gateway: Gateway, hearth: Controller, tenant: IssuedKeys, key: Key) -> World:
    """The tenant `acme` with a function and an Invocation, and a stranger."""
    query = "runtime=python3.11&handler=main.handler"
    gateway.send("PUT", f"/functions/{THEIRS}?{query}", CODE, key | {"Content-Type": "application/zip"})
    started = gateway.send("POST", f"/functions/{THEIRS}/invocations?mode=async", b"{}", key)
    stranger = {"x-api-key": hearth.tenants.create("stranger").api_key}
    return World(gateway, tenant, key, stranger, started.json["invocation_id"])


def without(thing: str, answer: Answer) -> tuple[int, dict[str, str], str]:
    """The answer without the name that was asked for, and without ids and moments that are new each time."""
    name = THEIRS if THEIRS in thing else ABSENT if ABSENT in thing else thing

    def masked(text: str) -> str:
        text = text.replace(thing, "<thing>").replace(name, "<thing>")
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:?00|Z)", "<moment>", text)
        text = re.sub(r'"(policy|x-amz-signature|x-amz-date)":"[^"]+"', r'"\1":"<signed>"', text)
        return re.sub(r'"version_id":"[0-9a-f]{32}"', '"version_id":"<digest>"', text)

    return answer.status, {key: masked(value) for key, value in answer.headers.items()}, masked(answer.body)


def more(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def test_every_route_and_offered_operation_has_cases_and_no_other() -> None:
    missing, stale = sorted(routes().keys() - CASES.keys()), sorted(CASES.keys() - routes().keys())

    assert not missing, (
        f"CASES in {__file__} lacks {', '.join(missing)}. Add a line for each: a Case for every place (path, query,"
        " body) where a caller can name a thing, with the kind of thing it is; a new kind of thing is a pair in"
        " World.pairs, made in the fixture `world`. A route at which nothing can be named has a Case of 'nothing'."
    )
    assert not stale, f"CASES in {__file__} has lines for what the app does not serve: {', '.join(stale)}"


def test_a_route_added_later_fails_with_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.routes, "/new/{thing}", {"GET": None})
    monkeypatch.setitem(lambda_door.OFFERED, "GetLayerVersion", lambda *_: {})

    with pytest.raises(AssertionError, match=re.escape("lacks GET /new/{thing}, GetLayerVersion. Add a line for each")):
        test_every_route_and_offered_operation_has_cases_and_no_other()


@pytest.mark.parametrize("name", CASES)
def test_anothers_thing_answers_as_one_that_does_not_exist(
    name: str, world: World, kept: Callable[[], dict[str, int]]
) -> None:
    method, _path = routes()[name]
    owned = world.owned()

    for case in CASES[name]:
        for theirs, absent in world.pairs(case.things):
            before = kept()
            asked = case.send(world.gateway, method, world.stranger_key, theirs)
            between = kept()
            control = case.send(world.gateway, method, world.stranger_key, absent)

            assert without(theirs, asked) == without(absent, control), (name, theirs)
            assert more(between, before) == more(kept(), between), (name, theirs)

    assert world.owned() == owned


@pytest.mark.parametrize("name", [name for name, cases in CASES.items() if any(c.things == "nothing" for c in cases)])
def test_where_nothing_is_named_nothing_of_anothers_is_told(name: str, world: World) -> None:
    method, _path = routes()[name]
    owned = world.owned()

    for case in CASES[name]:
        if case.things == "nothing":
            answer = case.send(world.gateway, method, world.stranger_key, "")
            assert answer.status < 500
            assert [trace for trace in world.traces() if trace in answer.body + str(answer.headers)] == []

    assert world.owned() == owned


def test_the_owner_does_see_what_the_stranger_does_not(world: World) -> None:
    """The control: were the owner answered 404 too, the matrix would prove nothing."""
    seen = {
        name: Case.send(case, world.gateway, "GET", world.owner_key, world.pairs(case.things)[0][0]).status
        for name, cases in CASES.items()
        for case in cases
        if name.startswith(("GET ", "GetFunction")) and case.things not in ("nothing", "tenant") and "admin" not in name
    }

    assert set(seen.values()) == {200}, seen


def test_an_operation_that_is_not_offered_says_so_whatever_it_names(world: World) -> None:
    for method, path in unoffered():
        case = Case("reference", re.sub(r"{\w+}", THING, path))
        for theirs, absent in (world.pairs("reference")[0], world.pairs("reference")[-1]):
            asked = case.send(world.gateway, method, world.stranger_key, theirs)

            control = case.send(world.gateway, method, world.stranger_key, absent)

            assert asked.status == 501, (method, path)
            assert without(theirs, asked) == without(absent, control), (method, path)


def test_anothers_access_key_id_opens_nothing_with_ones_own_secret(world: World, hearth: Controller) -> None:
    own = hearth.tenants.create("forger")
    client = world.gateway.client(world.owner.access_key_id, own.secret_access_key)

    with pytest.raises(client.exceptions.ClientError, match="InvalidSignatureException"):
        client.get_function(FunctionName=THEIRS)
