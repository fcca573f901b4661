"""The sum of the concurrency seats that a tenant's functions reserve; never which function has how many."""

from dataclasses import dataclass

from chalicelib.storage.items import Act, Parts
from shared_lua import keys

#: The part that holds the sum, under the tenant's concurrency.
SUM = "reserved"


@dataclass(frozen=True)
class Reservations:
    """The sum of what a tenant's functions reserve, kept in step with each of them by transactions."""

    parts: Parts

    def total(self, tenant: str) -> int:
        """Give the sum; raise UnavailableError."""
        return self.parts.number(keys.tenant_concurrency(tenant), SUM)

    def growing(self, tenant: str, by: int, most: int | None = None) -> Act:
        """Give the act of the sum growing by so many, or shrinking; it is refused when it would exceed `most`."""
        return self.parts.counting(keys.tenant_concurrency(tenant), SUM, by, most)
