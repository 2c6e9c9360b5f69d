"""`affected verify`: the figures that must hold, each measured from what is stored.

R rows conserved; P each mention in one person; L and C each in one state; D nothing twice;
U uncertain sends; I bytes as written; T (with another workspace) equal content.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from cryptography.exceptions import InvalidTag

import notify.email
import notify.ledger
from flows.audit import broken_links
from flows.journal import Journal
from flows.rounds import Round, open_round
from flows.steps import STEPS, inputs_digest, is_done
from matching.errors import IntegrityError, OperatorError
from matching.schema import Kind
from matching.store import Workspace, sha256_file
from matching.tables import STEP_TABLES, TABLES

__all__ = ["exit_code", "verify"]


NO_LEDGER = {"gaps": 0, "overlaps": 0}
"""Before the step that gives states has run, nobody lacks one: figures are of what exists."""


def verify(root: Path, *, against: Path | None = None) -> dict[str, Any]:
    """The document of `affected verify` (`affected.verify/1`); 0 everywhere means clean."""
    workspace, current = open_round(root)
    damaged = integrity(workspace)
    document: dict[str, Any] = {
        "schema": "affected.verify/1",
        "I": len(damaged),
        "damaged": damaged,
    }
    if damaged:
        return document
    document |= {
        "R": conservation(workspace),
        "P": partition(workspace),
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
    read = is_done(step, workspace, Journal(workspace.root), digest)
    return notify.ledger.figure_l(workspace, events_read=read)


def exit_code(document: dict[str, Any]) -> int:
    """0 clean, 7 damaged, 6 uncertain sends, 4 any other figure."""
    if document["I"]:
        return 7
    figures = [document["R"], document["P"], document["C"], document["D"], *document["L"].values()]
    figures.append(document["ledger_identities"])
    figures += [len(document.get("T", []))]
    if any(figures):
        return 4
    return 6 if document["U"] else 0


def integrity(workspace: Workspace) -> list[str]:
    """Names of durable files that are missing or changed, and of a broken audit log."""
    damaged = []
    for name in TABLES:
        damaged += damaged_parts(workspace, name)
    try:
        broken = broken_links(workspace)
    except (IntegrityError, ValueError, KeyError):
        broken = 1
    damaged += released_files(workspace)
    try:
        damaged += torn_exports(workspace)
    except OperatorError as error:
        damaged.append(str(error))
    return damaged + ([f"evidence/audit.jsonl: {broken} broken links"] if broken else [])


def damaged_parts(workspace: Workspace, name: str) -> list[str]:
    """What is missing or changed of one table, its manifest included."""
    found = []
    try:
        manifest = workspace.manifest(name)
    except IntegrityError as error:
        return [str(error)]
    for part in manifest.parts if manifest else ():
        try:
            workspace.check_part(name, part)
        except IntegrityError as error:
            found.append(str(error))
    return found


def released_files(workspace: Workspace) -> list[str]:
    """Files of released batches and packets that are missing or not as their manifest says."""
    damaged = []
    listings = [
        *workspace.out.glob("*/*/**/manifest.json*"),
        *workspace.out.glob("packets/*/*/delivery.json"),
    ]
    for path in sorted(listings):
        if path.parts[-3] == "batches" and not (path.parent / ".done").exists():
            continue  # the draft of an export that was killed; the next one rebuilds it
        inside = path.relative_to(workspace.out).as_posix().removesuffix(".enc")
        try:
            files = json.loads(workspace.get_output(inside))["files"]
            names = [(f.get("stored_as") or f["file"], f["stored_sha256"]) for f in files]
            wrong = [name for name, digest in names if not _is(path.parent / name, digest)]
        except (ValueError, KeyError, TypeError, InvalidTag):
            wrong = [path.name]
        damaged += [f"out/{Path(inside).parent}/{name}: changed since released" for name in wrong]
    return damaged


def torn_exports(workspace: Workspace) -> list[str]:
    """What the journal saw in exported batches beside their manifests' lists: missing or changed."""
    damaged = []
    for batch, (_, files) in Journal(workspace.root).exports().items():
        folder = workspace.out / "batches" / batch
        wrong = [name for name, digest in files.items() if not _is(folder / name, digest)]
        damaged += [f"out/batches/{batch}/{name}: changed since released" for name in wrong]
    return damaged


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) == digest


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
