"""Controller processes that can die: the real use-cases, each process with memories and clients of its own."""

from collections.abc import Mapping
from typing import Any

import pytest
import redis
from chalicelib import wiring
from chalicelib.admission.request import Admitted, InvokeRequest
from chalicelib.config import Settings
from chalicelib.functions.function import Configuration
from chalicelib.storage.throttle import Throttle
from chalicelib.storage.throttled_client import ThrottledClient
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.contract import Mode
from tests.builders import zip_of
from tests.integration.api.conftest import principal
from tests.integration.crash.harness import Death, MortalClient, MortalRedis

OLD = zip_of(main="def handler(event, context): return 'old'")
NEW = zip_of(main="def handler(event, context): return 'new'")
NAME = "hello"


class Controllers:
    """Makes controller processes on the same stores, and tenants for them."""

    def __init__(self, aws: Any, environment: Mapping[str, str], client: redis.Redis, patch: pytest.MonkeyPatch):
        self._aws = aws
        self._settings = Settings.from_env(environment)
        self._redis = client
        self._patch = patch

    def start(self, death: Death | None = None) -> Controller:
        """Start a process, which remembers nothing."""
        death = death or Death()

        def mortal(service: str, _: Settings, throttles: Mapping[str, Throttle]) -> ThrottledClient:
            return ThrottledClient(MortalClient(self._aws(service), service, death), throttles)

        with self._patch.context() as patch:
            patch.setattr(wiring, "_aws_client", mortal)
            patch.setattr(wiring, "_redis", lambda *_, **__: MortalRedis(self._redis, death))
            return wiring.build(self._settings)


class Caller:
    """A tenant of its own, with a function, and what it does at any process."""

    def __init__(self, by: Controller, number: int, source: bytes | None = OLD) -> None:
        self.tenant = f"t{number}"
        self.key = {"x-api-key": by.tenants.administration.create(self.tenant).api_key}
        if source:
            configuration = Configuration(name=NAME, runtime="python3.11", handler="main.handler")
            by.functions.lifecycle.create(self.tenant, configuration, source)

    def at(self, process: Controller) -> Principal:
        return principal(process, self.key)

    def admitted(self, process: Controller) -> Admitted:
        """Have an Invocation admitted that is never enqueued: it shows which code would run."""
        request = InvokeRequest(function=NAME, event=b"{}", mode=Mode.ASYNC)
        return process.admission.admit(self.at(process), request)


def zips_named(process: Controller, source: bytes) -> int:
    """Give how many versions name a zip, as they are counted."""
    from chalicelib.functions.lifecycle import digest_of

    row = process.functions.registry._items.dynamodb.get_item(
        TableName=process.functions.registry._items.table,
        Key={name: {"S": value} for name, value in keys.item_row(keys.code_items(digest_of(source)), "refs").items()},
    )
    return int(row["Item"]["refs"]["N"]) if "Item" in row else 0
