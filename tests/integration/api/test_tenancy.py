"""Every route and another tenant's things: those answer as what does not exist, in status, headers and body.

The routes are the app's own; a request for each is a line of tenancy_cases.CASES.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from app import app
from chalicelib.function_urls import offered as function_urls_api
from chalicelib.lambda_api import offered as lambda_api
from chalicelib.naming import account
from chalicelib.tenants import keyring
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api import tenancy_cases
from tests.integration.api.conftest import Configure
from tests.integration.api.tenancy_cases import ABSENT, CASES, CODE, LAMBDA, LAYERS, THEIRS, THING, Case, Key

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def is_offered(operation: str) -> bool:
    return operation in lambda_api.OFFERED or operation in lambda_api.RUNNING


def routes() -> dict[str, tuple[str, str]]:
    """What needs cases → its method and path: every route of the app, every operation offered by the Lambda API."""
    named: dict[str, tuple[str, str]] = {}
    operations = lambda_api.routes()
    for path, methods in app.routes.items():
        for method in methods:
            candidates = operations.get((path, method))
            names = [f"{method} {path}"] if candidates is None else [one.name for one in candidates]
            named |= {name: (method, path) for name in names if candidates is None or is_offered(name)}
    return named


def unoffered() -> list[tuple[str, str]]:
    """Method and path of every route of the Lambda API at which nothing is offered."""
    operations = lambda_api.routes()
    return [
        (method, path)
        for (path, method), candidates in operations.items()
        if not any(is_offered(one.name) for one in candidates)
    ]


#: Where a caller makes something of its own: that would be there when the next route is asked.
MAKING = (
    "PUT /functions/{name}",
    "POST /uploads",
    "POST /layers/{layer}/versions",
    "CreateFunction",
    "PublishLayerVersion",
)

#: None of the many requests may be refused for its number, as the answers would be the same for that.
PLENTY = {f"HEARTH_{whose}_{what}": "100000" for whose in ("TENANT", "ADDRESS") for what in ("RATE_PER_S", "BURST")}


@dataclass(frozen=True)
class World:
    """A tenant with things, and another one that is to learn nothing of them."""

    gateway: Gateway
    owner: IssuedKeys
    owner_key: Key
    stranger_key: Key
    invocation_id: str
    address: str  #: the path of the function's URL, which asks for the owner's signature

    def pairs(self, kind: str) -> list[tuple[str, str]]:
        """Things of a kind: the owner's, and beside each what does not exist."""
        api_key_id = keyring.hash_of(self.owner.api_key)
        return {
            "nothing": [],
            "name": [(THEIRS, ABSENT)],
            "reference": [(spelt(THEIRS), spelt(ABSENT)) for spelt in REFERENCES],
            "arn": [(f"{_ARN}{THEIRS}", f"{_ARN}{ABSENT}")],
            "layer": [(THEIRS, ABSENT), (f"{_LAYER}{THEIRS}", f"{_LAYER}{ABSENT}")],
            "layer version": [(f"{_LAYER}{THEIRS}:1", f"{_LAYER}{ABSENT}:1")],
            "invocation": [(self.invocation_id, str(uuid.uuid4()))],
            "key": [(self.owner.access_key_id, keyring.new_access_key_id()), (api_key_id, api_key_id[::-1])],
            "tenant": [(self.owner.tenant, "nobody")],
        }[kind]

    def owned(self) -> list[Any]:
        """What the owner has, as it is shown to the owner."""
        of_function = [f"{LAMBDA}/{THEIRS}/{what}" for what in ("policy", "versions", "aliases")] + [
            f"/2021-10-31/functions/{THEIRS}/url",
            f"/2019-09-30/functions/{THEIRS}/concurrency",
            f"/functions/{THEIRS}/schedules",
            f"{LAYERS}/{THEIRS}/versions",
        ]
        paths = ("/functions", "/keys", f"/invocations/{self.invocation_id}", f"/2017-03-31/tags/{_ARN}{THEIRS}")
        return [self.gateway.send("GET", path, headers=self.owner_key).json for path in (*paths, *of_function)]

    def traces(self) -> list[str]:
        """Texts that only an answer that tells of the owner's things would hold."""
        secrets = [self.owner.api_key, self.owner.secret_access_key, self.owner.access_key_id]
        return [
            THEIRS,
            self.invocation_id,
            account(self.owner.tenant),
            keyring.hash_of(self.owner.api_key),
            *secrets,
        ]


