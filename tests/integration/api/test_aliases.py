"""Aliases, as an unmodified boto3 client sees them: pointing, weights, rolling back, guards."""

import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib.admission.request import InvokeRequest
from chalicelib.admission.targets import Targets
from chalicelib.functions.aliases import Alias, Aliases
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.contract import Mode
from tests.apigateway import Gateway
from tests.integration.api.conftest import principal
from tests.integration.api.test_lambda_api import create
from tests.integration.api.test_versioning import change

pytestmark = [pytest.mark.aws, pytest.mark.redis]

LIVE = InvokeRequest(function="hello", qualifier="live", event=b"{}", mode=Mode.ASYNC)

Weights = dict[str, float]


@pytest.fixture
def two(boto: Any) -> Any:
    """A function with versions 1 and 2; gives the client."""
    create(boto, Publish=True)
    change(boto, "two", Publish=True)
    return boto


def point(boto: Any, number: str, weights: Weights | None = None, **asked: Any) -> Any:
    """Make the alias `live`, or point it."""
    routing = {} if weights is None else {"RoutingConfig": {"AdditionalVersionWeights": weights}}
    known = [one["Name"] for one in boto.list_aliases(FunctionName="hello")["Aliases"]]
    call = boto.update_alias if "live" in known else boto.create_alias
    return call(FunctionName="hello", Name="live", FunctionVersion=number, **routing, **asked)


def test_an_alias_is_made_pointed_and_pointed_back(two: Any) -> None:
    made = point(two, "1", Description="what is live")
    moved = point(two, "2")
    back = point(two, "1")

    assert made["AliasArn"].endswith(":function:hello:live")
    assert [one["FunctionVersion"] for one in (made, moved, back)] == ["1", "2", "1"]
    assert back["Description"] == "what is live"
    assert len({one["RevisionId"] for one in (made, moved, back)}) == 3
    assert two.get_alias(FunctionName="hello", Name="live")["FunctionVersion"] == "1"


def test_the_next_invocation_after_a_roll_back_runs_the_older_version(
    two: Any, hearth: Controller, key: dict[str, str]
) -> None:
    def runs() -> str:
        return hearth.admission.admit(principal(hearth, key), LIVE).invocation.version.number

    point(two, "2")
    before = [runs(), runs()]
    point(two, "1")

    assert (before, runs()) == (["2", "2"], "1")


@pytest.mark.parametrize(("weight", "drawn"), [(0.0, range(1)), (0.25, range(40, 61)), (1.0, range(200, 201))])
def test_the_other_version_gets_its_weight_of_the_calls(
    two: Any, hearth: Controller, weight: float, drawn: range
) -> None:
    point(two, "1", {"2": weight})
    # Read once: two hundred reads of the table would test the table.
    route = hearth.functions.router.route("acme", "hello", "live")
    targets = Targets(lambda *_: route, lambda *_: EventInvoke(), time.monotonic)
    admission = dataclasses.replace(hearth.admission, targets=targets, chance=random.Random(7).random)

    got = Counter(admission.admit_internal("acme", LIVE, str(n)).invocation.version.number for n in range(200))

    assert got["2"] in drawn
    assert got["1"] + got["2"] == 200


def test_a_weight_is_exact_at_its_edge(two: Any, hearth: Controller) -> None:
    point(two, "1", {"2": 0.1})
    route = hearth.functions.router.route("acme", "hello", "live")

    assert [route.choose(chance).number for chance in (0.0, 0.0999, 0.1, 0.9999)] == ["2", "2", "1", "1"]


