"""A worker that dies at any external call of its acts: what it had is recorded, charged and answered once."""

import json
from typing import Any

import pytest

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Mode, Permits
from tests.builders import ran
from tests.integration.crash.harness import Death, told, walk
from tests.integration.crash.workers import Site, WorkerProcess
from worker_agent.sandboxes.sandbox import Ran
from worker_agent.stores.ledger_writer import Record

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_a_reaped_invocation_ends_once_wherever_its_reaper_dies(site: Site) -> None:
    for number, death in enumerate(walk()):
        one, waiting = site.ask(2 * number), site.ask(2 * number + 1)
        dead = site.start(Death()).worker
        for each in (one, waiting):
            site.put_on_lane(each, dead)
        assert site.redis.lmove(keys.lane(dead), keys.in_flight(dead)) == encode(one).encode()
        site.bury(dead)

        death.end(site.start(death).reaper.look)
        site.recover(death)

        with told(death):
            for each in (one, waiting):
                site.check_ended_once(each)
    assert "sqs.send_message" in death.calls
    assert "redis.LREM" in death.calls


def test_a_record_is_written_once_wherever_its_writer_dies(site: Site) -> None:
    for number, death in enumerate(walk()):
        ones = [site.ask(2 * number), site.ask(2 * number + 1)]
        process = site.start(death)
        records = [settled(site, one) for one in ones]

        for record in records:
            process.writer.add(record)
        death.end(process.write_records)
        site.recover(death, process.worker)

        with told(death):
            for one in ones:
                site.check_ended_once(one)
    assert death.calls == ["redis.TIME", "redis.XRANGE", "dynamodb.transact_write_items", "redis.XDEL"]


def settled(site: Site, one: Invocation) -> Record:
    """Have a worker end an Invocation on the express lane, and give the record that it is to write."""
    process = site.start(Death())
    site.put_on_lane(one, process.worker)
    process.take_express()
    [record] = process.writer._waiting
    site.bury(process.worker)
    return record


@pytest.mark.parametrize("answer_bytes", [2, 250_000])
def test_an_express_end_counts_once_wherever_its_worker_dies(site: Site, answer_bytes: int) -> None:
    site.behave = lambda *_: ran(payload=json.dumps("x" * (answer_bytes - 2)).encode())
    for number, death in enumerate(walk()):
        one, process = site.ask(number), site.start(death)
        site.put_on_lane(one, process.worker)

        death.end(process.take_express)
        death.end(process.write_records)  # which a process that is dead does not do any more
        site.recover(death, process.worker)

        with told(death):
            site.check_ended_once(one)
    assert "redis.BLMOVE" in death.calls
    assert "redis.EVALSHA" in death.calls
    assert death.calls[-1] == "redis.XDEL"
    assert ("s3.put_object" in death.calls) is (answer_bytes > 200_000)


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": Mode.SYNC},
        {"mode": Mode.ASYNC, "permits": Permits(limit=10, reserved=False)},
        {"mode": Mode.ASYNC, "permits": Permits(limit=10, reserved=True), "on_success": "arn:aws:sqs:us-east-1:1:q"},
    ],
    ids=["for a caller who waits", "with a permit", "with a destination"],
)
def test_a_durable_end_counts_once_wherever_its_worker_dies(site: Site, asked: dict[str, Any]) -> None:
    for number, death in enumerate(walk()):
        one = site.ask(number, **asked)
        site.enqueue(one)

        death.end(site.start(death).take_durable)
        site.recover(death)

        with told(death):
            site.check_ended_once(one, answers=1 if one.mode is Mode.SYNC else 0)
            if one.on_success:
                assert events(site) >= 1, "its destination was told nothing"
    assert "dynamodb.transact_write_items" in death.calls
    assert death.calls[-1] == "sqs.delete_message"


def events(site: Site) -> int:
    """Take the completion events, which may come more than once."""
    sqs, url = site.aws("sqs"), site.data["CompletionQueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def test_an_end_that_was_superseded_is_not_recorded_and_the_durable_run_is(site: Site) -> None:
    one = site.ask(1)

    def reaped_meanwhile(*_: object) -> Ran:
        site.bury(process.worker)
        WorkerProcess(site).reaper.look()
        return ran(payload=b'"superseded"')

    site.behave = reaped_meanwhile
    process = site.start(Death())
    site.put_on_lane(one, process.worker)
    process.take_express()
    process.write_records()
    assert site.row(one)["status"]["S"] == "queued"
    site.behave = lambda *_: ran(payload=b'"durable"')
    site.recover(Death())

    assert site.check_ended_once(one).outcome.payload == '"durable"'
