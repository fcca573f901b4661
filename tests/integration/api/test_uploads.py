"""Zips that come through the bucket: the form, a function's states meanwhile and after, what is wrong with a zip."""

import base64
import dataclasses
import json
from typing import Any

import pytest
from chalicelib.limits import MAX_ZIP_BYTES
from chalicelib.schedules.store import ScheduleRequest
from chalicelib.wiring import Controller

from tests.integration.api.conftest import upload
from tests.integration.api.uploading import NEW, OTHER, Bench
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_the_form_takes_one_zip_under_one_key_for_a_quarter_of_an_hour(bench: Bench) -> None:
    begun = bench.begin(**NEW).json

    policy = json.loads(base64.b64decode(begun["fields"]["policy"]))
    key = f"uploads/acme/{begun['upload_id']}"
    assert (begun["fields"]["key"], begun["fields"]["Content-Type"]) == (key, "application/zip")
    assert {"key": key} in policy["conditions"]
    assert {"Content-Type": "application/zip"} in policy["conditions"]
    assert ["content-length-range", 1, MAX_ZIP_BYTES] in policy["conditions"]
    assert begun["expires_in_s"] == 900


def test_a_new_function_is_pending_until_its_zip_is_there_and_then_runs(bench: Bench, boto: Any) -> None:
    begun = bench.begin(**NEW, memory_mb=256, environment={"AB": "1"})
    pending = boto.get_function_configuration(FunctionName="big")
    assert (begun.json["state"], pending["State"], pending["StateReasonCode"]) == ("Pending", "Pending", "Creating")
    assert pending["MemorySize"] == 256
    with pytest.raises(boto.exceptions.ResourceConflictException, match="in the following state: Pending"):
        boto.invoke(FunctionName="big", InvocationType="Event")
    with pytest.raises(boto.exceptions.ResourceConflictException, match="in the following state: Pending"):
        boto.publish_version(FunctionName="big")
    assert "Location" not in boto.get_function(FunctionName="big")["Code"]

    assert bench.post(begun, zipped()) == 204
    bench.tell(begun)

    boto.get_waiter("function_active_v2").wait(FunctionName="big", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    boto.get_waiter("function_updated_v2").wait(FunctionName="big", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    active = boto.get_function_configuration(FunctionName="big")
    assert (active["State"], active["LastUpdateStatus"], active["MemorySize"]) == ("Active", "Successful", 256)
    assert active["CodeSize"] == len(zipped())
    assert active["Environment"]["Variables"] == {"AB": "1"}
    assert boto.invoke(FunctionName="big", InvocationType="Event")["StatusCode"] == 202
    assert (bench.lying(), bench.waiting()) == ([], 0)


def test_a_function_that_is_there_keeps_its_old_code_meanwhile(bench: Bench, boto: Any) -> None:
    upload(bench.gateway, bench.key, "big")
    old = boto.get_function_configuration(FunctionName="big")
    begun = bench.begin(function="big", timeout_s=9)

    meanwhile = boto.get_function_configuration(FunctionName="big")
    assert (meanwhile["State"], meanwhile["LastUpdateStatus"]) == ("Active", "InProgress")
    assert (meanwhile["CodeSha256"], meanwhile["Timeout"]) == (old["CodeSha256"], 3)
    assert boto.invoke(FunctionName="big", InvocationType="Event")["StatusCode"] == 202
    assert boto.publish_version(FunctionName="big")["LastUpdateStatus"] == "Successful"

    assert bench.post(begun, OTHER) == 204
    bench.tell(begun)

    boto.get_waiter("function_updated_v2").wait(FunctionName="big", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    new = boto.get_function_configuration(FunctionName="big")
    assert (new["LastUpdateStatus"], new["Timeout"], new["CodeSize"]) == ("Successful", 9, len(OTHER))


def test_the_version_that_was_asked_for_is_published_with_the_code_once(bench: Bench, boto: Any) -> None:
    begun = bench.bring(OTHER, **NEW, publish=True)
    bench.tell(begun)

    versions = boto.list_versions_by_function(FunctionName="big")["Versions"]
    assert [one["Version"] for one in versions] == ["$LATEST", "1"]
    assert {one["CodeSize"] for one in versions} == {len(OTHER)}
    assert boto.invoke(FunctionName="big:1", InvocationType="Event")["StatusCode"] == 202
    boto.delete_function(FunctionName="big")  # the count of names of the zip came out even


def test_a_bad_zip_fails_a_new_function_with_the_entry_and_the_reason(bench: Bench, boto: Any) -> None:
    bench.bring(zipped({"../main.py": "x"}), **NEW)

    failed = boto.get_function_configuration(FunctionName="big")
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "InvalidZipFileException")
    assert "../main.py" in failed["StateReason"]
    assert (failed["LastUpdateStatus"], failed["LastUpdateStatusReason"]) == ("Failed", failed["StateReason"])
    assert bench.show()["reason"] == failed["StateReason"]
    with pytest.raises(boto.exceptions.ResourceConflictException, match="in the following state: Failed"):
        boto.invoke(FunctionName="big")
    assert (bench.lying(), bench.waiting()) == ([], 0)


def test_a_function_that_failed_can_be_mended_by_another_upload_or_a_zip_in_a_request(bench: Bench, boto: Any) -> None:
    bench.bring(b"no zip", **NEW)
    assert bench.begin(function="big").json["state"] == "Pending"
    bench.bring(zipped(), function="big")
    assert (bench.show()["state"], bench.show()["reason"]) == ("Active", None)

    bench.bring(b"no zip", **{**NEW, "function": "small"})
    boto.update_function_code(FunctionName="small", ZipFile=zipped())
    assert (bench.show("small")["state"], bench.show("small")["last_update"]) == ("Active", "Successful")


def test_a_bad_zip_leaves_a_function_with_the_code_it_has(bench: Bench, boto: Any) -> None:
    upload(bench.gateway, bench.key, "big")
    old = boto.get_function_configuration(FunctionName="big")

    bench.bring(b"no zip at all", function="big", timeout_s=9)

    now = boto.get_function_configuration(FunctionName="big")
    assert (now["State"], now["LastUpdateStatus"]) == ("Active", "Failed")
    assert now["LastUpdateStatusReasonCode"] == "InvalidZipFileException"
    assert (now["CodeSha256"], now["Timeout"]) == (old["CodeSha256"], old["Timeout"])
    assert boto.invoke(FunctionName="big", InvocationType="Event")["StatusCode"] == 202


def test_a_zip_is_taken_at_the_limit_and_refused_one_byte_beyond(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in does not hold forms to their length, so what came is measured here again."""
    monkeypatch.setattr("chalicelib.limits.MAX_ZIP_BYTES", len(OTHER))
    bench.bring(OTHER, **NEW)
    assert bench.show()["state"] == "Active"

    monkeypatch.setattr("chalicelib.limits.MAX_ZIP_BYTES", len(OTHER) - 1)
    bench.bring(OTHER, **{**NEW, "function": "bigger"})
    assert bench.show("bigger")["state"] == "Failed"
    assert f"{len(OTHER) - 1} are allowed" in bench.show("bigger")["reason"]


def test_a_change_that_succeeds_ends_what_was_said_of_an_upload_that_failed(bench: Bench, boto: Any) -> None:
    upload(bench.gateway, bench.key, "big")
    for name in ("big", "never"):
        bench.bring(b"no zip", **{**NEW, "function": name})
        assert bench.show(name)["last_update"] == "Failed"
        boto.update_function_configuration(FunctionName=name, MemorySize=512)

    assert [bench.show(name)["last_update"] for name in ("big", "never")] == ["Successful", "Failed"]
    assert bench.show("never")["reason"]


def test_a_schedule_of_a_function_that_has_no_code_goes_on(bench: Bench, hearth: Controller) -> None:
    bench.begin(**NEW)
    schedule, _ = hearth.schedules.store.put("acme", "big", "s", ScheduleRequest(expression="rate(5 minutes)"))
    assert schedule.due_s is not None

    def later_us() -> int:
        return (schedule.due_s or 0) * 1_000_000

    due = dataclasses.replace(
        hearth.schedules.due, now_us=later_us, schedules=dataclasses.replace(hearth.schedules.store, now_us=later_us)
    )
    assert due.run() == 1
    assert (hearth.schedules.store.get("acme", "big", "s").due_s or 0) > schedule.due_s


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"function": "no/name"}, "function must be 1 to 64 letters"),
        ({"function": "big"}, "needs runtime and handler"),
        ({**NEW, "runtime": "cobol"}, "runtime must be nodejs20.x, "),
        ({**NEW, "memory_mb": 63}, "memory_mb must be a whole number of MB from 64 to 10240, not 63"),
        ({**NEW, "memory_mb": True}, "memory_mb must be a whole number"),
        ({**NEW, "environment": {"A": 1}}, "environment must be an object of texts"),
        ({**NEW, "tail": 1}, "Unknown member 'tail'"),
        ({"runtime": "python3.11"}, "Without function"),
        ({"publish": True}, "Without function"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_leaves_nothing(asked: dict[str, Any], sentence: str, bench: Bench) -> None:
    answer = bench.begin(**asked)

    assert (answer.status, bench.waiting()) == (400, 0)
    assert sentence in answer.json["error"]
    assert bench.gateway.send("GET", "/functions", headers=bench.key).json["functions"] == []
