"""How accurate the list is: what labels and rehearsals say of wrong and missed merges, with intervals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from notify.report.parts import Card, Grid, Section, number

__all__ = ["Accuracy", "Range", "accuracy_section"]


class Range(BaseModel):
    """A number with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float


class Accuracy(BaseModel):
    """What is known of errors at the round's thresholds when the page is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labelled: int = Field(description="Pairs of the random sample that people judged.")
    precision: Range | None = Field(description="Of kept pairs from the merge threshold on.")
    recall: Range | None = Field(description="Of matches among kept pairs.")
    untold: Range = Field(description="People merged with another, whom nobody tells.")
    twice: Range = Field(description="Second letters to one person.")
    blocking_recall: float = Field(description="Share of matches that were compared, at most.")
    looked_twice: int = Field(description="Pairs that two people judged unseen by each other.")
    kappa: Range | None = Field(description="Cohen's kappa of these.")
    merge_at_bits: float
    review_pairs: int


def accuracy_section(found: Accuracy | None) -> Section:
    """Errors with intervals, how they are known, and by how many labels."""
    title = "How accurate it is"
    if found is None:
        return Section(anchor="accuracy", title=title, lead="Not yet: nobody was linked.", pending=True)  # fmt: skip
    source = (
        f"{number(found.labelled)} pairs of a random sample, judged by people, and rehearsals whose truth is known"
        if found.labelled
        else "rehearsals whose truth is known; no pair of this incident was judged yet, so intervals are wide"
    )
    cards = (
        Card(number(found.untold.value), "people merged with another", _interval(found.untold) + "; they would not be told"),
        Card(number(found.twice.value), "second letters", _interval(found.twice) + "; kept apart though one person"),
        Card(number(found.review_pairs), "pairs in review", f"undecided below {found.merge_at_bits:g} bits: both are told"),
        Card(f"{found.blocking_recall:.2%}", "of matches compared", "at most; the rest share no blocking rule"),
    )  # fmt: skip
    rows = (
        ("precision of merged pairs", *_shown(found.precision)),
        ("recall among kept pairs", *_shown(found.recall)),
        ("kappa of two reviewers", *_shown(found.kappa)),
    )
    grid = Grid(("measure", "value", "from", "to"), rows, "With 95 % intervals; a dash: no labels.")
    twice = (
        f" {number(found.looked_twice)} pairs were judged by two people."
        if found.looked_twice
        else ""
    )
    lead = f"Known from {source}.{twice}"
    judged = found.labelled or found.looked_twice
    return Section(
        anchor="accuracy", title=title, lead=lead, cards=cards, grids=(grid,) if judged else ()
    )


def _interval(found: Range) -> str:
    return f"{number(found.low)} to {number(found.high)}"


def _shown(found: Range | None) -> tuple[str | None, str | None, str | None]:
    if found is None:
        return None, None, None
    return f"{found.value:.4f}", f"{found.low:.4f}", f"{found.high:.4f}"
