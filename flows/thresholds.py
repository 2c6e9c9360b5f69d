"""`affected thresholds`: people, review load and expected errors at every threshold, without a record.

Reads `merge_counts`, `merge_tree` and `pairs` in aggregates, and `counts` for the lines of law. The
tree knows no splits, and probabilities are the model's: both are said wherever a number is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from flows.review_sample import estimates, write_sample
from flows.rounds import Round, open_round, profiled_before
from matching.costs import cheapest, swept
from matching.errors import OperatorError, UsageError
from matching.people.profile import drift
from matching.store import Workspace, replacing
from matching.tables import TABLES

__all__ = ["curve", "thresholds", "thresholds_text"]

Document = dict[str, Any]
STEPS_PER_BIT = 10
"""Rows of `merge_counts`: tenths of a bit."""
MILLION = 1_000_000
"""Probabilities are summed as integer millionths: the same in any order."""
SHOWN_EVERY = 5
"""The document shows half bits."""
LARGE = 500
"""45 CFR 164.408(b): 500 people or more of an entity; 164.406: more than 500 of one state."""
SAMPLE = 400
"""Pairs of a review: a morning's work for two people."""
BASIS = (
    "before splits: decisions and guards that part a group further on are not reckoned with",
    "probabilities are the model's only, from kept pairs",
)


def thresholds(
    root: Path, *, out: Path | None = None, sample: Path | None = None, size: int = SAMPLE
) -> Document:
    """The document of `affected thresholds` (`affected.thresholds/1`); also the page, where asked for.

    `sample`: where a CSV of `size` pairs to review goes.

    Raises OperatorError before the step people, UsageError for a page that cannot be written.
    """
    workspace, current = open_round(root)
    if not workspace.has("merge_counts"):
        raise OperatorError(f"workspace {root}: no merge tree yet; run until the step people")
    if out is not None and (out.suffix != ".html" or not out.parent.is_dir()):
        raise UsageError(f"--out {out}: must end in .html, in a folder that is there")
    matching = current.incident.matching
    rows = curve(workspace)
    sweep = swept(rows, current.incident.costs, include_at_bits=matching.include_at_bits)
    run = {
        "include_at_bits": matching.include_at_bits,
        "merge_at_bits": matching.merge_at_bits,
        "attribute_at_bits": matching.attribute_at_bits,
        "floor_bits": matching.floor_bits,
    }
    document: Document = {
        "schema": "affected.thresholds/1",
        "incident": workspace.incident_id,
        "round": current.number,
        **run,
        "basis": BASIS,
        "at_run": _at_run(rows, matching.include_at_bits, matching.merge_at_bits),
        "pairs": _pairs_by_band(workspace),
        "lines": _lines(workspace),
        "curve": rows.gather_every(SHOWN_EVERY, _first_half_bit(rows)).to_dicts(),
        "costs": {
            **current.incident.costs.model_dump(),
            "cheapest": {column: cheapest(sweep, column) for column in ("unreviewed", "reviewed")},
            "curve": sweep.gather_every(SHOWN_EVERY, _first_half_bit(sweep)).to_dicts(),
        },
        **estimates(Workspace.open(root), matching),  # with decisions since the round began
        "drift": _drift(root, workspace, current),
        "sampled": write_sample(workspace, sample, size=size) if sample else None,
        "out": str(out) if out else None,
    }
    if out is not None:
        from flows.thresholds_page import page  # noqa: PLC0415 - altair takes a second to import

        title = current.incident.incident.title
        with replacing(out) as draft:
            draft.write_text(page(document, rows, workspace, title=title), encoding="utf-8")
    return document


def curve(workspace: Workspace) -> pl.DataFrame:
    """One row a tenth of a bit: what a merge threshold there makes of the kept pairs.

    `expected_false` counts links of the tree at or above the threshold that join two people,
    `expected_missed` those below that would join one.
    """
    return workspace.read("merge_counts").select(
        "at_bits",
        "people",
        "orphans",
        with_chart=pl.col("people") - pl.col("orphans"),
        charts_reached="charts_reached",
        links="links",
        pairs="pairs",
        expected_false=_people("false"),
        expected_missed=_people("missed"),
    )


def _drift(root: Path, workspace: Workspace, current: Round) -> Document | None:
    """What moved since the last round that was profiled; None in the first."""
    before = profiled_before(root, current.number)
    if before is None or not workspace.has("profile"):
        return None
    schema = dict(TABLES["profile"].polars)
    then = pl.DataFrame(before.profile, schema=schema, orient="row")
    found = drift(then, workspace.read("profile"))
    return {"since_round": before.number, "measures": found.to_dicts()}


def _people(millionths: str) -> pl.Expr:
    return (pl.col(millionths) / MILLION).round(1)


def _first_half_bit(rows: pl.DataFrame) -> int:
    steps = (rows["at_bits"] * STEPS_PER_BIT).round().cast(pl.Int64)
    return int((steps % SHOWN_EVERY == 0).arg_max() or 0)


