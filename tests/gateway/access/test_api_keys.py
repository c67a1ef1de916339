"""API keys: what an entry may be, what is told of a wrong one, and who is found."""

from __future__ import annotations

import hashlib
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import DEFAULT_ROLES, ApiKey, KeyRing, hash_of, new_key, parse_keys
from limner.errors import SettingsError
from limner.settings import Settings

KEYS = {name: f"limner_{name * 10}" for name in ("alice", "bob", "carol")}
HASHES = {name: hash_of(key) for name, key in KEYS.items()}

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
ROLES = st.sets(st.sampled_from(["enhance", "metrics", "admin"]))
LIMITS = st.sampled_from([None, "off", "10/minute", "100 per 2 hours;5000/day"])


def test_new_keys_have_256_bits_and_differ() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"limner_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_entry_with_everything_and_with_little() -> None:
    alice, bob, carol = parse_keys(
        f" alice:{HASHES['alice']}:metrics+admin:100/minute;5000/day ,bob:{HASHES['bob'].upper()},,"
        f"carol:{HASHES['carol']}::off"
    )
    assert alice == ApiKey(
        "alice", bytes.fromhex(HASHES["alice"]), frozenset({"metrics", "admin"}), "100/minute;5000/day"
    )
    assert bob == ApiKey("bob", bytes.fromhex(HASHES["bob"]), DEFAULT_ROLES, None)
    assert (carol.roles, carol.limit) == (DEFAULT_ROLES, "off")


@given(st.lists(st.tuples(NAMES, ROLES, LIMITS), min_size=1, max_size=5, unique_by=lambda entry: entry[0]))
def test_what_is_written_is_read(entries: list[tuple[str, set[str], str | None]]) -> None:
    text = ",".join(
        ":".join((name, hash_of(name), "+".join(sorted(roles)), limit or "")) for name, roles, limit in entries
    )
    read = parse_keys(text)
    assert [(key.name, key.roles, key.limit) for key in read] == [
        (name, frozenset(roles) or DEFAULT_ROLES, limit) for name, roles, limit in entries
    ]
    ring = KeyRing(read)
    for name, _, _ in entries:
        found = ring.find(name.encode())
        assert found is not None
        assert found.name == name


@given(st.text(st.sampled_from("ab0:+/;, ~é!\n") | st.characters(), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        keys = parse_keys(text)
    except SettingsError:
        return
    assert keys


def test_bare_key_is_hashed_named_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    secret = "correct-horse_battery.staple~1"
    with caplog.at_level(logging.WARNING):
        (key,) = parse_keys(secret)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert (key.name, key.digest.hex(), key.roles) == (digest[:8], digest, DEFAULT_ROLES)
    assert "limner key" in caplog.text
    assert secret not in caplog.text


def test_bare_hash_is_a_hash(caplog: pytest.LogCaptureFixture) -> None:
    (key,) = parse_keys(HASHES["alice"].upper())
    assert (key.name, key.digest.hex()) == (HASHES["alice"][:8], HASHES["alice"])
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no entry"),
        (" ,, ", "holds no entry"),
        ("tooshort_geheim", "entry 1 is too short"),
        ("spaces in a geheimer key", "entry 1 is too short"),
        (f"ok:{'0' * 64},tooshort_geheim", "entry 2 is too short"),
        ("geheim_geheim_geheim:alice", "entry 1 is not NAME:SHA256"),
        ("alice:geheim_geheim_geheim", "entry 1 is not NAME:SHA256"),
        (f"alice:{'0' * 63}g-geheim", "entry 1 is not NAME:SHA256"),
        (f"geh eim:{'0' * 64}", "entry 1 is not NAME:SHA256"),
        (f":{'0' * 64}:geheim", "entry 1 is not NAME:SHA256"),
        (f"{'a' * 65}:{'0' * 64}:geheim", "entry 1 is not NAME:SHA256"),
        (f"alice:{'0' * 64}:geheim", "the entry alice has a role that does not exist"),
        (f"alice:{'0' * 64}:enhance+", "the entry alice has a role that does not exist"),
        (f"alice:{'0' * 64}:enhance:geheim", "the limit of the entry alice must be such as"),
        (f"alice:{'0' * 64}:enhance:0/minute", "the limit of the entry alice must be such as"),
        (f"alice:{'0' * 64},alice:{'1' * 64}", "two entries are named alice"),
        (f"alice:{'0' * 64},bob:{'0' * 64}", "alice and bob have the same key"),
    ],
)
def test_wrong_entry_is_named_and_not_shown(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_keys(text)
    message = refused.value.message
    assert message.startswith("LIMNER_API_KEYS")
    assert told in message
    assert "geheim" not in message
    assert "0000" not in message


def test_key_ring_of_the_settings() -> None:
    assert not KeyRing.from_settings(Settings())
    ring = KeyRing.from_settings(Settings(api_keys=f"alice:{HASHES['alice']}"))
    assert [key.name for key in ring] == ["alice"]


def test_found_by_the_key_and_by_nothing_else() -> None:
    ring = KeyRing(parse_keys(",".join(f"{name}:{digest}" for name, digest in HASHES.items())))
    for name, key in KEYS.items():
        found = ring.find(key.encode())
        assert found is not None
        assert found.name == name
        assert ring.find(key.encode() + b" ") is None
        assert ring.find(key[:-1].encode()) is None
        assert ring.find(HASHES[name].encode()) is None, "the hash opens nothing"
    assert ring.find(b"") is None
    assert ring.find(b"\xff" * 10_000) is None


def test_every_entry_is_compared_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    real, compared = hmac.compare_digest, list[bytes]()

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(a)
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = KeyRing(parse_keys(",".join(f"{name}:{digest}" for name, digest in HASHES.items())))
    for presented in (*KEYS.values(), "unknown"):
        compared.clear()
        ring.find(presented.encode())
        assert compared == [bytes.fromhex(digest) for digest in HASHES.values()]


def test_hash_is_not_in_what_is_printed() -> None:
    (key,) = parse_keys(f"alice:{HASHES['alice']}")
    assert "digest" not in repr(key)
