"""The stores that the processes of a test share, and what starts processes on them."""

from typing import Any

import pytest
import redis

from tests.integration.api.conftest import environment  # noqa: F401  (a fixture)
from tests.integration.crash.controllers import Controllers
from tests.integration.crash.workers import Site


@pytest.fixture
def site(aws: Any, data: dict[str, str], redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(aws, data, redis_client, monkeypatch)


@pytest.fixture
def controllers(
    aws: Any,
    environment: dict[str, str],  # noqa: F811
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Controllers:
    return Controllers(aws, environment, redis_client, monkeypatch)
