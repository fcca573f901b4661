"""Builds the use-cases on functions, their versions and all that belongs to them."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import clock
from chalicelib.code.wiring import Code
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
from chalicelib.naming import Home
from chalicelib.storage.wiring import Storage

#: Gives how many permits a tenant's functions have together.
PermitsOf = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class FunctionUseCases:
    """What callers may do with functions."""

    home: Home
    registry: Registry
    cascade: Cascade
    lifecycle: Functions
    versions: Versions
    aliases: Aliases
    router: Router
    layers: Layers
    concurrency: Concurrency
    provisioned: Provisioned
    destinations: Destinations
    event_invokes: EventInvokes
    tags: Tags
    policies: Policies
    urls: FunctionUrls
    uploads: Uploads


def build(settings: Settings, storage: Storage, code: Code, home: Home, permits_of: PermitsOf) -> FunctionUseCases:
    """Build the use-cases on functions."""
    items = storage.items
    registry = Registry(storage.aws.dynamodb, settings.functions_table, items)
    cascade, reservations = Cascade(items), Reservations(items)
    lifecycle = _lifecycle(storage, code, home, registry, cascade=cascade, reservations=reservations)
    versions = Versions(items, lifecycle)
    aliases = Aliases(items, lifecycle, versions)
    router = Router(lifecycle, versions, aliases)
    destinations = Destinations(home, router, _own_queues(settings))
    return FunctionUseCases(
        home=home,
        registry=registry,
        cascade=cascade,
        lifecycle=lifecycle,
        versions=versions,
        aliases=aliases,
        router=router,
        layers=Layers(items=items, code_store=code.store, refs=code.refs, home=home, now_us=clock.now_us),
        concurrency=_concurrency(settings, storage, lifecycle, reservations, permits_of),
        provisioned=_provisioned(settings, storage, lifecycle, router, cascade=cascade, permits_of=permits_of),
        destinations=destinations,
        event_invokes=EventInvokes(items, lifecycle, destinations, clock.now_us),
        tags=Tags(items),
        policies=Policies(items),
        urls=FunctionUrls(items, cascade, clock.now_us),
        uploads=_uploads(settings, storage, lifecycle, versions),
    )


def _lifecycle(  # noqa: PLR0913  (one collaborator each)
    storage: Storage, code: Code, home: Home, registry: Registry, *, cascade: Cascade, reservations: Reservations
) -> Functions:
    return Functions(
        registry=registry,
        code_store=code.store,
        refs=code.refs,
        home=home,
        cascade=cascade,
        reserving=reservations.growing,
        changed=storage.redis.function_changed,
        tenant_changed=storage.redis.tenant_changed,
        now_us=clock.now_us,
    )


def _concurrency(
    settings: Settings, storage: Storage, lifecycle: Functions, reservations: Reservations, permits_of: PermitsOf
) -> Concurrency:
    return Concurrency(
        functions=lifecycle,
        reservations=reservations,
        permits_of=permits_of,
        least=settings.min_unreserved,
        tenant_changed=storage.redis.tenant_changed,
    )


def _provisioned(  # noqa: PLR0913  (one collaborator each)
    settings: Settings,
    storage: Storage,
    lifecycle: Functions,
    router: Router,
    *,
    cascade: Cascade,
    permits_of: PermitsOf,
) -> Provisioned:
    return Provisioned(
        items=storage.items,
        functions=lifecycle,
        router=router,
        cascade=cascade,
        board=storage.redis,
        permits_of=permits_of,
        least=settings.min_unreserved,
        now_us=clock.now_us,
    )


def _uploads(settings: Settings, storage: Storage, lifecycle: Functions, versions: Versions) -> Uploads:
    return Uploads(
        items=storage.items,
        store=UploadStore(storage.aws.s3, settings.bucket),
        functions=lifecycle,
        versions=versions,
        now_us=clock.now_us,
    )


def _own_queues(settings: Settings) -> frozenset[str]:
    """Give the names of Hearth's own queues, which no tenant may name as a destination."""
    urls = (settings.queue_url, settings.completion_queue_url)
    return frozenset(url.rpartition("/")[2] for url in urls if url)
