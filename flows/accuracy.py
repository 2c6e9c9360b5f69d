"""What is known of the list's errors when a page is made: labels, rehearsals, blocking, two reviewers' agreement."""

from __future__ import annotations

from flows.review_sample import estimates
from flows.rounds import Round
from matching.review.agreement import agreement, looked_twice
from matching.review.answers import Answers
from matching.reviewed import Estimate, reviewed_strata
from matching.store import Workspace
from matching.tuning.numbers import numbers_of_run
from notify.report import Accuracy, Range, ReportSettings

__all__ = ["accuracy_of", "as_known_now"]


def as_known_now(workspace: Workspace, current: Round, settings: ReportSettings) -> ReportSettings:
    """With where the audit log ends and what labels say when a page is made; neither is an input of a round."""
    known = {
        "audit_log": workspace.printed_head(),
        "accuracy": accuracy_of(workspace, current),
    }
    return settings.model_copy(update=known)


def accuracy_of(workspace: Workspace, current: Round) -> Accuracy | None:
    """As decisions are now, at the round's thresholds; None before people were made."""
    if not workspace.has("merge_counts") or not workspace.rows("merge_counts"):
        return None
    incident = current.incident
    found = numbers_of_run(workspace, incident.matching, incident.costs)
    known = estimates(workspace, incident.matching)
    merge = (known["reviewed"] or {}).get("merge", {})
    both = agreement(looked_twice(workspace, Answers(workspace)))
    kappa = None
    if both.kappa is not None and both.low is not None and both.high is not None:
        kappa = Range(value=both.kappa, low=both.low, high=both.high)
    return Accuracy(
        labelled=int(reviewed_strata(workspace).reviewed.sum()),
        precision=Range(**merge["precision"]) if merge else None,
        recall=Range(**merge["recall_of_kept_pairs"]) if merge else None,
        untold=_range(found.missed),
        twice=_range(found.duplicate_letters),
        blocking_recall=known["blocking"]["recall_at_most"],
        looked_twice=both.pairs,
        kappa=kappa,
        merge_at_bits=incident.matching.merge_at_bits,
        review_pairs=found.review_pairs,
    )


def _range(found: Estimate) -> Range:
    return Range(value=found.value, low=found.low, high=found.high)