def test_weights_end_with_an_empty_routing_and_stay_without_one(two: Any) -> None:
    point(two, "1", {"2": 0.5})

    kept = point(two, "1", Description="more")
    ended = point(two, "1", {})

    assert kept["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.5}}
    assert "RoutingConfig" not in ended


BAD_WEIGHTS: list[tuple[str, Weights]] = [
    ("1", {"2": 1.01}),
    ("01", {}),
    ("1", {"1": 0.5}),
    ("1", {"2": 0.1, "3": 0.1}),
    ("$LATEST", {"2": 0.5}),
]


def test_weights_that_mean_nothing_are_refused(two: Any, subtests: pytest.Subtests) -> None:
    for number, weights in BAD_WEIGHTS:
        with (
            subtests.test(f"{number} with {weights}"),
            pytest.raises(two.exceptions.InvalidParameterValueException),
        ):
            point(two, number, weights)
    for number, weights in (("3", {}), ("1", {"3": 0.5})):
        with subtests.test(f"{number} with {weights}"), pytest.raises(two.exceptions.ResourceNotFoundException):
            point(two, number, weights)
    assert two.list_aliases(FunctionName="hello")["Aliases"] == []


def test_an_alias_may_name_latest_and_follows_it(boto: Any) -> None:
    create(boto)
    point(boto, "$LATEST")
    after = change(boto, "two")

    found = boto.get_function_configuration(FunctionName="hello", Qualifier="live")

    assert (found["CodeSha256"], found["Version"]) == (after["CodeSha256"], "$LATEST")


def test_an_outdated_revision_of_an_alias_is_refused(two: Any) -> None:
    first = point(two, "1")["RevisionId"]
    second = point(two, "2", RevisionId=first)["RevisionId"]

    with pytest.raises(ClientError, match="PreconditionFailed"):
        point(two, "1", RevisionId=first)

    found = two.get_alias(FunctionName="hello", Name="live")
    assert (found["FunctionVersion"], found["RevisionId"]) == ("2", second)


def test_aliases_are_listed_by_name_in_pages_and_by_version(two: Any) -> None:
    for name, number in (("b", "1"), ("a", "2"), ("c", "1")):
        two.create_alias(FunctionName="hello", Name=name, FunctionVersion=number)

    paged = two.get_paginator("list_aliases").paginate(FunctionName="hello", PaginationConfig={"PageSize": 2})
    of_one = two.list_aliases(FunctionName="hello", FunctionVersion="1")["Aliases"]

    shown = [[one["Name"] for one in page["Aliases"]] for page in paged]
    assert shown == [["a", "b"], ["c"]]
    assert [one["Name"] for one in of_one] == ["b", "c"]


def test_a_page_of_one_versions_aliases_is_full_unless_it_is_the_last(two: Any) -> None:
    for n in range(5):
        two.create_alias(FunctionName="hello", Name=f"a{n}", FunctionVersion=str(1 + n % 2))

    pages = two.get_paginator("list_aliases").paginate(
        FunctionName="hello", FunctionVersion="1", PaginationConfig={"PageSize": 2}
    )

    assert [[one["Name"] for one in page["Aliases"]] for page in pages] == [["a0", "a2"], ["a4"]]


def test_an_alias_that_is_taken_is_a_conflict_and_one_that_is_gone_goes_again(two: Any) -> None:
    point(two, "1")

    with pytest.raises(two.exceptions.ResourceConflictException):
        two.create_alias(FunctionName="hello", Name="live", FunctionVersion="2")
    for _ in range(2):
        two.delete_alias(FunctionName="hello", Name="live")

    with pytest.raises(two.exceptions.ResourceNotFoundException):
        two.get_alias(FunctionName="hello", Name="live")


def test_of_two_who_change_an_alias_at_once_the_later_is_refused(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever either has seen: neither a change nor a creation is written over."""
    read = Aliases.find

    def meanwhile(*asked: Any) -> Alias | None:
        seen = read(*asked)
        monkeypatch.undo()
        point(two, "1", Description="the faster")
        return seen

    changes: list[Callable[[], Any]] = [
        lambda: two.create_alias(FunctionName="hello", Name="live", FunctionVersion="2"),
        lambda: two.update_alias(FunctionName="hello", Name="live", FunctionVersion="2"),
    ]
    for change_it in changes:
        monkeypatch.setattr(Aliases, "find", meanwhile)
        with pytest.raises(two.exceptions.ResourceConflictException):
            change_it()

        found = two.get_alias(FunctionName="hello", Name="live")
        assert (found["FunctionVersion"], found["Description"]) == ("1", "the faster")


def test_of_many_with_one_revision_one_wins(two: Any) -> None:
    revision = point(two, "1")["RevisionId"]

    def move(n: int) -> bool:
        try:
            two.update_alias(FunctionName="hello", Name="live", Description=str(n), RevisionId=revision)
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(move, range(12)))

    assert sum(won) == 1
    assert two.get_alias(FunctionName="hello", Name="live")["Description"] == str(won.index(True))


def configured(boto: Any, qualifier: str) -> dict[str, Any]:
    """Give an alias or version what may belong to one; gives what names it."""
    it: dict[str, Any] = {"FunctionName": "hello", "Qualifier": qualifier}
    boto.put_function_event_invoke_config(**it, MaximumRetryAttempts=0)
    boto.put_provisioned_concurrency_config(**it, ProvisionedConcurrentExecutions=1)
    boto.add_permission(**it, StatementId="s", Action="lambda:*", Principal="*")
    return it


def left(hearth: Controller) -> set[str]:
    """What belongs to the function, by its kind and the alias or version that it is of."""
    items = hearth.functions.lifecycle.cascade.items
    assert items.every(keys.PROVISIONED) == []
    return {item.name for item in items.every(keys.function_items("acme", "hello"))}


def test_what_belongs_to_an_alias_goes_with_it(two: Any, gateway: Gateway, hearth: Controller) -> None:
    point(two, "2")
    address = two.create_function_url_config(**configured(two, "live"), AuthType="NONE")["FunctionUrl"]

    two.delete_alias(FunctionName="hello", Name="live")

    assert gateway.send("GET", f"/url/{address.split('/')[-2]}").status == 404
    assert left(hearth) == {"version#0000000001", "version#0000000002"}


def test_what_belongs_to_a_version_goes_with_it(two: Any, hearth: Controller) -> None:
    two.delete_function(**configured(two, "1"))

    assert left(hearth) == {"version#0000000002"}
