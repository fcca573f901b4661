"""Builds the controller out of its parts; the only file that makes a client, and never at import."""

import functools
import os
import random
import time
from dataclasses import dataclass
from typing import Any

import redis
from botocore.config import Config
from botocore.session import Session
from redis.backoff import NoBackoff
from redis.retry import Retry

from chalicelib.admission.admit import Admission
from chalicelib.admission.targets import Targets
from chalicelib.calls import Call
from chalicelib.code.references import CodeRefs
from chalicelib.code.store import CodeStore
from chalicelib.config import Settings
from chalicelib.functions.aliases import Aliases
from chalicelib.functions.cascade import Cascade
from chalicelib.functions.concurrency import Concurrency
from chalicelib.functions.destinations import Destinations
from chalicelib.functions.event_invoke import EventInvokes
from chalicelib.functions.layers import Layers
from chalicelib.functions.lifecycle import Functions
from chalicelib.functions.policy import Policies
from chalicelib.functions.provisioned import Provisioned
from chalicelib.functions.registry import Registry
from chalicelib.functions.reservations import Reservations
from chalicelib.functions.routing import Router
from chalicelib.functions.tags import Tags
from chalicelib.functions.upload_store import UploadStore
from chalicelib.functions.uploads import Uploads
from chalicelib.functions.urls import FunctionUrls
from chalicelib.functions.versions import Versions
from chalicelib.invocations.completion_events import CompletionEvents
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.idempotency import Idempotency
from chalicelib.invocations.invoke import Invocations
from chalicelib.invocations.ledger import Ledger
from chalicelib.invocations.logs import FunctionLogs
from chalicelib.invocations.orphaned import Orphaned
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.invocations.queue_sender import QueueSender
from chalicelib.invocations.redrive import Redrive
from chalicelib.invocations.usage import UsageTable
from chalicelib.naming import Home
from chalicelib.operations.chores import Chores
from chalicelib.operations.fleet import Fleet
from chalicelib.operations.health import Health
from chalicelib.operations.metrics import Metrics
from chalicelib.schedules.due import Due
from chalicelib.schedules.store import Schedules
from chalicelib.storage.items import Items
from chalicelib.storage.local_bucket import LocalBucket
from chalicelib.storage.redis_adapter import RedisAdapter
from chalicelib.storage.throttle import Throttles
from chalicelib.tenants.administration import Tenants
from chalicelib.tenants.authentication import Authentication
from chalicelib.tenants.callers import Callers
from chalicelib.tenants.credentials import CredentialTable
from chalicelib.tenants.encryption import Encryption
from chalicelib.tenants.keys import TenantKeys
from chalicelib.tenants.proof import Authenticator
from chalicelib.tenants.tenant import TenantRows
from chalicelib.tracing import NoTracing, Tracing

#: A part that is down must be told to the caller as a 503, well before the gateway gives up at 29 s.
#: AWS looks at what it is asked, too: that botocore did so before was a third of what a call cost here.
CLIENT = Config(
    parameter_validation=False,
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=64,
)

#: Presigned links work in every region only with this signature.
S3_CLIENT = CLIENT.merge(Config(signature_version="s3v4"))

REDIS_TIMEOUT_S = 2
#: More than a gateway has calls at once. The library's own 100 would tell the next caller that Redis is down.
REDIS_CONNECTIONS = 1024

#: Zips that a tick looks at, five requests each at most: what is left waits a minute.
COLLECTED_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class Controller:
    """Everything a door may use."""

    authentication: Authentication
    home: Home
    functions: Functions
    versions: Versions
    aliases: Aliases
    router: Router
    layers: Layers
    concurrency: Concurrency
    provisioned: Provisioned
    event_invokes: EventInvokes
    ends: CompletionEvents
    tags: Tags
    policies: Policies
    urls: FunctionUrls
    admission: Admission
    schedules: Schedules
    due: Due
    uploads: Uploads
    chores: Chores
    invocations: Invocations
    function_logs: FunctionLogs
    redrive: Redrive
    tenant_keys: TenantKeys
    tenants: Tenants
    usage: UsageTable
    fleet: Fleet
    metrics: Metrics
    health: Health
    tracing: Tracing
    public_url: str | None
    bucket: str

    def base_of(self, call: Call) -> str:
        """Give the controller's own address as this caller sees it, without a slash at the end."""
        return self.public_url or f"https://{call.home}"