_ARN = f"arn:aws:lambda:us-east-1:{account('acme')}:function:"
_LAYER = f"arn:aws:lambda:us-east-1:{account('acme')}:layer:"
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
def world(gateway: Gateway, configure: Configure, tenant: IssuedKeys, key: Key) -> World:
    """The tenant `acme` with a function, all that a function can have, and an Invocation; and a stranger."""
    hearth = configure(**PLENTY)
    query = "runtime=python3.11&handler=main.handler"
    gateway.send("PUT", f"/functions/{THEIRS}?{query}", CODE, key | {"Content-Type": "application/zip"})
    boto = gateway.client(tenant.access_key_id, tenant.secret_access_key)
    boto.add_permission(FunctionName=THEIRS, StatementId="s", Action="lambda:InvokeFunctionUrl", Principal="*")
    boto.tag_resource(Resource=f"{_ARN}{THEIRS}", Tags={"colour": "blue"})
    boto.publish_version(FunctionName=THEIRS)
    boto.create_alias(FunctionName=THEIRS, Name="live", FunctionVersion="1")
    boto.put_function_concurrency(FunctionName=THEIRS, ReservedConcurrentExecutions=2)
    boto.put_provisioned_concurrency_config(FunctionName=THEIRS, Qualifier="live", ProvisionedConcurrentExecutions=1)
    boto.publish_layer_version(LayerName=THEIRS, Content={"ZipFile": CODE})
    gateway.send("PUT", f"/functions/{THEIRS}/schedules/s", b'{"expression": "rate(1 hour)"}', key)
    boto.put_function_event_invoke_config(FunctionName=THEIRS, MaximumRetryAttempts=0)
    boto.put_function_event_invoke_config(FunctionName=THEIRS, Qualifier="live", MaximumRetryAttempts=0)
    url = boto.create_function_url_config(FunctionName=THEIRS, AuthType="AWS_IAM")["FunctionUrl"]
    started = gateway.send("POST", f"/functions/{THEIRS}/invocations?mode=async", b"{}", key)
    anonymous = {"x-api-key": hearth.tenants.administration.create("stranger").api_key}
    # By a name after all others, so that a list that goes on after one of those has it either way.
    gateway.send("PUT", f"/functions/zone?{query}", CODE, anonymous | {"Content-Type": "application/zip"})
    return World(gateway, tenant, key, anonymous, started.json["invocation_id"], urlsplit(url).path)


def without(thing: str, answer: Answer) -> tuple[int, dict[str, str], str]:
    """The answer without the name that was asked for, and without ids and moments that are new each time."""
    name = THEIRS if THEIRS in thing else ABSENT if ABSENT in thing else thing

    def masked(text: str) -> str:
        text = text.replace(thing, "<thing>").replace(name, "<thing>")
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:?00|Z)", "<moment>", text)
        text = re.sub(r'"(policy|x-amz-signature|x-amz-date)":"[^"]+"', r'"\1":"<signed>"', text)
        text = re.sub(r'"Location":"[^"]*"', '"Location":"<signed>"', text)
        return re.sub(r'"version_id":"[0-9a-f]{32}"', '"version_id":"<digest>"', text)

    return answer.status, {key: masked(value) for key, value in answer.headers.items()}, masked(answer.body)


def more(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def test_every_route_and_offered_operation_has_cases_and_no_other() -> None:
    missing, stale = sorted(routes().keys() - CASES.keys()), sorted(CASES.keys() - routes().keys())

    assert not missing, (
        f"CASES in {tenancy_cases.__file__} lacks {', '.join(missing)}. Add a line for each: a Case for every place"
        " (path, query, body) where a caller can name a thing, with the kind of thing it is; a new kind of thing is a"
        " pair in World.pairs, made in the fixture `world` beside it. A route at which nothing can be named has a Case"
        " of 'nothing'."
    )
    assert not stale, f"CASES has lines for what the app does not serve: {', '.join(stale)}"


def test_a_route_added_later_fails_with_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.routes, "/new/{thing}", {"GET": None})
    monkeypatch.setitem(lambda_api.OFFERED, "GetCodeSigningConfig", lambda *_: {})

    with pytest.raises(AssertionError, match=r"lacks .*GET /new/{thing}.*GetCodeSigningConfig.*\. Add a line for each"):
        test_every_route_and_offered_operation_has_cases_and_no_other()


