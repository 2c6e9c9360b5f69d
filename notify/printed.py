"""What stands in the window of an envelope: name and address of one record as MAIL v1 columns.

Expressions over `notify.records`. Nothing is altered to fit: `faults` names what a vendor's file or a
printed page cannot hold, and the piece waits for a person instead of going out wrong.
"""

from __future__ import annotations

import polars as pl

from notify.countries import COUNTRY_LINES, DOMESTIC

__all__ = [
    "ADDRESS",
    "LIMITS",
    "NAME",
    "address",
    "faults",
    "faulty",
    "has_name",
    "longest_line",
    "mailable",
    "name",
    "nfc",
    "with_lines",
]

NAME = {
    "recipient_name": 64,
    "name_first": 30,
    "name_middle": 30,
    "name_last": 40,
    "name_suffix": 10,
}
"""Printed name -> most characters (DOMAIN 5.3)."""
ADDRESS = {
    "delivery_line": 64,
    "delivery_line2": 64,
    "city": 28,
    "state": 2,
    "zip5": 5,
    "zip4": 4,
    "country_iso2": 2,
    "intl_line1": 64,
    "intl_line2": 64,
    "country_line": 40,
}
"""Printed address -> most characters; care_of comes with a representative."""
_CARE_OF = {"care_of": 64}
_SUFFIX = r"[ ,]+(?i:JR|SR|II|III|IV|V)\.?$"


def has_name() -> pl.Expr:
    """A record names a person: a family name at least."""
    return pl.col("last_name").is_not_null()


def name() -> list[pl.Expr]:
    """The name as delivered, in capitals; as cleaned where it came in one column."""
    delivered = _text("raw_first_name").is_not_null() & _text("raw_last_name").is_not_null()
    last = (
        pl.when(pl.col("suffix").is_null())
        .then(_text("raw_last_name"))
        .otherwise(_text("raw_last_name").str.replace(_SUFFIX, ""))
    )
    middle = pl.when(pl.col("middle_name").is_not_null()).then(_text("raw_middle_name"))
    parts = [
        pl.when(delivered)
        .then(_text("raw_first_name"))
        .otherwise("first_name")
        .alias("name_first"),
        pl.when(delivered).then(middle).otherwise("middle_name").alias("name_middle"),
        pl.when(delivered).then(last).otherwise("last_name").alias("name_last"),
        pl.col("suffix").alias("name_suffix"),
    ]
    return [pl.concat_str(parts, separator=" ", ignore_nulls=True).alias("recipient_name"), *parts]


def _text(column: str) -> pl.Expr:
    """As delivered, in capitals, blanks squeezed; null where nothing is left."""
    text = pl.col(column).str.to_uppercase()
    text = text.str.replace_all(" {2,}", " ").str.strip_chars(" ")
    return pl.when(text != "").then(text)


def mailable(kind: str) -> pl.Expr:
    """A letter can be addressed: street or box, city, state and ZIP5, or a known foreign country."""
    at = {"home": "", "alternate": "alternate_", "representative": "representative_"}[kind]
    parts = (f"{at}{part}" for part in ("street", "city", "state", "zip5"))
    complete = pl.all_horizontal(pl.col(part).is_not_null() for part in parts)
    if kind != "home":
        return complete
    abroad = pl.col("street").is_not_null() & pl.col("city").is_not_null()
    return pl.when(_foreign()).then(abroad & _country_line().is_not_null()).otherwise(complete)


def address(kind: str) -> list[pl.Expr]:
    """Delivery and last lines of one kind of address: home, alternate or representative."""
    return _home() if kind == "home" else _elsewhere(kind)


def _elsewhere(kind: str) -> list[pl.Expr]:
    lines = {
        "delivery_line": pl.col(f"{kind}_street"),
        "city": pl.col(f"{kind}_city"),
        "state": pl.col(f"{kind}_state"),
        "zip5": pl.col(f"{kind}_zip5"),
        "country_iso2": pl.lit("US"),
    }
    if kind == "representative":
        lines["care_of"] = "C/O " + pl.col("representative_name")
    return _all_of(lines)


