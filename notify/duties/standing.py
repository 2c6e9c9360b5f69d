"""How each duty stands, who performs it, and how its date came about, in words."""

from __future__ import annotations

import hashlib
from datetime import date

import polars as pl

from notify.duties.rows import HYPOTHESES, TOLD_BY_US

__all__ = ["with_status"]

_KEY = ("entity_id", "jurisdiction", "recipient", "rule_id", "hypothesis")
_WAITS = {
    "receipt": "moves with every round until a receipt is recorded",
    "determination": "waits for the day of determination; no determination is before discovery",
    "confirmation": "waits for the day of confirmation; no confirmation is before discovery",
    "notice_to_individual": "waits for the day of the notice to individuals",
    "hhs_report": "waits for the day of the report to HHS",
    "counsel": "waits for counsel",
}


def with_status(
    rows: pl.DataFrame, delegation: pl.DataFrame, filed: pl.DataFrame, *, as_of: date
) -> pl.DataFrame:
    """Add who performs the duty, its status, its explanation and its id."""
    settled = pl.col("agency").is_in(HYPOTHESES)
    rows = rows.join(filed, on=["entity_id", "jurisdiction", "recipient"], how="left").with_columns(
        excluded=settled & (pl.col("agency") != pl.col("hypothesis")),
        told_on=pl.when(pl.col("recipient").is_in(TOLD_BY_US))
        .then("received_on")
        .otherwise("filed_on"),
        waits_for=pl.when(pl.col("needs_counsel") != "")
        .then(pl.lit("counsel"))
        .otherwise("waits_for"),
    )
    performed = pl.when(pl.col("owed_by") == "ba").then(pl.lit("ba"))
    return rows.join(
        delegation.select("entity_id", "duty", "by"), on=["entity_id", "duty"], how="left"
    ).with_columns(
        performed_by=performed.otherwise(pl.col("by").fill_null("undecided")),
        status=_status(as_of),
        explanation=_explanation(),
        duty_id=_ids(rows),
    )


def _status(as_of: date) -> pl.Expr:
    return (
        pl.when((pl.col("crosses") == "no") | pl.col("excluded") | pl.col("spared"))
        .then(pl.lit("not_required"))
        .when(pl.col("told_on").is_not_null())
        .then(pl.lit("met"))
        .when("held")
        .then(pl.lit("held"))
        .when(pl.col("needs_counsel") != "")
        .then(pl.lit("needs_counsel"))
        .when(pl.col("waits_for") == "receipt")
        .then(pl.lit("waiting_receipt"))
        .when(pl.col("waits_for").is_not_null())
        .then(pl.lit("waiting"))
        .when(pl.col("due_on") < as_of)
        .then(pl.lit("overdue"))
        .when(pl.col("crosses") == "upper")
        .then(pl.lit("planned"))
        .otherwise(pl.lit("due"))
    )


def _explanation() -> pl.Expr:
    waits = pl.col("waits_for")
    spoken = waits.replace_strict(_WAITS, default=None, return_dtype=pl.String)
    return pl.concat_str(
        _first(),
        _where(pl.col("related_on").is_not_null(), "relation", " ", "relation_to", ", ", "related_on"),
        _where(pl.col("stopped_days") > 0, "stopped ", "stopped_days", " days by law enforcement"),
        pl.when(waits.is_not_null()).then(spoken),
        _where(pl.col("needs_counsel") != "", "needs_counsel"),
        _where(pl.col("flips"), "passes the line only with everyone of unknown residence"),
        _where(pl.col("excluded"), "does not apply: the roster says ", "agency"),
        _where(pl.col("spared"), "does not apply to who complies with HIPAA (", "exemption", ")"),
        _where(
            ~pl.col("reviewed") & ~pl.col("exemption").is_in(["", "none", "unk", "content_only"]),
            "that HIPAA entities are spared (", "exemption", ") is not reviewed, so it is planned",
        ),
        _where(pl.col("told_on").is_not_null(), "told on ", "told_on"),
        _where(~pl.col("reviewed"), "rule row not reviewed"),
        separator="; ",
        ignore_nulls=True,
    )  # fmt: skip


def _first() -> pl.Expr:
    """Citation and clock: `45 CFR 164.404(b): 60 calendar days after 2026-03-05 (discovery ...)`."""
    clock = pl.concat_str(
        "days", pl.lit(" "), "day_type", pl.lit(" days after "), pl.col("anchor_on").cast(pl.String)
    )
    why = _where(pl.col("basis") != "", " (", "basis", ")").fill_null("")
    counted = pl.coalesce(clock + why, pl.lit("no number of days"))
    return pl.concat_str("citation", pl.lit(": "), counted)


_NAMES = frozenset({
    "relation", "relation_to", "related_on", "stopped_days", "needs_counsel", "agency", "exemption",
    "told_on", "basis",
})  # fmt: skip


def _where(condition: pl.Expr, *text: str) -> pl.Expr:
    """The text where it holds, else null; names of columns stand for their values."""
    parts = [pl.col(part).cast(pl.String) if part in _NAMES else pl.lit(part) for part in text]
    return pl.when(condition).then(pl.concat_str(parts))


def _ids(rows: pl.DataFrame) -> pl.Series:
    texts = rows.select(pl.concat_str(_KEY, separator="\x1f")).to_series()
    digests = [hashlib.sha256(text.encode()).hexdigest()[:20] for text in texts.to_list()]
    return pl.Series("duty_id", digests, dtype=pl.String)
