"""Which kinds of data a leaked row holds: its filled columns, and words that name more."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from matching.fields import FIELD_KINDS
from matching.store import Workspace

__all__ = ["KINDS", "column_kinds", "row_kinds", "word_kinds"]

_WORDS: Mapping[str, str] = {
    "appointment": r"appt|appoint|visit|recall|reminder|schedul|service_date|^dos$",
    "treatment": r"treat|procedure|tooth|^cdt|^cpt|ada_code|clinical|surg|chart_note",
    "diagnosis": r"diag|^icd|condition|allerg|medical_hist|lab_result",
    "medication": r"medicat|medicine|drug|prescri|^rx",
    "insurance": r"insur|carrier|payer|payor|plan|subscriber|policy|group_n",
    "payment": r"pay(ment|_|$)|paid|balance|bill|invoice|charge|amount|claim|owed",
    "bank_account": r"bank|routing|iban",
    "card": r"card_|credit_card|debit|^cc_",
    "photo": r"photo|image|x.?ray|radiograph|picture",
    "driver_license": r"driver|licen[cs]e",
    "provider": r"provider|dentist|doctor|hygienist",
    "ssn": r"ssn|social_sec",
    "date_of_birth": r"birth|^dob",
    "contact": r"phone|mobile|e.?mail|address|street",
}
"""Kind -> what a column name or a word of `elements` looks like; each may name several kinds."""
KINDS = tuple(sorted({*FIELD_KINDS, *_WORDS, "other"}))
"""Bit by bit: a set of kinds is an integer."""
_SAID_IN: Mapping[str, bool] = {"extra": False, "elements": True, "kinds": True}
"""Columns of `leaked` that list words; whether somebody declared them."""
_OTHER = 1 << KINDS.index("other")


def column_kinds() -> pl.Expr:
    """Set of kinds that a leaked row's own mapped columns hold."""
    bits = [
        pl.when(pl.any_horizontal(pl.col(column).is_not_null() for column in columns))
        .then(pl.lit(1 << KINDS.index(kind), pl.Int64))
        .otherwise(pl.lit(0, pl.Int64))
        for kind, columns in FIELD_KINDS.items()
    ]
    return pl.sum_horizontal(bits)


def word_kinds(texts: pl.Series, *, declared: bool) -> pl.DataFrame:
    """text, kinds: each distinct `|` list of words as a set of kinds.

    A declared word (column `elements`) that no pattern knows is `other`; an unmapped column's
    name that none knows may be technical and says nothing.
    """
    distinct = texts.drop_nulls().unique().sort().alias("text").to_frame()
    words = distinct.with_columns(word=pl.col("text").str.split("|")).explode(
        "word", empty_as_null=True, keep_nulls=True
    )
    word = pl.col("word").str.strip_chars().str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_")
    found = pl.lit(0, pl.Int64)
    for place, kind in enumerate(KINDS):
        known = word.str.contains(_WORDS[kind]) if kind in _WORDS else pl.lit(value=False)
        found = found | pl.when(known | (word == kind)).then(1 << place).otherwise(0)
    unknown = (found == 0) & (word != "") & declared
    kinds = pl.when(unknown).then(_OTHER).otherwise(found)
    return words.group_by("text").agg(kinds.cast(pl.Int64).bitwise_or().alias("kinds")).sort("text")


def row_kinds(workspace: Workspace, within: pl.Expr) -> pl.DataFrame:
    """mention_id, kinds of some rows of the leak."""
    leaked = workspace.scan("leaked").filter(within)
    met = leaked.select("mention_id", *_SAID_IN, column_kinds().alias("set")).collect()
    for column, declared in _SAID_IN.items():
        words = word_kinds(met[column], declared=declared).rename({"kinds": "more"})
        met = met.join(words, left_on=column, right_on="text", how="left", maintain_order="left")
        met = met.with_columns(set=pl.col("set") | pl.col("more").fill_null(0)).drop("more")
    return _with_spoken(workspace, within, met.select("mention_id", kinds="set"))


def _with_spoken(workspace: Workspace, within: pl.Expr, rows: pl.DataFrame) -> pl.DataFrame:
    """With the kinds that free text in the row shows of the row's own person."""
    spoken = workspace.scan("passages").filter(within).select("mention_id", "kinds").collect()
    if spoken.is_empty():
        return rows
    words = word_kinds(spoken["kinds"], declared=True).rename({"kinds": "more"})
    told = (
        spoken.join(words, left_on="kinds", right_on="text")
        .group_by("mention_id")
        .agg(pl.col("more").bitwise_or())
    )
    met = rows.join(told, on="mention_id", how="left", maintain_order="left")
    return met.select("mention_id", kinds=pl.col("kinds") | pl.col("more").fill_null(0))
