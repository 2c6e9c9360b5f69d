"""Rows of ADDR, DROP and UAA as typed news of pieces: what each row says, and what is wrong with it by itself.

In: text rows of `reading`. Out, one row a row: `row_no, piece_id, given_batch, given_wave, dated_on, detail,
news, held, address, date_given, spoiled, unusable, reason`. `news`: kind of the event that the row brings besides
`held`, null where none. `reason`: why the row must be set aside, null where nothing is wrong with it.
`unusable`: it came with an address that lacks something, and the news is taken without it.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from notify.returns.reading import FLAW, ROW_NO
from notify.returns.schemas import Return

__all__ = ["BRINGS", "typed"]

BRINGS = {"DROP": ("dropped",), "UAA": ("returned",), "ADDR": ("held", "moved")}
"""Kind of file -> kinds of events that its rows bring."""
_LONGEST_ID = 64
"""Of what a quarantined row names as its piece: more is no id."""
_ADDRESS = ("new_delivery", "new_delivery2", "new_city", "new_state", "new_zip5", "new_zip4")


def typed(rows: pl.DataFrame, schema: Return, *, today: date) -> pl.DataFrame:
    """The rows as news; `today` dates what bears no day (a look-up of addresses)."""
    said = {"DROP": _drop, "UAA": _uaa, "ADDR": _addr}[schema.kind](today)
    lacks = [
        pl.col(name).is_null() for name, f in schema.columns.items() if f.needed and not f.optional
    ]
    coded = [
        pl.col(name).is_not_null() & ~pl.col(name).is_in(list(f.codes))
        for name, f in schema.columns.items()
        if f.codes
    ]
    no_day = pl.lit(value=False)
    for name, column in schema.columns.items():
        if column.type == "date":
            no_day |= pl.col(name).is_not_null() & _day(name).is_null()
        if column.type == "month":
            month = pl.col(name).str.contains(r"^\d{4}(0[1-9]|1[0-2])$")
            no_day |= pl.col(name).is_not_null() & ~month
    reasons = [
        pl.when(pl.col(FLAW).is_not_null()).then(pl.col(FLAW)),
        pl.when(pl.any_horizontal(lacks)).then(pl.lit("missing_value")),
        pl.when(_any(coded)).then(pl.lit("no_such_code")),
        pl.when(no_day).then(pl.lit("no_such_day")),
        pl.when(_number("wave").is_null() & pl.col("wave").is_not_null()).then(pl.lit("no_number")),
        said.pop("reason"),
    ]
    return rows.select(
        ROW_NO,
        piece_id=pl.col("mailpiece_id").str.slice(0, _LONGEST_ID),
        given_batch="batch_id",
        given_wave=_number("wave"),
        **said,
        reason=pl.coalesce(reasons),
    )


def _drop(today: date) -> dict[str, pl.Expr]:
    spoiled = _number("spoiled_reprint_count")
    wrong = pl.col("spoiled_reprint_count").is_not_null() & ~(spoiled >= 0).fill_null(value=False)
    return {
        "dated_on": _day("drop_date"),
        "date_given": pl.lit(value=True),
        "detail": pl.col("postage_statement_id"),
        "news": pl.lit("dropped"),
        "held": pl.lit(value=False),
        "address": pl.lit(None, pl.String),
        "spoiled": spoiled.fill_null(0),
        "unusable": pl.lit(value=False),
        "reason": pl.when(wrong).then(pl.lit("no_number")),
    }


def _uaa(today: date) -> dict[str, pl.Expr]:
    """A row of tracking without a reason for return is a sighting: it brings nothing."""
    returned = pl.col("nixie_class").is_not_null()
    nothing = ~returned & (pl.col("channel") != "IV_MTR")
    whole = _whole_address()
    return {
        "dated_on": _day("event_date"),
        "date_given": pl.lit(value=True),
        "detail": pl.col("nixie_class"),
        "news": pl.when(returned).then(pl.lit("returned")),
        "held": pl.lit(value=False),
        "address": pl.when(returned & whole).then(_address("UAA")),
        "spoiled": pl.lit(0, pl.Int64),
        "unusable": returned & _some_address() & ~whole,
        "reason": pl.when(nothing).then(pl.lit("no_such_code")),
    }


def _addr(today: date) -> dict[str, pl.Expr]:
    """A new address is `moved`; `held` is news of its own; a row with neither brings nothing."""
    whole = _whole_address()
    used = pl.col("action") == "mailed_new"
    return {
        "dated_on": pl.coalesce(_day("processed_on"), pl.lit(today)),
        "date_given": pl.col("processed_on").is_not_null(),
        "detail": pl.col("ncoa_rc"),
        "news": pl.when(whole).then(pl.lit("moved")),
        "held": (pl.col("action") == "held").fill_null(value=False),
        "address": pl.when(whole).then(_address("NCOA")),
        "spoiled": pl.lit(0, pl.Int64),
        "unusable": pl.lit(value=False),
        "reason": pl.when((_some_address() | used) & ~whole).then(pl.lit("incomplete_address")),
    }


def _address(source: str) -> pl.Expr:
    """JSON: delivery_line, delivery_line2, city, state, zip5, zip4, dpv, source, move_date (YYYYMM)."""
    ncoa = source == "NCOA"
    none = pl.lit(None, pl.String)
    return pl.struct(
        delivery_line="new_delivery", delivery_line2="new_delivery2", city="new_city",
        state="new_state", zip5="new_zip5", zip4="new_zip4",
        dpv=pl.col("dpv") if ncoa else none, source=pl.lit(source),
        move_date=pl.col("move_date") if ncoa else none,
    ).struct.json_encode()  # fmt: skip


def _some_address() -> pl.Expr:
    return pl.any_horizontal(pl.col(_ADDRESS).is_not_null())


def _whole_address() -> pl.Expr:
    """A street line, a city, a state's letters and a ZIP code; ZIP+4 may lack."""
    plus = pl.col("new_zip4")
    return (
        pl.col("new_delivery").is_not_null()
        & pl.col("new_city").is_not_null()
        & pl.col("new_state").str.contains(r"^[A-Z]{2}$")
        & pl.col("new_zip5").str.contains(r"^\d{5}$")
        & (plus.is_null() | plus.str.contains(r"^\d{4}$"))
    ).fill_null(value=False)


def _day(name: str) -> pl.Expr:
    return pl.col(name).str.to_date("%Y-%m-%d", strict=False)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def _any(conditions: list[pl.Expr]) -> pl.Expr:
    found = pl.any_horizontal(conditions) if conditions else pl.lit(value=False)
    return found.fill_null(value=False)
