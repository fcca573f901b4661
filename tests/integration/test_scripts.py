"""The Lua scripts on a real Redis."""

import dataclasses
import multiprocessing
import re
import time
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_lua import keys
from shared_lua.contract import Permits
from shared_lua.scripts import Ask, Decision, Run, Scripts, TokenBucket, Verdict
from tests.builders import invocation

pytestmark = pytest.mark.redis

WIDE = TokenBucket(keys.tenant_bucket("t"), 1_000_000, 1_000_000)


class Admission:
    """One tenant's admission, that looks again when it is told to, as the controller does."""

    def __init__(self, client: redis.Redis, tenant: str = "t", **limits: Any) -> None:
        self.scripts = Scripts(client)
        self.ask = dataclasses.replace(Ask(tenant=tenant, address=None, bucket=WIDE, cache_version=""), **limits)
        self.cache_version = ""

    def admit(self, run: Run | None = None) -> Verdict:
        while True:
            asked = dataclasses.replace(run, cache_version=self.cache_version) if run else None
            verdict = self.scripts.admit(self.ask, asked)
            if verdict.decision is Decision.CREDENTIALS:
                self.ask = dataclasses.replace(self.ask, cache_version=verdict.keys_cache_version)
            elif verdict.decision is Decision.RECORD:
                self.cache_version = verdict.cache_version
            else:
                return verdict

    def run(self, name: str, **changes: Any) -> Verdict:
        values = {"function": "f", "cache_version": "", "permit_ms": 60_000, "shared": 100, "waiting": 100, **changes}
        return self.admit(Run(invocation_id=name, **values))

    def settle(self, name: str, function: str = "f") -> None:
        self.scripts.settle(name, self.ask.tenant, function, "", 1000)


def test_a_bucket_gives_its_burst_and_then_refuses_with_the_wait(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client, bucket=TokenBucket(keys.tenant_bucket("t"), rate_per_s=1, burst=3))

    verdicts = [admission.admit() for _ in range(4)]

    assert [v.decision for v in verdicts] == [Decision.GO, Decision.GO, Decision.GO, Decision.TENANT]
    assert [v.remaining for v in verdicts] == [2, 1, 0, 0]
    assert [v.limit for v in verdicts] == [3, 3, 3, 3]
    assert 0 < verdicts[3].wait_ms <= 1000
    assert 2000 < verdicts[3].reset_ms <= 3000


def test_a_refusal_takes_from_no_bucket(redis_client: redis.Redis) -> None:
    narrow = TokenBucket(keys.address_bucket("a"), rate_per_s=1, burst=1)
    admission = Admission(redis_client, address=narrow, bucket=TokenBucket(keys.tenant_bucket("t"), 1, 10))
    admission.admit()

    refused = admission.admit()

    assert refused.decision is Decision.ADDRESS
    admission.ask = dataclasses.replace(admission.ask, address=None)
    assert admission.admit().remaining == 8


def test_a_bucket_at_rest_leaves_redis(redis_client: redis.Redis) -> None:
    bucket = TokenBucket(keys.tenant_bucket("t"), rate_per_s=1000, burst=1)
    Admission(redis_client, bucket=bucket).admit()

    assert redis_client.pttl(bucket.redis_key) <= 2


def test_a_generation_that_is_not_known_says_to_look_again_and_takes_nothing(redis_client: redis.Redis) -> None:
    scripts, bucket = Scripts(redis_client), TokenBucket(keys.tenant_bucket("t"), 1, 5)

    verdict = scripts.admit(Ask(tenant="t", address=None, bucket=bucket, cache_version="guessed"))

    assert verdict.decision is Decision.CREDENTIALS
    assert redis_client.exists(bucket.redis_key) == 0


