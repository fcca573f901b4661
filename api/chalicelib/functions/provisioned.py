"""Provisioned concurrency: how many sandboxes of a version are to stay warm, and how many are.

What is wished lies in two parts, one of the function's and one in the row of all, and is published in Redis, where the
workers read it. A tick publishes all of it anew, so that a Redis that lost it has it again within a minute.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.errors import (
    ConflictError,
    InvalidParameterError,
    NotFoundError,
    ProvisionedNotFoundError,
    UnavailableError,
)
from chalicelib.functions.cascade import ELSEWHERE, Cascade
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions, touched
from chalicelib.functions.routing import Router
from chalicelib.storage.items import Act, Item, Items
from chalicelib.storage.redis_adapter import RedisAdapter
from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import LATEST, Held, Provision, Version

PREFIX = keys.PROVISIONED_REQUEST


@dataclass(frozen=True, kw_only=True)
class ProvisionedRequest:
    """How many sandboxes a tenant wants warm, of what a qualifier leads to."""

    tenant: str
    function: str
    qualifier: str
    wanted: int
    modified_at_us: int


@dataclass(frozen=True)
class Standing:
    """A request for warm sandboxes, and how many there are."""

    request: ProvisionedRequest
    allocated: int
    available: int  #: of these, idle now
    status: str  #: as Lambda calls it
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """The use-cases.

    `permits_of` gives how many permits a tenant has; `least` of them must stay for what is not warm.
    """

    items: Items
    functions: Functions
    router: Router
    cascade: Cascade
    board: RedisAdapter
    permits_of: Callable[[str], int]
    least: int
    now_us: Callable[[], int]

    def put(self, tenant: str, function: str, qualifier: str | None, wanted: int) -> Standing:
        """Request warm sandboxes of a published version, or of the version that an alias names.

        Raises NotFoundError, InvalidParameterError or ConflictError.
        """
        latest = self.functions.get(tenant, function)
        version = self._published(tenant, function, qualifier)
        request = ProvisionedRequest(
            tenant=tenant,
            function=function,
            qualifier=qualifier or LATEST,
            wanted=wanted,
            modified_at_us=self.now_us(),
        )
        self._check_no_other(request, version)
        self.functions.store(touched(latest), latest, self._storing(request, latest))
        self.follow(tenant, function)
        return self._standing(request)

    def get(self, tenant: str, function: str, qualifier: str | None) -> Standing:
        """Return a request and its state; raise NotFoundError, also when there is no such request."""
        return self._standing(_request(self._item(tenant, function, qualifier)))

    def page(self, tenant: str, function: str, after: str | None, most: int) -> tuple[list[Standing], str | None]:
        """Give how up to `most` of a function's requests stand, by qualifier, and the qualifier to go on after."""
        self.functions.get(tenant, function)
        start = PREFIX + after if after else None
        found, last = self.items.page(keys.function_items(tenant, function), PREFIX, after=start, most=most)
        return [self._standing(_request(item)) for item in found], last.removeprefix(PREFIX) if last else None

    def delete(self, tenant: str, function: str, qualifier: str | None) -> None:
        """Withdraw a request for warm sandboxes; raise NotFoundError, also when there is no such request."""
        self.items.transact(self.cascade.removing(self._item(tenant, function, qualifier)))
        self.follow(tenant, function)

    def follow(self, tenant: str, function: str) -> None:
        """Publish a function's provisioned concurrency if Redis answers; if not, the timer will."""
        with suppress(UnavailableError):
            known = self.board.provisions(keys.provision(tenant, function, ""))
            found = self.items.every(keys.function_items(tenant, function), PREFIX)
            self._publish(found, known)

    def publish_all(self) -> int:
        """Publish every request of every tenant, and tell how many there are."""
        known = self.board.provisions("")
        found = [item for entry in self.items.every(keys.PROVISIONED) for item in self._behind(entry)]
        return self._publish(found, known)

    def _publish(self, found: list[Item], known: set[str]) -> int:
        """Publish these requests; of what was known before they were read, the rest goes."""
        published = dict(self._published_as(found))
        self.board.publish_provisions(published, known - published.keys())
        return len(published)

    def _published_as(self, found: list[Item]) -> Iterator[tuple[str, str]]:
        """Give requests as the workers read them; what has lost its version or alias goes."""
        for item in found:
            request = _request(item)
            try:
                version = self._published(request.tenant, request.function, request.qualifier)
            except NotFoundError:
                self.items.transact(self.cascade.removing(item))
            except (InvalidParameterError, ConflictError):
                continue  # an alias that leads to $LATEST by now
            else:
                field = keys.provision(request.tenant, request.function, request.qualifier)
                yield field, encode(Provision(version=version, wanted=request.wanted))

    def _behind(self, entry: Item) -> list[Item]:
        """Give the request that an entry in the row of all stands for; forget an entry that stands for none."""
        item = self.items.find(*entry.body["request"])
        if item is None:
            self.items.remove(entry.partition, entry.name)
        return [item] if item else []

    def _published(self, tenant: str, function: str, qualifier: str | None) -> Version:
        version = self.router.route(tenant, function, None if qualifier == LATEST else qualifier).version
        if version.number == LATEST:
            raise InvalidParameterError(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        return version

    def _item(self, tenant: str, function: str, qualifier: str | None) -> Item:
        self.router.shown(tenant, function, qualifier)
        item = self.items.find(keys.function_items(tenant, function), f"{PREFIX}{qualifier or LATEST}")
        if item is None:
            raise ProvisionedNotFoundError
        return item

    def _check_no_other(self, request: ProvisionedRequest, version: Version) -> None:
        for item in self.items.every(keys.function_items(request.tenant, request.function), PREFIX):
            other = _request(item)
            if other.qualifier == request.qualifier:
                continue
            with suppress(NotFoundError, InvalidParameterError):
                if self._published(other.tenant, other.function, other.qualifier) == version:
                    raise ConflictError(
                        f"Version {version.number} has provisioned concurrency as {other.qualifier} already."
                    )

    def _storing(self, request: ProvisionedRequest, latest: Function) -> list[Act]:
        """Give the acts of storing a request; raise InvalidParameterError when it is for too much."""
        partition = keys.tenant_concurrency(request.tenant)
        guard = self.items.find(partition, keys.PROVISIONED_GUARD)
        others = [item.body for item in self.items.every(keys.PROVISIONED, keys.provisions_of(request.tenant))]
        others = [one for one in others if one["request"] != [_owner(request), _name(request)]]
        self._check_sums(request, latest, others)
        new_guard = Item(partition=partition, name=keys.PROVISIONED_GUARD, body={})
        return [
            self.items.replacing(new_guard, guard.revision) if guard else self.items.adding(new_guard),
            *(self.items.putting(item) for item in _items(request)),
        ]

    def _check_sums(self, request: ProvisionedRequest, latest: Function, others: list[Mapping[str, object]]) -> None:
        of_function = sum(int(str(one["wanted"])) for one in others if one["function"] == request.function)
        if latest.reserved is not None and of_function + request.wanted > latest.reserved:
            raise InvalidParameterError(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for"
                f" function, which is {latest.reserved}"
            )
        most = self.permits_of(request.tenant) - self.least
        of_all = sum(int(str(one["wanted"])) for one in others)
        if of_all + request.wanted > most:
            raise InvalidParameterError(
                "Specified ProvisionedConcurrentExecutions decreases account's UnreservedConcurrentExecution below its"
                f" minimum value of [{self.least}]. {max(0, most - of_all)} more can be provisioned."
            )

    def _standing(self, request: ProvisionedRequest) -> Standing:
        try:
            version = self._published(request.tenant, request.function, request.qualifier)
        except (InvalidParameterError, ConflictError, NotFoundError) as error:
            return Standing(request, 0, 0, "FAILED", str(error))
        held = self.board.held(version)
        allocated = min(request.wanted, sum(one.held for one in held))
        available = min(allocated, sum(one.idle for one in held))
        return Standing(request, allocated, available, *_status(request, allocated, held))


def _status(request: ProvisionedRequest, allocated: int, held: list[Held]) -> tuple[str, str]:
    if allocated == request.wanted:
        return "READY", ""
    reason = next((one.reason for one in held if one.reason), "")
    return ("FAILED", reason) if reason else ("IN_PROGRESS", "")


def _owner(request: ProvisionedRequest) -> str:
    return keys.function_items(request.tenant, request.function)


def _name(request: ProvisionedRequest) -> str:
    return PREFIX + request.qualifier


def _items(request: ProvisionedRequest) -> Iterator[Item]:
    entry = keys.provision(request.tenant, request.function, request.qualifier)
    yield Item(
        partition=_owner(request), name=_name(request), body={**vars(request), ELSEWHERE: [[keys.PROVISIONED, entry]]}
    )
    where = {"request": [_owner(request), _name(request)], "function": request.function, "wanted": request.wanted}
    yield Item(partition=keys.PROVISIONED, name=entry, body=where)


def _request(item: Item) -> ProvisionedRequest:
    return ProvisionedRequest(**{name: value for name, value in item.body.items() if name != ELSEWHERE})
