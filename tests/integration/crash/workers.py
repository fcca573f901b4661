"""Worker processes that can die: the real agent, lanes, ledger and writer; only sandboxes and threads are stand-ins.

What a worker's threads do again and again is done here by the test, one turn at a time, so that a process dies where
the test says and nowhere else.
"""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Settlement, Status
from shared_lua.rows import queued
from tests.builders import invocation, version, zip_of
from tests.fakes import FakeSandboxes, own_capacity
from tests.integration.crash.harness import Death, MortalClient, MortalRedis, in_queue, left_in_redis, let_redeliver
from worker_agent.agent import Agent
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.express import Express
from worker_agent.lanes.handle import Handler
from worker_agent.lanes.heartbeat import FOR_MS, Heartbeat, new_worker
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.lanes.reaper import Reaper
from worker_agent.metrics import Metrics
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.runs.running import Running
from worker_agent.stores.completion_events import CompletionEvents
from worker_agent.stores.durable_lane import DurableLane, VisibilityHeartbeat
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.ledger_writer import LedgerWriter
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.stores.refused_records import RefusedRecords
from worker_agent.stores.s3 import Store
from worker_agent.tracing import NoTracer

CODE = zip_of(main="def handler(e, c): pass")
#: More turns than any recovery needs.
TURNS = 10


class Inline:
    """Runs a job in the thread that submits it."""

    def submit(self, job: Callable[..., object], *given: Any) -> None:
        job(*given)


class WorkerProcess:
    """One worker from its start to its death."""

    def __init__(self, site: "Site", death: Death | None = None) -> None:
        death = death or Death()
        dynamodb, s3, sqs = (MortalClient(site.aws(name), name, death) for name in ("dynamodb", "s3", "sqs"))
        data, metrics, running = site.data, Metrics(), Running()
        self.death = death
        self.worker = new_worker(2)
        self.redis = RedisAdapter(MortalRedis(site.redis, death))
        self.ledger = Ledger(dynamodb, data["InvocationsTable"], data["ItemsTable"])
        self.lane = DurableLane(sqs, data["QueueUrl"], 30, poll_s=0)
        self.reaper = Reaper(self.redis, self.ledger, self.lane)
        store, sandboxes = Store(s3, data["BucketName"]), FakeSandboxes(site.behave)
        refused = RefusedRecords(store, metrics)
        self.writer = LedgerWriter(self.ledger, self.redis, refused)
        self.stems, pool = Stems(sandboxes, {}), Pool(2, 10_000)
        executor = Executor(pool, self.stems, store.code, Prices(16_666_700, 200_000, 1000), running)
        heartbeat = Heartbeat(self.redis, self.worker)
        watch = EngineWatch(sandboxes, heartbeat)
        self.handler = Handler(
            ledger=self.ledger,
            store=store,
            redis_adapter=self.redis,
            executor=executor,
            engine=watch,
            metrics=metrics,
            tracer=NoTracer(),
            completion_events=CompletionEvents(sqs, data["CompletionQueueUrl"]),
            retry_pause_s=0,
        )
        self.express = Express(
            redis_adapter=self.redis,
            ledger_writer=self.writer,
            reaper=self.reaper,
            worker=self.worker,
            capacity=2,
            conclude=self.handler.conclude,
            metrics=metrics,
        )
        self.agent = Agent(
            lane=self.lane,
            visibility_heartbeat=VisibilityHeartbeat(self.lane, 30, self.handler.hold),
            heartbeat=heartbeat,
            live_logs=LiveLogs(running, self.redis),
            engine=watch,
            handler=self.handler,
            metrics=metrics,
            sandboxes=sandboxes,
            pool=pool,
            stems=self.stems,
            provisioning=Provisioning(redis_adapter=self.redis, heartbeat=heartbeat, pool=pool, start=executor.start),
            capacity=own_capacity(2),
            express=self.express,
            concurrency=2,
            drain_s=1,
        )

    def take_durable(self) -> None:
        """Do one turn of the durable lane's loop: receive, handle, acknowledge."""
        self.agent._take(Inline())  # type: ignore[arg-type]

    def take_express(self) -> None:
        """Do one turn of the express lane's loop."""
        self.express._serve()

    def write_records(self) -> None:
        """Do one turn of the ledger writer's loop."""
        self.writer._write_next()


