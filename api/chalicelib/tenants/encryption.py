"""Encrypts the secrets of access keys for storage, with AES-256-GCM."""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: The first byte of every encrypted secret, so that another cipher may follow one day.
VERSION = b"\x01"
NONCE_BYTES = 12

#: What the derived key is for: another use of the same master secret must get another key.
SALT = b"hearth"
PURPOSE = b"access key secrets, AES-256-GCM, 1"


class DecryptionError(Exception):
    """The stored secret was encrypted for another row or under another master secret, or was changed since."""


class Encryption:
    """Encrypts with a key derived from the master secret. Each secret is bound to its tenant and its key's id."""

    def __init__(self, master_secret: str) -> None:
        self._cipher = AESGCM(derived(master_secret.encode(), SALT, PURPOSE))

    def encrypt(self, secret: str, tenant: str, key_id: str) -> bytes:
        """Encrypt the secret for this row and no other."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), _row(tenant, key_id))

    def decrypt(self, encrypted: bytes, tenant: str, key_id: str) -> str:
        """Give the secret that was encrypted for this row; raise DecryptionError."""
        nonce, text = encrypted[1 : 1 + NONCE_BYTES], encrypted[1 + NONCE_BYTES :]
        if encrypted[:1] != VERSION or len(nonce) != NONCE_BYTES:
            raise DecryptionError
        try:
            return self._cipher.decrypt(nonce, text, _row(tenant, key_id)).decode()
        except InvalidTag:
            raise DecryptionError from None


def derived(master_secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """Derive 32 bytes by HKDF-SHA256 (RFC 5869), one block of it: a library's would double the time of the import."""
    extracted = hmac.digest(salt, master_secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def _row(tenant: str, key_id: str) -> bytes:
    """Name the row. Neither part holds a slash, so no two rows have the same name."""
    return f"{tenant}/{key_id}".encode()
