"""Provisioned concurrency: how many sandboxes of a version are to stay warm, and how many are; never starts one.

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
from chalicelib.functions.cascade import ELSEWHERE, Belongings
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions, touched
from chalicelib.functions.routing import Router
from chalicelib.storage.items import Act, Part, Parts
from chalicelib.storage.redis_adapter import RedisGate
from shared_lua import keys
from shared_lua.contract import LATEST, Held, Provision, Version, encode

PREFIX = keys.WISH

#: Replaced with every wish of a tenant, so that two at once cannot both be the last that is allowed.
GUARD = "provisioned"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How many sandboxes a tenant wants warm, of what a qualifier leads to."""

    tenant: str
    function: str
    qualifier: str
    wanted: int
    modified_at_us: int


@dataclass(frozen=True)
class Standing:
    """How a wish stands."""

    wish: Wish
    allocated: int
    available: int  #: of these, idle now
    status: str  #: as Lambda calls it
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """The use-cases. `seats_of` gives how many seats a tenant has; `least` of them must stay for what is not warm."""

    parts: Parts
    functions: Functions
    router: Router
    belongings: Belongings
    board: RedisGate
    seats_of: Callable[[str], int]
    least: int
    now_us: Callable[[], int]

    def put(self, tenant: str, function: str, qualifier: str | None, wanted: int) -> Standing:
        """Wish for warm sandboxes of a published version, or of what an alias leads to.

        Raises NotFoundError, InvalidParameterError or ConflictError.
        """
        latest = self.functions.get(tenant, function)
        version = self._published(tenant, function, qualifier)
        wish = Wish(
            tenant=tenant,
            function=function,
            qualifier=qualifier or LATEST,
            wanted=wanted,
            modified_at_us=self.now_us(),
        )
        self._check_no_other(wish, version)
        self.functions.store(touched(latest), latest, self._storing(wish, latest))
        self.follow(tenant, function)
        return self._standing(wish)

    def get(self, tenant: str, function: str, qualifier: str | None) -> Standing:
        """Give how a wish stands; raise NotFoundError, also when there is no such wish."""
        return self._standing(_wish(self._part(tenant, function, qualifier)))

    def page(self, tenant: str, function: str, after: str | None, most: int) -> tuple[list[Standing], str | None]:
        """Give how up to `most` of a function's wishes stand, by qualifier, and the qualifier to go on after."""
        self.functions.get(tenant, function)
        start = PREFIX + after if after else None
        found, last = self.parts.page(keys.function_parts(tenant, function), PREFIX, after=start, most=most)
        return [self._standing(_wish(part)) for part in found], last.removeprefix(PREFIX) if last else None

    def delete(self, tenant: str, function: str, qualifier: str | None) -> None:
        """Wish for no warm sandboxes any more; raise NotFoundError, also when there is no such wish."""
        self.parts.transact(self.belongings.removing(self._part(tenant, function, qualifier)))
        self.follow(tenant, function)

    def follow(self, tenant: str, function: str) -> None:
        """Publish a function's wishes as they are since it changed, if Redis can be reached; if not, the tick will."""
        with suppress(UnavailableError):
            known = self.board.provisions(keys.provision(tenant, function, ""))
            found = self.parts.every(keys.function_parts(tenant, function), PREFIX)
            self._publish(found, known)

    def publish_all(self) -> int:
        """Publish every wish of every tenant, and tell how many there are."""
        known = self.board.provisions("")
        found = [part for entry in self.parts.every(keys.PROVISIONED) for part in self._behind(entry)]
        return self._publish(found, known)

    def _publish(self, found: list[Part], known: set[str]) -> int:
        """Publish these wishes; of what was known before they were read, the rest goes."""
        published = dict(self._published_as(found))
        self.board.publish_provisions(published, known - published.keys())
        return len(published)

    def _published_as(self, found: list[Part]) -> Iterator[tuple[str, str]]:
        """Give wishes as the workers read them; what has lost its version or alias goes."""
        for part in found:
            wish = _wish(part)
            try:
                version = self._published(wish.tenant, wish.function, wish.qualifier)
            except NotFoundError:
                self.parts.transact(self.belongings.removing(part))
            except (InvalidParameterError, ConflictError):
                continue  # an alias that leads to $LATEST by now
            else:
                field = keys.provision(wish.tenant, wish.function, wish.qualifier)
                yield field, encode(Provision(version=version, wanted=wish.wanted))

    def _behind(self, entry: Part) -> list[Part]:
        """Give the wish that an entry in the row of all stands for; forget an entry that stands for none."""
        part = self.parts.find(*entry.body["wish"])
        if part is None:
            self.parts.remove(entry.owner, entry.part)
        return [part] if part else []

    def _published(self, tenant: str, function: str, qualifier: str | None) -> Version:
        version = self.router.route(tenant, function, None if qualifier == LATEST else qualifier).version
        if version.number == LATEST:
            raise InvalidParameterError(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        return version

    def _part(self, tenant: str, function: str, qualifier: str | None) -> Part:
        self.router.shown(tenant, function, qualifier)
        part = self.parts.find(keys.function_parts(tenant, function), f"{PREFIX}{qualifier or LATEST}")
        if part is None:
            raise ProvisionedNotFoundError
        return part

    def _check_no_other(self, wish: Wish, version: Version) -> None:
        for part in self.parts.every(keys.function_parts(wish.tenant, wish.function), PREFIX):
            other = _wish(part)
            if other.qualifier == wish.qualifier:
                continue
            with suppress(NotFoundError, InvalidParameterError):
                if self._published(other.tenant, other.function, other.qualifier) == version:
                    raise ConflictError(
                        f"Version {version.number} has provisioned concurrency as {other.qualifier} already."
                    )

    def _storing(self, wish: Wish, latest: Function) -> list[Act]:
        """Give the acts of storing a wish; raise InvalidParameterError when it is for too much."""
        owner = keys.tenant_concurrency(wish.tenant)
        guard = self.parts.find(owner, GUARD)
        others = [part.body for part in self.parts.every(keys.PROVISIONED, f"{wish.tenant}/")]
        others = [one for one in others if one["wish"] != [_owner(wish), _name(wish)]]
        self._check_sums(wish, latest, others)
        new_guard = Part(owner=owner, part=GUARD, body={})
        return [
            self.parts.replacing(new_guard, guard.revision) if guard else self.parts.adding(new_guard),
            *(self.parts.putting(part) for part in _parts(wish)),
        ]

    def _check_sums(self, wish: Wish, latest: Function, others: list[Mapping[str, object]]) -> None:
        of_function = sum(int(str(one["wanted"])) for one in others if one["function"] == wish.function)
        if latest.reserved is not None and of_function + wish.wanted > latest.reserved:
            raise InvalidParameterError(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for"
                f" function, which is {latest.reserved}"
            )
        most = self.seats_of(wish.tenant) - self.least
        of_all = sum(int(str(one["wanted"])) for one in others)
        if of_all + wish.wanted > most:
            raise InvalidParameterError(
                "Specified ProvisionedConcurrentExecutions decreases account's UnreservedConcurrentExecution below its"
                f" minimum value of [{self.least}]. {max(0, most - of_all)} more can be provisioned."
            )

    def _standing(self, wish: Wish) -> Standing:
        try:
            version = self._published(wish.tenant, wish.function, wish.qualifier)
        except (InvalidParameterError, ConflictError, NotFoundError) as error:
            return Standing(wish, 0, 0, "FAILED", str(error))
        held = self.board.held(version)
        allocated = min(wish.wanted, sum(one.held for one in held))
        available = min(allocated, sum(one.idle for one in held))
        return Standing(wish, allocated, available, *_status(wish, allocated, held))


def _status(wish: Wish, allocated: int, held: list[Held]) -> tuple[str, str]:
    if allocated == wish.wanted:
        return "READY", ""
    reason = next((one.reason for one in held if one.reason), "")
    return ("FAILED", reason) if reason else ("IN_PROGRESS", "")


def _owner(wish: Wish) -> str:
    return keys.function_parts(wish.tenant, wish.function)


def _name(wish: Wish) -> str:
    return PREFIX + wish.qualifier


def _parts(wish: Wish) -> Iterator[Part]:
    entry = keys.provision(wish.tenant, wish.function, wish.qualifier)
    yield Part(owner=_owner(wish), part=_name(wish), body={**vars(wish), ELSEWHERE: [[keys.PROVISIONED, entry]]})
    where = {"wish": [_owner(wish), _name(wish)], "function": wish.function, "wanted": wish.wanted}
    yield Part(owner=keys.PROVISIONED, part=entry, body=where)


def _wish(part: Part) -> Wish:
    return Wish(**{name: value for name, value in part.body.items() if name != ELSEWHERE})