def _at_run(rows: pl.DataFrame, include: float, merge: float) -> Document:
    """The row at the run's merge threshold, and what lies between both thresholds."""
    at, below = (_row_at(rows, bits) for bits in (merge, include))
    return {
        **at,
        "charts_reached": below["charts_reached"],
        "review_links": below["links"] - at["links"],
        "review_pairs": below["pairs"] - at["pairs"],
        "people_if_review_merged": below["people"],
    }


def _row_at(rows: pl.DataFrame, bits: float) -> Document:
    """The first row at or above these bits: thresholds between two tenths count as the next."""
    found = rows.filter(pl.col("at_bits") >= bits - 1e-9).head(1)
    return (found if found.height else rows.tail(1)).row(0, named=True)


def _pairs_by_band(workspace: Workspace) -> Document:
    counted = (
        workspace.scan("pairs")
        .group_by(pl.col("kind", "band").cast(pl.String))
        .agg(pairs=pl.len())
        .sort("kind", "band")
        .collect(engine="streaming")
    )
    found: Document = {}
    for kind, band, pairs in counted.iter_rows():
        found.setdefault(kind, {})[band] = pairs
    return found


def _lines(workspace: Workspace) -> list[Document] | None:
    """How many entities, and entities in one state, pass 500 at the run's thresholds."""
    if not workspace.has("counts"):
        return None
    counts = workspace.scan("counts").filter(
        pl.col("entity_id").is_not_null() & (pl.col("entity_id") != "UNOWNED")
    )
    numbers = ("confirmed", "expected", "upper")
    entity = pl.col("state").is_null()
    rows = [
        ("entities with 500 people or more", counts.filter(entity), pl.col(numbers) >= LARGE),
        (
            "entities with more than 500 in one state",
            counts.filter(~entity),
            pl.col(numbers) > LARGE,
        ),
    ]
    return [
        {"line": line, **some.select(passed.sum()).collect().row(0, named=True)}
        for line, some, passed in rows
    ]


def thresholds_text(document: Document) -> str:
    """People and review load around the run's merge threshold."""
    at = document["at_run"]
    include, merge = document["include_at_bits"], document["merge_at_bits"]
    review = f"{at['review_links']:,} links to review ({at['review_pairs']:,} pairs)"
    lines = [
        f"{document['incident']} round {document['round']}: include at {include:g} bits, merge at {merge:g}",
        f"  {at['people']:,} people, {at['orphans']:,} of them without a chart; {review};",
        f"  {at['people_if_review_merged']:,} people if all of them merge",
        "   bits       people  without chart   links at or above   expected false  expected missed",
    ]
    lines += [
        f"  {row['at_bits']:5.1f} {row['people']:>12,} {row['orphans']:>14,} {row['links']:>19,}"
        f" {row['expected_false']:>16,.1f} {row['expected_missed']:>16,.1f}"
        for row in document["curve"]
        if float(row["at_bits"]).is_integer()
        and include - 1 <= row["at_bits"] <= document["attribute_at_bits"] + 6
    ]
    lines += [
        f"  {row['line']}: {row['confirmed']} confirmed, {row['expected']} expected, {row['upper']} upper"
        for row in document["lines"] or ()
    ]
    lines += [
        f"  cheapest merge threshold with the review band {column}: {best['at_bits']:.1f} bits ({best['cost']:,.0f})"
        for column, best in document["costs"]["cheapest"].items()
    ]
    lines += _estimates_text(document) + _drift_text(document["drift"])
    return "\n".join([*lines, *(f"  ({basis})" for basis in document["basis"])])


def _drift_text(found: Document | None) -> list[str]:
    """The measures that moved since the last round."""
    if found is None:
        return []
    moved = [row for row in found["measures"] if row["moved"] != "no"]
    since = f"  since round {found['since_round']}"
    if not moved:
        return [f"{since}: completeness, agreement, pairs and sizes of persons as before"]
    return [
        f"{since} {row['moved']} moved: {row['measure']}, most in '{row['most']}' (index {row['index']:.2f})"
        for row in moved
    ]


def _estimates_text(document: Document) -> list[str]:
    """What reviewed pairs and the rules say of precision, recall and missed matches."""
    blocking, reviewed = document["blocking"], document["reviewed"]
    lines = [
        f"  compared {blocking['expected_matches']:,.0f} expected matches; blocking missed at least {blocking['missed_at_least']:,.0f}",
    ]
    if reviewed is None:
        todo = "--sample FILE.csv writes pairs to review for affected decide"
        return [*lines, f"  nothing reviewed yet: {todo}"]
    for name in ("include", "merge"):
        one = reviewed[name]
        precision, recall = one["precision"], one["recall_of_kept_pairs"]
        lines.append(
            f"  {name}: precision {precision['value']:.4f} ({precision['low']:.4f} to {precision['high']:.4f}),"
            f" recall of kept pairs {recall['value']:.4f} ({recall['low']:.4f} to {recall['high']:.4f})"
            f" from {reviewed['reviewed']} reviewed pairs"
        )
    return lines