def test_a_renewed_generation_is_noticed_by_the_next_call(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client)
    admission.run("i-1")
    before = admission.cache_version
    admission.run("i-2")
    assert admission.cache_version == before

    admission.scripts.renew_cache_version(keys.function_cache_version("t", "f"))

    admission.run("i-3")
    assert int(admission.cache_version) > int(before)


def test_a_generation_lost_with_redis_is_never_one_that_was_remembered(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client)
    admission.run("i-1")
    admission.scripts.renew_cache_version(keys.function_cache_version("t", "f"))
    admission.run("i-2")
    before = admission.cache_version

    redis_client.flushall()
    admission.run("i-3")

    assert int(admission.cache_version) > int(before)


def test_a_cache_version_grows_even_when_the_clock_stands_still_or_goes_back(redis_client: redis.Redis) -> None:
    clock, name = Clock(redis_client), keys.function_cache_version("t", "f")
    scripts, seen = Scripts(clock), []

    for at_us in (2_000, 2_000, 1_000):
        clock.at_us = at_us
        scripts.renew_cache_version(name)
        seen.append(int(redis_client.get(name) or 0))

    assert seen == [2_000, 2_001, 2_002]


def test_looking_again_costs_one_token_and_not_two(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client, bucket=TokenBucket(keys.tenant_bucket("t"), 1, 10))
    admission.admit()  # the keys are known from here on

    first = admission.scripts.admit(admission.ask, Run(invocation_id="i", function="f", cache_version="?"))
    free = dataclasses.replace(admission.ask, bucket=None)
    second = admission.scripts.admit(free, Run(invocation_id="i", function="f", cache_version=first.cache_version))

    assert (first.decision, second.decision) == (Decision.RECORD, Decision.GO)
    assert admission.admit().remaining == 7


@pytest.mark.parametrize(
    ("limits", "decision", "limit"),
    [
        ({"reserved": 2}, Decision.FUNCTION, 2),
        ({"shared": 2}, Decision.CONCURRENCY, 2),
        ({"waiting": 2}, Decision.FLEET, 2),
    ],
)
def test_as_many_run_as_there_are_permits_and_a_permit_given_back_is_free(
    redis_client: redis.Redis, limits: dict[str, int], decision: Decision, limit: int
) -> None:
    admission = Admission(redis_client)

    words = [admission.run(f"i-{n}", **limits) for n in range(3)]

    assert [v.decision for v in words] == [Decision.GO, Decision.GO, decision]
    assert (words[2].limit, words[2].remaining, words[2].wait_ms) == (limit, 0, 1000)
    admission.settle("i-0")
    admission.settle("i-0")
    assert [admission.run(f"j-{n}", **limits).decision for n in range(2)] == [Decision.GO, decision]


def test_a_function_with_no_permit_reserved_for_it_never_runs(redis_client: redis.Redis) -> None:
    assert Admission(redis_client).run("i", reserved=0).decision is Decision.FUNCTION


def test_reserved_permits_are_not_the_tenants_and_the_tenants_not_theirs(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client)
    assert admission.run("i-1", reserved=1).decision is Decision.GO
    assert admission.run("i-2", reserved=1).decision is Decision.FUNCTION

    admission.cache_version = ""
    assert admission.run("i-3", function="g", shared=1).decision is Decision.GO
    assert admission.run("i-4", function="g", shared=1).decision is Decision.CONCURRENCY


def test_the_fleet_has_the_permits_of_the_workers_that_live(redis_client: redis.Redis) -> None:
    admission, now_ms = Admission(redis_client), int(time.time() * 1000)
    redis_client.zadd(keys.workers(), {"w-1|2": now_ms + 60_000, "w-2|1": now_ms + 60_000, "dead|50": now_ms - 1})

    words = [admission.run(f"i-{n}", waiting=1).decision for n in range(5)]

    assert words == [Decision.GO] * 4 + [Decision.FLEET]


