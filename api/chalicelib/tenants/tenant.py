"""What a Tenant is and where its row lies: who owns functions and pays, and how much it may ask for at once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib import limits
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.reservations import Reservations
from chalicelib.storage.items import Act, Part, Parts
from shared_lua import keys

#: Whose the admin keys are. No tenant's name has a slash, so this is nobody's.
ADMIN = "/admin"


@dataclass(frozen=True, kw_only=True)
class TenantLimits:
    """What a tenant may use; None leaves it to the settings."""

    rate_per_s: int | None = None
    burst: int | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None:
                limits.check_tenant_limit(name, value)

    @classmethod
    def named(cls, values: Mapping[str, Any]) -> "TenantLimits":
        """Give the limits that a caller names; raise InvalidParameterError for a word that is none of them."""
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise InvalidParameterError(f"Unknown limit {unknown[0]!r}; known: {', '.join(cls.__dataclass_fields__)}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One tenant as it is stored."""

    name: str
    created_s: int
    limits: TenantLimits = field(default_factory=TenantLimits)
    #: When it was deleted. Its row stays then: records and bills bear its name, so nobody else may ever have it.
    deleted_s: int | None = None
    revision: str = ""


@dataclass(frozen=True)
class TenantRows:
    """Tenants among the parts. Each method that talks to the table raises UnavailableError."""

    parts: Parts

    def find(self, name: str) -> Tenant | None:
        """Give a tenant, also a deleted one; None when there never was one."""
        part = self.parts.find(keys.TENANTS, name)
        return _tenant(part) if part else None

    def seats(self, name: str) -> int | None:
        """Give how many concurrency seats a tenant has, None when the settings say."""
        tenant = self.find(name)
        return tenant.limits.concurrency if tenant else None

    def reserved(self, name: str) -> int:
        """Give how many concurrency seats the tenant's functions have reserved."""
        return Reservations(self.parts).total(name)

    def page(self, after: str | None, most: int) -> tuple[list[Tenant], str | None]:
        """Give up to `most` rows by name, without the deleted, and the name to go on after."""
        found, next_after = self.parts.chosen(keys.TENANTS, "", _is_there, after=after, most=most)
        return [_tenant(part) for part in found], next_after

    def adding(self, tenant: Tenant) -> Act:
        """Give the act of storing a tenant whose name nobody ever had."""
        return self.parts.adding(_part(tenant))

    def replace(self, tenant: Tenant) -> bool:
        """Store a tenant over the revision that was read; False when another is stored by now."""
        return self.parts.replace(_part(tenant), tenant.revision)

    def requiring(self, tenant: Tenant) -> Act:
        """Give the act that changes nothing, and fails when the tenant was changed since it was read."""
        return self.parts.requiring(keys.TENANTS, tenant.name, tenant.revision)


def _part(tenant: Tenant) -> Part:
    body = {"created_s": tenant.created_s, "limits": asdict(tenant.limits), "deleted_s": tenant.deleted_s}
    return Part(owner=keys.TENANTS, part=tenant.name, body=body)


def _is_there(part: Part) -> bool:
    return _tenant(part).deleted_s is None


def _tenant(part: Part) -> Tenant:
    body = part.body
    return Tenant(
        name=part.part,
        created_s=body["created_s"],
        limits=TenantLimits(**body["limits"]),
        deleted_s=body["deleted_s"],
        revision=part.revision,
    )
