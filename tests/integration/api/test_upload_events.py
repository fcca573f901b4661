"""The bucket's events: late, again, superseded, or while somebody else changes the function."""

from typing import Any

import pytest
from chalicelib.errors import ConflictError, UnavailableError

from tests.integration.api.conftest import upload
from tests.integration.api.uploading import NEW, OTHER, Bench
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_an_upload_that_was_superseded_changes_nothing_whenever_it_comes(bench: Bench) -> None:
    first = bench.begin(**NEW)
    second = bench.begin(function="big")
    assert bench.post(first, OTHER) == 204
    assert bench.post(second, zipped()) == 204

    bench.tell(first)
    assert (bench.show()["state"], bench.show()["code_bytes"]) == ("Pending", 0)
    bench.tell(second)
    bench.tell(first)

    assert (bench.show()["state"], bench.show()["code_bytes"]) == ("Active", len(zipped()))
    assert (bench.lying(), bench.waiting()) == ([], 0)


def test_a_zip_in_a_request_supersedes_an_upload(bench: Bench) -> None:
    begun = bench.begin(**NEW)
    assert bench.post(begun, OTHER) == 204
    upload(bench.gateway, bench.key, "big")

    bench.tell(begun)

    assert (bench.show()["last_update"], bench.show()["code_bytes"]) == ("Successful", len(zipped()))


def test_a_configuration_changed_meanwhile_stays_and_the_upload_goes_on(bench: Bench, boto: Any) -> None:
    begun = bench.begin(**NEW)
    boto.update_function_configuration(FunctionName="big", MemorySize=512)
    assert bench.show()["state"] == "Pending"

    assert bench.post(begun, zipped()) == 204
    bench.tell(begun)

    assert (bench.show()["state"], bench.show()["memory_mb"]) == ("Active", 512)


def test_an_upload_for_a_function_that_is_gone_or_came_anew_changes_nothing(bench: Bench, boto: Any) -> None:
    gone, anew = bench.begin(**NEW), bench.begin(**{**NEW, "function": "phoenix"})
    for begun in (gone, anew):
        assert bench.post(begun, OTHER) == 204
    for name in ("big", "phoenix"):
        boto.delete_function(FunctionName=name)
    upload(bench.gateway, bench.key, "phoenix")

    for begun in (gone, anew):
        bench.tell(begun)

    assert bench.gateway.send("GET", "/functions/big", headers=bench.key).status == 404
    assert bench.show("phoenix")["code_bytes"] == len(zipped())
    assert (bench.lying(), bench.waiting()) == ([], 0)


def test_an_event_that_comes_again_and_again_is_one(bench: Bench) -> None:
    begun = bench.bring(zipped(), **NEW)
    before = bench.show()

    bench.tell(begun)
    bench.tell(begun)

    assert bench.show() == before


def test_a_handler_that_died_after_it_had_activated_is_followed_by_one_that_clears_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = bench.begin(**NEW, publish=True)
    assert bench.post(begun, zipped()) == 204

    def dies(*_: str) -> None:
        raise UnavailableError("The bucket (S3)")

    with monkeypatch.context() as patch:
        patch.setattr(type(bench.hearth.functions.uploads.store), "forget", dies)
        with pytest.raises(UnavailableError):
            bench.tell(begun)
    before = bench.show()
    assert (before["state"], len(bench.lying())) == ("Active", 1)
    bench.tell(begun)

    assert (bench.show(), bench.lying(), bench.waiting()) == (before, [], 0)


def test_a_function_changed_by_somebody_else_in_the_same_moment_is_looked_at_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = bench.begin(**NEW)
    assert bench.post(begun, zipped()) == 204
    changes = iter([True, False])
    check = type(bench.hearth.functions.lifecycle).with_code

    def meanwhile(functions: Any, *given: Any) -> Any:
        if next(changes, False):
            functions.configure("acme", "big", {"timeout_s": 7})
        return check(functions, *given)

    monkeypatch.setattr(type(bench.hearth.functions.lifecycle), "with_code", meanwhile)
    bench.tell(begun)

    assert (bench.show()["state"], bench.show()["timeout_s"]) == ("Active", 7)


def test_a_function_that_is_changed_all_the_time_leaves_the_upload_to_a_later_event(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = bench.begin(**NEW)
    assert bench.post(begun, zipped()) == 204

    def always(*_: Any) -> None:
        raise ConflictError

    with monkeypatch.context() as patch:
        patch.setattr(type(bench.hearth.functions.lifecycle), "store", always)
        with pytest.raises(ConflictError, match="changed all the time"):
            bench.tell(begun)

    bench.tell(begun)
    assert bench.show()["state"] == "Active"