def test_a_flood_leaves_permits_for_who_has_none(redis_client: redis.Redis) -> None:
    loud, quiet = Admission(redis_client, "loud"), Admission(redis_client, "quiet")

    words = [loud.run(f"i-{n}", waiting=80).decision for n in range(80)]

    assert (
        words == [Decision.GO] * 72 + [Decision.FLEET] * 8
    )  # 8 are free then, and 72 is not less than 8 times 8 any more
    refused = loud.run("more", waiting=80)
    assert (refused.limit, refused.remaining, refused.wait_ms) == (72, 0, 1000)
    assert [quiet.run(f"k-{n}", waiting=80).decision for n in range(7)] == [Decision.GO] * 7


def test_two_floods_come_to_have_half_each_and_leave_permits_still(redis_client: redis.Redis) -> None:
    floods, quiet = (
        [Admission(redis_client, "loud"), Admission(redis_client, "louder")],
        Admission(redis_client, "quiet"),
    )
    for n in range(80):
        floods[0].run(f"i-{n}", waiting=80)

    for n in range(72):  # one ends, and both ask for what is free now
        floods[0].settle(f"i-{n}")
        for flood in reversed(floods):
            flood.run(f"{n}-{flood.ask.tenant}", waiting=80)

    held: list[Any] = [redis_client.zcard(keys.tenant_fleet_permits(flood.ask.tenant)) for flood in floods]
    assert min(held) >= 36
    assert sum(held) < 80
    assert quiet.run("k", waiting=80).decision is Decision.GO


def test_a_flood_leaves_places_of_the_express_lane_for_who_has_none(redis_client: redis.Redis) -> None:
    now_ms = int(time.time() * 1000)
    redis_client.zadd(keys.workers(), {"w-1|40": now_ms + 60_000, "w-2|40": now_ms + 60_000})
    redis_client.zadd(keys.free_capacity(), {"w-1|40": 9, "w-2|40": 9})
    loud, quiet = Admission(redis_client, "loud"), Admission(redis_client, "quiet")

    words = [loud.run(f"i-{n}", item="an Invocation").decision for n in range(24)]

    assert (words.count(Decision.EXPRESS), words.count(Decision.WAITS)) == (16, 8)
    assert quiet.run("k", item="an Invocation").decision is Decision.EXPRESS


def test_while_some_wait_a_tenant_goes_past_them_only_with_fewer_in_flight_than_there_is_capacity(
    redis_client: redis.Redis,
) -> None:
    redis_client.zadd(keys.workers(), {"w|8": int(time.time() * 1000) + 60_000})
    redis_client.zadd(keys.free_capacity(), {"w|8": 2})
    redis_client.rpush(keys.waiting(), "an Invocation of another tenant")
    admission, other = Admission(redis_client), Admission(redis_client, "other")

    decisions = [admission.run(f"i-{n}", item="an Invocation").decision for n in range(3)]

    # With two free the first goes past; with one free and one in flight the next would overtake.
    assert decisions == [Decision.EXPRESS, Decision.WAITS, Decision.WAITS]
    assert other.run("k", item="an Invocation").decision is Decision.EXPRESS
    assert redis_client.llen(keys.waiting()) == 3


def test_a_lost_permit_comes_back_at_its_deadline(redis_client: redis.Redis) -> None:
    admission = Admission(redis_client)
    assert admission.run("lost", shared=1, permit_ms=50).decision is Decision.GO

    deadline = time.monotonic() + 10
    while (again := admission.run("next", shared=1)).decision is not Decision.GO:
        assert again.decision is Decision.CONCURRENCY
        assert time.monotonic() < deadline
    assert redis_client.zrange(keys.tenant_permits("t"), 0, -1) == [b"next"]


def test_an_invocation_that_nobody_waits_for_takes_its_permit_when_it_runs(redis_client: redis.Redis) -> None:
    scripts, permits = Scripts(redis_client), Permits(limit=2, reserved=False)
    assert Admission(redis_client).run("waits", permit_ms=0, shared=0).decision is Decision.GO

    taken = [
        scripts.take_permit(invocation(invocation_id=name, permits=permits), 60_000) for name in ("a", "b", "a", "c")
    ]

    assert taken == [True, True, True, False]


