"""A Tenant, which owns functions and pays for them, its limits, and its row."""

from dataclasses import asdict, dataclass, field

from chalicelib import limits
from chalicelib.functions.reservations import Reservations
from chalicelib.storage.items import Act, Item, Items
from shared_lua import keys

#: The owner of the admin keys. No tenant has this name, as names have no slash.
ADMIN = "/admin"


@dataclass(frozen=True, kw_only=True)
class TenantLimits:
    """A tenant's limits; None leaves one to the settings."""

    rate_per_s: int | None = None
    burst: int | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None:
                limits.check_tenant_limit(name, value)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One tenant as it is stored."""

    name: str
    created_s: int
    limits: TenantLimits = field(default_factory=TenantLimits)
    #: When it was deleted. The row stays, as records and bills bear the name and no other tenant may have it.
    deleted_s: int | None = None
    revision: str = ""


@dataclass(frozen=True)
class TenantRows:
    """Tenants in the table of items. Each method that talks to the table raises UnavailableError."""

    items: Items

    def find(self, name: str) -> Tenant | None:
        """Give a tenant, also a deleted one; None when there never was one."""
        item = self.items.find(keys.TENANTS, name)
        return _tenant(item) if item else None

    def permits(self, name: str) -> int | None:
        """Give how many concurrency permits a tenant has; None leaves it to the settings."""
        tenant = self.find(name)
        return tenant.limits.concurrency if tenant else None

    def reserved(self, name: str) -> int:
        """Give how many concurrency permits the tenant's functions have reserved."""
        return Reservations(self.items).total(name)

    def page(self, after: str | None, most: int) -> tuple[list[Tenant], str | None]:
        """Give up to `most` tenants by name, without deleted ones, and the name to go on after."""
        found, next_after = self.items.chosen(keys.TENANTS, "", _is_there, after=after, most=most)
        return [_tenant(item) for item in found], next_after

    def adding(self, tenant: Tenant) -> Act:
        """Give the act of storing a tenant whose name no tenant ever had."""
        return self.items.adding(_item(tenant))

    def replace(self, tenant: Tenant) -> bool:
        """Store a tenant over the revision that was read; False when another is stored by now."""
        return self.items.replace(_item(tenant), tenant.revision)

    def requiring(self, tenant: Tenant) -> Act:
        """Give the act that changes nothing, and fails when the tenant was changed since it was read."""
        return self.items.requiring(keys.TENANTS, tenant.name, tenant.revision)


def _item(tenant: Tenant) -> Item:
    body = {"created_s": tenant.created_s, "limits": asdict(tenant.limits), "deleted_s": tenant.deleted_s}
    return Item(partition=keys.TENANTS, name=tenant.name, body=body)


def _is_there(item: Item) -> bool:
    return _tenant(item).deleted_s is None


def _tenant(item: Item) -> Tenant:
    body = item.body
    return Tenant(
        name=item.name,
        created_s=body["created_s"],
        limits=TenantLimits(**body["limits"]),
        deleted_s=body["deleted_s"],
        revision=item.revision,
    )
