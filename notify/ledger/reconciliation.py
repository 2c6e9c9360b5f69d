"""What went out and what came back, batch by batch, in counts only: the page and the questions that stay open.

Reads `events`, their fold, `return_files`, `quarantine`, `ledger` and the released manifests. No person, no address
and no piece is in what it gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.ledger.fold import pieces
from notify.ledger.identities import identities

__all__ = [
    "ACK_DAYS",
    "DROP_DAYS",
    "PAGE",
    "Reconciled",
    "open_questions",
    "reconciliation",
    "write_reconciliation",
]

PAGE = "mail/reconciliation.md"
"""Below `out/`."""
ACK_DAYS = 1
"""A vendor's intake reads a file the day it comes, so a day without an ACK means that it never came."""
DROP_DAYS = 7
"""First-class letters are printed and handed to the post within five working days: a week on the calendar."""
_SHOWN = {
    "exported": "handed over", "rejected": "rejected", "suppressed": "suppressed", "held": "held",
    "recalled": "recalled", "mailed": "mailed", "waiting": "wait for a drop", "uaa_open": "came back, open",
    "remailed": "came back, written again", "substitute": "came back, substitute notice",
    "presumed_delivered": "presumed delivered", "difference": "in no place",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The page as Markdown, what the vendor still owes an answer on, and pieces that the identities cannot place."""

    page: str
    questions: list[dict[str, Any]]
    broken: int


def open_questions(workspace: Workspace, *, today: date) -> list[dict[str, Any]]:
    """What a vendor still owes an answer on: `batch_id, question, days, pieces`, oldest first.

    `no_ack` a day after the export, `no_drop` and `drop_incomplete` a week after, `rows_rejected` where the
    acknowledgement counts rows that no row of a file names, `not_placed` where an identity does not hold.
    """
    newest = replace(workspace, inbox_parts=None)
    return _questions(_batches(newest, pieces(newest)), today)


def reconciliation(workspace: Workspace, *, today: date) -> Reconciled:
    """Everything that came back, to the last file; the events are folded once."""
    newest = replace(workspace, inbox_parts=None)
    folded = pieces(newest)
    batches = _batches(newest, folded)
    questions = _questions(batches, today)
    parts = [
        f"# Reconciliation of the mail as of {today}\n\nCounts only. One line a batch.\n",
        _section("Batches", ("batch", "wave", "exported on", "acknowledged", *_SHOWN.values()),
                 [_batch_line(row) for row in batches]),
        _section("Came back, by reason", ("batch", "reason", "letters"), _nixies(folded)),
        _section("Open questions", ("batch", "question", "days", "letters"),
                 [tuple(question.values()) for question in questions]),
        _section("Files taken in", ("kind", "files", "rows", "taken", "known", "set aside", "seeds or no news"), _files(newest)),
        _section("Rows set aside, by reason", ("kind", "reason", "rows"), _aside(newest)),
        _section("E-mail", ("state", "messages"), _email(folded)),
    ]  # fmt: skip
    return Reconciled("\n".join(parts), questions, sum(row["difference"] for row in batches))


def write_reconciliation(workspace: Workspace, *, today: date) -> Reconciled:
    """Write the page below `out/`; gives it."""
    found = reconciliation(workspace, today=today)
    workspace.put_output(PAGE, found.page.encode(), personal=False)
    return found


def _batches(workspace: Workspace, folded: pl.LazyFrame) -> list[dict[str, Any]]:
    """Each batch and wave with its identities, the day it left and what its acknowledgement says."""
    mail = workspace.scan("events").filter(pl.col("channel") == "mail")
    left = mail.filter(pl.col("kind") == "exported", pl.col("person_id").is_not_null())
    days = left.group_by("batch_id").agg(exported_on=pl.col("dated_on").min())
    acks = mail.filter(pl.col("kind") == "accepted", pl.col("person_id").is_null())
    acked = acks.group_by("batch_id").agg(
        acknowledged=pl.col("detail").sort_by("dated_on", "event_id").last()
    )
    found = identities(workspace, folded).lazy().join(days, on="batch_id", how="left")
    return (
        found.join(acked, on="batch_id", how="left").sort("batch_id", "wave").collect().to_dicts()
    )


def _questions(batches: Iterable[dict[str, Any]], today: date) -> list[dict[str, Any]]:
    found = []
    for row in batches:
        days = (today - row["exported_on"]).days if row["exported_on"] else 0
        rejected = int((row["acknowledged"] or "0/0").partition("/")[2])
        waiting = row["waiting"] + row["held"]
        asked = {
            "no_ack": row["exported"] if not row["acknowledged"] and days > ACK_DAYS else 0,
            "no_drop": waiting if not row["mailed"] and days > DROP_DAYS else 0,
            "drop_incomplete": waiting if row["mailed"] and days > DROP_DAYS else 0,
            "rows_rejected": max(rejected - row["rejected"], 0),
            "not_placed": row["difference"],
        }
        found += [
            {"batch_id": row["batch_id"], "question": question, "days": days, "pieces": count}
            for question, count in asked.items()
            if count
        ]
    return sorted(found, key=lambda q: (-q["days"], q["batch_id"], q["question"]))


def _batch_line(row: dict[str, Any]) -> tuple[Any, ...]:
    acknowledged = row["acknowledged"] or "no"
    numbers = (row[name] for name in _SHOWN)
    return (row["batch_id"], row["wave"], row["exported_on"], acknowledged, *numbers)


def _nixies(folded: pl.LazyFrame) -> list[tuple[Any, ...]]:
    back = folded.filter(pl.col("state") == "returned")
    counted = back.group_by("batch_id", "detail").agg(pl.len()).sort("batch_id", "detail")
    return counted.collect(engine="streaming").rows()


def _files(workspace: Workspace) -> list[tuple[Any, ...]]:
    numbers = pl.col("rows", "taken", "known", "quarantined")
    files = (
        workspace.scan("return_files").group_by("kind").agg(pl.len().alias("files"), numbers.sum())
    )
    other = pl.col("rows") - pl.col("taken") - pl.col("known") - pl.col("quarantined")
    return files.with_columns(other=other).sort("kind").collect().rows()


def _aside(workspace: Workspace) -> list[tuple[Any, ...]]:
    files = workspace.scan("return_files").select("file_sha256", "kind")
    code = pl.col("reason").str.split(":").list.first()
    rows = workspace.scan("quarantine").join(files, on="file_sha256", how="left")
    return rows.group_by("kind", code).agg(pl.len()).sort("kind", "reason").collect().rows()


def _email(folded: pl.LazyFrame) -> list[tuple[Any, ...]]:
    sent = folded.filter(pl.col("channel") == "email")
    counted = sent.group_by("state").agg(pl.len()).sort("state")
    return counted.collect(engine="streaming").rows()


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return f"## {title}\n\nNone.\n"
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return f"## {title}\n\n{table}\n"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
