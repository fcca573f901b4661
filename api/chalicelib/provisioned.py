"""Provisioned concurrency: how many sandboxes a tenant asks to be kept ready for a version or an alias.

What is asked is kept here; who keeps them is a worker, and until one says that it does, none is allocated.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.concurrency import Concurrency
from chalicelib.errors import InvalidParameterError, ProvisionedNotFoundError
from chalicelib.functions import Functions
from chalicelib.parts import Part, Parts
from chalicelib.routing import Router
from shared_lua import keys


@dataclass(frozen=True, kw_only=True)
class Provision:
    """What is asked for one version or alias, and what came of it."""

    qualifier: str
    requested: int
    allocated: int = 0  #: sandboxes that workers keep
    modified_at_us: int


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """The use-cases. Each raises NotFoundError for a function, version or alias that is not there."""

    parts: Parts
    functions: Functions
    router: Router
    concurrency: Concurrency
    now_us: Callable[[], int]

    def put(self, tenant: str, name: str, qualifier: str | None, requested: int) -> Provision:
        """Ask for sandboxes; raise InvalidParameterError for $LATEST, and for more than the function's seats."""
        qualifier = self._checked(tenant, name, qualifier)
        self._check_seats(tenant, name, qualifier, requested)
        provision = Provision(qualifier=qualifier, requested=requested, modified_at_us=self.now_us())
        body = {"requested": requested, "modified_at_us": provision.modified_at_us}
        self.parts.put(Part(owner=keys.function_parts(tenant, name), part=keys.provisioned_part(qualifier), body=body))
        return provision

    def get(self, tenant: str, name: str, qualifier: str | None) -> Provision:
        """Give what is asked; raise ProvisionedNotFoundError when nothing is."""
        qualifier = self._checked(tenant, name, qualifier)
        part = self.parts.find(keys.function_parts(tenant, name), keys.provisioned_part(qualifier))
        if part is None:
            raise ProvisionedNotFoundError
        return _provision(part)

    def page(self, tenant: str, name: str, after: str | None, most: int) -> tuple[list[Provision], str | None]:
        """Give up to `most` by qualifier, and the qualifier to go on after (None at the end)."""
        self.functions.get(tenant, name)
        owner, start = keys.function_parts(tenant, name), keys.provisioned_part(after) if after else None
        found, following = self.parts.page(owner, keys.PROVISIONED, after=start, most=most)
        return [_provision(part) for part in found], following.removeprefix(keys.PROVISIONED) if following else None

    def delete(self, tenant: str, name: str, qualifier: str | None) -> None:
        """Ask for none any more; nothing to take back is no error, as on Lambda."""
        qualifier = self._checked(tenant, name, qualifier)
        self.parts.remove(keys.function_parts(tenant, name), keys.provisioned_part(qualifier))

    def _checked(self, tenant: str, name: str, qualifier: str | None) -> str:
        if qualifier is None:
            raise InvalidParameterError(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        self.router.shown(tenant, name, qualifier)
        return qualifier

    def _check_seats(self, tenant: str, name: str, qualifier: str, requested: int) -> None:
        others = self.parts.every(keys.function_parts(tenant, name), keys.PROVISIONED)
        total = requested + sum(one.requested for one in map(_provision, others) if one.qualifier != qualifier)
        reserved = self.functions.get(tenant, name).reserved
        most = self.concurrency.unreserved(tenant) if reserved is None else reserved
        if total > most:
            raise InvalidParameterError(
                f"Specified ConcurrentExecutions for function is greater than its {most} seats: {total} sandboxes"
                " would be kept for it"
            )


def _provision(part: Part) -> Provision:
    return Provision(qualifier=part.part.removeprefix(keys.PROVISIONED), **part.body)