def test_an_answer_is_given_once(redis_client: redis.Redis) -> None:
    scripts = Scripts(redis_client)

    given = [scripts.settle("i1", "t", "f", text, 60_000) for text in ("first", "second")]

    assert given == [True, False]
    assert redis_client.lrange(keys.answer("i1"), 0, -1) == [b"first"]
    assert redis_client.pttl(keys.answer("i1")) > 0


def _take(url: str, key: str, rate: int, burst: int, processes: int) -> list[float]:
    """Take as fast as one process can, once all are there; give when each token was had, on this host's clock."""
    with redis.Redis.from_url(url) as client:
        admission = Admission(client, bucket=TokenBucket(key, rate, burst))
        client.incr("there")
        while int(client.get("there") or 0) < processes:
            time.sleep(0.001)
        had, until = [], time.time() + 1.5
        while time.time() < until:
            if admission.admit().decision is Decision.GO:
                had.append(time.time())
    return had


def test_several_processes_never_have_more_than_the_rate_and_the_burst(
    redis_server: Any, redis_client: redis.Redis
) -> None:
    rate, burst = 200, 30
    asked = (redis_server.url, keys.tenant_bucket("t"), rate, burst, 3)
    with multiprocessing.get_context("spawn").Pool(3) as processes:
        had = sorted(moment for one in processes.starmap(_take, [asked] * 3) for moment in one)

    assert len(had) > burst
    late = 3  # a token is had before its process looks at the clock: of each one, however long it was not scheduled
    for first in range(len(had)):
        for last in range(first, len(had)):
            assert last - first + 1 <= (had[last] - had[first]) * rate + burst + 1 + late


class Clock:
    """A Redis whose time a test sets: in the scripts' text Lua's TIME is replaced, and buckets' keys never expire.

    A key expires on the machine's clock, which the test does not set: on a busy machine a bucket of some milliseconds
    would be gone before the test asked again.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.at_us = 1_000_000_000

    def register_script(self, text: str) -> Any:
        moved = text.replace("redis.call('TIME')", "{ARGV[#ARGV], 0}")
        moved = moved.replace("tonumber(clock[1]) * 1000000", "tonumber(clock[1])")
        assert "TIME" not in moved
        moved, buckets = re.subn(r"(redis.call\('SET', bucket.key, full_us), 'PX', [^\n]*\n", r"\1)\n", moved)
        assert buckets == text.count("bucket.key, full_us")
        script = self.client.register_script(moved)
        return lambda keys=(), args=(): script(keys=keys, args=[*args, self.at_us])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.integers(1, 2000),
    burst=st.integers(1, 50),
    pauses_us=st.lists(st.integers(0, 300_000), min_size=1, max_size=60),
)
def test_over_any_window_no_more_goes_than_rate_times_time_and_burst(
    redis_client: redis.Redis, rate: int, burst: int, pauses_us: list[int]
) -> None:
    redis_client.flushall()
    clock, bucket = Clock(redis_client), TokenBucket(keys.tenant_bucket("t"), rate, burst)
    admission = Admission(clock, bucket=bucket)  # type: ignore[arg-type]
    went: list[int] = []

    for pause_us in pauses_us:
        clock.at_us += pause_us
        verdict = admission.admit()
        if verdict.decision is Decision.GO:
            went.append(clock.at_us)
        else:
            clock.at_us += verdict.wait_ms * 1000
            assert admission.admit().decision is Decision.GO, "after the wait it was told there is a token"
            went.append(clock.at_us)

    for first in range(len(went)):
        for last in range(first, len(went)):
            assert last - first + 1 <= (went[last] - went[first]) * rate / 1_000_000 + burst + 1e-3
