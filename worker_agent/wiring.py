"""Builds the agent out of its parts; the only place that makes a client."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from shared_lua.contract import MIB
from worker_agent import threads, tracing
from worker_agent.agent import Agent
from worker_agent.config import Settings
from worker_agent.lanes.capacity import Capacity
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.express import WAIT_S, Express
from worker_agent.lanes.handle import Handler
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.lanes.reaper import Reaper
from worker_agent.metrics import Metrics, Sources
from worker_agent.pool.code_cache import CodeCache
from worker_agent.pool.lifecycle import SlotState
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.execute import Executor
from worker_agent.runs.running import Running
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.cgroup import find_layout
from worker_agent.sandboxes.docker import DockerSandboxes, Limits
from worker_agent.sandboxes.images import offered
from worker_agent.sandboxes.ownership import Owner
from worker_agent.stores import redis_adapter
from worker_agent.stores.completion_events import CompletionEvents
from worker_agent.stores.durable_lane import DurableLane, VisibilityHeartbeat
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.ledger_writer import LedgerWriter
from worker_agent.stores.refused_records import RefusedRecords
from worker_agent.stores.s3 import Store


def build(environ: Mapping[str, str]) -> Agent:
    """Give an agent that is ready to run; raise ConfigError or UnknownLayoutError when it never could."""
    settings = Settings.from_env(environ)
    docker = engine.Engine(engine.connect(), engine.connect(engine.PING_TIMEOUT_S))
    sandboxes = build_sandboxes(docker, settings.stack)
    aws = _aws_clients(settings)
    sqs = aws("sqs")
    lane = DurableLane(sqs, settings.queue_url, settings.visibility_s, settings.poll_s)
    patient = redis_adapter.connect(settings.redis_url, silent_s=WAIT_S + 5)
    redis = redis_adapter.RedisAdapter(redis_adapter.connect(settings.redis_url), patient, settings.express_share)
    store = Store(aws("s3"), settings.bucket)
    cache = CodeCache(store.code, settings.code_cache_mb * MIB)
    pool = Pool(settings.slots, settings.pool_memory_mb)
    stems = Stems(sandboxes, dict.fromkeys(offered(), settings.stems))
    metrics = Metrics(
        Sources(stems.count, stems.takers, lambda: _by_name(pool.count()), lambda: docker.calls, threads.failures)
    )
    if settings.metrics_port:
        metrics.serve(settings.metrics_port)
    worker = new_worker(settings.concurrency)
    ledger = Ledger(aws("dynamodb"), settings.invocations_table, settings.items_table)
    heartbeat = Heartbeat(redis, worker, lambda: _about(pool, stems), lambda: express.free())  # noqa: PLW0108  (it is made below)
    running = Running()
    watch = EngineWatch(sandboxes, heartbeat)
    executor = Executor(pool, stems, cache.code, settings.prices, running)
    handler = Handler(
        ledger=ledger,
        store=store,
        redis_adapter=redis,
        executor=executor,
        engine=watch,
        metrics=metrics,
        tracer=tracing.build(environ),
        ends=CompletionEvents(sqs, settings.completion_queue_url),
        retry_pause_s=settings.retry_pause_s,
    )
    express = Express(
        redis_adapter=redis,
        ledger_writer=LedgerWriter(ledger, redis, RefusedRecords(store, metrics)),
        reaper=Reaper(redis, ledger, lane),
        worker=worker,
        places=settings.express_capacity,
        conclude=handler.conclude,
        metrics=metrics,
    )
    return Agent(
        lane=lane,
        visibility_heartbeat=VisibilityHeartbeat(lane, settings.visibility_s, handler.hold),
        heartbeat=heartbeat,
        live_logs=LiveLogs(running, redis),
        engine=watch,
        handler=handler,
        metrics=metrics,
        sandboxes=sandboxes,
        pool=pool,
        stems=stems,
        provisioning=Provisioning(
            redis_adapter=redis, heartbeat=heartbeat, pool=pool, start=executor.start, spare=settings.concurrency
        ),
        places=Capacity(
            settings.durable_share,
            lambda wanted: redis.borrow_capacity(worker, wanted),
            lambda places: redis.return_capacity(worker, places),
        ),
        express=express,
        concurrency=settings.concurrency,
        drain_s=settings.drain_s,
    )


def _about(pool: Pool, stems: Stems) -> dict[str, Any]:
    slots = pool.count()
    running = slots[SlotState.LEASED] + slots[SlotState.STARTING]
    return {"running": running, "slots": _by_name(slots), "stems": stems.count()}


def _by_name(count: Mapping[SlotState, int]) -> dict[str, int]:
    return {state.value: number for state, number in count.items()}


def build_sandboxes(on: engine.Engine, stack: str) -> DockerSandboxes:
    """Give the maker of this host's sandboxes; raise UnknownLayoutError when its cgroups cannot be read honestly."""
    layout = find_layout(Path("/proc/self/mountinfo").read_text())
    return DockerSandboxes(on, layout, Owner(stack), Limits())


def _aws_clients(settings: Settings) -> Any:
    session = boto3.session.Session(region_name=settings.region)
    # Its own limits: a long poll must outlast the queue's wait, and no call may hang a thread for botocore's minute.
    config = Config(
        parameter_validation=False,  # AWS looks, too: of a batch of records it took two fifths of the CPU
        connect_timeout=2,
        read_timeout=settings.poll_s + 5,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=settings.concurrency * 2 + 4,
    )
    return lambda service: session.client(service, config=config)
