"""A controller that dies while it accepts an Invocation or redrives one: each that was queued runs once."""

import dataclasses
from typing import Any

import pytest
from chalicelib.admission.request import InvokeRequest
from chalicelib.invocations.redrive import HALF_DONE_US, Redriven, Selection
from chalicelib.wiring import Controller

from shared_lua.codec import decode
from shared_lua.contract import Invocation, Mode
from tests.integration.crash.controllers import NAME, Caller, Controllers
from tests.integration.crash.harness import told, walk
from tests.integration.crash.workers import Site, WorkerProcess
from worker_agent.lanes.handle import MAX_ATTEMPTS
from worker_agent.stores.durable_lane import Delivery

pytestmark = [pytest.mark.aws, pytest.mark.redis]

#: More than a message takes, so that it goes through S3.
LARGE = b'"' + b"x" * 200_000 + b'"'


def invoke(process: Controller, caller: Caller, **asked: Any) -> str:
    """Invoke the function asynchronously with an event that is too large for a message; give the Invocation's id."""
    request = InvokeRequest(function=NAME, event=LARGE, mode=Mode.ASYNC, **asked)
    return process.invocations.invoker.invoke(caller.at(process), request).invocation_id


#: After these calls of an admission a row stays open for which there will be no message, until it expires after 14
#: days: the controller died between the two, its caller got no answer, and nobody else knows of the Invocation.
LEAVES_AN_OPEN_ROW = ["dynamodb.put_item"]


def test_an_admission_with_a_large_event_runs_once_for_each_try_that_was_queued(
    controllers: Controllers, site: Site
) -> None:
    plain = controllers.start()
    left_open: list[str] = []
    for number, death in enumerate(walk()):
        caller = Caller(plain, number)

        death.end(lambda caller=caller, death=death: invoke(controllers.start(death), caller))  # type: ignore[misc]
        tries = int(death.calls[-1] == "sqs.send_message")
        if death.is_over:  # the client had no answer, and repeats its call
            invoke(controllers.start(), caller)
            tries += 1
        site.recover(death)

        with told(death):
            site.check_each_once(caller.tenant, ran=tries)
        if "queued" in site.statuses(caller.tenant, NAME).values():
            left_open.append(death.calls[-1])
    assert left_open == LEAVES_AN_OPEN_ROW
    assert death.calls[-3:] == ["s3.put_object", "dynamodb.put_item", "sqs.send_message"]


def give_up(process: Controller, site: Site, caller: Caller) -> str:
    """Have an Invocation accepted and given up, as a worker does it; give its id."""
    invocation_id = invoke(process, caller)
    sqs, url = site.aws("sqs"), site.data["QueueUrl"]
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    worker, one = WorkerProcess(site), decode(Invocation, message["Body"])
    late = Delivery(message["Body"], "", MAX_ATTEMPTS + 1, one.admitted_at_us)
    worker.handler.handle(late)
    assert site.row(one)["status"]["S"] == "abandoned"
    return invocation_id


@pytest.mark.parametrize("is_worker_quick", [True, False], ids=["run before the repeat", "run after it"])
def test_a_redrive_runs_what_was_given_up_once_wherever_it_dies(
    controllers: Controllers, site: Site, is_worker_quick: bool
) -> None:
    plain = controllers.start()
    for number, death in enumerate(walk()):
        caller = Caller(plain, number)
        old = give_up(plain, site, caller)

        def redrive(process: Controller, later_us: int = 0, caller: Caller = caller) -> list[Redriven]:
            use_case = process.invocations.redrive
            use_case = dataclasses.replace(use_case, now_us=lambda: plain.schedules.due.now_us() + later_us)
            return use_case.redrive(caller.at(process), NAME, Selection())

        death.end(lambda redrive=redrive, death=death: redrive(controllers.start(death)))  # type: ignore[misc]
        if is_worker_quick:
            site.recover(death)
        redrive(controllers.start(), later_us=HALF_DONE_US + 1)  # the client had no answer, and repeats its call
        site.recover(death)

        with told(death):
            check_redriven_once(site, caller, old)
    assert death.calls[-2:] == ["sqs.send_message", "dynamodb.update_item"]


def check_redriven_once(site: Site, caller: Caller, old: str) -> None:
    successor = site.row_of(old)["redriven_as"]["S"]
    assert site.statuses(caller.tenant, NAME) == {old: "abandoned", successor: "succeeded"}
    usage = site.usage(caller.tenant)
    assert (usage["invocations"], usage["unserved"]) == (2, 1)
    site.check_nothing_left()
