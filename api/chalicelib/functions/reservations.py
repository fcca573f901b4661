"""The sum of the concurrency permits that a tenant's functions reserve."""

from dataclasses import dataclass

from chalicelib.storage.items import Act, Items
from shared_lua import keys


@dataclass(frozen=True)
class Reservations:
    """The sum of what a tenant's functions reserve, kept in step with each of them by transactions."""

    items: Items

    def total(self, tenant: str) -> int:
        """Give the sum; raise UnavailableError."""
        return self.items.number(keys.tenant_concurrency(tenant), keys.RESERVED_SUM)

    def growing(self, tenant: str, by: int, most: int | None = None) -> Act:
        """Give the act of the sum growing by so many, or shrinking; it is refused when it would exceed `most`."""
        return self.items.counting(keys.tenant_concurrency(tenant), keys.RESERVED_SUM, by, most)
