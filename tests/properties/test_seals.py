"""The compiled keyed hash is the standard library's, for every length and neighbour."""

from __future__ import annotations

import hmac

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from notify import printed
from notify.batches.seals import joined, odd, seals

TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
        st.integers(0, 300).map("x".__mul__),
    ),
    max_size=40,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(texts=TEXTS, key=st.binary(min_size=32, max_size=32))
def test_seals_are_hmac_of_the_joined_values(texts: list[str], key: bytes) -> None:
    rows = pl.DataFrame({"one": texts, "two": list(reversed(texts))}, schema={"one": pl.String, "two": pl.String})  # fmt: skip
    found = seals(joined(rows, ("one", "two")), key)
    wanted = [
        hmac.digest(key, f"{one}\x1f{two}".encode(), "sha256").hex()[:16]
        for one, two in rows.iter_rows()
    ]
    assert found.to_list() == wanted


def test_every_length_around_a_block_is_padded_rightly() -> None:
    texts = ["x" * size for size in range(200)]
    found = seals(joined(pl.DataFrame({"one": texts}), ("one",)), b"k" * 32)
    wanted = [hmac.digest(b"k" * 32, text.encode(), "sha256").hex()[:16] for text in texts]
    assert found.to_list() == wanted


@settings(max_examples=60, derandomize=True, deadline=None)
@given(texts=TEXTS)
def test_no_faulty_value_passes_as_ordinary(texts: list[str]) -> None:
    rows = pl.DataFrame({"one": texts, "two": ["x"] * len(texts)}, schema={"one": pl.String, "two": pl.String})  # fmt: skip
    faulty = rows.select(printed.faults({"one": 10_000, "two": 9}).is_not_null()).to_series()
    passed = ~odd(joined(rows, ("two", "one")), 2)
    assert not (faulty & passed).any()


def test_a_separator_inside_a_value_is_seen_and_plain_text_is_not() -> None:
    rows = pl.DataFrame(
        {"one": ["A", "A\x1fB", "=A", "O'NEIL", "-"], "two": ["", "", "", "B C-D", "x"]}
    )
    assert odd(joined(rows, ("one", "two")), 2).to_list() == [False, True, True, False, True]
