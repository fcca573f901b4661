"""Makes tenants and issues their keys; never shows a key a second time."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import keyring
from chalicelib.auth import ACCESS_KEY, API_KEY
from chalicelib.credentials import CredentialTable
from chalicelib.naming import checked_name


@dataclass(frozen=True)
class IssuedKeys:
    """The keys of a tenant, in clear, this once."""

    tenant: str
    api_key: str
    access_key_id: str
    secret_access_key: str


class Tenants:
    """Issues keys. A tenant is who its keys say: it exists from its first keys on."""

    def __init__(self, credentials: CredentialTable, seed: str, now_s: Callable[[], float]) -> None:
        self._credentials = credentials
        self._seed = seed
        self._now_s = now_s

    def create(self, name: str) -> IssuedKeys:
        """Issue an API key and an access key to the tenant `name`; raise InvalidParameterError or UnavailableError."""
        checked_name(name)
        api_key, access_key_id = keyring.new_api_key(), keyring.new_access_key_id()
        kinds = {keyring.hash_of(api_key): API_KEY, access_key_id: ACCESS_KEY}
        self._credentials.add(name, kinds, int(self._now_s()))
        return IssuedKeys(name, api_key, access_key_id, keyring.secret_of(self._seed, access_key_id))
