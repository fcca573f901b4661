"""What the platform gave up runs again, once."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalicelib.errors import UnavailableError
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.redrive import HALF_DONE_US, Redrive, Redriven, Selection
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Mode, Outcome, Status
from tests.apigateway import Answer
from tests.integration.api.conftest import Deployed, principal, settlement_of
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
GivesUp = Callable[..., Invocation]


@pytest.fixture
def gives_up(deployed: Deployed, aws: Any, data: dict[str, str]) -> GivesUp:
    """A function that has one Invocation accepted and given up, as a worker does it."""

    def accept(event: bytes = b"{}", status: Status = Status.ABANDONED, kept: bool = True) -> Invocation:
        deployed.call(event, "?mode=async")
        taken = deployed.worker.take()
        if kept:
            key = keys.abandoned_payload(taken.invocation_id)
            aws("s3").put_object(Bucket=data["BucketName"], Key=key, Body=encode(taken).encode())
        deployed.worker.settle(settlement_of(taken.invocation_id, Outcome(status=status, payload="{}", executed=False)))
        return taken

    return accept


def redrive(deployed: Deployed, **asked: Any) -> Answer:
    body = json.dumps(asked).encode() if asked else b""
    return deployed.gateway.send("POST", "/functions/hello/redrive", body, deployed.key)


def reason(answer: Answer) -> str:
    [skipped] = answer.json["skipped"]
    return str(skipped["reason"])


@pytest.mark.parametrize("status", [Status.ABANDONED, Status.EXPIRED])
def test_what_was_given_up_runs_again_as_a_new_invocation(
    deployed: Deployed, gives_up: GivesUp, status: Status
) -> None:
    old = gives_up(b'{"n": 1}', status)

    answer = redrive(deployed)

    new = deployed.worker.take()
    assert (answer.status, answer.json) == (
        200,
        {"redriven": [{"invocation_id": old.invocation_id, "redriven_as": new.invocation_id}], "skipped": []},
    )
    assert (new.payload, new.mode, new.version) == ('{"n": 1}', Mode.ASYNC, old.version)
    assert new.deadline_us > old.deadline_us
    shown = deployed.get(f"/invocations/{old.invocation_id}").json
    assert (shown["status"], shown["redriven_as"]) == (status.value, new.invocation_id)
    assert deployed.get(f"/invocations/{new.invocation_id}").json["status"] == "queued"


def test_an_event_too_large_for_the_queue_goes_along(
    deployed: Deployed, gives_up: GivesUp, aws: Any, data: dict[str, str]
) -> None:
    event = b'"' + b"x" * 200_000 + b'"'
    gives_up(event)

    redrive(deployed)

    new = deployed.worker.take()
    stored = aws("s3").get_object(Bucket=data["BucketName"], Key=keys.payload(new.invocation_id))["Body"].read()
    assert (new.payload, stored) == (None, event)


def test_a_second_redrive_finds_nothing_and_says_why_when_it_is_told_which(
    deployed: Deployed, gives_up: GivesUp, kept: Callable[[], dict[str, int]]
) -> None:
    old = gives_up()
    [done] = redrive(deployed).json["redriven"]
    before = kept()

    again, named = redrive(deployed), redrive(deployed, invocation_ids=[old.invocation_id])

    assert again.json == {"redriven": [], "skipped": []}
    assert reason(named) == f"it was redriven before, as {done['redriven_as']}"
    assert kept() == before


def test_eight_redrives_at_once_run_it_once(deployed: Deployed, gives_up: GivesUp) -> None:
    gives_up()

    with ThreadPoolExecutor(8) as pool:
        answers = [call.result() for call in [pool.submit(redrive, deployed) for _ in range(8)]]

    redriven = [one for answer in answers for one in answer.json["redriven"]]
    assert [one["redriven_as"] for one in redriven] == [deployed.worker.take().invocation_id]
    assert queued(deployed) == 0


def queued(deployed: Deployed) -> int:
    name = "ApproximateNumberOfMessages"
    url = deployed.worker.data["QueueUrl"]
    return int(deployed.worker.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def test_only_those_that_are_named_run_again(deployed: Deployed, gives_up: GivesUp) -> None:
    ids = [gives_up().invocation_id for _ in range(3)]

    answer = redrive(deployed, invocation_ids=[ids[1], ids[1]])

    assert [one["invocation_id"] for one in answer.json["redriven"]] == [ids[1]]
    assert queued(deployed) == 1


def test_what_is_from_before_since_is_left(deployed: Deployed, gives_up: GivesUp) -> None:
    old, new = gives_up().invocation_id, gives_up().invocation_id
    since = deployed.get(f"/invocations/{new}").json["created"]

    named = redrive(deployed, invocation_ids=[old], since=since)
    answer = redrive(deployed, since=since)

    assert reason(named) == "it is from before `since`"
    assert [one["invocation_id"] for one in answer.json["redriven"]] == [new]


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_what_ran_to_an_end_is_skipped(deployed: Deployed, gives_up: GivesUp, status: Status) -> None:
    old = gives_up(status=status)

    named = redrive(deployed, invocation_ids=[old.invocation_id])

    assert reason(named) == f"it is {status.value}; only what is expired or abandoned runs again"
    assert redrive(deployed).json == {"redriven": [], "skipped": []}


def test_what_was_not_kept_is_skipped(deployed: Deployed, gives_up: GivesUp) -> None:
    gives_up(kept=False)

    assert "its event was not kept" in reason(redrive(deployed))


def test_anothers_invocation_and_one_that_never_was_are_skipped_alike(
    deployed: Deployed, gives_up: GivesUp, hearth: Controller
) -> None:
    old = gives_up().invocation_id
    other = {"x-api-key": hearth.tenants.administration.create("other").api_key}
    theirs = dataclasses.replace(deployed, key=other)
    deployed.gateway.send(
        "PUT",
        "/functions/hello?runtime=python3.11&handler=main.handler",
        zipped(),
        other | {"Content-Type": "application/zip"},
    )

    answer = redrive(theirs, invocation_ids=[old, "never"])

    assert {one["reason"] for one in answer.json["skipped"]} == {"this function has no such Invocation"}
    assert len(answer.json["skipped"]) == 2
    assert redrive(theirs).json == {"redriven": [], "skipped": []}


def test_what_is_not_there_cannot_be_redriven(deployed: Deployed) -> None:
    assert deployed.gateway.send("POST", "/functions/nobody/redrive", b"", deployed.key).status == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"ids": []},
        {"invocation_ids": []},
        {"invocation_ids": ["a"] * 101},
        {"invocation_ids": [1]},
        {"invocation_ids": [""]},
        {"invocation_ids": ["x" * 129]},
        {"invocation_ids": "a"},
        {"since": "yesterday"},
        {"since": 5},
    ],
)
def test_a_body_that_selects_nothing_sensible_is_refused(deployed: Deployed, asked: dict[str, Any]) -> None:
    answer = redrive(deployed, **asked)

    assert (answer.status, answer.json["type"]) == (400, "InvalidParameterValueException")


def test_as_many_as_may_be_named_are_answered_for(deployed: Deployed) -> None:
    answer = redrive(deployed, invocation_ids=[f"{n:0128}" for n in range(100)])

    assert (answer.status, len(answer.json["skipped"])) == (200, 100)


class DyingLane(DurableLane):
    """Plays a controller that dies before it can queue, or one that the queue does not answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send(self, invocation: Invocation) -> None:
        raise self._error


