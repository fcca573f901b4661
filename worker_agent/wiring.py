"""Builds the agent out of its parts, one builder a package. Clients are made nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
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
from worker_agent.tracing import Tracer


@dataclass(frozen=True)
class _Stores:
    """The adapters of all that the worker keeps elsewhere."""

    sqs: Any
    lane: DurableLane
    ledger: Ledger
    objects: Store
    redis: redis_adapter.RedisAdapter


@dataclass(frozen=True)
class _Warm:
    """The sandboxes of this host: those with a function, and those that have none yet."""

    docker: engine.Engine
    sandboxes: DockerSandboxes
    pool: Pool
    stems: Stems


def build(environ: Mapping[str, str]) -> Agent:
    """Build an agent that is ready to run; raise ConfigError or a PlatformError when it never could."""
    settings = Settings.from_env(environ)
    warm = _build_warm(settings)
    stores = _build_stores(settings)
    metrics = _build_metrics(settings, warm)
    return _build_agent(settings, warm, stores, metrics, tracing.build(environ))


def _build_warm(settings: Settings) -> _Warm:
    docker = engine.Engine(engine.connect(), engine.connect(engine.PING_TIMEOUT_S))
    sandboxes = build_sandboxes(docker, settings.stack)
    pool = Pool(settings.slots, settings.pool_memory_mb)
    return _Warm(docker, sandboxes, pool, Stems(sandboxes, dict.fromkeys(offered(), settings.stems)))


def _build_stores(settings: Settings) -> _Stores:
    aws = _aws_clients(settings)
    sqs = aws("sqs")
    patient = redis_adapter.connect(settings.redis_url, silent_s=WAIT_S + 5)
    return _Stores(
        sqs=sqs,
        lane=DurableLane(sqs, settings.queue_url, settings.visibility_s, settings.poll_s),
        ledger=Ledger(aws("dynamodb"), settings.invocations_table, settings.items_table),
        objects=Store(aws("s3"), settings.bucket),
        redis=redis_adapter.RedisAdapter(redis_adapter.connect(settings.redis_url), patient, settings.express_share),
    )


def _build_metrics(settings: Settings, warm: _Warm) -> Metrics:
    """Build the metrics and serve them, so that a port that is taken is found before anything runs."""
    sources = Sources(
        stems_ready=warm.stems.count,
        cold_starts=warm.stems.takers,
        slots=lambda: _by_name(warm.pool.count()),
        engine_calls=lambda: warm.docker.calls,
        thread_failures=threads.failures,
    )
    metrics = Metrics(sources)
    if settings.metrics_port:
        metrics.serve(settings.metrics_port)
    return metrics


def _build_agent(settings: Settings, warm: _Warm, stores: _Stores, metrics: Metrics, tracer: Tracer) -> Agent:
    worker, running = new_worker(settings.concurrency), Running()
    executor = _build_executor(settings, warm, stores, running)
    # The heartbeat tells the express lane's free capacity, and that lane is built last.
    heartbeat = Heartbeat(stores.redis, worker, lambda: _about(warm), lambda: express.free())  # noqa: PLW0108
    watch = EngineWatch(warm.sandboxes, heartbeat)
    handler = _build_handler(settings, stores, executor, watch, metrics=metrics, tracer=tracer)
    express = _build_express(settings, stores, worker, handler, metrics)
    return Agent(
        lane=stores.lane,
        visibility_heartbeat=VisibilityHeartbeat(stores.lane, settings.visibility_s, handler.hold),
        heartbeat=heartbeat,
        live_logs=LiveLogs(running, stores.redis),
        engine=watch,
        handler=handler,
        metrics=metrics,
        sandboxes=warm.sandboxes,
        pool=warm.pool,
        stems=warm.stems,
        provisioning=_build_provisioning(settings, warm, stores, heartbeat, executor),
        capacity=_build_capacity(settings, stores.redis, worker),
        express=express,
        concurrency=settings.concurrency,
        drain_s=settings.drain_s,
    )


def _build_executor(settings: Settings, warm: _Warm, stores: _Stores, running: Running) -> Executor:
    cache = CodeCache(stores.objects.code, settings.code_cache_mb * MIB)
    return Executor(warm.pool, warm.stems, cache.code, settings.prices, running)


def _build_handler(  # noqa: PLR0913  (a Delivery passes all of these)
    settings: Settings, stores: _Stores, executor: Executor, watch: EngineWatch, *, metrics: Metrics, tracer: Tracer
) -> Handler:
    return Handler(
        ledger=stores.ledger,
        store=stores.objects,
        redis_adapter=stores.redis,
        executor=executor,
        engine=watch,
        metrics=metrics,
        tracer=tracer,
        completion_events=CompletionEvents(stores.sqs, settings.completion_queue_url),
        retry_pause_s=settings.retry_pause_s,
    )


def _build_express(settings: Settings, stores: _Stores, worker: str, handler: Handler, metrics: Metrics) -> Express:
    refused = RefusedRecords(stores.objects, metrics)
    return Express(
        redis_adapter=stores.redis,
        ledger_writer=LedgerWriter(stores.ledger, stores.redis, refused),
        reaper=Reaper(stores.redis, stores.ledger, stores.lane),
        worker=worker,
        capacity=settings.express_capacity,
        conclude=handler.conclude,
        metrics=metrics,
    )


def _build_provisioning(
    settings: Settings, warm: _Warm, stores: _Stores, heartbeat: Heartbeat, executor: Executor
) -> Provisioning:
    return Provisioning(
        redis_adapter=stores.redis,
        heartbeat=heartbeat,
        pool=warm.pool,
        start=executor.start,
        spare=settings.concurrency,
    )


def _build_capacity(settings: Settings, redis: redis_adapter.RedisAdapter, worker: str) -> Capacity:
    return Capacity(
        settings.durable_share,
        lambda wanted: redis.borrow_capacity(worker, wanted),
        lambda borrowed: redis.return_capacity(worker, borrowed),
    )


def _about(warm: _Warm) -> dict[str, Any]:
    """Return what the operator may see of this worker besides its name."""
    slots = warm.pool.count()
    running = slots[SlotState.LEASED] + slots[SlotState.STARTING]
    return {"running": running, "slots": _by_name(slots), "stems": warm.stems.count()}


def _by_name(count: Mapping[SlotState, int]) -> dict[str, int]:
    return {state.value: number for state, number in count.items()}


def build_sandboxes(on: engine.Engine, stack: str) -> DockerSandboxes:
    """Build the maker of this host's sandboxes; raise UnknownLayoutError when its cgroups cannot be read."""
    layout = find_layout(Path("/proc/self/mountinfo").read_text())
    return DockerSandboxes(on, layout, Owner(stack), Limits())


def _aws_clients(settings: Settings) -> Any:
    session = boto3.session.Session(region_name=settings.region)
    # Time limits of its own: a long poll must outlast the queue's wait, and botocore's minute would hang a thread.
    config = Config(
        parameter_validation=False,  # AWS validates as well; here it took two fifths of the CPU of a batch of records
        connect_timeout=2,
        read_timeout=settings.poll_s + 5,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=settings.concurrency * 2 + 4,
    )
    return lambda service: session.client(service, config=config)
