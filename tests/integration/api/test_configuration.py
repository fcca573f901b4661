"""UpdateFunctionConfiguration and reserved concurrency, as an unmodified boto3 client sees them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib.functions.reservations import Reservations
from chalicelib.wiring import Controller

from tests.integration.api.conftest import Configure
from tests.integration.api.test_lambda_api import ROLE, create

pytestmark = [pytest.mark.aws, pytest.mark.redis]

#: Member → a value that it has not after creation.
CHANGES: dict[str, Any] = {
    "Runtime": "python3.13",
    "Handler": "other.handler",
    "MemorySize": 10_240,
    "Timeout": 43_200,
    "Description": "d" * 256,
    "Role": "arn:aws:iam::000000000000:role/another",
    "Environment": {"Variables": {"COLOUR": "red"}},
}


def configure(boto: Any, **changes: Any) -> Any:
    return boto.update_function_configuration(FunctionName="hello", **changes)


def test_each_member_changes_alone_and_the_rest_stays(boto: Any, subtests: pytest.Subtests) -> None:
    before = create(boto)
    for member, value in CHANGES.items():
        with subtests.test(member):
            after = configure(boto, **{member: value})

            assert after[member] == value
            changed = {name for name in after if after[name] != before.get(name)}
            assert changed - {"ResponseMetadata", "LastModified"} == {member, "RevisionId"}
            found = boto.get_function_configuration(FunctionName="hello")
            assert {**found, "ResponseMetadata": 0} == {**after, "ResponseMetadata": 0}
            before = after


def test_an_environment_is_replaced_whole_and_an_empty_one_is_none(boto: Any) -> None:
    create(boto, Environment={"Variables": {"COLOUR": "red", "SIZE": "9"}})

    replaced = configure(boto, Environment={"Variables": {"SIZE": "8"}})
    emptied = configure(boto, Environment={"Variables": {}})

    assert replaced["Environment"] == {"Variables": {"SIZE": "8"}}
    assert "Environment" not in emptied


@pytest.mark.parametrize(
    "changes",
    [
        {"MemorySize": 10_241},
        {"Timeout": 43_201},
        {"Description": "d" * 257},
        {"Environment": {"Variables": {"NAME": "v" * 4093}}},
        {"Runtime": "python3.9"},
        {"Handler": "main"},
        {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}},
    ],
    ids=str,
)
def test_a_change_past_a_limit_changes_nothing(boto: Any, changes: Any) -> None:
    before = create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException):
        configure(boto, Role=ROLE, **changes)

    assert boto.get_function_configuration(FunctionName="hello")["RevisionId"] == before["RevisionId"]


def test_an_environment_at_the_limit_is_kept(boto: Any) -> None:
    create(boto)

    assert configure(boto, Environment={"Variables": {"NAME": "v" * 4092}})["Environment"]


def test_only_the_revision_that_was_seen_is_changed(boto: Any) -> None:
    first = create(boto)["RevisionId"]
    second = configure(boto, Timeout=4, RevisionId=first)["RevisionId"]

    with pytest.raises(ClientError, match="PreconditionFailed"):
        configure(boto, Timeout=5, RevisionId=first)

    found = boto.get_function_configuration(FunctionName="hello")
    assert (found["Timeout"], found["RevisionId"]) == (4, second)


def test_a_change_is_seen_by_the_next_invocation(boto: Any, hearth: Controller) -> None:
    create(boto)
    before = hearth.functions.router.route("acme", "hello", None).version
    configure(boto, MemorySize=256)

    after = hearth.functions.router.route("acme", "hello", None).version

    assert (before.memory_mb, after.memory_mb, before.version_id == after.version_id) == (128, 256, False)


def reserve(boto: Any, permits: int, name: str = "hello") -> int:
    answer = boto.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=permits)
    reserved: int = answer["ReservedConcurrentExecutions"]
    return reserved


def unreserved(boto: Any) -> int:
    left: int = boto.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    return left


@pytest.fixture
def eight(configure: Configure) -> Controller:
    """A controller whose tenants have eight permits, two of which stay for functions that reserve none."""
    return configure(HEARTH_TENANT_CONCURRENCY="8", HEARTH_MIN_UNRESERVED="2")


def test_permits_are_reserved_up_to_what_must_stay_for_the_rest(eight: Controller, boto: Any) -> None:
    create(boto)
    create(boto, "other")

    assert (reserve(boto, 6), unreserved(boto)) == (6, 2)
    for permits, name in ((7, "hello"), (1, "other")):
        with pytest.raises(boto.exceptions.InvalidParameterValueException, match="UnreservedConcurrentExecution"):
            reserve(boto, permits, name)
    assert (reserve(boto, 4), reserve(boto, 2, "other"), unreserved(boto)) == (4, 2, 2)
    assert boto.get_function(FunctionName="hello")["Concurrency"] == {"ReservedConcurrentExecutions": 4}


def test_permits_come_back_by_release_and_with_the_function(eight: Controller, boto: Any) -> None:
    create(boto)
    create(boto, "other")
    reserve(boto, 3)
    reserve(boto, 3, "other")

    boto.delete_function_concurrency(FunctionName="hello")
    boto.delete_function_concurrency(FunctionName="hello")
    boto.delete_function(FunctionName="other")

    assert unreserved(boto) == 8
    assert "ReservedConcurrentExecutions" not in boto.get_function_concurrency(FunctionName="hello")


def test_none_reserved_is_not_nothing_reserved(eight: Controller, boto: Any) -> None:
    create(boto)

    assert (reserve(boto, 0), unreserved(boto)) == (0, 8)
    assert boto.get_function_concurrency(FunctionName="hello")["ReservedConcurrentExecutions"] == 0
    with pytest.raises(boto.exceptions.TooManyRequestsException) as refused:
        boto.invoke(FunctionName="hello")
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_new_code_and_configuration_keep_the_reservation(eight: Controller, boto: Any) -> None:
    create(boto)
    reserve(boto, 2)

    configure(boto, Timeout=4)
    boto.publish_version(FunctionName="hello")

    assert boto.get_function_concurrency(FunctionName="hello")["ReservedConcurrentExecutions"] == 2


def test_the_sum_is_that_of_what_is_reserved_however_many_reserve_at_once(eight: Controller, boto: Any) -> None:
    names = ["hello", "other"]
    for name in names:
        create(boto, name)

    def change(n: int) -> bool:
        try:
            return reserve(boto, n % 5, names[n % 2]) == n % 5
        except ClientError:  # somebody was faster, or there was no room
            return False

    with ThreadPoolExecutor(4) as pool:
        assert any(pool.map(change, range(16)))

    kept = [boto.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0) for name in names]
    assert unreserved(boto) == 8 - sum(kept) >= 2


def test_of_two_who_reserve_for_one_function_at_once_the_later_is_refused(
    eight: Controller, boto: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(boto)
    read = Reservations.total

    def meanwhile(*asked: Any) -> int:
        seen = read(*asked)
        monkeypatch.undo()
        reserve(boto, 3)
        return seen

    monkeypatch.setattr(Reservations, "total", meanwhile)
    with pytest.raises(boto.exceptions.ResourceConflictException):
        reserve(boto, 5)

    assert unreserved(boto) == 8 - 3
