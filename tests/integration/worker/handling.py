"""A Handler on moto's DynamoDB and S3 and a real Redis, and Deliveries for it; only the sandboxes are stand-ins."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Settlement, Status
from shared_lua.daily_usage import DailyUsage
from tests.builders import invocation, ran, version, zip_of
from tests.fakes import FakeSandboxes
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.handle import Handler
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.metrics import Metrics
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Ran
from worker_agent.stores.completion_events import CompletionEvents
from worker_agent.stores.durable_lane import Delivery
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.stores.s3 import Store
from worker_agent.tracing import NoTracer

CODE = zip_of(main="def handler(e, c): pass")


@dataclass
class World:
    """A Handler, and all that a test looks at around it."""

    handler: Handler
    sandboxes: FakeSandboxes
    stems: Stems
    watch: EngineWatch
    metrics: Metrics
    dynamodb: Any
    s3: Any
    data: dict[str, str]
    redis: redis.Redis

    def accept(self, asked: Invocation) -> Invocation:
        """Do what the controller does before it queues an Invocation."""
        self.dynamodb.put_item(
            TableName=self.data["InvocationsTable"],
            Item={
                "invocation_id": {"S": asked.invocation_id},
                "status": {"S": Status.QUEUED},
                "attempt": {"N": "0"},
            },
        )
        return asked

    def row(self, asked: Invocation) -> tuple[str, Settlement | None]:
        item = self.dynamodb.get_item(
            TableName=self.data["InvocationsTable"], Key={"invocation_id": {"S": asked.invocation_id}}
        )["Item"]
        settled = decode(Settlement, item["settlement"]["S"]) if "settlement" in item else None
        return item["status"]["S"], settled

    def daily_usage(self, tenant: str = "t") -> dict[str, DailyUsage]:
        """What the tenant's days add up to, by day and function."""
        items = self.dynamodb.query(
            TableName=self.data["ItemsTable"],
            KeyConditionExpression="partition_key = :partition",
            ExpressionAttributeValues={":partition": {"S": keys.usage_items(tenant)}},
        )["Items"]
        found: dict[str, DailyUsage] = {}
        for item in items:
            name = item["sort_key"]["S"].rpartition("/")[0]
            numbers = {field: int(item[field]["N"]) for field in DailyUsage().fields()}
            found[name] = found.get(name, DailyUsage()) + DailyUsage(**numbers)
        return found

    def answers(self, asked: Invocation) -> list[Settlement]:
        given: Any = self.redis.lrange(keys.answer(asked.invocation_id), 0, -1)
        return [decode(Settlement, text.decode()) for text in given]


def world_on(aws: Any, data: dict[str, str], redis_client: redis.Redis) -> World:
    """A Handler whose engine only counts, with the code of `asked` in the bucket."""
    s3, dynamodb, sandboxes = aws("s3"), aws("dynamodb"), FakeSandboxes()
    store = Store(s3, data["BucketName"])
    s3.put_object(Bucket=data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=CODE)
    stems, redis_adapter = Stems(sandboxes, {}), RedisAdapter(redis_client)
    watch, metrics = EngineWatch(sandboxes, Heartbeat(redis_adapter, new_worker(8))), Metrics()
    handler = Handler(
        ledger=Ledger(dynamodb, data["InvocationsTable"], data["ItemsTable"]),
        store=store,
        redis_adapter=redis_adapter,
        executor=Executor(Pool(2, 10_000), stems, store.code, Prices(16_666_700, 200_000, 1000)),
        engine=watch,
        metrics=metrics,
        tracer=NoTracer(),
        completion_events=CompletionEvents(aws("sqs"), data["CompletionQueueUrl"]),
        retry_pause_s=1,
    )
    return World(handler, sandboxes, stems, watch, metrics, dynamodb, s3, data, redis_client)


def asked(**changed: Any) -> Invocation:
    """An Invocation of the code that the World has."""
    return invocation(**{"version": version(CODE), **changed})


def delivery(of: Invocation, attempt: int = 1, received_at_us: int | None = None) -> Delivery:
    return Delivery(encode(of), "receipt", attempt, received_at_us or of.admitted_at_us + 1500)


def fails(world: World, error_type: str = "ValueError") -> None:
    """Let the function fail from now on."""
    error = {"errorType": error_type, "errorMessage": "no"}
    behaves(world, lambda *_: ran(How.FAILED, json.dumps(error).encode()))


def behaves(world: World, how: Callable[[Invocation, bytes], Ran]) -> None:
    """Let the function behave so from now on, also where it is warm."""
    world.sandboxes.behave = how
    for sandbox in world.sandboxes.made:
        sandbox.behave = how


def overtake(world: World, one: Invocation) -> None:
    """Let the first run of `one` last until a second Delivery of it has come, run and ended."""
    runs = iter(["slow", "quick"])

    def overtaken(*_: object) -> Ran:
        mine = next(runs)
        if mine == "slow":
            world.handler.handle(delivery(one, attempt=2))
        return ran(payload=f'"{mine}"'.encode())

    world.sandboxes.behave = overtaken
