"""People said in columns of free text: the one entry for intake.

Comes in: rows with ROW_NO and text columns. Goes out: `Said`: people to be linked like any other
record, and the passages that name somebody whom nothing identifies, for review. Texts are read in
batches of a fixed size; same rows, same answer, whatever the batches of the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from matching.intake.blocks import ROW_NO
from matching.passages.found import findings
from matching.passages.kinds import shown
from matching.passages.model import Reader, installed
from matching.passages.numbers import FINDING
from matching.passages.people import FIELDS, PERSON, people
from matching.passages.plain import delivered_places, plain

__all__ = ["PASSAGES", "PEOPLE", "Names", "Said", "people_said", "places"]

BATCH_BYTES: Final = 8 << 20
"""Text looked at at once: the pieces of a batch take about forty times as much memory."""
PEOPLE: Final = {
    ROW_NO: pl.Int64, "column": pl.String, "person": pl.Int64, "start": pl.Int64, "end": pl.Int64,
    "role": pl.String, **dict.fromkeys(FIELDS, pl.String), "elements": pl.String,
    "own": pl.Boolean, "resolvable": pl.Boolean,
}  # fmt: skip
PASSAGES: Final = {
    ROW_NO: pl.Int64, "column": pl.String, "person": pl.Int64, "start": pl.Int64, "end": pl.Int64,
    "said": pl.String, "kinds": pl.String, "why": pl.String,
}  # fmt: skip
_TEN_DIGITS: Final = r"^\d{10,15}$"


class Names:
    """How names are found: by lists and words alone, or with the model where it is installed.

    `method` says it in words for the report; `characters`: how many the model was given.
    """

    def __init__(self, *, model: bool | None = None) -> None:
        """`model` None: if it is installed. True where it is not raises OperatorError."""
        wanted = installed() if model is None else model
        self.reader = Reader() if wanted else None

    @property
    def method(self) -> str:
        """For the report."""
        return (
            "patterns, name lists and an offline model"
            if self.reader
            else "patterns and name lists"
        )

    @property
    def characters(self) -> int:
        """Characters given to the model so far."""
        return self.reader.characters if self.reader else 0


@dataclass(frozen=True, slots=True)
class Said:
    """`people`: one row per person whom one text names or identifies (PEOPLE).

    `passages`: those of them whom nothing identifies (PASSAGES): they count in upper only.
    """

    people: pl.DataFrame
    passages: pl.DataFrame


def people_said(
    rows: pl.DataFrame,
    columns: Sequence[str],
    *,
    names: Names,
    own: Mapping[str, str] | None = None,
) -> Said:
    """Who is named in `columns` of `rows`; sorted by row, column, person.

    `own`: canonical field -> column of `rows` with what the row itself says of its person; whoever in
    the text is no other than this one is marked `own`, and is neither another person nor a passage.
    """
    parts = [
        _column(batch, column, names) for column in columns for batch in _batches(rows, column)
    ]
    found = pl.concat([pl.DataFrame(schema=_raw()), *parts]).sort(ROW_NO, "column", "person")
    marked = _with_own(found, rows, own or {}).with_columns(resolvable=_resolvable())
    return Said(marked.select(list(PEOPLE)), _passages(marked))


def places(texts: pl.DataFrame, *, names: Names) -> pl.DataFrame:
    """Every finding in `texts` (row, text): row, start, end of the delivered text, kind, value, grade."""
    whole = texts.drop_nulls("text")
    readable, edits = plain(whole)
    found = findings(readable, names.reader)
    return delivered_places(found.select(list(FINDING)), edits)


def _raw() -> dict[str, pl.DataType]:
    kept = {name: dtype for name, dtype in PERSON.items() if name != "row"}
    return dict(pl.Schema({ROW_NO: pl.Int64, "column": pl.String, **kept}))


def _batches(rows: pl.DataFrame, column: str) -> Iterator[pl.DataFrame]:
    """row, text: pieces of about BATCH_BYTES; a single longer text is a batch by itself."""
    texts = rows.select(row=ROW_NO, text=pl.col(column)).drop_nulls("text")
    sizes = texts["text"].str.len_bytes().cast(pl.Int64).cum_sum()
    number = (sizes // BATCH_BYTES).alias("batch")
    for batch in texts.with_columns(number).partition_by("batch", maintain_order=True):
        yield batch.drop("batch")


def _column(texts: pl.DataFrame, column: str, names: Names) -> pl.DataFrame:
    readable, edits = plain(texts)
    found = findings(readable, names.reader)
    named = readable.join(found.select("row").unique(), on="row", how="semi", maintain_order="left")
    who = delivered_places(people(found, shown(named)), edits)
    return who.select(
        pl.col("row").alias(ROW_NO), pl.lit(column).alias("column"), *list(_raw())[2:]
    )


def _resolvable() -> pl.Expr:
    """An identifier, or a whole name with a birth date or an address: enough to be linked."""
    identifier = pl.any_horizontal(
        pl.col(name).is_not_null() for name in ("ssn", "mrn", "member_id", "email")
    )
    phone = pl.col("phone").str.contains(_TEN_DIGITS).fill_null(value=False)
    whole = pl.col("first_name").is_not_null() & pl.col("last_name").is_not_null()
    more = pl.any_horizontal(
        pl.col(name).is_not_null() for name in ("date_of_birth", "street", "zip")
    )
    return identifier | phone | (whole & more)


def _with_own(found: pl.DataFrame, rows: pl.DataFrame, own: Mapping[str, str]) -> pl.DataFrame:
    """`own`: nothing said differs from the row's own person, and a name or an identifier agrees."""
    if not own or found.is_empty():
        return found.with_columns(own=pl.lit(value=False))
    told = rows.select(
        ROW_NO, *(pl.col(column).alias(f"own_{field}") for field, column in own.items())
    )
    met = found.join(told, on=ROW_NO, how="left", maintain_order="left")
    agree, differ = [], []
    for field in own:
        if field not in FIELDS:
            continue
        said, mine = _plain_value(pl.col(field)), _plain_value(pl.col(f"own_{field}"))
        agree.append((said == mine).fill_null(value=False))
        if field in {"first_name", "last_name", "ssn", "mrn", "full_name"}:
            differ.append((said != mine).fill_null(value=False))
    same = pl.any_horizontal(agree) & ~pl.any_horizontal(differ) if agree else pl.lit(value=False)
    return met.with_columns(own=same & (pl.col("role") != "provider").fill_null(value=True)).select(
        *found.columns, "own"
    )


def _plain_value(value: pl.Expr) -> pl.Expr:
    return value.str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", "")


def _passages(marked: pl.DataFrame) -> pl.DataFrame:
    open_ones = marked.filter(~pl.col("resolvable") & ~pl.col("own") & pl.col("role").is_null())
    why = (
        pl.when(pl.col("first_name").is_null() & pl.col("last_name").is_null()).then(pl.lit("no_name"))
        .when(pl.col("last_name").is_null()).then(pl.lit("first_name_only"))
        .when(pl.col("first_name").is_null()).then(pl.lit("last_name_only"))
        .otherwise(pl.lit("name_only"))
    )  # fmt: skip
    return open_ones.with_columns(said="full_name", kinds="elements", why=why).select(
        list(PASSAGES)
    )
