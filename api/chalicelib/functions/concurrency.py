"""Concurrency permits: what functions reserve of a tenant's, and what is left for the rest."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.functions.function import Function
from chalicelib.functions.lifecycle import Functions, touched
from chalicelib.functions.reservations import Reservations


@dataclass(frozen=True)
class Concurrency:
    """The use-cases.

    `permits_of` gives how many permits a tenant has; `least` must stay for functions that reserve none.

    `tenant_changed` is told of every change: what the others share is remembered with the tenant.
    """

    functions: Functions
    reservations: Reservations
    permits_of: Callable[[str], int]
    least: int
    tenant_changed: Callable[[str], None]

    def reserve(self, tenant: str, name: str, permits: int) -> None:
        """Reserve permits for a function, 0 to stop it; raise NotFoundError, InvalidParameterError or ConflictError."""
        function = self.functions.get(tenant, name)
        more = permits - (function.reserved or 0)
        most = self.permits_of(tenant) - self.least
        if more > 0 and self.reservations.total(tenant) + more > most:
            raise InvalidParameterError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
                f" below its minimum value of [{self.least}]."
            )
        self._store(function, reserved=permits, more=more, most=most)

    def release(self, tenant: str, name: str) -> None:
        """Let a function share the tenant's permits again; raise NotFoundError or ConflictError."""
        function = self.functions.get(tenant, name)
        self._store(function, reserved=None, more=-(function.reserved or 0), most=None)

    def unreserved(self, tenant: str) -> int:
        """Give the permits of a tenant that no function has reserved."""
        return max(0, self.permits_of(tenant) - self.reservations.total(tenant))

    def account(self, tenant: str) -> dict[str, Any]:
        """Give a tenant's permits, those that no function has reserved, and how many functions it has."""
        return {
            "permits": self.permits_of(tenant),
            "unreserved": self.unreserved(tenant),
            "functions": self.functions.registry.count(tenant),
        }

    def _store(self, function: Function, *, reserved: int | None, more: int, most: int | None) -> None:
        """Store it over the function that `more` was reckoned from, or the sum would drift from what it sums."""
        tenant = function.version.tenant
        acts = [self.reservations.growing(tenant, more, most if more > 0 else None)] if more else []
        changed = dataclasses.replace(touched(function), reserved=reserved)
        self.tenant_changed(tenant)
        self.functions.store(changed, function, acts)
        self.tenant_changed(tenant)
