"""Which kinds of data a leaked row holds: its filled columns, and words that name more."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from matching.store import Workspace

__all__ = ["KINDS", "column_kinds", "row_kinds", "word_kinds"]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("first_name", "middle_name", "last_name", "full_name", "previous_last_name", "alias_names"),
    "contact": (
        "street", "street2", "city", "zip", "phone", "phone2", "email", "alternate_street",
        "alternate_city", "alternate_zip",
    ),
    "date_of_birth": ("date_of_birth",),
    "sex": ("sex",),
    "ssn": ("ssn",),
    "mrn": ("mrn",),
    "member_id": ("member_id",),
    "appointment": ("last_visit_on",),
    "provider": ("provider",),
    "guardian": ("guardian_first_name", "guardian_last_name"),
    "representative": ("representative_name", "representative_street"),
    "deceased": ("deceased_on",),
}  # fmt: skip
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
KINDS = tuple(sorted({*_COLUMNS, *_WORDS, "other"}))
"""Bit by bit: a set of kinds is an integer."""
_OTHER = 1 << KINDS.index("other")


def column_kinds() -> pl.Expr:
    """Set of kinds that a leaked row's own mapped columns hold."""
    bits = [
        pl.when(pl.any_horizontal(pl.col(column).is_not_null() for column in columns))
        .then(pl.lit(1 << KINDS.index(kind), pl.Int64))
        .otherwise(pl.lit(0, pl.Int64))
        for kind, columns in _COLUMNS.items()
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
    rows = leaked.select("mention_id", "extra", "elements", column_kinds().alias("kinds")).collect()
    extra = word_kinds(rows["extra"], declared=False)
    words = word_kinds(rows["elements"], declared=True)
    met = rows.join(extra, left_on="extra", right_on="text", how="left", suffix="_extra")
    met = met.join(words, left_on="elements", right_on="text", how="left", suffix="_word")
    more = pl.col("kinds_extra").fill_null(0) | pl.col("kinds_word").fill_null(0)
    return met.select("mention_id", (pl.col("kinds") | more).alias("kinds"))
