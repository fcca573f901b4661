"""How secrets are encrypted for storage."""

import pytest
from chalicelib.tenants.encryption import DecryptionError, Encryption, derived
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

MASTER = "the master secret of this test, long enough"
SECRET = "the secret of an access key"


def encrypted() -> bytes:
    return Encryption(MASTER).encrypt(SECRET, "acme", "HKONE")


@given(secret=st.text(st.characters(codec="utf-8"), max_size=100))
def test_a_decrypted_secret_is_the_one_that_was_encrypted(secret: str) -> None:
    assert Encryption(MASTER).decrypt(Encryption(MASTER).encrypt(secret, "acme", "HKONE"), "acme", "HKONE") == secret


def test_equal_secrets_are_stored_differently_and_not_in_clear() -> None:
    first, second = encrypted(), encrypted()

    assert first != second
    assert SECRET.encode() not in first


@pytest.mark.parametrize(("tenant", "key_id"), [("other", "HKONE"), ("acme", "HKTWO"), ("acm", "eHKONE")])
def test_a_secret_moved_to_another_row_cannot_be_decrypted(tenant: str, key_id: str) -> None:
    with pytest.raises(DecryptionError):
        Encryption(MASTER).decrypt(encrypted(), tenant, key_id)


def test_another_master_secret_decrypts_nothing() -> None:
    with pytest.raises(DecryptionError):
        Encryption(MASTER + "x").decrypt(encrypted(), "acme", "HKONE")


def test_no_byte_can_be_changed_and_none_left_out() -> None:
    whole = encrypted()
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    cut = [whole[:length] for length in range(len(whole))]

    for damaged in changed + cut:
        with pytest.raises(DecryptionError):
            Encryption(MASTER).decrypt(damaged, "acme", "HKONE")


@given(master=st.binary(max_size=100), salt=st.binary(max_size=80), purpose=st.binary(max_size=80))
def test_the_key_is_derived_as_rfc_5869_says(master: bytes, salt: bytes, purpose: bytes) -> None:
    assert derived(master, salt, purpose) == HKDF(SHA256(), 32, salt, purpose).derive(master)
