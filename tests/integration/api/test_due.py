"""Each due time of a schedule runs once, whatever dies on the way, by a clock that only the test moves."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import app as controller_app
import pytest
from chalicelib.errors import UnavailableError
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.schedules.due import Due
from chalicelib.schedules.store import ScheduleRequest
from chalicelib.wiring import Controller

from shared_lua.contract import Mode
from tests.apigateway import Answer
from tests.integration.api.conftest import Deployed, Worker, success, upload

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Kept = Callable[[], dict[str, int]]
NOON_S = 1_800_014_400  # 2027-01-15T12:00:00Z


class Clock:
    """A time that only the test moves."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def now_us(self) -> int:
        return self.now_s * 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def due(hearth: Controller, clock: Clock) -> Due:
    """What a tick does, by the test's clock."""
    admission = hearth.admission
    minting = dataclasses.replace(admission.mint, now_us=clock.now_us)
    return dataclasses.replace(
        hearth.schedules.due,
        now_us=clock.now_us,
        monotonic_s=lambda: float(clock.now_s),
        schedules=dataclasses.replace(hearth.schedules.store, now_us=clock.now_us),
        invoker=dataclasses.replace(hearth.invocations.invoker, admission=dataclasses.replace(admission, mint=minting)),
    )


def plan(due: Due, schedule_id: str = "s", expression: str = "rate(5 minutes)", **wanted: Any) -> None:
    due.schedules.put("acme", "hello", schedule_id, ScheduleRequest(expression=expression, **wanted))


def next_s(due: Due, schedule_id: str = "s") -> int | None:
    return due.schedules.get("acme", "hello", schedule_id).due_s


def test_what_is_due_runs_once_with_its_input_and_not_before(
    due: Due, clock: Clock, function: Answer, worker: Worker, kept: Kept
) -> None:
    plan(due, input='{"n":1}')

    clock.now_s += 299
    early = due.run()
    clock.now_s += 1
    runs = [due.run(), due.run()]

    assert (early, runs) == (0, [1, 0])
    invocation = worker.serve_one(success())
    assert (invocation.payload, invocation.mode) == ('{"n":1}', Mode.ASYNC)
    assert kept()["messages"] == 0
    assert next_s(due) == NOON_S + 600


def test_without_input_the_event_is_like_eventbridges(due: Due, clock: Clock, function: Answer, worker: Worker) -> None:
    plan(due, expression="cron(30 12 * * ? *)")
    clock.now_s += 1800

    due.run()

    invocation = worker.take()
    event = json.loads(invocation.payload or "")
    account = function.json["arn"].split(":")[4]
    assert event == {
        "version": "0",
        "id": invocation.invocation_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": "2027-01-15T12:30:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:{account}:rule/s"],
        "detail": {},
    }


@pytest.mark.parametrize("rate", [("rate(1 minute)", 60), ("rate(7 minutes)", 420)])
def test_missed_ticks_run_once_and_late(
    due: Due, clock: Clock, deployed: Deployed, kept: Kept, rate: tuple[str, int]
) -> None:
    expression, period_s = rate
    plan(due, expression=expression)

    clock.now_s += 24 * 3600 + 30
    runs = [due.run(), due.run()]

    assert runs == [1, 0]
    assert kept()["messages"] == 1
    following = next_s(due)
    assert following is not None
    assert clock.now_s < following <= clock.now_s + period_s
    assert (following - NOON_S) % period_s == 0


def test_two_ticks_at_once_run_what_is_due_once(due: Due, clock: Clock, function: Answer, kept: Kept) -> None:
    for n in range(5):
        plan(due, f"s{n}")
    clock.now_s += 300

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: due.run(), range(4)))
    due.run()

    assert (kept()["messages"], kept()["InvocationsTable"]) == (5, 5)
    assert [next_s(due, f"s{n}") for n in range(5)] == [NOON_S + 600] * 5


class Died(BaseException):
    """The process ended here."""


def dying(item: Any, method: str, *, before: bool) -> Any:
    """Give a double of a part on which one method ends the process, before it acts or after."""

    class Double:
        def __getattr__(self, name: str) -> Any:
            real = getattr(item, name)
            if name != method:
                return real

            def die(*given: Any) -> None:
                if not before:
                    real(*given)
                raise Died

            return die

    return Double()


def test_a_death_between_queueing_and_moving_on_is_followed_by_no_second_run(
    due: Due, clock: Clock, function: Answer, worker: Worker, kept: Kept
) -> None:
    plan(due)
    clock.now_s += 300
    with pytest.raises(Died):
        dataclasses.replace(due, schedules=dying(due.schedules, "move_on", before=True)).run()
    first = worker.serve_one(success())

    clock.now_s += 60
    due.run()

    assert first.payload is not None
    assert (kept()["messages"], kept()["InvocationsTable"]) == (0, 1)
    assert next_s(due) == NOON_S + 600


