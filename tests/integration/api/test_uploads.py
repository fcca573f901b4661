"""Zips that come through the bucket: forms, states, the bucket's event, what is late, twice, wrong or too much."""

import base64
import dataclasses
import json
import os
import random
import subprocess
import sys
import time
import uuid
from typing import Any

import app
import pytest
import urllib3
from chalicelib import uploads as module
from chalicelib import wiring
from chalicelib.errors import ConflictError, UnavailableError
from chalicelib.limits import MAX_ZIP_BYTES
from chalicelib.schedules import Wanted
from chalicelib.tenants import IssuedKeys
from chalicelib.uploads import WAIT_S, Uploads
from chalicelib.wiring import Controller

from local.events import created
from shared_lua import keys
from shared_lua.contract import MIB
from tests.apigateway import Answer, Gateway
from tests.conftest import ROOT
from tests.integration.api.conftest import Configure, upload
from tests.zips import HELLO, zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
NEW = {"function": "big", "runtime": "python3.11", "handler": "main.handler"}
#: A zip is collected so long after its last name: a wait in the queue, three runs of twelve hours, and an hour.
GRACE_S = 21_600 + 3 * 43_200 + 3_600
OTHER = zipped({"main.py": "def handler(event, context):\n    return 2\n"})


@dataclasses.dataclass
class Bench:
    """A tenant that uploads, and the bucket that tells the app of it."""

    gateway: Gateway
    key: Key
    hearth: Controller
    s3: Any

    def begin(self, **asked: Any) -> Answer:
        headers = self.key | {"Content-Type": "application/json"}
        return self.gateway.send("POST", "/uploads", json.dumps(asked).encode(), headers)

    def post(self, begun: Answer, zip_bytes: bytes) -> int:
        """Post the form as a browser would; give the status."""
        return self.post_to(begun.json, zip_bytes)

    def post_to(self, form: dict[str, Any], zip_bytes: bytes) -> int:
        fields = {**form["fields"], "file": ("function.zip", zip_bytes, "application/zip")}
        with urllib3.PoolManager() as http:
            return http.request("POST", form["url"], fields=fields).status

    def tell(self, begun: Answer) -> None:
        """Call the handler as the bucket does."""
        app.on_upload(created(self.hearth.bucket, begun.json["fields"]["key"]), None)

    def bring(self, zip_bytes: bytes, **asked: Any) -> Answer:
        begun = self.begin(**asked)
        assert begun.status == 201, begun.body
        assert self.post(begun, zip_bytes) == 204
        self.tell(begun)
        return begun

    def show(self, name: str = "big") -> dict[str, Any]:
        shown: dict[str, Any] = self.gateway.send("GET", f"/functions/{name}", headers=self.key).json
        return shown

    def lying(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.hearth.bucket, Prefix="uploads/")
        return [one["Key"] for one in listed.get("Contents", [])]

    def waiting(self) -> int:
        owners = (keys.waiting_uploads(), keys.tenant_uploads("acme"))
        return sum(len(self.hearth.uploads.parts.every(owner)) for owner in owners)


@pytest.fixture
def bench(gateway: Gateway, key: Key, hearth: Controller, aws: Any) -> Bench:
    return Bench(gateway, key, hearth, aws("s3"))


def at(hearth: Controller, after_s: int) -> Uploads:
    """The use-cases, so much later."""
    return dataclasses.replace(hearth.uploads, now_us=lambda: hearth.uploads.now_us() + after_s * 1_000_000)


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
    schedule, _ = hearth.schedules.put("acme", "big", "s", Wanted(expression="rate(5 minutes)"))
    assert schedule.due_s is not None

    def later_us() -> int:
        return (schedule.due_s or 0) * 1_000_000

    due = dataclasses.replace(
        hearth.due, now_us=later_us, schedules=dataclasses.replace(hearth.schedules, now_us=later_us)
    )
    assert due.run() == 1
    assert (hearth.schedules.get("acme", "big", "s").due_s or 0) > schedule.due_s


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
        patch.setattr(type(bench.hearth.uploads.store), "forget", dies)
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
    check = type(bench.hearth.functions).with_code

    def meanwhile(functions: Any, *given: Any) -> Any:
        if next(changes, False):
            functions.configure("acme", "big", {"timeout_s": 7})
        return check(functions, *given)

    monkeypatch.setattr(type(bench.hearth.functions), "with_code", meanwhile)
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
        patch.setattr(type(bench.hearth.functions), "store", always)
        with pytest.raises(ConflictError, match="changed all the time"):
            bench.tell(begun)

    bench.tell(begun)
    assert bench.show()["state"] == "Active"


def test_an_upload_that_never_comes_is_given_up_after_a_day_and_not_before(bench: Bench, hearth: Controller) -> None:
    upload(bench.gateway, bench.key, "old")
    bench.begin(**NEW)
    bench.begin(function="old")

    assert at(hearth, WAIT_S - 30).give_up() == 0
    assert (bench.show()["state"], bench.waiting()) == ("Pending", 4)

    assert at(hearth, WAIT_S + 1).give_up() == 2
    assert (bench.show()["state"], bench.show("old")["state"]) == ("Failed", "Active")
    assert (bench.show("old")["last_update"], bench.waiting()) == ("Failed", 0)
    assert "within 24 hours" in bench.show()["reason"]
    assert at(hearth, WAIT_S + 1).give_up() == 0


