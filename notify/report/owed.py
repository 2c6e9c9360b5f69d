"""What is owed to whom by when: `duties`, under both hypotheses of agency."""

from __future__ import annotations

from datetime import date

import polars as pl

from matching.store import Workspace
from notify.report.charts import due_dates
from notify.report.parts import (
    Card,
    Chart,
    Grid,
    Section,
    first_missing,
    grid_of,
    not_yet,
    number,
    words_of,
)

__all__ = ["DONE", "duty_section", "owed"]

SOON_DAYS = 14
DATES_SHOWN = 20
OF = ["recipient", "hypothesis"]
DONE = ("not_required", "met")
STOPPED = ("waiting_receipt", "held")
"""The clock starts at the receipt of a packet, or law enforcement stopped it: no day to show."""


def owed(workspace: Workspace, *, as_of: date) -> pl.LazyFrame:
    """Duties that stand, with `days_left` (negative: overdue) where their clock runs, else null."""
    running = ~pl.col("status").is_in(STOPPED)
    left = (pl.col("due_on") - pl.lit(as_of)).dt.total_days()
    standing = workspace.scan("duties").filter(~pl.col("status").is_in(DONE))
    return standing.with_columns(
        due_on=pl.when(running).then("due_on"), days_left=pl.when(running).then(left)
    )


def duty_section(workspace: Workspace, *, as_of: date) -> Section:
    """Duties by recipient and hypothesis, the nearest dates, and what hangs on uncertain numbers."""
    title = "What is owed by when"
    if first_missing(workspace, ["duties"]):
        return not_yet("duties", title, "duties")
    standing = owed(workspace, as_of=as_of)
    summary = _by_recipient(standing)
    total, late, unsure, unreviewed = (
        int(summary[name].sum()) for name in ("duties", "overdue", "unsure", "unreviewed")
    )
    tone = "alarm" if late else "plain"
    cards = (
        Card(number(total), "duties", "entity x recipient x agency hypothesis"),
        Card(number(late), "overdue", f"on {as_of.isoformat()}", tone),
        Card(
            number(unsure),
            "hang on uncertain people",
            "the line is crossed by expected or upper only",
        ),
        Card(
            number(unreviewed), "from unreviewed rules", "they may make a plan earlier, never later"
        ),
    )
    lead = (
        "Where it is not settled whether the vendor was a covered entity's agent, duties stand twice: as"
        " an agent's (the entity's clock starts with the vendor's) and as an independent contractor's"
        " (it starts when the entity receives its packet). The earlier date is planned."
    )
    return Section(
        anchor="duties", title=title, lead=lead, cards=cards,
        charts=_dates_chart(standing, as_of), grids=(_summary_grid(summary), _dates(standing)),
    )  # fmt: skip


def _by_recipient(standing: pl.LazyFrame) -> pl.DataFrame:
    return (
        standing.group_by(OF)
        .agg(
            duties=pl.len(),
            entities=pl.col("entity_id").n_unique(),
            first_due=pl.col("due_on").min(),
            days_left=pl.col("days_left").min(),
            overdue=(pl.col("status") == "overdue").sum(),
            waiting=pl.col("status").is_in(STOPPED).sum(),
            unsure=pl.col("crosses").is_in(["expected", "upper"]).sum(),
            unreviewed=(~pl.col("reviewed")).sum(),
        )
        .sort("first_due", *OF, nulls_last=True)
        .collect()
    )


def _summary_grid(summary: pl.DataFrame) -> Grid:
    heads = {
        "recipient": "owed to", "hypothesis": "vendor is", "duties": "duties", "entities": "entities",
        "first_due": "first due", "days": "days left", "overdue": "overdue", "waiting": "clock waits",
        "unsure": "uncertain", "unreviewed": "unreviewed",
    }  # fmt: skip
    return grid_of(_readable(summary), heads, caption="By recipient and hypothesis of agency.")


def _dates(standing: pl.LazyFrame) -> Grid:
    nearest = (
        standing.filter(pl.col("due_on").is_not_null())
        .group_by("due_on", "days_left", "recipient", "jurisdiction", "hypothesis", "performed_by")
        .agg(entities=pl.col("entity_id").n_unique(), people=pl.col("count_used").sum())
        .sort("due_on", "recipient", "jurisdiction", "hypothesis", "performed_by")
        .head(DATES_SHOWN)
        .collect()
    )
    heads = {
        "due_on": "due", "days": "days left", "recipient": "owed to", "jurisdiction": "law of",
        "hypothesis": "vendor is", "performed_by": "done by", "entities": "entities", "people": "people",
    }  # fmt: skip
    caption = f"The first {min(DATES_SHOWN, nearest.height)} dates."
    return grid_of(_readable(nearest), heads, caption=caption)


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    coded = [name for name in ("recipient", "performed_by") if name in frame.columns]
    late = pl.format("{} overdue", -pl.col("days_left"))
    days = (
        pl.when(pl.col("days_left") < 0).then(late).otherwise(pl.col("days_left").cast(pl.String))
    )
    words = [words_of(name) for name in coded]
    return frame.with_columns(*words, days=days)


def _dates_chart(standing: pl.LazyFrame, as_of: date) -> tuple[Chart, ...]:
    left = pl.col("days_left")
    tone = (
        pl.when(left < 0).then(pl.lit("overdue"))
        .when(left <= SOON_DAYS).then(pl.lit(f"within {SOON_DAYS} days"))
        .otherwise(pl.lit("later"))
    )  # fmt: skip
    points = (
        standing.filter(pl.col("due_on").is_not_null())
        .group_by("recipient", "due_on", tone=tone)
        .agg(duties=pl.len())
        .sort("recipient", "due_on")
        .collect()
        .with_columns(
            label=words_of("recipient"),
            due_on=pl.col("due_on").dt.to_string("%Y-%m-%d"),
        )
    )
    if points.is_empty():
        return ()
    caption = (
        f"Due dates by recipient, larger for more duties; the dashed line is {as_of.isoformat()}."
    )
    return (due_dates(points.to_dicts(), as_of=as_of, caption=caption),)
