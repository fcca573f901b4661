"""Builds the controller out of its packages; the only file that makes a client."""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from botocore.config import Config
from botocore.session import Session
from redis.backoff import NoBackoff
from redis.retry import Retry

from chalicelib.admission import wiring as admission_wiring
from chalicelib.admission.admit import Admission
from chalicelib.calls import Address
from chalicelib.code import wiring as code_wiring
from chalicelib.config import Settings
from chalicelib.functions import wiring as functions_wiring
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.invocations import wiring as invocations_wiring
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.naming import Home
from chalicelib.operations import wiring as operations_wiring
from chalicelib.operations.metrics import Metrics
from chalicelib.operations.wiring import OperationUseCases
from chalicelib.schedules import wiring as schedules_wiring
from chalicelib.schedules.wiring import ScheduleUseCases
from chalicelib.storage import wiring as storage_wiring
from chalicelib.storage.redis_adapter import RedisAdapter
from chalicelib.storage.throttle import PATIENCE_S, Throttle
from chalicelib.storage.throttled_client import ThrottledClient
from chalicelib.storage.wiring import AwsClients
from chalicelib.tenants import wiring as tenants_wiring
from chalicelib.tenants.wiring import TenantUseCases
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
#: How many calls may be on their way to the admission. Python's lock goes to any of two hundred threads, and each that
#: has begun makes those before it wait longer.
ADMISSIONS_AT_ONCE = 16
#: How many calls may look something up in DynamoDB, at some 5 ms of CPU in botocore each: the first of a hundred new
#: callers has its answer then before the last has asked.
READS_AT_ONCE = 2
#: How many may record or enqueue an Invocation. A refusal takes 0.2 ms, and should not wait for many of either.
SENDS_AT_ONCE = 1
#: More than a gateway has calls at once. The library's own 100 would tell the next caller that Redis is down.
REDIS_CONNECTIONS = 1024


@dataclass(frozen=True, kw_only=True)
class Controller:
    """What the APIs use: the use-cases of each package, and what they have in common."""

    functions: FunctionUseCases
    tenants: TenantUseCases
    admission: Admission
    invocations: InvocationUseCases
    schedules: ScheduleUseCases
    operations: OperationUseCases
    tracing: Tracing
    address: Address


@functools.cache
def controller() -> Controller:
    """Give this process's controller, built from its environment on the first call; raise SettingsError."""
    return build(Settings.from_env(os.environ))


def metrics() -> Metrics:
    """Give this process's figures."""
    return operations_wiring.metrics()


def build(settings: Settings) -> Controller:
    """Build a new controller; touches no network."""
    storage = storage_wiring.build(settings, _aws_clients(settings), _redis_adapter(settings))
    home, tracing = Home(settings.region), _tracing(settings.xray_address)
    code = code_wiring.build(settings, storage)
    functions = functions_wiring.build(settings, storage, code, home, tenants_wiring.permits_of(settings, storage))
    tenants = tenants_wiring.build(settings, storage, functions)
    admission = admission_wiring.build(settings, storage, functions, tenants, home=home, tracing=tracing)
    invocations = invocations_wiring.build(settings, storage, functions, admission, tracing)
    schedules = schedules_wiring.build(storage, home, functions, invocations)
    return Controller(
        functions=functions,
        tenants=tenants,
        admission=admission,
        invocations=invocations,
        schedules=schedules,
        operations=operations_wiring.build(
            settings=settings,
            storage=storage,
            code=code,
            functions=functions,
            tenants=tenants,
            invocations=invocations,
            schedules=schedules,
        ),
        tracing=tracing,
        address=Address(settings.public_url),
    )


def _aws_clients(settings: Settings) -> AwsClients:
    reads, sends = Throttle(READS_AT_ONCE, PATIENCE_S), Throttle(SENDS_AT_ONCE, PATIENCE_S)
    return AwsClients(
        dynamodb=_aws_client("dynamodb", settings, {"get_item": reads, "put_item": sends}),
        s3=_aws_client("s3", settings, {}),
        sqs=_aws_client("sqs", settings, {"send_message": sends}),
    )


def _aws_client(service: str, settings: Settings, throttles: Mapping[str, Throttle]) -> ThrottledClient:
    config = S3_CLIENT if service == "s3" else CLIENT
    client = _session().create_client(service, config=config, region_name=settings.region)
    return ThrottledClient(client, throttles)


@functools.cache
def _session() -> Session:
    """Give botocore's session, which keeps what it has read of AWS's models: reading that takes longer than the rest.

    boto3 would add nothing that is used here, and a third to the import of the app.
    """
    return Session()


def _redis_adapter(settings: Settings) -> RedisAdapter:
    """Two clients of one Redis: a wait for an answer may be silent for long, everything else may not.

    The patient one never retries: a second wait would outlast the gateway, and could take an answer that was lost.
    """
    quick = _redis(settings, REDIS_TIMEOUT_S, retries=1)
    patient = _redis(settings, settings.sync_wait_s + REDIS_TIMEOUT_S, retries=0)
    return RedisAdapter(quick, patient, Throttle(ADMISSIONS_AT_ONCE, PATIENCE_S))


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
