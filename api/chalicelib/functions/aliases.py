"""Aliases: names for a version, or for two with weights."""

import dataclasses
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib import limits
from chalicelib.errors import ConflictError, InvalidParameterError, RevisionMismatchError
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions, touched
from chalicelib.functions.versions import NUMBER, Versions
from chalicelib.storage.items import Item, Items
from shared_lua import keys
from shared_lua.contract import LATEST

PREFIX = keys.ALIAS
#: A name with a letter in it: a number would be taken for a version's.
NAME = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9_-]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Alias:
    """One alias. `number` is a version's, or $LATEST; `weights` says how many of its calls another version gets."""

    name: str
    number: str
    weights: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InvalidParameterError(
                f"{self.name!r} is no alias's name: use 1 to 128 letters, digits, hyphens and underscores, and a letter"
            )
        limits.check_text("Description", self.description, limits.MAX_DESCRIPTION_CHARS)
        for number in (self.number, *self.weights):
            if number != LATEST and not NUMBER.fullmatch(number):
                raise InvalidParameterError(f"Invalid function version {number!r}: name a version's number, or $LATEST")
        self._check_weights()

    def names(self, number: str) -> bool:
        """Tell whether calls of the alias may get this version."""
        return number in {self.number, *self.weights}

    def _check_weights(self) -> None:
        if len(self.weights) > 1:
            raise InvalidParameterError("An alias sends its calls to two versions at most: name one additional version")
        for number, weight in self.weights.items():
            if not 0.0 <= weight <= 1.0:
                raise InvalidParameterError(f"The weight of version {number} must be 0.0 to 1.0, not {weight}")
            if LATEST in (self.number, number) or number == self.number:
                raise InvalidParameterError("Weights are between two different published versions, never $LATEST")


@dataclass(frozen=True)
class Aliases:
    """The use-cases. Each raises NotFoundError for a function or version that is not there."""

    items: Items
    functions: Functions
    versions: Versions

    def create(self, tenant: str, function: str, alias: Alias) -> Alias:
        """Make a new alias; raise ConflictError when there is one of this name."""
        latest = self.functions.get(tenant, function)
        if self.find(tenant, function, alias.name):
            raise ConflictError(f"Alias already exists: {self.functions.home.arn(tenant, function, alias.name)}")
        return self._store(latest, alias)

    def put(self, tenant: str, function: str, alias: Alias) -> tuple[Alias, bool]:
        """Make or point an alias, and tell whether it is new."""
        latest = self.functions.get(tenant, function)
        present = self.find(tenant, function, alias.name)
        return self._store(latest, alias), present is None

    def update(self, tenant: str, function: str, name: str, named: Mapping[str, object], revision: str | None) -> Alias:
        """Change what is named of an alias; raise RevisionMismatchError when it is not at this revision."""
        latest = self.functions.get(tenant, function)
        present = self.get(tenant, function, name)
        if revision not in (None, present.revision):
            raise RevisionMismatchError
        return self._store(latest, dataclasses.replace(present, **named))  # type: ignore[arg-type]

    def find(self, tenant: str, function: str, name: str) -> Alias | None:
        """Give an alias, None when there is none; whether there is such a function is not asked."""
        if not NAME.fullmatch(name):
            return None
        item = self.items.find(keys.function_items(tenant, function), PREFIX + name)
        return _alias(item) if item else None

    def get(self, tenant: str, function: str, name: str) -> Alias:
        """Give an alias; raise NotFoundError."""
        alias = self.find(tenant, function, name)
        if alias is None:
            raise self.functions.not_found(tenant, function, name)
        return alias

    def page(
        self, tenant: str, function: str, after: str | None, most: int, *, number: str | None = None
    ) -> tuple[list[Alias], str | None]:
        """Give up to `most` of a function's aliases, or of a version's, by name, and the name to go on after."""
        self.functions.get(tenant, function)
        start, partition = PREFIX + after if after else None, keys.function_items(tenant, function)

        def wanted(item: Item) -> bool:
            return number is None or _alias(item).names(number)

        found, last = self.items.chosen(partition, PREFIX, wanted, after=start, most=most)
        return [_alias(item) for item in found], last.removeprefix(PREFIX) if last else None

    def naming(self, tenant: str, function: str, number: str) -> list[str]:
        """Give the names of the aliases that name a version."""
        every = [_alias(item) for item in self.items.every(keys.function_items(tenant, function), PREFIX)]
        return [alias.name for alias in every if alias.names(number)]

    def delete(self, tenant: str, function: str, name: str) -> None:
        """Forget an alias with what belongs to it; one that is not there is forgotten already, as on Lambda."""
        latest = self.functions.get(tenant, function)
        alias = self.items.removing(keys.function_items(tenant, function), PREFIX + name)
        cascade = self.functions.cascade.removing_of(tenant, function, name)
        self.functions.store(touched(latest), latest, [alias, *cascade])

    def _store(self, latest: Function, alias: Alias) -> Alias:
        """Store an alias as of the function that was seen first: what was read since cannot have changed meanwhile."""
        tenant, function = latest.version.tenant, latest.version.function
        for number in {alias.number, *alias.weights} - {LATEST}:
            self.versions.get(tenant, function, number)
        stored = dataclasses.replace(alias, revision=str(uuid.uuid4()))
        item = self.items.putting(_item(keys.function_items(tenant, function), stored))
        self.functions.store(touched(latest), latest, [item])
        return stored


def _item(partition: str, alias: Alias) -> Item:
    body = {"number": alias.number, "weights": dict(alias.weights), "description": alias.description}
    return Item(partition=partition, name=PREFIX + alias.name, body=body, revision=alias.revision)


def _alias(item: Item) -> Alias:
    return Alias(**item.body, name=item.name.removeprefix(PREFIX), revision=item.revision)