@pytest.fixture
def dying(hearth: Controller) -> Callable[[Exception], Redrive]:
    def make(error: Exception) -> Redrive:
        invoker = dataclasses.replace(hearth.invocations.invoker, lane=DyingLane(error))
        return dataclasses.replace(hearth.invocations.redrive, invoker=invoker)

    return make


def test_what_the_queue_did_not_take_is_redriven_by_the_next_call(
    deployed: Deployed, gives_up: GivesUp, hearth: Controller, key: Key, dying: Callable[[Exception], Redrive]
) -> None:
    old = gives_up()

    [failed] = dying(UnavailableError("The queue (SQS)")).redrive(principal(hearth, key), "hello", Selection())
    again = redrive(deployed)

    assert failed == Redriven(old.invocation_id, reason=str(UnavailableError("The queue (SQS)")))
    assert [one["redriven_as"] for one in again.json["redriven"]] == [deployed.worker.take().invocation_id]


@pytest.mark.parametrize(
    ("waited_us", "is_finished"), [(HALF_DONE_US - 1_000_000, False), (HALF_DONE_US + 1_000_000, True)]
)
def test_a_half_done_redrive_is_finished_once_the_process_that_began_it_is_dead(  # noqa: PLR0913  (its world, and a table of two columns)
    *,
    deployed: Deployed,
    gives_up: GivesUp,
    hearth: Controller,
    key: Key,
    dying: Callable[[Exception], Redrive],
    waited_us: int,
    is_finished: bool,
) -> None:
    old = gives_up()
    with pytest.raises(KeyboardInterrupt):
        dying(KeyboardInterrupt()).redrive(principal(hearth, key), "hello", Selection())  # type: ignore[arg-type]
    half = deployed.get(f"/invocations/{old.invocation_id}").json["redriven_as"]
    row = hearth.invocations.ledger.find(half)
    assert row
    later = dataclasses.replace(hearth.invocations.redrive, now_us=lambda: row.created_at_us + waited_us)

    [done] = later.redrive(principal(hearth, key), "hello", Selection())

    assert (done.redriven_as is not None) == is_finished
    assert (deployed.get(f"/invocations/{half}").status, queued(deployed)) == ((404, 1) if is_finished else (200, 0))


def test_a_half_done_redrive_that_a_worker_has_after_all_is_left_to_it(
    deployed: Deployed, gives_up: GivesUp, hearth: Controller, key: Key, dying: Callable[[Exception], Redrive]
) -> None:
    old = gives_up()
    with pytest.raises(KeyboardInterrupt):
        dying(KeyboardInterrupt()).redrive(principal(hearth, key), "hello", Selection())  # type: ignore[arg-type]
    half = deployed.get(f"/invocations/{old.invocation_id}").json["redriven_as"]
    row = hearth.invocations.records.row("acme", old.invocation_id)
    deployed.worker.settle(settlement_of(half, Outcome(status=Status.SUCCEEDED, payload="{}")))

    another = deployed.call(query="?mode=async").json["invocation_id"]
    new = dataclasses.replace(deployed.worker.take(), invocation_id=f"{another}-2")

    assert not hearth.invocations.redrive.items.transact(hearth.invocations.redrive.ledger.redriving(row, new))
    later = dataclasses.replace(
        hearth.invocations.redrive, now_us=lambda: hearth.invocations.redrive.now_us() + 10 * HALF_DONE_US
    )
    [left] = later.redrive(principal(hearth, key), "hello", Selection())
    assert left.reason == f"it was redriven before, as {half}"
