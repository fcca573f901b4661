"""What a function prints, seen in Redis before its run is over."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, LiveLog
from tests.builders import invocation, version, zip_of
from tests.conftest import RedisServer
from tests.fakes import FakeSandbox
from tests.integration.worker.conftest import TidySandboxes
from tests.waiting import eventually
from worker_agent.errors import RedisUnavailableError
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.runs.running import Running
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.redis]

SOURCE = """
import time
def handler(event, context):
    print('first line', flush=True)
    time.sleep(2)
    print('last line')
"""


def shown(redis_client: redis.Redis, invocation_id: str = "i-1") -> LiveLog | None:
    text = redis_client.get(keys.live_log(invocation_id))
    assert text is None or isinstance(text, bytes)
    return decode(LiveLog, text.decode()) if text else None


def printed(text: str) -> LiveLog:
    return LiveLog(total_bytes=len(text), tail=text)


@contextmanager
def shown_by(live_logs: LiveLogs) -> Iterator[None]:
    live_logs.periodic.start()
    try:
        yield
    finally:
        live_logs.periodic.stop()


@pytest.mark.docker
def test_a_function_is_seen_printing_before_it_ends(sandboxes: TidySandboxes, redis_client: redis.Redis) -> None:
    running, code = Running(), zip_of(main=SOURCE)
    asked = invocation(version=version(code, memory_mb=1769))
    stems = Stems(sandboxes, {"python3.11": 0})
    executor = Executor(Pool(1, 4096), stems, lambda _: code, Prices(1, 1, 1), running)

    with shown_by(LiveLogs(running, RedisAdapter(redis_client))):
        run = threading.Thread(target=executor.execute, args=(asked, b"{}", 0, 1))
        run.start()
        eventually(lambda: shown(redis_client) is not None)
        while_it_ran, ran_on = shown(redis_client), run.is_alive()
        left_ms = redis_client.pttl(keys.live_log("i-1"))
        run.join()
        eventually(lambda: shown(redis_client) is None)

    assert ran_on
    assert while_it_ran == printed("first line\n")
    assert isinstance(left_ms, int)
    assert 0 < left_ms <= 63_000


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def live_logs(running: Running, redis_client: redis.Redis) -> LiveLogs:
    return LiveLogs(running, RedisAdapter(redis_client))


def begin(running: Running, text: str = "", **changed: object) -> tuple[Invocation, FakeSandbox]:
    asked = invocation(**changed)
    sandbox = FakeSandbox(asked.version, log=printed(text))
    running.add(asked, sandbox)
    return asked, sandbox


def test_what_has_not_grown_is_not_written_again(
    running: Running, live_logs: LiveLogs, redis_client: redis.Redis
) -> None:
    _, sandbox = begin(running, "one\n")
    live_logs.look()
    redis_client.delete(keys.live_log("i-1"))

    live_logs.look()
    unchanged = shown(redis_client)
    sandbox.log = printed("one\ntwo\n")
    live_logs.look()

    assert (unchanged, shown(redis_client)) == (None, printed("one\ntwo\n"))


def test_a_silent_run_and_one_that_is_over_cost_no_call(
    running: Running, live_logs: LiveLogs, redis_client: redis.Redis
) -> None:
    def calls() -> int:
        return sum(one["calls"] for name, one in redis_client.info("commandstats").items() if "info" not in name)

    begin(running)
    asked, _ = begin(running, "short", invocation_id="i-2")
    running.discard(asked)
    before = calls()

    live_logs.look()

    assert calls() == before


def test_a_log_is_shown_until_the_deadline_at_most(
    running: Running, live_logs: LiveLogs, redis_client: redis.Redis
) -> None:
    now_us = time.time_ns() // 1000
    begin(running, "late", deadline_us=now_us + 60_000)
    begin(running, "later", invocation_id="i-2", deadline_us=now_us + 60_000_000)

    live_logs.look()

    eventually(lambda: shown(redis_client) is None)
    assert shown(redis_client, "i-2") == printed("later")


def test_an_outage_of_redis_is_outlived(
    running: Running, live_logs: LiveLogs, redis_client: redis.Redis, redis_server: RedisServer
) -> None:
    begin(running, "said meanwhile")
    with redis_server.away(), pytest.raises(RedisUnavailableError):
        live_logs.look()

    live_logs.look()

    assert shown(redis_client) == printed("said meanwhile")
