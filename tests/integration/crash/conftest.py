"""The stores that the processes of a test share."""

from typing import Any

import pytest
import redis

from tests.integration.crash.workers import Site


@pytest.fixture
def site(aws: Any, data: dict[str, str], redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(aws, data, redis_client, monkeypatch)