def _home() -> list[pl.Expr]:
    """A unit goes to the second line where the delivery line would be too long."""
    foreign = _foreign()
    too_long = (
        (pl.col("street").str.len_chars() > ADDRESS["delivery_line"])
        & pl.col("unit").is_not_null()
        & pl.col("street").str.ends_with(pl.col("unit"))
    )
    without_unit = pl.col("street").str.strip_suffix(pl.col("unit")).str.strip_chars_end(" ")
    city_line = pl.concat_str([pl.col("city"), _text("raw_zip")], separator=" ", ignore_nulls=True)
    return _all_of(
        {
            "delivery_line": pl.when(too_long).then(without_unit).otherwise("street"),
            "delivery_line2": pl.when(too_long).then("unit"),
            "city": pl.when(~foreign).then("city"),
            "state": pl.when(~foreign).then("state"),
            "zip5": pl.when(~foreign).then("zip5"),
            "zip4": pl.when(~foreign).then("zip4"),
            "country_iso2": pl.when(foreign).then("country").otherwise(pl.lit("US")),
            "intl_line1": pl.when(foreign).then("street"),
            "intl_line2": pl.when(foreign).then(city_line),
            "country_line": pl.when(foreign).then(_country_line()),
        }
    )


def _all_of(lines: dict[str, pl.Expr]) -> list[pl.Expr]:
    missing = pl.lit(None, dtype=pl.String)
    return [lines.get(column, missing).alias(column) for column in (*_CARE_OF, *ADDRESS)]


def _foreign() -> pl.Expr:
    return pl.col("country").is_not_null() & ~pl.col("country").is_in(sorted(DOMESTIC))


def _country_line() -> pl.Expr:
    return pl.col("country").replace_strict(COUNTRY_LINES, default=None, return_dtype=pl.String)


def longest_line() -> pl.Expr:
    """Characters of the longest line in the window."""
    last = pl.concat_str(["city", "state", "zip5"], separator=" ", ignore_nulls=True)
    lines = (pl.col(c) for c in ("recipient_name", "care_of", "delivery_line", "intl_line2"))
    lengths = (line.str.len_chars().cast(pl.Int64) for line in (*lines, last))
    return pl.max_horizontal(*lengths)


def nfc(rows: pl.DataFrame) -> pl.DataFrame:
    """Every text in NFC; only values beyond ASCII are looked at, which saves most of the time."""
    changed = {}
    for text in rows.select(pl.col(pl.String)):
        beyond = (text.str.len_bytes() != text.str.len_chars()).arg_true()
        if len(beyond):
            changed[text.name] = text.scatter(beyond, text.gather(beyond).str.normalize("NFC"))
    return rows.with_columns(**changed)


def faults(limits: dict[str, int]) -> pl.Expr:
    """`control_character:column`, `formula:column` or `too_long:column`, all of them; null when fine.

    A text that begins with `= + - @` or holds a control character or U+001F is never altered (DOMAIN
    5.3), a text that is too long never cut.
    """
    found = []
    for column, most in limits.items():
        text = pl.col(column)
        found += [
            pl.when(text.str.contains(r"\p{Cc}|\p{Cf}|\u{2028}|\u{2029}")).then(
                pl.lit(f"control_character:{column}")
            ),
            pl.when(text.str.contains(r"^[=+\-@]")).then(pl.lit(f"formula:{column}")),
            pl.when(text.str.len_chars() > most).then(pl.lit(f"too_long:{column}")),
        ]
    joined = pl.concat_str(found, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(joined)


def faulty(rows: pl.DataFrame, limits: dict[str, int]) -> int:
    """How many rows have a fault; only those with anything odd in them are looked at closely."""
    texts = pl.concat_str(list(limits), separator="|", ignore_nulls=True)
    long = (pl.col(column).str.len_bytes() > most for column, most in limits.items())
    odd = texts.str.contains(r"(?:^|\|)[=+\-@]|[^ -~]") | pl.any_horizontal(long)
    return rows.filter(odd).filter(faults(limits).is_not_null()).height


def with_lines(notices: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """`notices` with the columns of NAME, care_of and ADDRESS; null where no record is chosen.

    Needs name_member, address_member and address_kind; one row comes out for each that goes in.
    """
    named_by = notices.select(member="name_member").drop_nulls().unique()
    speaking = nfc(records.join(named_by, on="member", how="semi"))
    names = speaking.lazy().select("member", *name()).collect()
    named = notices.join(names, left_on="name_member", right_on="member", how="left")
    chosen = notices.select("address_member", "address_kind").drop_nulls().unique()
    places = pl.concat(
        [
            chosen.filter(pl.col("address_kind") == kind)
            .join(records, left_on="address_member", right_on="member")
            .select("address_member", "address_kind", *address(kind))
            for kind in ("home", "alternate", "representative")
        ]
    )
    return named.join(places, on=["address_member", "address_kind"], how="left")


LIMITS = {**NAME, **_CARE_OF, **ADDRESS}
"""Every printed column -> most characters."""
