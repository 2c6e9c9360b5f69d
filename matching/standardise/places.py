"""City, state, ZIP and country, and whether they agree."""

from __future__ import annotations

import polars as pl

from matching.in_memory import in_memory
from matching.standardise.distinct import FLAG, RULE, Cleaner
from matching.standardise.reference import words, zip3_states
from matching.standardise.text import blank_to_null, collapse, fold_accents, pipeline, upper

__all__ = [
    "clean_city",
    "clean_country",
    "clean_state",
    "clean_zip",
    "state_conflicts",
    "state_of_zip",
]

CITY_PLACEHOLDER = r"^(UNKNOWN|UNK|NONE|NA|N A|X+|TEST|NO CITY|ANY ?CITY)$"


def _letters(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{M}]+", " ")


PLACE_STEPS = (fold_accents, upper, _letters, collapse, blank_to_null)


def clean_city(name: str) -> Cleaner:
    """`name`: upper case; ST and FT written out as the town names they begin."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        plain = pipeline(pl.col("raw").str.replace_all(r"['\u{2019}.]", ""), PLACE_STEPS)
        placeholder = plain.str.contains(CITY_PLACEHOLDER)
        full = (
            plain.str.replace(r"^ST ", "SAINT ")
            .str.replace(r"^FT ", "FORT ")
            .str.replace(r"^MT ", "MOUNT ")
        )
        return frame.select(
            "raw",
            pl.when(~placeholder).then(full).alias(name),
            placeholder.alias(f"{RULE}placeholder"),
        )

    return clean


def clean_state(name: str) -> Cleaner:
    """`name`: two-letter code of a state, territory or armed forces region; null else."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        plain = pipeline(
            pl.col("raw").str.replace(r"(?i)^us-", "").str.replace_all(r"\.", ""), PLACE_STEPS
        )
        named = plain.replace_strict(words("state"), default=None, return_dtype=pl.String)
        guess = (
            pl.when(named.is_null())
            .then(plain)
            .map_batches(_nearest_states, return_dtype=pl.String, is_elementwise=True)
        )
        found = frame.select("raw", named.alias("named"), guess.alias("guess"))
        return found.select(
            "raw",
            pl.coalesce("named", "guess").alias(name),
            pl.col("guess").is_not_null().alias(f"{RULE}misspelt"),
        ).with_columns(
            (pl.col("raw").is_not_null() & pl.col(name).is_null()).alias(f"{FLAG}{name}_unknown")
        )

    return clean


_NEAREST = """
select raw, code from (
    select raw, code, damerau_levenshtein(raw, word) as slips,
        rank() over (partition by raw order by damerau_levenshtein(raw, word)) as place
    from misspelt cross join states
    where abs(length(raw) - length(word)) <= length(raw) // {letters_a_slip}
) where place = 1 and slips <= length(raw) // {letters_a_slip}
group by raw, code qualify count(distinct code) over (partition by raw) = 1
"""
_LETTERS_A_SLIP = 4
"""MAIN and IOWHA are one slip from a state, COLARODO two; ONTARIO and CHIHUAHUA are none of ours."""


def _nearest_states(names: pl.Series) -> pl.Series:
    """Code of the one state whose name differs by a slip in every four letters at most; null elsewhere."""
    misspelt = names.drop_nulls().unique().to_frame("raw")
    misspelt = misspelt.filter(pl.col("raw").str.len_chars() >= _LETTERS_A_SLIP)
    if misspelt.is_empty():
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(names))
    known = [(word, code) for word, code in words("state").items() if len(word) >= _LETTERS_A_SLIP]
    with in_memory() as con:
        con.register("misspelt", misspelt.to_arrow())
        con.register(
            "states", pl.DataFrame(known, schema=["word", "code"], orient="row").to_arrow()
        )
        nearest = dict(con.execute(_NEAREST.format(letters_a_slip=_LETTERS_A_SLIP)).fetchall())
    return names.replace_strict(nearest, default=None, return_dtype=pl.String)


def clean_zip(zip5: str, zip4: str | None = None) -> Cleaner:
    """`zip5` and `zip4`: a ZIP that lost its leading zeros gets them back; unassigned areas are null."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        raw = pl.col("raw").str.strip_chars()
        lost = raw.str.contains(r"^\d{3,4}(-\d{4})?$|^\d{8}$")
        digits = pl.when(raw.str.contains(r"^\d+$") & (raw.str.len_bytes() == 8)).then("0" + raw)
        padded = pl.coalesce(
            digits,
            raw.str.replace(r"^(\d{4})(-\d{4})?$", "0$1$2").str.replace(r"^(\d{3})$", "00$1"),
        )
        parts = padded.str.extract_groups(r"^(\d{5})(?:[- ]?(\d{4}))?(?:-0*)?$")
        five, four = parts.struct.field("1"), parts.struct.field("2")
        assigned = five.str.head(3).is_in(list(zip3_states())) & ~five.is_in(["99999"])
        found = pl.when(assigned).then(five)
        foreign = raw.str.to_uppercase().str.contains(r"^[A-Z]\d[A-Z] ?\d[A-Z]\d$")
        columns = [found.alias(zip5)]
        if zip4:
            columns += [
                pl.when(assigned & (four != "0000")).then(four).alias(zip4),
                pl.when(foreign).then(pl.lit("CA")).alias("country_found"),
            ]
        return frame.select(
            "raw",
            *columns,
            (lost & assigned).alias(f"{RULE}leading_zero"),
            (raw.is_not_null() & ~assigned.fill_null(value=False) & ~foreign).alias(
                f"{FLAG}{zip5}_impossible"
            ),
        )

    return clean


def clean_country(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`country`: ISO 3166 code; null is the United States, ZZ a country that nobody knows."""
    plain = pipeline(pl.col("raw").str.replace_all(r"\.", ""), PLACE_STEPS)
    placeholder = plain.str.contains(r"^(UNKNOWN|UNK|NONE|NA|N A|NULL|X+)$")
    found = plain.replace_strict(words("country"), default="ZZ", return_dtype=pl.String)
    return frame.select(
        "raw",
        country=blank_to_null(pl.when(plain.is_not_null() & ~placeholder).then(found)),
        **{f"{RULE}unknown": (found == "ZZ") & plain.is_not_null() & ~placeholder},
    )


def state_of_zip(zip5: pl.Expr) -> pl.Expr:
    """The state of a ZIP's area; null where the area lies in several."""
    single = {area: states for area, states in zip3_states().items() if "|" not in states}
    return zip5.str.head(3).replace_strict(single, default=None, return_dtype=pl.String)


def state_conflicts(state: pl.Expr, zip5: pl.Expr) -> pl.Expr:
    """The ZIP's area lies in no part of the state."""
    states = zip5.str.head(3).replace_strict(zip3_states(), default=None, return_dtype=pl.String)
    return ~states.str.contains(state, literal=True)