@functools.cache
def controller() -> Controller:
    """Give this process's controller, built from its environment on the first call; raise SettingsError."""
    return build(Settings.from_env(os.environ))


@functools.cache
def metrics() -> Metrics:
    """Give this process's figures, which begin with it and not with its controller."""
    return Metrics()


def build(settings: Settings) -> Controller:
    """Give a new controller; touches no network."""
    session = _session()
    dynamodb = session.create_client("dynamodb", config=CLIENT, region_name=settings.region)
    s3 = session.create_client("s3", config=S3_CLIENT, region_name=settings.region)
    sqs = session.create_client("sqs", config=CLIENT, region_name=settings.region)
    lane = DurableLane(sqs, settings.queue_url)
    credentials = CredentialTable(dynamodb, settings.credentials_table)
    items = Items(dynamodb, settings.items_table)
    registry = Registry(dynamodb, settings.functions_table, items)
    ledger = Ledger(dynamodb, settings.invocations_table)
    refs = CodeRefs(items)
    code_store = CodeStore(s3, settings.bucket, refs, _now_s)
    gate = _gate(settings)
    tracing = _tracing(settings.xray_address)
    home = Home(settings.region)
    cascade = Cascade(items)
    reservations = Reservations(items)
    functions = Functions(
        registry=registry,
        code_store=code_store,
        refs=refs,
        home=home,
        cascade=cascade,
        reserving=reservations.growing,
        changed=gate.function_changed,
        tenant_changed=gate.tenant_changed,
        now_us=_now_us,
    )
    versions = Versions(items, functions)
    aliases = Aliases(items, functions, versions)
    router = Router(functions, versions, aliases)
    own_queues = frozenset(url.rpartition("/")[2] for url in (settings.queue_url, settings.completion_queue_url) if url)
    destinations = Destinations(home, router, own_queues)
    event_invokes = EventInvokes(items, functions, destinations, _now_us)
    payloads = PayloadStore(s3, settings.bucket)
    seal = Encryption(settings.secret_seed)
    tenant_rows = TenantRows(items)
    throttles = Throttles()
    callers = Callers(credentials, tenant_rows, time.monotonic, time.time, throttles.looking_up)
    authenticator = Authenticator(callers, seal, settings.region, time.time)
    tenant_keys = TenantKeys(
        credentials=credentials,
        items=items,
        tenants=tenant_rows,
        seal=seal,
        changed=gate.tenant_changed,
        now_s=time.time,
    )
    outage = LocalBucket(settings.outage_rate_per_s, settings.outage_burst, time.monotonic)
    authentication = Authentication(authenticator, callers, gate, outage, settings)
    admission = Admission(
        authentication=authentication,
        targets=Targets(router.route, event_invokes.of, time.monotonic, throttles.looking_up),
        home=home,
        outage=outage,
        settings=settings,
        chance=random.random,
    )

    layers = Layers(items=items, code_store=code_store, refs=refs, home=home, now_us=_now_us)

    def permits_of(tenant: str) -> int:
        return tenant_rows.permits(tenant) or settings.tenant_concurrency

    concurrency = Concurrency(
        functions=functions,
        reservations=reservations,
        permits_of=permits_of,
        least=settings.min_unreserved,
        tenant_changed=gate.tenant_changed,
    )
    schedules = Schedules(items, cascade, _now_us)
    uploads = Uploads(
        items=items,
        store=UploadStore(s3, settings.bucket),
        functions=functions,
        versions=versions,
        now_us=_now_us,
    )
    invocations = Invocations(
        functions=functions,
        admission=admission,
        ledger=ledger,
        idempotency=Idempotency(items=items, ledger=ledger, now_us=_now_us),
        payloads=payloads,
        lane=lane,
        answers=gate,
        tracing=tracing,
        settings=settings,
        now_us=_now_us,
        throttles=throttles,
    )
    due = Due(schedules=schedules, invocations=invocations, home=home, now_us=_now_us, monotonic_s=time.monotonic)
    provisioned = Provisioned(
        items=items,
        functions=functions,
        router=router,
        cascade=cascade,
        board=gate,
        permits_of=permits_of,
        least=settings.min_unreserved,
        now_us=_now_us,
    )
    return Controller(
        authentication=authentication,
        home=home,
        functions=functions,
        versions=versions,
        aliases=aliases,
        router=router,
        layers=layers,
        concurrency=concurrency,
        provisioned=provisioned,
        event_invokes=event_invokes,
        ends=CompletionEvents(invocations=invocations, destinations=destinations, queue_sender=QueueSender(sqs)),
        tags=Tags(items),
        policies=Policies(items),
        urls=FunctionUrls(items, cascade, _now_us),
        admission=admission,
        schedules=schedules,
        due=due,
        uploads=uploads,
        chores=Chores(
            {
                "schedules": due.run,
                "uploads": uploads.give_up,
                "orphans": Orphaned(gate, ledger, lane).requeue,
                "provisioned": provisioned.publish_all,
                "zips": lambda: code_store.collect(_now_s(), settings.code_grace_s, COLLECTED_AT_ONCE),
            }
        ),
        invocations=invocations,
        function_logs=FunctionLogs(
            functions=functions, ledger=ledger, live_logs=gate.live_logs, most_wait_s=settings.sync_wait_s
        ),
        redrive=Redrive(
            admission=admission, invocations=invocations, ledger=ledger, payloads=payloads, items=items, now_us=_now_us
        ),
        tenant_keys=tenant_keys,
        tenants=Tenants(
            rows=tenant_rows,
            items=items,
            tenant_keys=tenant_keys,
            functions=functions,
            layers=layers,
            changed=gate.tenant_changed,
            now_s=time.time,
        ),
        usage=UsageTable(dynamodb, settings.items_table),
        fleet=Fleet(gate.worker_statuses),
        metrics=metrics(),
        health=Health(
            {
                "redis": (gate.check,),
                "tables": (registry.check, items.check, ledger.check, credentials.check),
                "bucket": (code_store.check,),
                "queue": (lane.check,),
            }
        ),
        tracing=tracing,
        public_url=settings.public_url,
        bucket=settings.bucket,
    )


@functools.cache
def _session() -> Session:
    """Give botocore's session, which keeps what it has read of AWS's models: reading that takes longer than the rest.

    boto3 would add nothing that is used here, and a third to the import of the app.
    """
    return Session()


def _gate(settings: Settings) -> RedisAdapter:
    """Two clients of one Redis: a wait for an answer may be silent for long, everything else may not.

    The patient one never retries: a second wait would outlast the gateway, and could take an answer that was lost.
    """
    quick = _redis(settings, REDIS_TIMEOUT_S, retries=1)
    patient = _redis(settings, settings.sync_wait_s + REDIS_TIMEOUT_S, retries=0)
    return RedisAdapter(quick, patient)


def _tracing(address: str | None) -> Tracing:
    if address is None:
        return NoTracing()
    from chalicelib.xray import XRay  # noqa: PLC0415  importing the SDK takes 0.3 s and opens a socket

    return XRay(address)


def _redis(settings: Settings, timeout_s: int, retries: int) -> Any:
    return redis.Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        socket_timeout=timeout_s,
        max_connections=REDIS_CONNECTIONS,
        retry=Retry(NoBackoff(), retries),
    )


def _now_s() -> int:
    return int(time.time())


def _now_us() -> int:
    return time.time_ns() // 1000
