"""Builds the use-cases on Invocations."""

from dataclasses import dataclass

from chalicelib import clock
from chalicelib.admission.admit import Admission
from chalicelib.config import Settings
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.invocations import reaper
from chalicelib.invocations.completion_events import CompletionEvents
from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.idempotency import Idempotency
from chalicelib.invocations.invoke import Invoker
from chalicelib.invocations.ledger import Ledger
from chalicelib.invocations.logs import FunctionLogs
from chalicelib.invocations.payloads import PayloadStore
from chalicelib.invocations.queue_sender import QueueSender
from chalicelib.invocations.records import Records
from chalicelib.invocations.redrive import Redrive
from chalicelib.invocations.usage import UsageTable
from chalicelib.storage.wiring import Storage
from chalicelib.tracing import Tracing
from shared_lua.reaper import Reaper


@dataclass(frozen=True, kw_only=True)
class _Adapters:
    """Where Invocations lie: their rows, their large payloads, and the durable lane."""

    ledger: Ledger
    payloads: PayloadStore
    lane: DurableLane


@dataclass(frozen=True, kw_only=True)
class InvocationUseCases:
    """What callers may do with Invocations, and what Hearth does when they end."""

    ledger: Ledger
    lane: DurableLane
    invoker: Invoker
    records: Records
    logs: FunctionLogs
    redrive: Redrive
    completion_events: CompletionEvents
    reaper: Reaper
    usage: UsageTable


def build(
    settings: Settings,
    storage: Storage,
    functions: FunctionUseCases,
    admission: Admission,
    tracing: Tracing,
) -> InvocationUseCases:
    """Build the use-cases on Invocations."""
    adapters = _adapters(settings, storage)
    ledger, payloads = adapters.ledger, adapters.payloads
    invoker = _invoker(settings, storage, adapters, admission, tracing)
    records = Records(functions=functions.lifecycle, ledger=ledger, payloads=payloads, redis=storage.redis)
    return InvocationUseCases(
        ledger=ledger,
        lane=adapters.lane,
        invoker=invoker,
        records=records,
        logs=_logs(settings, storage, functions, ledger),
        redrive=_redrive(storage, adapters, admission, invoker),
        completion_events=CompletionEvents(
            invoker=invoker,
            records=records,
            payloads=payloads,
            destinations=functions.destinations,
            queue_sender=QueueSender(storage.aws.sqs),
        ),
        reaper=reaper.build(storage.redis, ledger, adapters.lane),
        usage=UsageTable(storage.aws.dynamodb, settings.items_table),
    )


def _adapters(settings: Settings, storage: Storage) -> _Adapters:
    return _Adapters(
        ledger=Ledger(storage.aws.dynamodb, settings.invocations_table),
        payloads=PayloadStore(storage.aws.s3, settings.bucket),
        lane=DurableLane(storage.aws.sqs, settings.queue_url),
    )


def _invoker(
    settings: Settings,
    storage: Storage,
    adapters: _Adapters,
    admission: Admission,
    tracing: Tracing,
) -> Invoker:
    return Invoker(
        admission=admission,
        ledger=adapters.ledger,
        idempotency=Idempotency(items=storage.items, ledger=adapters.ledger, now_us=clock.now_us),
        payloads=adapters.payloads,
        lane=adapters.lane,
        redis=storage.redis,
        tracing=tracing,
        settings=settings,
    )


def _redrive(storage: Storage, adapters: _Adapters, admission: Admission, invoker: Invoker) -> Redrive:
    return Redrive(
        admission=admission,
        invoker=invoker,
        ledger=adapters.ledger,
        payloads=adapters.payloads,
        items=storage.items,
        now_us=clock.now_us,
    )


def _logs(settings: Settings, storage: Storage, functions: FunctionUseCases, ledger: Ledger) -> FunctionLogs:
    return FunctionLogs(
        functions=functions.lifecycle,
        ledger=ledger,
        live_logs=storage.redis.live_logs,
        most_wait_s=settings.sync_wait_s,
    )
