"""Builds what the operator looks at, and what the timer does."""

import functools
from dataclasses import dataclass

from chalicelib import clock
from chalicelib.code.wiring import Code
from chalicelib.config import Settings
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.operations.chores import Chores
from chalicelib.operations.fleet import Fleet
from chalicelib.operations.health import Health
from chalicelib.operations.metrics import Metrics
from chalicelib.schedules.wiring import ScheduleUseCases
from chalicelib.storage.wiring import Storage
from chalicelib.tenants.wiring import TenantUseCases

#: Zips that the timer looks at in one run, five requests each at most: the rest waits a minute.
COLLECTED_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class OperationUseCases:
    """What the operator looks at, and what the timer does."""

    fleet: Fleet
    health: Health
    metrics: Metrics
    chores: Chores


@functools.cache
def metrics() -> Metrics:
    """Give this process's figures, which begin with the process and not with its controller."""
    return Metrics()


def build(  # noqa: PLR0913  (one group each)
    *,
    settings: Settings,
    storage: Storage,
    code: Code,
    functions: FunctionUseCases,
    tenants: TenantUseCases,
    invocations: InvocationUseCases,
    schedules: ScheduleUseCases,
) -> OperationUseCases:
    """Build the operator's use-cases."""
    return OperationUseCases(
        fleet=Fleet(storage.redis.worker_statuses),
        health=_health(storage, code, functions, tenants, invocations),
        metrics=metrics(),
        chores=_chores(settings, code, functions, invocations, schedules),
    )


def _health(
    storage: Storage,
    code: Code,
    functions: FunctionUseCases,
    tenants: TenantUseCases,
    invocations: InvocationUseCases,
) -> Health:
    tables = (functions.registry, storage.items, invocations.ledger, tenants.credentials)
    return Health(
        {
            "redis": (storage.redis.check,),
            "tables": tuple(table.check for table in tables),
            "bucket": (code.store.check,),
            "queue": (invocations.lane.check,),
        }
    )


def _chores(
    settings: Settings,
    code: Code,
    functions: FunctionUseCases,
    invocations: InvocationUseCases,
    schedules: ScheduleUseCases,
) -> Chores:
    now_s = clock.now_s
    return Chores(
        {
            "schedules": schedules.due.run,
            "uploads": functions.uploads.give_up,
            "orphaned": invocations.reaper.look,
            "provisioned": functions.provisioned.publish_all,
            "zips": lambda: code.store.collect(now_s(), settings.code_grace_s, COLLECTED_AT_ONCE),
        }
    )
