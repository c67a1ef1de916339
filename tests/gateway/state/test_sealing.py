"""Sealed results open with id, salt and part, and with nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.sealing import Seal, is_task_id, name_of, new_salt, new_task_id, wipe
from limner.errors import Gone

TASK_ID, SALT = "0123456789abcdef" * 2, "5a" * 32
PLAIN = b"a face that nobody is to see"


def sealed_plain() -> bytearray:
    with Seal(TASK_ID, SALT) as seal:
        return seal.seal("image", PLAIN)


@given(st.binary(max_size=5000), st.text(max_size=20))
def test_what_is_sealed_opens_again(plain: bytes, part: str) -> None:
    with Seal(TASK_ID, SALT) as seal:
        sealed = seal.seal(part, plain)
        assert seal.open(part, sealed) == plain
        assert seal.open(part, bytes(sealed)) == plain


def test_it_is_aes_256_gcm_with_the_nonce_in_front() -> None:
    key = HKDF(SHA256(), 32, bytes.fromhex(SALT), b"limner result").derive(TASK_ID.encode())
    sealed = bytes(sealed_plain())
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], b"image") == PLAIN
    assert len(sealed) == 12 + len(PLAIN) + 16


def test_the_same_thing_never_looks_the_same() -> None:
    assert len({bytes(sealed_plain()) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("task_id", "salt", "part"),
    [("f" * 32, SALT, "image"), (TASK_ID, "5b" * 32, "image"), (TASK_ID, SALT, "report")],
    ids=["task id", "salt", "part"],
)
def test_nothing_else_opens_it(task_id: str, salt: str, part: str) -> None:
    with Seal(task_id, salt) as seal, pytest.raises(Gone):
        seal.open(part, sealed_plain())


def test_any_change_is_noticed() -> None:
    sealed = sealed_plain()
    with Seal(TASK_ID, SALT) as seal:
        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(Gone):
                seal.open("image", changed)
        for length in range(len(sealed)):
            with pytest.raises(Gone):
                seal.open("image", sealed[:length])


def test_without_a_salt_even_the_client_is_told_that_it_is_gone() -> None:
    with pytest.raises(Gone):
        Seal(TASK_ID, "")


def test_the_key_is_overwritten_on_leaving() -> None:
    with Seal(TASK_ID, SALT) as seal:
        key = seal._key
        assert any(key)
    assert key == bytes(32)


def test_wipe_leaves_zeros_of_the_same_length() -> None:
    buffer = bytearray(PLAIN)
    wipe(buffer)
    assert buffer == bytes(len(PLAIN))


def test_ids_are_new_and_names_lead_nowhere() -> None:
    ids = {new_task_id() for _ in range(1000)}
    assert len(ids) == len({name_of(task_id) for task_id in ids}) == 1000
    assert all(is_task_id(task_id) for task_id in ids)
    assert not any(task_id in name_of(task_id) for task_id in ids)
    assert len(bytes.fromhex(new_salt())) == 32


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 32 + "\n", "../" + "0" * 29])
def test_other_texts_are_no_task_ids(text: str) -> None:
    assert not is_task_id(text)
