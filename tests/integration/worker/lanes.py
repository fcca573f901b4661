"""Workers with express lanes on one Redis, for the tests of all that goes by these."""

from dataclasses import dataclass, field
from typing import Any

import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Settlement
from shared_lua.scripts import Ask, Decision, Run, Scripts
from tests.integration.worker.handling import World
from worker_agent.lanes.express import Express
from worker_agent.lanes.heartbeat import FOR_MS, new_worker
from worker_agent.lanes.reaper import Reaper
from worker_agent.stores.durable_lane import Delivery, DurableLane
from worker_agent.stores.ledger_writer import LedgerWriter
from worker_agent.stores.redis_adapter import RedisAdapter


@dataclass
class Lanes:
    """Workers on one Redis, each with an express lane, and an admission that grants their capacity."""

    world: World
    aws: Any
    client: redis.Redis
    started: list[Express] = field(default_factory=list)
    cache_versions: dict[str, str] = field(default_factory=lambda: {"keys": "", "function": ""})

    def side(self, left: int = 0) -> RedisAdapter:
        return RedisAdapter(self.client, left=left)

    def reaper(self) -> Reaper:
        lane = DurableLane(self.aws("sqs"), self.world.data["QueueUrl"], 30, poll_s=1)
        return Reaper(self.side(), self.world.handler._ledger, lane)

    def ledger_writer(self, side: RedisAdapter | None = None) -> LedgerWriter:
        handler = self.world.handler
        return LedgerWriter(handler._ledger, side or self.side(), handler._refused)

    def worker(self, capacity: int = 2) -> Express:
        """Start a worker's lane."""
        name, side = new_worker(capacity), self.side()
        lane = Express(
            redis_adapter=side,
            ledger_writer=self.ledger_writer(side),
            reaper=self.reaper(),
            worker=name,
            capacity=capacity,
            conclude=self.world.handler.conclude,
            metrics=self.world.metrics,
        )
        side.heartbeat(name, able=True, free=capacity, for_ms=FOR_MS * 10)
        lane.start()
        self.started.append(lane)
        return lane

    def named(self, free: int = 2, for_ms: int = FOR_MS * 10) -> str:
        """Announce a worker that takes nothing."""
        name = new_worker(free)
        self.side().heartbeat(name, able=True, free=free, for_ms=for_ms)
        return name

    def admit(self, one: Invocation, *, express: bool = True) -> Decision:
        """Do what the controller does for a caller who waits."""
        scripts, version = Scripts(self.client), one.version
        while True:
            known = self.cache_versions
            ask = Ask(tenant=version.tenant, address=None, bucket=None, cache_version=known["keys"])
            run = Run(
                invocation_id=one.invocation_id,
                function=version.function,
                cache_version=known["function"],
                permit_ms=60_000,
                shared=100,
                waiting=100,
                version_id=version.version_id,
                item=encode(one) if express else "",
            )
            verdict = scripts.admit(ask, run)
            if verdict.decision not in (Decision.CREDENTIALS, Decision.RECORD):
                return verdict.decision
            known["keys"] = verdict.keys_cache_version
            known["function"] = verdict.cache_version

    def answer(self, one: Invocation) -> Settlement:
        """Wait for an answer as a caller does."""
        popped: Any = self.client.blpop([keys.answer(one.invocation_id)], timeout=20)
        assert popped, "no answer came"
        return decode(Settlement, popped[1].decode())

    def free(self) -> int:
        capacity: Any = self.client.zrange(keys.free_capacity(), 0, -1, withscores=True)
        return int(sum(score for _, score in capacity))

    def queued(self) -> list[Invocation]:
        """Take what the durable lane has."""
        sqs, url = self.aws("sqs"), self.world.data["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [decode(Invocation, message["Body"]) for message in found]

    def has_row(self, one: Invocation, status: str) -> bool:
        try:
            return self.world.row(one)[0] == status
        except KeyError:
            return False


def delivered() -> Delivery:
    """Give the first Delivery of what came by no queue."""
    return Delivery("", "", attempt=1, received_at_us=0)
