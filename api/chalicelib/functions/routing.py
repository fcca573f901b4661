"""Resolves a function's name and a qualifier to the version that is to run."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.functions.aliases import Alias, Aliases
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions, check_runnable
from chalicelib.functions.versions import Versions
from shared_lua.contract import LATEST, Version


@dataclass(frozen=True)
class Route:
    """The result of resolving a name and a qualifier."""

    arn: str  #: as the caller named it
    version: Version
    others: Sequence[tuple[Version, float]]  #: versions that get a part of the calls, each with its weight
    reserved: int | None

    def choose(self, chance: float) -> Version:
        """Give the version for one call; `chance` is a random number from 0 up to 1."""
        for version, weight in self.others:
            if chance < weight:
                return version
            chance -= weight
        return self.version


@dataclass(frozen=True)
class Router:
    """Reads routes, by key alone: one read for $LATEST, two for a version, three or four for an alias."""

    functions: Functions
    versions: Versions
    aliases: Aliases

    def route(self, tenant: str, name: str, qualifier: str | None) -> Route:
        """Give the route; raise NotFoundError, or ConflictError when the function waits for its first zip."""
        latest = self.functions.get(tenant, name)
        arn = self.functions.home.arn(tenant, name, qualifier)
        if qualifier is None:
            return Route(arn, self._version(latest, LATEST), (), latest.reserved)
        if qualifier.isdecimal():
            return Route(arn, self.versions.get(tenant, name, qualifier).version, (), latest.reserved)
        alias = self._alias(tenant, name, qualifier)
        weighted = [(self._version(latest, number), weight) for number, weight in alias.weights.items()]
        return Route(arn, self._version(latest, alias.number), weighted, latest.reserved)

    def shown(self, tenant: str, name: str, qualifier: str | None) -> Function:
        """Give what is shown of a function under a qualifier: $LATEST, a version, or what an alias names."""
        if qualifier is None:
            return self.functions.get(tenant, name)
        if qualifier.isdecimal():
            return self.versions.get(tenant, name, qualifier)
        number = self._alias(tenant, name, qualifier).number
        return self.functions.get(tenant, name) if number == LATEST else self.versions.get(tenant, name, number)

    def _alias(self, tenant: str, name: str, qualifier: str) -> Alias:
        alias = self.aliases.find(tenant, name, qualifier)
        if alias is None:
            raise self.functions.not_found(tenant, name, qualifier)
        return alias

    def _version(self, latest: Function, number: str) -> Version:
        if number == LATEST:
            check_runnable(latest)
            return latest.version
        return self.versions.get(latest.version.tenant, latest.version.function, number).version
