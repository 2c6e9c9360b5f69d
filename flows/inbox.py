"""What comes back from the world, validated and appended: answers, facts people typed, the vendor's returns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import notify.bounces
import notify.ledger
import notify.recorded
import notify.responses
import notify.returns
from flows.audit import audit
from flows.rounds import Round, holding, open_round
from matching.store import Workspace

__all__ = ["record_facts", "take_responses", "take_returns"]


def take_responses(
    root: Path, file: Path, *, by: str, dated_on: date | None = None
) -> dict[str, Any]:
    """Take covered entities' answers from a file; gives `affected.responses/1`."""
    workspace, current, now = _opened(root)
    today = current.incident.as_of if workspace.synthetic else now.date()
    taken = notify.responses.take(
        workspace,
        file,
        by=by,
        dated_on=dated_on or today,
        latest=_latest(current, now),
        recorded_at=now,
    )
    audit(workspace, "responses", by=by, answers=taken.answers)
    return {
        "schema": "affected.responses/1",
        "answers": taken.answers,
        "entities": taken.entities,
        "unanswered": taken.unanswered,
        "taken_before": taken.before,
    }


def record_facts(root: Path, file: Path, *, by: str) -> dict[str, Any]:
    """Take facts from a file; gives `affected.record/1` with their ids, for `supersedes`."""
    workspace, current, now = _opened(root)
    recorded = notify.recorded.take(
        workspace, file, by=by, latest=_latest(current, now), recorded_at=now
    )
    audit(workspace, "record", by=by, facts=0 if recorded.before else len(recorded.fact_ids))
    return {
        "schema": "affected.record/1",
        "facts": list(recorded.fact_ids),
        "taken_before": recorded.before,
    }


def take_returns(root: Path, files: Sequence[Path], *, by: str) -> dict[str, Any]:
    """Take files that came back, one after the other; gives `affected.returns/1`.

    Each is taken whole or not at all: where one is refused, those before it are in and those after it are not.
    """
    taken = []
    with holding(root, "returns.lock"):
        workspace, current, now = _opened(root)
        today = _latest(current, now)
        try:
            for file in files:
                said = _taken_in(workspace, file, by=by, today=today, now=now)
                audit(workspace, "returns", by=by, sha256=said["sha256"], events=said["events"])
                taken.append(said)
        finally:
            found = notify.ledger.write_reconciliation(workspace, today=today)
    return {
        "schema": "affected.returns/1",
        "files": taken,
        "ledger_identities": found.broken,
        "open_questions": found.questions,
        "reconciliation": str(workspace.out / notify.ledger.PAGE),
    }


def _taken_in(
    workspace: Workspace, file: Path, *, by: str, today: date, now: datetime
) -> dict[str, Any]:
    """One file, or a folder of mails: mail is for the bounces, all else is a vendor's return."""
    if not notify.bounces.classify_file_kind(file):
        return notify.returns.take(workspace, file, by=by, today=today, recorded_at=now).document()
    said = notify.bounces.take(workspace, file, by=by, today=today, recorded_at=now)
    told = said.bounced + said.complained
    return {
        "file": file.name, "kind": "BOUNCE", "sha256": "", "rows": said.mails, "events": told, "taken": told,
        "known": said.known, "quarantined": said.quarantined, "reasons": dict(sorted(said.reasons.items())),
        "kinds": dict(sorted(said.kinds.items())), "before": bool(said.before) and not said.mails,
    }  # fmt: skip


def _opened(root: Path) -> tuple[Workspace, Round, datetime]:
    workspace, current = open_round(root)
    workspace.inbox_parts = None  # what was taken a moment ago counts
    return workspace, current, datetime.now(UTC)


def _latest(current: Round, now: datetime) -> date:
    """No answer and no fact is from later than today, nor than the round's day in a rehearsal."""
    return max(current.incident.as_of, now.date())
