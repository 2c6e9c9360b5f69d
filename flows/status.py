"""`affected status`: steps, gates, clocks, what waits for whom, content digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

import notify.email
from flows import step_settings
from flows.accuracy import as_known_now
from flows.audit import audit, audit_head
from flows.gates import gate_states
from flows.journal import Journal
from flows.places import check_place
from flows.rounds import Round, open_round, open_workspace
from flows.scenarios import approved
from flows.steps import REPORT, STEPS, inputs_digest, is_done
from matching.keyfile import KeyFile
from matching.store import Workspace, replacing
from matching.tables import STEP_TABLES
from notify.duties import open_duties
from notify.report.progress import progress

__all__ = ["status", "write_statement"]


def status(root: Path, *, since: date | None = None) -> dict[str, Any]:
    """The document of `affected status` (`affected.status/1`); with `since`, what was done from that day on."""
    workspace, current = open_round(root)
    journal = Journal(workspace)
    steps = []
    for step in STEPS:
        done = journal.done(step.name)
        fresh = is_done(
            step,
            workspace,
            journal,
            inputs_digest(step, workspace, step.settings(current.incident)),
        )
        state = "done" if fresh else ("outdated" if done else "not run")
        steps.append({"name": step.name, "state": state, "seconds": done.seconds if done else None})
    digests = {t.name: workspace.digest(t.name) for t in STEP_TABLES if workspace.has(t.name)}
    return {
        "schema": "affected.status/1",
        "incident": workspace.incident_id,
        "round": current.number,
        "state": current.state,
        "stopped_at": current.stopped_at,
        "as_of": current.incident.as_of.isoformat(),
        "thresholds": _thresholds(workspace, current),
        "steps": steps,
        "report": REPORT.name if (workspace.out / "report.html").exists() else None,
        "gates": [
            {
                "gate": g.gate,
                "open": g.open,
                "by": list(g.by),
                "subject": g.subject,
                "people_missing": g.missing,
                "may_approve": list(g.may) if g.missing else [],
            }
            for g in gate_states(workspace, current)
        ],
        "clocks": _clocks(workspace, current.incident.as_of),
        "entity_clocks": _entity_clocks(workspace, current.incident.as_of),
        "waiting": _waiting(workspace),
        "content_digests": digests,
        **_done_since(workspace, since),
        "audit_head": audit_head(workspace),
        "encryption": workspace.identity["encryption"],
        "key_file_wrapped": bool(KeyFile.read(workspace.key_file).people),
        "opened_by": workspace.keys.opened_by,
    }


def write_statement(root: Path, out: Path, *, since: date | None) -> Path:
    """The statement for a regulator, as a page (`affected status --out`); it holds no person's data.

    Raises UsageError for a path that no page should be written to.
    """
    # charts take a second to import; `affected status` alone should not wait for them
    from notify.report.statement import statement_html  # noqa: PLC0415

    check_place(root, out, option="--out", endings=(".html",))
    workspace, current = open_round(root)
    settings = as_known_now(workspace, current, step_settings.report(current.incident))
    audit(workspace, "statement", since=since.isoformat() if since else "")
    with replacing(out) as draft:
        draft.write_text(statement_html(workspace, settings, since=since), encoding="utf-8")
    return out


def _done_since(workspace: Workspace, since: date | None) -> dict[str, Any]:
    if since is None:
        return {}
    done = progress(replace(workspace, inbox_parts=None), since)
    return {"since": since.isoformat(), "done": done}


def _thresholds(workspace: Workspace, current: Round) -> dict[str, Any]:
    """What the round ran with, and the scenario that somebody approved (`next`: it waits for the next round)."""
    matching = current.incident.matching
    seen, now = approved(workspace), approved(open_workspace(workspace.root))
    told = {
        "include_at_bits": matching.include_at_bits,
        "merge_at_bits": matching.merge_at_bits,
        "attribute_at_bits": matching.attribute_at_bits,
        "weights": len(matching.weights),
        "scenario": seen.scenario.name if seen else None,
    }
    if (now.fact_id if now else None) != (seen.fact_id if seen else None):
        told["next"] = now.scenario.name if now else "[matching]"
    return told


def _clocks(workspace: Workspace, as_of: Any) -> list[dict[str, Any]]:
    """Per recipient and hypothesis: duties, the earliest due date and its days left (negative: overdue)."""
    owed = workspace.scan("duties").filter(
        ~pl.col("status").is_in(["not_required", "met"]) & pl.col("due_on").is_not_null()
    )
    days_left = (pl.col("due_on") - pl.lit(as_of)).dt.total_days()
    clocks = (
        owed.group_by("recipient", "hypothesis")
        .agg(
            duties=pl.len(),
            first_due_on=pl.col("due_on").min(),
            days_left=days_left.min(),
            overdue=(pl.col("status") == "overdue").sum(),
        )
        .sort("recipient", "hypothesis")
        .collect()
    )
    return [{**row, "first_due_on": row["first_due_on"].isoformat()} for row in clocks.to_dicts()]


def _entity_clocks(workspace: Workspace, as_of: Any) -> list[dict[str, Any]]:
    """Per covered entity and jurisdiction: open duties, the nearest day and its days left, what waits.

    `first_due_on` and `days_left` are null where no rule counts days; negative days are overdue or,
    where the duty waits, a plan that is late. The most urgent come first.
    """
    status = pl.col("status")
    clocks = (
        open_duties(workspace, as_of=as_of)
        .group_by("entity_id", "jurisdiction")
        .agg(
            duties=pl.len(),
            first_due_on=pl.col("due_on").min(),
            days_left=pl.col("days_left").min(),
            overdue=(status == "overdue").sum(),
            waiting=status.is_in(["waiting", "waiting_receipt"]).sum(),
            needs_counsel=(status == "needs_counsel").sum(),
            unreviewed=(~pl.col("reviewed")).sum(),
        )
        .sort("first_due_on", "entity_id", "jurisdiction", nulls_last=True)
    )
    iso = pl.col("first_due_on").dt.to_string("%Y-%m-%d")
    return clocks.with_columns(iso).to_dicts()


def _waiting(workspace: Workspace) -> list[dict[str, Any]]:
    """People and entities by what they wait for."""
    ledger = workspace.scan("ledger").group_by("state").agg(people=pl.len()).sort("state").collect()
    packets = (
        workspace.scan("packets").group_by("state").agg(entities=pl.len()).sort("state").collect()
    )
    outbox = notify.email.outbox_counts(workspace.root)
    return [
        *({"of": "ledger", **row} for row in ledger.to_dicts()),
        *({"of": "packets", **row} for row in packets.to_dicts()),
        *(
            {"of": "outbox", "state": state, "people": rows}
            for state, rows in outbox.items()
            if rows
        ),
    ]