def test_giving_up_looks_at_a_page_of_what_is_due_and_at_nothing_else(
    bench: Bench, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for name in ("a", "b", "c"):
        bench.begin(**{**NEW, "function": name})

    assert [at(hearth, WAIT_S + 5).give_up() for _ in range(3)] == [2, 1, 0]


def test_one_that_cannot_be_given_up_does_not_hold_up_the_others(
    bench: Bench, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        bench.begin(**{**NEW, "function": name})
    fail = type(hearth.functions).fail

    def only_b(functions: Any, current: Any, failure: Any) -> None:
        if current.version.function == "a":
            raise UnavailableError("The table of functions (DynamoDB)")
        fail(functions, current, failure)

    monkeypatch.setattr(type(hearth.functions), "fail", only_b)

    assert at(hearth, WAIT_S + 5).give_up() == 1
    assert [bench.show(name)["state"] for name in "ab"] == ["Pending", "Failed"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"function": "no/name"}, "no function name"),
        ({"function": "big"}, "needs runtime and handler"),
        ({**NEW, "runtime": "cobol"}, "not offered"),
        ({**NEW, "memory_mb": 63}, "Memory must be 64"),
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


#: Names one S3 key three times as a program of its own, so that the stand-in's memory is not counted with it.
NAMING = """
import json, sys, tracemalloc
from app import app
from tests.apigateway import Gateway

key_id, secret, bucket, small, large = sys.argv[1:]
boto = Gateway(app).client(key_id, secret)
role = "arn:aws:iam::000000000000:role/any"

def name(function, key):
    at = {"S3Bucket": bucket, "S3Key": key}
    made = boto.create_function(
        FunctionName=function, Runtime="python3.11", Handler="main.handler", Role=role, Code=at
    )
    changed = boto.update_function_code(FunctionName=function, **at)
    layer = boto.publish_layer_version(LayerName="deps", Content=at)
    return [made["State"], made["CodeSize"], changed["CodeSize"], layer["Content"]["CodeSize"]]

name("small", small)
tracemalloc.start()
sizes = name("large", large)
print(json.dumps([*sizes, tracemalloc.get_traced_memory()[1]]))
"""


def test_a_zip_of_20_mb_comes_to_functions_and_layers_by_its_s3_key_in_bounded_memory(
    bench: Bench, environment: dict[str, str], tenant: IssuedKeys
) -> None:
    content: dict[str, str | bytes] = {"main.py": HELLO, "data.bin": random.Random(1).randbytes(20 * MIB)}
    small, large = bench.begin().json, bench.begin().json
    sizes = []
    for place, zip_bytes in ((small, zipped()), (large, zipped(content))):
        assert bench.post_to(place, zip_bytes) == 204
        sizes.append(len(zip_bytes))

    told = [tenant.access_key_id, tenant.secret_access_key, small["s3_bucket"], small["s3_key"], large["s3_key"]]
    done = subprocess.run(
        [sys.executable, "-c", NAMING, *told],
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    *named, most_bytes = json.loads(done.stdout)
    assert named == ["Active", sizes[1], sizes[1], sizes[1]]
    assert most_bytes < 8 * MIB
    app.on_upload(created(large["s3_bucket"], large["s3_key"]), None)
    assert large["s3_key"] in bench.lying()  # for as long as the bucket keeps it


def test_another_tenants_upload_cannot_be_named(bench: Bench, boto: Any) -> None:
    key = f"uploads/stranger/{uuid.uuid4()}"
    bench.s3.put_object(Bucket=bench.hearth.bucket, Key=key, Body=zipped())

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="under uploads/acme/"):
        boto.create_function(
            FunctionName="big",
            Runtime="python3.11",
            Handler="main.handler",
            Role="arn:aws:iam::000000000000:role/any",
            Code={"S3Bucket": bench.hearth.bucket, "S3Key": key},
        )


def test_the_tick_gives_up_uploads_and_collects_zips(
    bench: Bench, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.begin(**NEW)
    upload(bench.gateway, bench.key, "gone")
    bench.gateway.send("DELETE", "/functions/gone", headers=bench.key)
    bench.bring(OTHER, **{**NEW, "function": "kept"})
    now_us = time.time_ns() // 1000
    for after_s, left in ((GRACE_S - 60, 2), (GRACE_S + 60, 1)):
        monkeypatch.setattr(wiring, "_now_us", lambda after_s=after_s: now_us + after_s * 1_000_000)
        monkeypatch.setattr(wiring, "_now_s", lambda after_s=after_s: now_us // 1_000_000 + after_s)
        hearth = configure()
        hearth.chores.run()
        assert bench.s3.list_objects_v2(Bucket=hearth.bucket, Prefix="code/")["KeyCount"] == left

    assert bench.show()["state"] == "Failed"
