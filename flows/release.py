"""What leaves the house: packets, filings, letters, batches. The gates are asked here, once, before each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import notify.batches
import notify.filings
import notify.letters
import notify.packets
from flows import step_settings
from flows.audit import audit
from flows.gates import check_right, gate_state, gate_states, require
from flows.journal import Journal
from flows.rounds import Round, holding, open_round, refuse_changed, refuse_purged
from matching.errors import OperatorError, UsageError
from matching.store import Workspace, drop_drafts
from notify.rules import load_rules
from notify.seal import Approved, Basis

__all__ = [
    "export_batches",
    "recall_batch",
    "release_filings",
    "release_packets",
    "translate_letters",
    "write_letters",
]

RELEASE_GATES = ("thresholds", "owners")
"""Must be open before a number or a list of people leaves the house."""


def release_packets(root: Path, *, entity: str | None = None) -> dict[str, Any]:
    """Write the packets that are ready; gives `affected.packets/1`.

    Raises ApprovalMissing while `thresholds` or `owners` is not approved.
    """
    with holding(root, "send.lock"):
        workspace, current = _allowed(root)
        refuse_purged(workspace)
        refuse_changed(current)
        released = notify.packets.release(
            workspace,
            step_settings.packets(current.incident),
            entity=entity,
            recorded_at=datetime.now(UTC),
            basis=_basis(workspace, current),
        )
        audit(workspace, "packets", released=len(released.entities))
    return {
        "schema": "affected.packets/1",
        "released": len(released.entities),
        "unchanged": released.unchanged,
        "folder": str(workspace.out / "packets"),
    }


def release_filings(root: Path, *, entity: str | None = None) -> dict[str, Any]:
    """Write the filings that are owed and ours to make; gives `affected.filings/1`.

    Raises ApprovalMissing while `thresholds` or `owners` is not approved.
    """
    with holding(root, "send.lock"):
        workspace, current = _allowed(root)
        if not workspace.purged:  # nothing can be run afterwards; counsel's word was typed to purge
            refuse_changed(current)
        released = notify.filings.release(
            workspace,
            step_settings.filings(current.incident),
            entity=entity,
            basis=_basis(workspace, current),
        )
        audit(workspace, "filings", released=len(released.paths))
    return {
        "schema": "affected.filings/1",
        "released": len(released.paths),
        "unchanged": released.unchanged,
        "by_kind": released.states,
        "unreviewed_rules": list(released.unreviewed),
        "folder": str(workspace.out / "filings"),
    }


def export_batches(root: Path) -> dict[str, Any]:
    """Write every approved batch; gives `affected.export/1` with those that wait for approval."""
    with holding(root, "send.lock"):
        workspace, current = _planned(root, "batches")
        refuse_purged(workspace)
        refuse_changed(current)
        require(workspace, current, "letters")
        batches = {f"send:{batch}" for batch in workspace.read("batches")["batch_id"]}
        gates = [g for g in gate_states(workspace, current) if g.gate in batches]
        names = {g.gate.removeprefix("send:"): list(g.by) for g in gates if g.open}
        waiting = [g.gate.removeprefix("send:") for g in gates if not g.open]
        exported = notify.batches.export(
            workspace,
            step_settings.batches(current.incident),
            batches=list(names),
            approvals=names,
            approved_at=_approved_at(workspace, list(names), {g.gate: g.subject for g in gates}),
            config_sha256=current.config_digest,
            audit_log=workspace.printed_head(),
            journal=Journal(workspace),
            recorded_at=datetime.now(UTC),
        )
        audit(workspace, "export", batches=len(names), pieces=exported.pieces)
    return {
        "schema": "affected.export/1",
        "batches": len(names),
        "pieces": exported.pieces,
        "waiting": waiting,
        "folder": str(workspace.out / "batches"),
    }


def recall_batch(root: Path, batch: str, *, by: str, note: str = "") -> dict[str, Any]:
    """Call back what the vendor has not mailed yet; gives `affected.recall/1`.

    Raises OperatorError where that person may not send, or the batch was never exported or was recalled.
    """
    with holding(root, "send.lock"):
        workspace, current = open_round(root)
        workspace.inbox_parts = None  # what came back a moment ago counts
        check_right(current.incident, by, "send")
        now = datetime.now(UTC)
        settings = step_settings.batches(current.incident)
        if not workspace.purged:  # settling reads what is gone then, and no export came since
            notify.batches.settle(workspace, settings, recorded_at=now, journal=Journal(workspace))
        today = max(current.incident.as_of, now.date())
        recalled = notify.batches.recall(
            workspace, batch, by=by, note=note, as_of=today, recorded_at=now
        )
        audit(workspace, "recall", by=by, batch=batch, pieces=recalled.pieces, note=note)
    return {
        "schema": "affected.recall/1",
        "batch": batch,
        "recalled": recalled.pieces,
        "past": recalled.past,
        "file": str(recalled.file),
    }


def _approved_at(
    workspace: Workspace, batches: list[str], subjects: dict[str, str]
) -> dict[str, str]:
    """When each batch as it stands was approved, the last of several people counting."""
    given = Journal(workspace).approvals()
    times = {a.gate: a.approved_at for a in given if a.subject == subjects.get(a.gate)}
    return {batch: times[f"send:{batch}"] for batch in batches}


def write_letters(
    root: Path, *, person: str = "", entity: str = "", batch: str = "", piece: str = ""
) -> dict[str, Any]:
    """Write the proof packs, one letter, or every letter of a batch; gives `affected.letters/1`."""
    if bool(person) != bool(entity):
        raise UsageError("letters: one letter needs both --person and --entity")
    if sum(map(bool, (person, batch, piece))) > 1:
        raise UsageError("letters: one of --person, --batch and --piece at a time")
    workspace, current = _planned(root, "pieces" if batch or piece else "notices")
    drop_drafts(workspace.out / "letters", below=True)
    settings = step_settings.batches(current.incident)
    document: dict[str, Any] = {"schema": "affected.letters/1"}
    if batch:
        printed = notify.letters.print_batch(workspace, settings, batch)
        audit(workspace, "letters", batch=batch, pieces=printed.pieces)
        document |= {"pieces": printed.pieces, "pages": printed.pages, "sheets": printed.sheets}
        files = sorted(path for path in printed.folder.iterdir() if path.is_file())
    elif piece:
        pdf = notify.letters.print_piece(workspace, settings, piece)
        files = [workspace.put_output(f"letters/piece-{piece}.pdf", pdf, personal=True)]
        audit(workspace, "letter", piece=piece)
    elif person:
        pdf = notify.letters.letter(workspace, settings, person_id=person, entity_id=entity)
        files = [workspace.put_output(f"letters/{person}-{entity}.pdf", pdf, personal=True)]
        audit(workspace, "letter", person=person, entity=entity)
    else:
        files = notify.letters.proof_pack(workspace, settings)
        audit(workspace, "letters", proofs=len(files))
    return {**document, "files": [str(path) for path in files]}


def translate_letters(root: Path, *, language: str, table: Path | None) -> dict[str, Any]:
    """Write a table for translators, or the language file that a filled one makes; gives `affected.letters/1`."""
    workspace, current = open_round(root)
    settings = step_settings.batches(current.incident)
    wording, _ = notify.letters.checked_wording(settings)
    short = language.split("-", maxsplit=1)[0]
    if table is None:
        data = notify.letters.translation_table(wording, short)
        path = workspace.put_output(f"letters/translation-{short}.csv", data, personal=False)
    else:
        text = notify.letters.language_file(settings, wording, table.read_bytes(), tag=language)
        path = workspace.put_output(f"letters/{short}.toml", text.encode(), personal=False)
    return {"schema": "affected.letters/1", "files": [str(path)]}


def _allowed(root: Path) -> tuple[Workspace, Round]:
    """The planned round, once everybody who must has approved what packets and filings say."""
    workspace, current = _planned(root, "packets")
    for gate in RELEASE_GATES:
        require(workspace, current, gate)
    return workspace, current


def _basis(workspace: Workspace, current: Round) -> Basis:
    """What a release to entities and authorities was allowed and configured by, for its seal."""
    folder = step_settings.filings(current.incident).jurisdictions
    gates = [gate_state(workspace, current, gate) for gate in RELEASE_GATES]
    return Basis(
        configuration_sha256=current.config_digest,
        rules_sha256=load_rules(folder).digest,
        approvals=tuple(Approved(gate.gate, gate.subject, gate.by) for gate in gates),
        audit_log=workspace.printed_head(),
    )


def _planned(root: Path, table: str) -> tuple[Workspace, Round]:
    workspace, current = open_round(root)
    if not workspace.has(table):
        raise OperatorError(
            f"nothing planned yet: table '{table}' is missing; run `affected run` first"
        )
    workspace.inbox_parts = None  # what was released a moment ago must be seen
    return workspace, current