def test_a_death_between_recording_and_queueing_is_followed_by_a_run_that_queues(
    due: Due, clock: Clock, function: Answer, worker: Worker, kept: Kept
) -> None:
    plan(due)
    clock.now_s += 300
    invoker = dataclasses.replace(due.invoker, lane=dying(due.invoker.lane, "send", before=True))
    with pytest.raises(Died):
        dataclasses.replace(due, invoker=invoker).run()

    clock.now_s += 29
    at_once = due.run()
    left_to_the_first = kept()["messages"]
    clock.now_s += 31
    later = due.run()

    assert (at_once, left_to_the_first, later) == (0, 0, 1)
    invocation = worker.serve_one(success())
    assert invocation.admitted_at_us == (NOON_S + 300) * 1_000_000
    assert invocation.deadline_us - invocation.admitted_at_us == (21_600 + 3) * 1_000_000
    assert (kept()["messages"], kept()["InvocationsTable"]) == (0, 1)
    assert next_s(due) == NOON_S + 600


def test_while_the_queue_is_down_nothing_is_lost_and_others_go_on(
    due: Due, clock: Clock, function: Answer, kept: Kept
) -> None:
    plan(due, "a")
    plan(due, "b")
    clock.now_s += 300

    class Down(DurableLane):
        def send(self, _: Any) -> None:
            raise UnavailableError("The queue (SQS)")

    down = dataclasses.replace(due.invoker, lane=Down(None, ""))
    assert dataclasses.replace(due, invoker=down).run() == 0
    assert kept()["InvocationsTable"] == 0

    clock.now_s += 60
    assert due.run() == 2
    assert kept()["messages"] == 2


def test_a_tick_with_too_much_to_do_leaves_the_rest_to_the_next(due: Due, clock: Clock, function: Answer) -> None:
    for n in range(3):
        plan(due, f"s{n}")
    clock.now_s += 300
    moments = iter([0.0, 10.0, 20.0, 20.1])

    cut_short = dataclasses.replace(due, monotonic_s=lambda: next(moments)).run()

    assert (cut_short, due.run()) == (2, 1)


def test_a_disabled_replaced_or_deleted_schedule_does_not_run(
    due: Due, clock: Clock, deployed: Deployed, kept: Kept
) -> None:
    plan(due, "off", enabled=False)
    plan(due, "slower")
    plan(due, "gone")
    plan(due, "slower", expression="rate(1 hour)")
    due.schedules.delete("acme", "hello", "gone")
    upload(deployed.gateway, deployed.key, "other")
    due.schedules.put("acme", "other", "s", ScheduleRequest(expression="rate(5 minutes)"))
    deployed.gateway.send("DELETE", "/functions/other", headers=deployed.key)
    clock.now_s += 300

    assert due.run() == 0
    assert kept()["messages"] == 0
    assert due.schedules.due(None, 10)[0][0].schedule_id == "slower"


def test_a_due_time_that_no_schedule_has_any_more_is_dropped(
    due: Due, clock: Clock, function: Answer, hearth: Controller
) -> None:
    plan(due)
    waiting = due.schedules.due(None, 10)[0]
    hearth.schedules.store.items.remove("acme/function/hello", "schedule#s")
    clock.now_s += 300

    assert due.run() == 0
    assert (len(waiting), due.schedules.due(None, 10)[0]) == (1, [])


def test_a_left_over_due_time_of_a_schedule_that_moved_on_is_dropped(
    due: Due, clock: Clock, function: Answer, kept: Kept
) -> None:
    plan(due)
    left_over = due.schedules.items.page("/due")[0][0]
    plan(due, expression="rate(1 hour)")
    due.schedules.items.put(left_over)
    clock.now_s += 300

    assert due.run() == 0
    assert kept()["messages"] == 0
    assert [one.due_s for one in due.schedules.due(None, 10)[0]] == [NOON_S + 3600]


def test_more_than_a_page_is_due_at_once(due: Due, clock: Clock, function: Answer) -> None:
    for n in range(53):
        plan(due, f"s{n}")
    clock.now_s += 300

    assert due.run() == 53


def test_the_handler_that_the_clock_calls_runs_what_is_due(hearth: Controller, deployed: Deployed) -> None:
    past = dataclasses.replace(hearth.schedules.store, now_us=lambda: hearth.schedules.due.now_us() - 3_600_000_000)
    past.put("acme", "hello", "s", ScheduleRequest(expression="rate(1 minute)", input='"tick"'))
    event = {
        "version": "0",
        "id": "e",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "1",
        "time": "2027-01-15T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }

    controller_app.timer(event, None)

    assert deployed.worker.take().payload == '"tick"'
