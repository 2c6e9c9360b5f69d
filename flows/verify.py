"""`affected verify`: the figures that must hold, each measured from what is stored.

R rows conserved; P each mention in one person; L and C each in one state; D nothing twice;
U uncertain sends; I bytes as written; T (with another workspace) equal content.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

import notify.email
import notify.ledger
from flows.integrity import look
from flows.journal import Journal
from flows.rounds import Round, open_round, open_workspace
from flows.steps import STEPS, inputs_digest, is_done
from matching.schema import Kind
from matching.store import Workspace
from matching.tables import STEP_TABLES

__all__ = ["exit_code", "verify"]


NO_LEDGER = {"gaps": 0, "overlaps": 0}
"""Before the step that gives states has run, nobody lacks one: figures are of what exists."""


def verify(
    root: Path,
    *,
    against: Path | None = None,
    printed: Collection[str] = (),
    gone: Collection[str] = (),
) -> dict[str, Any]:
    """The document of `affected verify` (`affected.verify/1`); 0 everywhere means clean.

    `printed` and `gone` as in `flows.integrity.look`.
    """
    workspace = open_workspace(root)
    found, purged = look(workspace, gone=gone, printed=printed), workspace.purged
    document: dict[str, Any] = {
        "schema": "affected.verify/1",
        "I": len(found.damaged),
        "damaged": found.damaged,
        "told": found.told,
        "unrecorded": found.unrecorded,
        "audit_log": workspace.printed_head(),
        "purged": sorted(purged),
    }
    if found.damaged:
        return document
    workspace, current = open_round(root)
    document |= {
        "R": conservation(workspace),
        "P": None if purged else partition(workspace),
        "L": ledger_figure(workspace, current),
        "C": notify.ledger.figure_c(workspace) if workspace.has("packets") else 0,
        "D": notify.ledger.figure_d(workspace),
        "U": notify.email.uncertain_waiting(workspace.root),
        "ledger_identities": notify.ledger.broken_identities(workspace),
    }
    if against is not None:
        document["T"] = differing(workspace, open_round(against)[0])
    return document


def ledger_figure(workspace: Workspace, current: Round) -> dict[str, int]:
    """L; held against the events only where the ledger was made from those that this round reads."""
    if not workspace.has("ledger"):
        return dict(NO_LEDGER)
    step = next(step for step in STEPS if step.name == "notices")
    digest = inputs_digest(step, workspace, step.settings(current.incident))
    read = is_done(step, workspace, Journal(workspace), digest)
    return notify.ledger.figure_l(workspace, events_read=read)


def exit_code(document: dict[str, Any]) -> int:
    """0 clean, 7 damaged, 6 uncertain sends, 4 any other figure."""
    if document["I"]:
        return 7
    figures = [
        document["R"],
        document["P"] or 0,
        document["C"],
        document["D"],
        *document["L"].values(),
    ]
    figures.append(document["ledger_identities"])
    figures += [len(document.get("T", []))]
    if any(figures):
        return 4
    return 6 if document["U"] else 0


def _covered_bytes() -> pl.Expr:
    """Of all tables of a file; null where the format is binary."""
    return pl.when(pl.col("covered_bytes").is_not_null().all()).then(pl.col("covered_bytes").sum())


def conservation(workspace: Workspace) -> int:
    """R: rows that are neither parsed nor rejected, and bytes that nothing accounts for."""
    inventory = workspace.read("inventory").filter(pl.col("repeats").is_null())
    rows = (inventory["rows"] - inventory["parsed"] - inventory["rejected"]).abs().sum()
    files = inventory.group_by("content").agg(pl.col("bytes").first(), covered=_covered_bytes())
    uncovered = (files["bytes"] - files["covered"]).abs().sum()
    rejects = workspace.rows("rejects") if workspace.has("rejects") else 0
    return int(rows) + int(uncovered) + abs(rejects - int(inventory["rejected"].sum()))


def partition(workspace: Workspace) -> int:
    """P: included mentions and reached charts that are not in exactly one person."""
    if not workspace.has("members"):
        return 0
    members = workspace.scan("members").select("mention_id", "side")
    twice = members.group_by("mention_id").len().filter(pl.col("len") > 1)
    included = workspace.scan("leaked").filter(pl.col("exclusion").is_null()).select("mention_id")
    leaked_members = members.filter(pl.col("side") == "leaked")
    missing = included.join(leaked_members, on="mention_id", how="anti")
    surplus = leaked_members.join(included, on="mention_id", how="anti")
    reached = _reached_charts(workspace)
    lost = reached.join(members, left_on="right", right_on="mention_id", how="anti")
    frames = pl.collect_all([f.select(pl.len()) for f in (twice, missing, surplus, lost)])
    return sum(int(frame.item()) for frame in frames)


def _reached_charts(workspace: Workspace) -> pl.LazyFrame:
    reaching = (pl.col("kind") == "leaked_master") & (pl.col("band") != "no")
    return workspace.scan("pairs").filter(reaching).select("right").unique()


def differing(one: Workspace, other: Workspace) -> list[str]:
    """T: step tables whose content digests differ."""
    names = [table.name for table in STEP_TABLES if table.kind is Kind.STEP]
    return [name for name in names if one.digest(name) != other.digest(name)]
