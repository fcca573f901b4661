"""Published versions, as an unmodified boto3 client sees them: immutable, numbered once, counted, guarded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib.functions.aliases import Aliases
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions
from chalicelib.storage.items import Items
from chalicelib.wiring import Controller

from tests.integration.api.test_lambda_api import create
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

LATER_S = 10_000_000


def change(boto: Any, word: str, **asked: Any) -> Any:
    """Give the function code of its own."""
    return boto.update_function_code(FunctionName="hello", ZipFile=zipped({"main.py": f"# {word}"}), **asked)


def numbers(boto: Any) -> list[str]:
    return [one["Version"] for one in boto.list_versions_by_function(FunctionName="hello")["Versions"]]


def test_versions_are_numbered_and_never_change(boto: Any) -> None:
    create(boto, MemorySize=128)
    first = boto.publish_version(FunctionName="hello", Description="the first")
    change(boto, "two")
    boto.update_function_configuration(FunctionName="hello", MemorySize=256)
    second = boto.publish_version(FunctionName="hello")

    found = boto.get_function_configuration(FunctionName="hello", Qualifier="1")

    assert (first["Version"], second["Version"], numbers(boto)) == ("1", "2", ["$LATEST", "1", "2"])
    assert (found["CodeSha256"], found["MemorySize"], found["Description"]) == (first["CodeSha256"], 128, "the first")
    assert (second["MemorySize"], second["CodeSha256"] == first["CodeSha256"]) == (256, False)


def test_what_has_not_changed_gets_no_new_version(boto: Any) -> None:
    code = zipped()  # made once: a zip made a moment later has another digest
    create(boto, Code={"ZipFile": code})
    first = boto.publish_version(FunctionName="hello")

    again = boto.publish_version(FunctionName="hello", Description="another word")
    boto.update_function_code(FunctionName="hello", ZipFile=code)
    same_code = boto.publish_version(FunctionName="hello")

    assert [one["Version"] for one in (first, again, same_code)] == ["1", "1", "1"]
    assert again["Description"] == ""

    boto.update_function_configuration(FunctionName="hello", Description="said otherwise")
    assert boto.publish_version(FunctionName="hello")["Version"] == "2"


def test_a_deleted_versions_number_is_never_given_again(boto: Any) -> None:
    create(boto, Publish=True)

    boto.delete_function(FunctionName="hello", Qualifier="1")

    assert boto.publish_version(FunctionName="hello")["Version"] == "2"
    change(boto, "three")
    boto.delete_function(FunctionName="hello:2")
    assert boto.publish_version(FunctionName="hello")["Version"] == "3"
    assert numbers(boto) == ["$LATEST", "3"]
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_function(FunctionName="hello", Qualifier="2")


def test_publish_true_publishes_with_creation_and_with_new_code(boto: Any) -> None:
    created = create(boto, Publish=True)
    changed = change(boto, "two", Publish=True)
    unpublished = change(boto, "three")

    assert [one["Version"] for one in (created, changed, unpublished)] == ["1", "2", "$LATEST"]
    assert created["FunctionArn"].endswith(":function:hello:1")


def test_revision_and_digest_guard_a_publication(boto: Any) -> None:
    before = create(boto)
    after = change(boto, "two")

    for guard in ({"RevisionId": before["RevisionId"]}, {"CodeSha256": before["CodeSha256"]}):
        with pytest.raises(ClientError) as refused:
            boto.publish_version(FunctionName="hello", **guard)
        status = {"RevisionId": 412, "CodeSha256": 400}[next(iter(guard))]
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

    assert numbers(boto) == ["$LATEST"]
    guards = {"RevisionId": after["RevisionId"], "CodeSha256": after["CodeSha256"]}
    assert boto.publish_version(FunctionName="hello", **guards)["Version"] == "1"


def test_each_way_to_name_a_version_shows_the_arn_that_names_it(boto: Any) -> None:
    arn = create(boto, Publish=True)["FunctionArn"].removesuffix(":1")
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")

    def shown(**named: str) -> tuple[str, str]:
        found = boto.get_function(**named)["Configuration"]
        return found["FunctionArn"].removeprefix(arn), found["Version"]

    assert shown(FunctionName="hello") == ("", "$LATEST")
    for named in (
        {"FunctionName": "hello", "Qualifier": "1"},
        {"FunctionName": f"{arn}:1"},
        {"FunctionName": "hello:1"},
    ):
        assert shown(**named) == (":1", "1")
    for named in ({"FunctionName": arn, "Qualifier": "live"}, {"FunctionName": f"{arn}:live"}):
        assert shown(**named) == (":live", "1")
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="derived qualifier"):
        shown(FunctionName=f"{arn}:1", Qualifier="live")
    for number in ("2", "01", "0", "9" * 128):
        with pytest.raises(boto.exceptions.ResourceNotFoundException):
            shown(FunctionName="hello", Qualifier=number)


def test_versions_are_listed_in_pages_of_no_more_than_was_asked(boto: Any) -> None:
    create(boto, Publish=True)
    for word in ("two", "three"):
        change(boto, word, Publish=True)

    for size, expected in {
        1: [["$LATEST"], ["1"], ["2"], ["3"]],
        2: [["$LATEST", "1"], ["2", "3"]],
        3: [["$LATEST", "1", "2"], ["3"]],
    }.items():
        pages = boto.get_paginator("list_versions_by_function").paginate(
            FunctionName="hello", PaginationConfig={"PageSize": size}
        )
        shown = [[one["Version"] for one in page["Versions"]] for page in pages]
        assert [page for page in shown if page] == expected


def test_a_list_of_functions_with_all_versions_names_each(boto: Any) -> None:
    create(boto, Publish=True)
    create(boto, "other")

    found = boto.list_functions(FunctionVersion="ALL")["Functions"]

    assert [one["FunctionArn"].split(":function:")[1] for one in found] == ["hello:$LATEST", "hello:1", "other:$LATEST"]


def test_a_version_that_an_alias_names_stays(boto: Any) -> None:
    create(boto, Publish=True)
    change(boto, "two", Publish=True)
    boto.create_alias(
        FunctionName="hello",
        Name="live",
        FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}},
    )

    for number in ("1", "2"):
        with pytest.raises(boto.exceptions.ResourceConflictException, match="live"):
            boto.delete_function(FunctionName="hello", Qualifier=number)
    boto.delete_alias(FunctionName="hello", Name="live")
    boto.delete_function(FunctionName="hello", Qualifier="1")

    assert numbers(boto) == ["$LATEST", "2"]


def test_neither_latest_nor_an_alias_is_deleted_as_a_version(boto: Any) -> None:
    create(boto, Publish=True)
    boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")

    for qualifier in ("$LATEST", "live"):
        with pytest.raises(boto.exceptions.InvalidParameterValueException):
            boto.delete_function(FunctionName="hello", Qualifier=qualifier)

    assert numbers(boto) == ["$LATEST", "1"]


def test_publications_at_once_never_share_a_number(boto: Any, hearth: Controller) -> None:
    create(boto)

    def publish(word: int) -> Any:
        try:
            return change(boto, str(word), Publish=True)["Version"]
        except boto.exceptions.ResourceConflictException:
            return None

    with ThreadPoolExecutor(6) as pool:
        got = [number for number in pool.map(publish, range(18)) if number]

    listed = boto.list_versions_by_function(FunctionName="hello")["Versions"][1:]
    assert set(got) <= {one["Version"] for one in listed}
    assert got
    assert [one["Version"] for one in listed] == [str(n) for n in range(1, len(listed) + 1)]
    assert hearth.functions.lifecycle.get("acme", "hello").published == len(listed)


def test_of_two_publications_that_saw_the_same_one_is_refused(boto: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create(boto)
    read = Functions.at_revision

    def meanwhile(*asked: Any, **named: Any) -> Function:
        seen = read(*asked, **named)
        monkeypatch.undo()
        boto.publish_version(FunctionName="hello")
        return seen

    monkeypatch.setattr(Functions, "at_revision", meanwhile)
    with pytest.raises(boto.exceptions.ResourceConflictException):
        boto.publish_version(FunctionName="hello")

    assert numbers(boto) == ["$LATEST", "1"]


def test_a_version_that_an_alias_takes_meanwhile_is_not_deleted(boto: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create(boto, Publish=True)
    read = Aliases.naming

    def meanwhile(*asked: Any) -> list[str]:
        seen = read(*asked)
        boto.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
        return seen

    monkeypatch.setattr(Aliases, "naming", meanwhile)
    with pytest.raises(boto.exceptions.ResourceConflictException):
        boto.delete_function(FunctionName="hello", Qualifier="1")

    assert boto.get_function(FunctionName="hello", Qualifier="live")["Configuration"]["Version"] == "1"


def test_who_saw_a_function_of_the_same_name_before_does_not_write_over_the_next(boto: Any, hearth: Controller) -> None:
    create(boto)
    seen = hearth.functions.lifecycle.get("acme", "hello")
    boto.delete_function(FunctionName="hello")
    create(boto, Description="the next")

    with pytest.raises(Exception, match="changed by another"):
        hearth.functions.lifecycle.store(seen, seen)

    assert boto.get_function_configuration(FunctionName="hello")["Description"] == "the next"


@pytest.fixture
def objects(aws: Any, data: dict[str, str]) -> Callable[[], int]:
    """How many zips the bucket holds."""

    def count() -> int:
        found: int = aws("s3").list_objects_v2(Bucket=data["BucketName"], Prefix="code/")["KeyCount"]
        return found

    return count


def collect(hearth: Controller) -> int:
    """Collect as the collector will when every grace is over."""
    return hearth.functions.lifecycle.code_store.collect(
        hearth.functions.lifecycle.now_us() // 1_000_000 + LATER_S, 600
    )


def test_zips_stay_while_anything_names_them_and_all_go_with_the_last(
    boto: Any, hearth: Controller, objects: Callable[[], int]
) -> None:
    layer = boto.publish_layer_version(LayerName="shared", Content={"ZipFile": zipped({"python/a.py": ""})})
    create(boto, Layers=[layer["LayerVersionArn"]], Publish=True)
    change(boto, "two", Publish=True)
    change(boto, "three")
    boto.delete_layer_version(LayerName="shared", VersionNumber=1)

    assert (collect(hearth), objects()) == (0, 4)
    boto.delete_function(FunctionName="hello", Qualifier="1")
    assert (collect(hearth), objects()) == (1, 3)
    boto.delete_function(FunctionName="hello")

    assert (collect(hearth), objects()) == (3, 0)


def test_an_equal_zip_of_another_function_stays_when_the_first_goes_twice_at_once(
    boto: Any, hearth: Controller, objects: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = {"ZipFile": zipped()}  # one for both: a zip made a moment later has another digest
    create(boto, Publish=True, Code=code)
    create(boto, "other", Code=code)
    read = Items.every

    def meanwhile(*asked: Any) -> Any:
        seen = read(*asked)
        monkeypatch.undo()
        boto.delete_function(FunctionName="hello")
        return seen

    monkeypatch.setattr(Items, "every", meanwhile)
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.delete_function(FunctionName="hello")

    assert (collect(hearth), objects()) == (0, 1)
    boto.delete_function(FunctionName="other")
    assert (collect(hearth), objects()) == (1, 0)
