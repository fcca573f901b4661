"""The timer's reaper: what dead workers had when only the controller is left to look."""

from typing import Any

import pytest
import redis
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation
from tests.builders import invocation

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_the_timer_gives_what_a_dead_worker_had_to_the_durable_lane_and_logs_it(
    hearth: Controller,
    redis_client: redis.Redis,
    aws: Any,
    data: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    redis_client.zadd(keys.living(), {"dead|2": 1})
    redis_client.rpush(keys.in_flight("dead|2"), encode(invocation()))

    hearth.operations.chores.run()

    [message] = aws("sqs").receive_message(QueueUrl=data["QueueUrl"])["Messages"]
    assert decode(Invocation, message["Body"]).invocation_id == "i-1"
    [logged] = [record for record in caplog.records if getattr(record, "action", "") == "reaped"]
    assert (logged.worker, logged.in_flight) == ("dead|2", 1)  # type: ignore[attr-defined]
