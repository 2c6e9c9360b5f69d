"""Ids: repeatable, not guessable without the key, and a slip of the pen does not give another id."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.keyfile import KeyFile, Secrets, load_or_make
from matching.keys import BASE32, Keys
from matching.ring import Ring

KEYS = Keys(bytes(32), b"\x01" * 32, Ring.fresh("store"))
NAMES = pl.Series("name", [f"mention {n}" for n in range(2000)])


def test_ids_are_repeatable_distinct_and_bound_to_purpose_and_key() -> None:
    ids = KEYS.mint("person", NAMES, length=13)
    assert ids.to_list() == KEYS.mint("person", NAMES, length=13).to_list()
    assert ids.n_unique() == NAMES.len()
    assert ids[0] != KEYS.mint("mailpiece", NAMES[:1], length=13)[0]
    assert ids[0] != Keys(bytes(32), b"\x02" * 32).mint("person", NAMES[:1], length=13)[0]
    assert set("".join(ids.to_list())) <= set(BASE32)
    assert set(ids.str.len_chars()) == {14}


def is_valid(text: str) -> bool:
    total = 0
    for place, letter in enumerate(reversed(text)):
        value = BASE32.index(letter) * (2 if place % 2 else 1)
        total += value // 32 + value % 32
    return total % 32 == 0


@given(st.integers(0, 1999), st.integers(0, 13), st.sampled_from(BASE32))
def test_every_single_slip_is_found(row: int, place: int, letter: str) -> None:
    good = KEYS.mint("person", NAMES[row : row + 1], length=13)[0]
    slipped = good[:place] + letter + good[place + 1 :]
    assert is_valid(good)
    assert is_valid(slipped) == (slipped == good)


def test_seal_key_is_hkdf_of_the_id_key() -> None:
    extracted = hmac.digest(bytes(32), KEYS.id_key, hashlib.sha256)
    assert KEYS.seal_key("B1") == hmac.digest(extracted, b"seal:B1\x01", hashlib.sha256)


def test_synthetic_incidents_share_ids_and_real_ones_do_not(tmp_path: Path) -> None:
    def made(name: str, *, synthetic: bool) -> Secrets:
        assert load_or_make(tmp_path / name, incident_id="i", synthetic=synthetic)
        return KeyFile.read(tmp_path / name).open()[0]

    assert made("a", synthetic=True).id_key == made("b", synthetic=True).id_key
    assert made("c", synthetic=False).id_key != made("d", synthetic=False).id_key
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_repr_shows_no_key() -> None:
    assert "\\x01" not in repr(KEYS)
    assert KEYS.id_key.hex() not in repr(KEYS)
    assert all(key.secret.hex()[:8] not in repr(KEYS) for key in KEYS.ring.keys)


def test_sealed_bytes_are_bound_to_their_purpose() -> None:
    sealed = KEYS.encrypt("out/a", b"text")
    assert KEYS.decrypt("out/a", sealed) == b"text"
    from cryptography.exceptions import InvalidTag

    with pytest.raises(InvalidTag):
        KEYS.decrypt("out/b", sealed)
