"""How keys are made and recognised: pure functions over secrets, which are never stored nor logged."""

import base64
import hashlib
import hmac
import secrets


def new_api_key() -> str:
    """Give a fresh API key of 256 random bits."""
    return f"hearth_{secrets.token_urlsafe(32)}"


def new_access_key_id() -> str:
    """Give a fresh access key id in the twenty characters that AWS's tools expect."""
    return "HK" + base64.b32encode(secrets.token_bytes(12)).decode()[:18]


def hash_of(api_key: str) -> str:
    """Give what is stored of an API key. A fast hash is enough: nobody can go through 256 random bits."""
    return hashlib.sha256(api_key.encode(errors="replace")).hexdigest()


def secret_of(seed: str, access_key_id: str) -> str:
    """Give the secret of an access key.

    A signature can only be checked by someone who has the secret itself, so a hash of it would not do. It is derived
    from the seed instead of stored: who reads the table learns nothing, and there is nothing to encrypt or to rotate
    beside the seed.
    """
    return base64.b64encode(hmac.digest(seed.encode(), f"sigv4:{access_key_id}".encode(), "sha256")).decode()
