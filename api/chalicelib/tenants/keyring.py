"""Makes keys and hashes them. Secrets are never logged."""

import base64
import hashlib
import secrets

#: Marks an admin key, so that it is neither looked up as a tenant's nor given to a tenant by mistake.
ADMIN_PREFIX = "hearth_admin_"


def new_api_key() -> str:
    """Give a fresh API key of 256 random bits."""
    return f"hearth_{secrets.token_urlsafe(32)}"


def new_admin_key() -> str:
    """Give a fresh admin key of 256 random bits."""
    return f"{ADMIN_PREFIX}{secrets.token_urlsafe(32)}"


def new_access_key_id() -> str:
    """Give a fresh access key id in the twenty characters that AWS's tools expect."""
    return "HK" + base64.b32encode(secrets.token_bytes(12)).decode()[:18]


def new_secret() -> str:
    """Give a fresh secret of an access key: 240 random bits in the forty characters that AWS's tools expect."""
    return secrets.token_urlsafe(30)


def hash_of(api_key: str) -> str:
    """Hash an API key as it is stored. A fast hash is enough: 256 random bits cannot be tried out."""
    return hashlib.sha256(api_key.encode(errors="replace")).hexdigest()
