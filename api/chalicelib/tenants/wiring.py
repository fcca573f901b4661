"""Builds the use-cases on tenants, their keys, and authentication."""

import time
from dataclasses import dataclass

from chalicelib.config import Settings
from chalicelib.functions.wiring import FunctionUseCases, PermitsOf
from chalicelib.storage.wiring import Storage
from chalicelib.tenants.administration import Tenants
from chalicelib.tenants.authentication import Authentication
from chalicelib.tenants.callers import Callers
from chalicelib.tenants.credentials import CredentialTable
from chalicelib.tenants.encryption import Encryption
from chalicelib.tenants.keys import TenantKeys
from chalicelib.tenants.proof import Authenticator
from chalicelib.tenants.tenant import TenantRows


@dataclass(frozen=True, kw_only=True)
class TenantUseCases:
    """Authentication, and what the operator and the tenants may do with tenants and keys."""

    credentials: CredentialTable
    authentication: Authentication
    keys: TenantKeys
    administration: Tenants


def permits_of(settings: Settings, storage: Storage) -> PermitsOf:
    """Make the function that tells how many permits a tenant has: its own limit, or the one of the settings."""
    rows = TenantRows(storage.items)
    return lambda tenant: rows.permits(tenant) or settings.tenant_concurrency


def build(settings: Settings, storage: Storage, functions: FunctionUseCases) -> TenantUseCases:
    """Build the use-cases on tenants."""
    credentials = CredentialTable(storage.aws.dynamodb, settings.credentials_table)
    rows, encryption = TenantRows(storage.items), Encryption(settings.secret_seed)
    keys = TenantKeys(
        credentials=credentials,
        items=storage.items,
        tenants=rows,
        encryption=encryption,
        changed=storage.redis.tenant_changed,
        now_s=time.time,
    )
    callers = Callers(credentials, rows, time.monotonic, time.time)
    return TenantUseCases(
        credentials=credentials,
        authentication=_authentication(settings, storage, callers, encryption),
        keys=keys,
        administration=_administration(storage, rows, keys, functions),
    )


def _authentication(settings: Settings, storage: Storage, callers: Callers, encryption: Encryption) -> Authentication:
    authenticator = Authenticator(callers, encryption, settings.region, time.time)
    return Authentication(authenticator, callers, storage.redis, storage.outage, settings)


def _administration(storage: Storage, rows: TenantRows, keys: TenantKeys, functions: FunctionUseCases) -> Tenants:
    return Tenants(
        rows=rows,
        items=storage.items,
        tenant_keys=keys,
        functions=functions.lifecycle,
        layers=functions.layers,
        changed=storage.redis.tenant_changed,
        now_s=time.time,
    )
