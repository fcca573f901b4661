"""Concurrency seats: what functions reserve of a tenant's, and what is left for the rest; never counts who runs."""

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
    """The use-cases. `seats_of` gives how many seats a tenant has; `least` must stay for functions that reserve none.

    `tenant_changed` is told of every change: what the others share is remembered with the tenant.
    """

    functions: Functions
    reservations: Reservations
    seats_of: Callable[[str], int]
    least: int
    tenant_changed: Callable[[str], None]

    def reserve(self, tenant: str, name: str, seats: int) -> None:
        """Reserve seats for a function, 0 to stop it; raise NotFoundError, InvalidParameterError or ConflictError."""
        function = self.functions.get(tenant, name)
        more = seats - (function.reserved or 0)
        most = self.seats_of(tenant) - self.least
        if more > 0 and self.reservations.total(tenant) + more > most:
            raise InvalidParameterError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
                f" below its minimum value of [{self.least}]."
            )
        self._store(function, reserved=seats, more=more, most=most)

    def release(self, tenant: str, name: str) -> None:
        """Let a function share the tenant's seats again; raise NotFoundError or ConflictError."""
        function = self.functions.get(tenant, name)
        self._store(function, reserved=None, more=-(function.reserved or 0), most=None)

    def unreserved(self, tenant: str) -> int:
        """Give the seats of a tenant that no function has reserved."""
        return max(0, self.seats_of(tenant) - self.reservations.total(tenant))

    def account(self, tenant: str) -> dict[str, Any]:
        """Give a tenant's seats, those that no function has reserved, and how many functions it has."""
        return {
            "seats": self.seats_of(tenant),
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
