"""Creates, lists, limits and deletes tenants, for the operator."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.functions.layers import Layers
from chalicelib.functions.lifecycle import Functions
from chalicelib.naming import checked_tenant
from chalicelib.storage.items import Items
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.keys import IssuedKey, TenantKeys
from chalicelib.tenants.tenant import ADMIN, Tenant, TenantLimits, TenantRows

#: One call deletes this many functions of a tenant at most, and versions of its layers, well within the gateway's
#: timeout; the next call goes on.
MOST_DELETED = 250


@dataclass(frozen=True)
class IssuedKeys:
    """The first keys of a tenant. Their secrets are shown only this once."""

    tenant: str
    api_key: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """The use-cases. `changed` is called with the tenant after every change: what is remembered of it is stale then."""

    rows: TenantRows
    items: Items
    tenant_keys: TenantKeys
    functions: Functions
    layers: Layers
    changed: Callable[[str], None]
    now_s: Callable[[], float]

    def create(self, name: str, allowed: TenantLimits | None = None) -> IssuedKeys:
        """Create a tenant with an API key and an access key; raise InvalidParameterError or ConflictError."""
        tenant = Tenant(name=checked_tenant(name), created_s=int(self.now_s()), limits=allowed or TenantLimits())
        [api, access], acts = self.tenant_keys.minted(name, [Kind.API_KEY, Kind.ACCESS_KEY])
        if not self.items.transact([self.rows.adding(tenant), *acts]):
            raise ConflictError(f"Tenant already exists: {name}")
        return IssuedKeys(name, api.secret, access.listed.key_id, access.secret)

    def put(self, name: str, allowed: TenantLimits) -> IssuedKeys | None:
        """Create a tenant and give its first keys, or set the limits of one that exists and give None.

        Raises ConflictError for the name of a deleted tenant, and when another request changed it meanwhile.
        """
        tenant = self.rows.find(checked_tenant(name))
        if tenant is None:
            return self.create(name, allowed)
        if tenant.deleted_s is not None:
            raise ConflictError(
                f"A deleted tenant had the name {name}, and records and bills still bear it: choose another"
            )
        self._replace(dataclasses.replace(tenant, limits=allowed))
        return None

    def get(self, name: str) -> Tenant:
        """Give a tenant; raise NotFoundError."""
        tenant = self.rows.find(checked_tenant(name))
        if tenant is None or tenant.deleted_s is not None:
            raise NotFoundError(f"Tenant not found: {name}")
        return tenant

    def page(self, after: str | None, most: int) -> tuple[list[Tenant], str | None]:
        """Give up to `most` tenants by name, and the name to go on after (None at the end)."""
        return self.rows.page(after, most)

    def delete(self, name: str) -> bool:
        """Delete a tenant and tell whether all is gone; call again while it is not. Raises NotFoundError.

        The tenant is marked first, so that its keys work no more. Then the keys go, then the functions and layers,
        which may take many calls. Work that was accepted still runs, and is recorded and billed. Zips stay until no
        tenant's function or layer names them.
        """
        tenant = self.rows.find(checked_tenant(name))
        if tenant is None:
            raise NotFoundError(f"Tenant not found: {name}")
        if tenant.deleted_s is None:
            self._replace(dataclasses.replace(tenant, deleted_s=int(self.now_s())))
        self.tenant_keys.revoke_all(name)
        return self._delete_functions(name) and self.layers.delete_all(name, MOST_DELETED)

    def new_admin_key(self) -> IssuedKey:
        """Create a key that manages tenants. Only the set-up calls this."""
        [key], acts = self.tenant_keys.minted(ADMIN, [Kind.ADMIN_KEY])
        self.items.transact(acts)
        return key

    def _replace(self, tenant: Tenant) -> None:
        if not self.rows.replace(tenant):
            raise ConflictError(f"Tenant {tenant.name} was changed by another request meanwhile. Look, then try again.")
        self.changed(tenant.name)

    def _delete_functions(self, tenant: str) -> bool:
        for _ in range(0, MOST_DELETED, limits.MAX_PAGE):
            page = self.functions.page(tenant, None, limits.MAX_PAGE)
            for function in page.functions:
                self.functions.delete(tenant, function.version.function)
            if page.next_after is None:
                return True
        return False
