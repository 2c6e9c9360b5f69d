"""What comes back from the world, validated and appended: covered entities' answers, facts people typed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import notify.recorded
import notify.responses
from flows.audit import audit
from flows.rounds import Round, open_round
from matching.store import Workspace

__all__ = ["record_facts", "take_responses"]


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


def _opened(root: Path) -> tuple[Workspace, Round, datetime]:
    workspace, current = open_round(root)
    workspace.inbox_parts = None  # what was taken a moment ago counts
    return workspace, current, datetime.now(UTC)


def _latest(current: Round, now: datetime) -> date:
    """No answer and no fact is from later than today, nor than the round's day in a rehearsal."""
    return max(current.incident.as_of, now.date())
