"""The Lua scripts on a real Redis."""

import pytest
import redis

from shared_lua import keys
from shared_lua.scripts import Bucket, Scripts

pytestmark = pytest.mark.redis


def test_a_bucket_gives_its_burst_and_then_refuses_with_the_wait(redis_client: redis.Redis) -> None:
    scripts, bucket = Scripts(redis_client), Bucket(keys.tenant_bucket("t"), rate_per_s=1, burst=3)

    verdicts = [scripts.admit([bucket]) for _ in range(4)]

    assert [v.refused_by for v in verdicts] == [None, None, None, bucket]
    assert [v.remaining for v in verdicts] == [2, 1, 0, 0]
    assert 0 < verdicts[3].wait_ms <= 1000


def test_a_refusal_takes_from_no_bucket(redis_client: redis.Redis) -> None:
    scripts = Scripts(redis_client)
    wide, empty = Bucket("hearth:{rate}:wide", 1, 10), Bucket("hearth:{rate}:narrow", 1, 1)
    scripts.admit([wide, empty])

    verdict = scripts.admit([wide, empty])

    assert verdict.refused_by == empty
    assert scripts.admit([wide]).remaining == 8


def test_a_bucket_at_rest_leaves_redis(redis_client: redis.Redis) -> None:
    Scripts(redis_client).admit([Bucket("hearth:{rate}:short", rate_per_s=1000, burst=1)])

    assert 0 < redis_client.pttl("hearth:{rate}:short") <= 1001


def test_an_answer_is_given_once(redis_client: redis.Redis) -> None:
    scripts = Scripts(redis_client)

    given = [scripts.settle("i1", "first", 60_000), scripts.settle("i1", "second", 60_000)]

    assert given == [True, False]
    assert redis_client.lrange(keys.answer("i1"), 0, -1) == [b"first"]
    assert redis_client.pttl(keys.answer("i1")) > 0
