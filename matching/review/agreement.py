"""How far two reviewers agree who do not see each other's answer: shares, and Cohen's kappa with its interval.

Reads second answers (`decisions`, subject second) against the decision that stood when they were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import polars as pl

from matching.people.decided import pairs_of
from matching.review.answers import VALUES, Answers, Pair
from matching.standing import WITHDRAWN
from matching.store import Workspace

__all__ = ["Agreement", "Disagreement", "agreement", "disagreements", "kappa", "looked_twice"]

_Z = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """`table`: pairs by first and second answer. `kappa` None where chance alone would give the same."""

    pairs: int
    same: int
    share: float
    kappa: float | None
    low: float | None
    high: float | None
    table: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two answers on one pair that differ, and that nobody has settled."""

    pair: Pair
    first: str
    first_by: str
    first_note: str
    second: str
    second_by: str
    second_note: str


def kappa(table: Mapping[tuple[str, str], int]) -> Agreement:
    """Of a table of answers. The interval is the large-sample one (Fleiss, Cohen and Everitt 1969), cut at -1 and 1."""
    total = sum(table.values())
    same = sum(count for (one, other), count in table.items() if one == other)
    if not total:
        return Agreement(0, 0, 0.0, None, None, None, dict(table))
    p = {ends: count / total for ends, count in table.items()}
    first = {value: sum(p.get((value, other), 0.0) for other in VALUES) for value in VALUES}
    second = {value: sum(p.get((other, value), 0.0) for other in VALUES) for value in VALUES}
    seen = same / total
    chance = sum(first[value] * second[value] for value in VALUES)
    if chance >= 1.0 - 1e-12:
        return Agreement(total, same, seen, None, None, None, dict(table))
    found = (seen - chance) / (1 - chance)
    half = _Z * sqrt(max(_variance(p, first, second, found, chance), 0.0) / total)
    low, high = max(found - half, -1.0), min(found + half, 1.0)
    return Agreement(total, same, seen, found, low, high, dict(table))


def _variance(
    p: Mapping[tuple[str, str], float],
    first: Mapping[str, float],
    second: Mapping[str, float],
    found: float,
    chance: float,
) -> float:
    """Of kappa, times the number of pairs."""
    on = sum(p.get((v, v), 0.0) * (1 - (first[v] + second[v]) * (1 - found)) ** 2 for v in VALUES)
    off = (1 - found) ** 2 * sum(
        p.get((i, j), 0.0) * (second[i] + first[j]) ** 2 for i in VALUES for j in VALUES if i != j
    )
    return (on + off - (found - chance * (1 - found)) ** 2) / (1 - chance) ** 2


def looked_twice(
    workspace: Workspace, answers: Answers
) -> list[tuple[dict[str, object], dict[str, object]]]:
    """Each second answer with the decision that it was to be compared with: the last of another before it."""
    rows = answers.rows()
    files = workspace.read("files", ["file_no", "file_sha256"])
    back = rows.filter(pl.col("value") == WITHDRAWN)["supersedes"].drop_nulls()
    alive = rows.filter(
        pl.col("subject") == "pair", pl.col("value").is_in(VALUES),
        ~pl.col("decision_id").is_in(back.implode()),
    ).sort("recorded_at", "decision_id")  # fmt: skip
    by_pair: dict[Pair, list[dict[str, object]]] = {}
    seconds = answers.seconds().sort("recorded_at", "decision_id")
    wanted = seconds.select("low", "high").unique()
    firsts = pairs_of(alive, files).join(
        wanted, on=["low", "high"], how="semi", maintain_order="left"
    )
    for row in firsts.iter_rows(named=True):
        by_pair.setdefault((row["low"], row["high"]), []).append(row)
    found = []
    for second in seconds.iter_rows(named=True):
        before = [
            row for row in by_pair.get((second["low"], second["high"]), ())
            if row["by"] != second["by"] and _at(row) <= _at(second)
        ]  # fmt: skip
        if before:
            found.append((before[-1], second))
    return found


def agreement(twice: Sequence[tuple[Mapping[str, object], Mapping[str, object]]]) -> Agreement:
    """Of all pairs that two reviewers answered without seeing each other's."""
    table: dict[tuple[str, str], int] = {}
    for first, second in twice:
        ends = str(first["value"]), str(second["value"])
        table[ends] = table.get(ends, 0) + 1
    return kappa(table)


def disagreements(
    answers: Answers, twice: Sequence[tuple[Mapping[str, object], Mapping[str, object]]]
) -> list[Disagreement]:
    """Pairs on which two answers differ and the first still stands: nobody has decided on them since."""
    found = []
    for _, second in twice:
        pair = (int(str(second["low"])), int(str(second["high"])))
        now = answers.on(pair)
        if now is None or now.value == second["value"] or now.recorded_at > _at(second):
            continue
        found.append(
            Disagreement(
                pair, now.value, now.by, now.note,
                str(second["value"]), str(second["by"]), str(second["note"] or ""),
            )
        )  # fmt: skip
    return found


def _at(row: Mapping[str, object]) -> datetime:
    at = row["recorded_at"]
    assert isinstance(at, datetime)
    return at