@pytest.mark.parametrize("name", MAKING)
def test_anothers_thing_answers_as_one_that_does_not_exist_where_a_caller_makes_its_own(
    name: str, world: World, kept: Callable[[], dict[str, int]]
) -> None:
    owned = world.owned()

    compared(name, world, kept)

    assert world.owned() == owned


def test_anothers_thing_answers_as_one_that_does_not_exist(
    world: World, kept: Callable[[], dict[str, int]], subtests: pytest.Subtests
) -> None:
    naming = [name for name, cases in CASES.items() if any(case.things != "nothing" for case in cases)]
    owned = world.owned()

    for name in naming:
        if name not in MAKING:
            with subtests.test(name):
                answers = compared(name, world, kept)

                assert world.owned() == owned
                if routes()[name][0] not in ("GET", "DELETE"):
                    assert [one for one in answers if one.status < 400] == [], "it made something: put it into MAKING"


def compared(name: str, world: World, kept: Callable[[], dict[str, int]]) -> list[Answer]:
    """Ask for the owner's things and for what does not exist, hold the answers against each other, and give them."""
    method, _path = routes()[name]
    answers: list[Answer] = []
    for case in CASES[name]:
        pairs, before = world.pairs(case.things), kept()
        asked = [case.send(world.gateway, method, world.stranger_key, theirs) for theirs, _ in pairs]
        between = kept()
        control = [case.send(world.gateway, method, world.stranger_key, absent) for _, absent in pairs]

        for (theirs, absent), answer, expected in zip(pairs, asked, control, strict=True):
            assert without(theirs, answer) == without(absent, expected), (name, theirs)
        assert more(between, before) == more(kept(), between), name
        answers += [*asked, *control]
    return answers


def test_where_nothing_is_named_nothing_of_anothers_is_told(world: World) -> None:
    owned = world.owned()

    for name, case in [(name, case) for name, cases in CASES.items() for case in cases if case.things == "nothing"]:
        answer = case.send(world.gateway, routes()[name][0], world.stranger_key, "")

        assert answer.status < 500, name
        assert [trace for trace in world.traces() if trace in answer.body + str(answer.headers)] == [], name

    assert world.owned() == owned


def test_the_owner_does_see_what_the_stranger_does_not(world: World) -> None:
    """The control: were the owner answered 404 too, the matrix would prove nothing."""
    seen = {
        name: case.send(world.gateway, "GET", world.owner_key, world.pairs(case.things)[0][0]).status
        for name, [*_, case] in ((name, cases[::-1]) for name, cases in CASES.items())
        if name.startswith(("GET ", "Get", "List")) and case.things not in ("nothing", "tenant") and "admin" not in name
    }

    assert {name: status for name, status in seen.items() if status != 200} == {}


def test_a_closed_address_tells_nothing_of_what_is_behind_it(
    world: World, hearth: Controller, signed: Callable[[str, str, IssuedKeys], Key]
) -> None:
    anonymous = hearth.tenants.administration.create("another")

    for method in function_urls_api.METHODS:
        headers = signed(method, f"http://hearth.test{world.address}", anonymous)
        for given in (headers, world.stranger_key, {}):
            answer = world.gateway.send(method, world.address, headers=given)

            assert (answer.status, answer.json) == (403, {"Message": "Forbidden"})
            assert [trace for trace in world.traces() if trace in answer.body + str(answer.headers)] == []


def test_an_operation_that_is_not_offered_says_so_whatever_it_names(world: World) -> None:
    for method, path in unoffered():
        case = Case("reference", re.sub(r"{\w+}", THING, path))
        for theirs, absent in (world.pairs("reference")[0], world.pairs("reference")[-1]):
            asked = case.send(world.gateway, method, world.stranger_key, theirs)

            control = case.send(world.gateway, method, world.stranger_key, absent)

            assert asked.status == 501, (method, path)
            assert without(theirs, asked) == without(absent, control), (method, path)


def test_anothers_access_key_id_opens_nothing_with_ones_own_secret(world: World, hearth: Controller) -> None:
    own = hearth.tenants.administration.create("forger")
    client = world.gateway.client(world.owner.access_key_id, own.secret_access_key)

    with pytest.raises(client.exceptions.ClientError, match="InvalidSignatureException"):
        client.get_function(FunctionName=THEIRS)