class Site:
    """The stores that outlive every process, and what a test looks at in them."""

    def __init__(self, aws: Any, data: dict[str, str], client: redis.Redis, patch: pytest.MonkeyPatch) -> None:
        self.aws, self.data, self.redis = aws, data, client
        self.behave: Any = None
        aws("s3").put_object(Bucket=data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=CODE)
        # What a dead worker left in the stream is looked for in every turn, and however young it is.
        for name, value in (("GATHER_S", 0.0), ("LOOK_EVERY_S", 0.0), ("LEFT_AFTER_MS", 0)):
            patch.setattr(f"worker_agent.stores.ledger_writer.{name}", value)

    def ask(self, number: int, **changed: Any) -> Invocation:
        """Make an Invocation of a tenant of its own, so that what it leaves is told from what others leave."""
        of = version(CODE, tenant=f"t{number}")
        return invocation(**{"version": of, "invocation_id": f"i-{number}", **changed})

    def enqueue(self, one: Invocation) -> None:
        """Do what the controller does with an Invocation for the durable lane."""
        self.aws("dynamodb").put_item(TableName=self.data["InvocationsTable"], Item=queued(one))
        self.aws("sqs").send_message(QueueUrl=self.data["QueueUrl"], MessageBody=encode(one))

    def put_on_lane(self, one: Invocation, worker: str) -> None:
        """Do what the admission does with an Invocation for the express lane: permits, capacity, lane."""
        tenant = one.version.tenant
        for permits in (keys.tenant_permits(tenant), keys.tenant_fleet_permits(tenant), keys.fleet_permits()):
            self.redis.zadd(permits, {one.invocation_id: one.deadline_us // 1000})
        self.redis.zincrby(keys.free_capacity(), -1, worker)
        self.redis.rpush(keys.lane(worker), encode(one))

    def bury(self, worker: str) -> None:
        """Have a worker's heartbeat expire."""
        self.redis.zadd(keys.living(), {worker: 1})
        self.redis.zadd(keys.workers(), {worker: 1})

    def recover(self, death: Death, worker: str = "") -> WorkerProcess:
        """Do what the platform does once a process is dead: its heartbeat and its messages' timeouts end, others act.

        The others are one worker that reaps, writes the records that were left and empties the durable lane.
        """
        let_redeliver(self.aws("sqs"), death)
        if worker:
            self.bury(worker)
        alive = WorkerProcess(self)
        for _ in range(TURNS):
            alive.reaper.look()
            if self.redis.xlen(keys.records()):
                alive.write_records()
            if in_queue(self.aws("sqs"), self.data["QueueUrl"]) == 0:
                break
            alive.take_durable()
        alive.stems.stop()
        return alive

    def start(self, death: Death) -> WorkerProcess:
        """Start a worker that lives until its death, or until the test says that it is dead."""
        process = WorkerProcess(self, death)
        side = RedisAdapter(self.redis)  # its heartbeats are no part of any act
        side.heartbeat(process.worker, able=True, free=2, for_ms=FOR_MS * 100)
        process.redis._epoch = self.redis.get(keys.epoch()).decode()  # type: ignore[union-attr]
        return process

    def row(self, one: Invocation) -> dict[str, Any]:
        return self.row_of(one.invocation_id)

    def row_of(self, invocation_id: str) -> dict[str, Any]:
        key = {"invocation_id": {"S": invocation_id}}
        found: dict[str, Any] = self.aws("dynamodb").get_item(TableName=self.data["InvocationsTable"], Key=key)
        return dict(found.get("Item", {}))

    def usage(self, tenant: str) -> dict[str, int]:
        """Add up the fields of a tenant's daily usage."""
        items = self.aws("dynamodb").query(
            TableName=self.data["ItemsTable"],
            KeyConditionExpression="partition_key = :partition",
            ExpressionAttributeValues={":partition": {"S": keys.usage_items(tenant)}},
        )["Items"]
        total: dict[str, int] = {}
        for item in items:
            for name, value in item.items():
                if "N" in value and name != "expires_s":
                    total[name] = total.get(name, 0) + int(value["N"])
        return total

    def check_ended_once(self, one: Invocation, status: Status = Status.SUCCEEDED, *, answers: int = 1) -> Settlement:
        """Check that an Invocation has one record, one charge and so many answers, and that it left nothing."""
        row = self.row(one)
        assert row["status"]["S"] == status, row
        settlement = decode(Settlement, row["settlement"]["S"])
        usage = self.usage(one.version.tenant)
        assert usage["invocations"] == 1, usage
        assert usage["charge_pico_usd"] == (settlement.charge.total_pico_usd if settlement.charge else 0), usage
        assert self.redis.llen(keys.answer(one.invocation_id)) == answers
        self.check_nothing_left()
        return settlement

    def statuses(self, tenant: str, function: str) -> dict[str, str]:
        """Give the status of each of a function's Invocations, by id."""
        found = self.aws("dynamodb").query(
            TableName=self.data["InvocationsTable"],
            IndexName="recent",
            KeyConditionExpression="tenant_function = :function",
            ExpressionAttributeValues={":function": {"S": keys.tenant_function(tenant, function)}},
        )["Items"]
        ids = [item["invocation_id"]["S"] for item in found]
        return {invocation_id: self.row_of(invocation_id)["status"]["S"] for invocation_id in ids}

    def check_each_once(self, tenant: str, ran: int, function: str = "hello") -> None:
        """Check that so many of a tenant's Invocations ran, with one record and one charge each, and left nothing."""
        assert list(self.statuses(tenant, function).values()).count(Status.SUCCEEDED) == ran
        assert self.usage(tenant)["invocations"] == ran
        self.check_nothing_left()

    def check_nothing_left(self) -> None:
        """Check that no queue, lane or stream holds anything of any Invocation."""
        assert left_in_redis(self.redis) == {}
        assert in_queue(self.aws("sqs"), self.data["QueueUrl"]) == 0
