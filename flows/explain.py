"""`affected explain`: why two records are one person, or not, in words and weights, without their values.

Reads the pair's comparison vector: level by level what the model gives, the guards that spoke, and what would
change the decision. A record is explained by its strongest pairs, a person by the links that hold its records
together. Names, dates and addresses stay in the tables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from flows.audit import audit
from flows.rounds import open_round, open_workspace
from matching.errors import OperatorError
from matching.link.guards import MISSING
from matching.link.settings import Matching
from matching.people.decided import read_decided
from matching.review.judged import Judge
from matching.store import Workspace
from notify.ledger import history, told_words

__all__ = ["explain", "explain_text", "told"]

Document = dict[str, Any]
SHOWN_PAIRS = 10
"""Strongest pairs of a record, and links of a person, that are listed."""


def explain(root: Path, first: str, second: str = "") -> Document:
    """The document of `affected explain` (`affected.explain/1`) of a person, a record or a pair.

    Ids are person_id, mention_id, chart_id, or the record_id of the source. Raises OperatorError where an
    id is none, or names several records.
    """
    workspace, current = open_round(root)
    if not workspace.has("members"):
        raise OperatorError(f"workspace {root}: no people yet; run until the step people")
    matching = current.incident.matching
    head = {"schema": "affected.explain/1", "incident": workspace.incident_id}
    if second:
        one, other = (_record(workspace, given) for given in (first, second))
        return {**head, "kind": "pair", **_pair(workspace, matching, one, other)}
    person = _person(workspace, first)
    if person is not None:
        return {**head, "kind": "person", **_of_person(workspace, matching, person)}
    return {**head, "kind": "record", **_of_record(workspace, matching, _record(workspace, first))}


def told(root: Path, first: str, second: str = "", *, by: str) -> Document:
    """As `explain`; before anybody sees it the audit log says who asked about whom.

    By the incident's own ids, never by one that a source gave.
    """
    document = explain(root, first, second)
    persons = " ".join(document.get("persons") or [document["person_id"]])
    audit(open_workspace(root), "explain", by=by, kind=document["kind"], persons=persons)
    return document


def _person(workspace: Workspace, given: str) -> dict[str, Any] | None:
    found = workspace.scan("persons").filter(pl.col("person_id") == given).collect()
    return found.row(0, named=True) if found.height else None


def _record(workspace: Workspace, given: str) -> dict[str, Any]:
    """person_id, mention_id, side, entity_id of one member."""
    same = pl.col("record_id") == given
    if given.isdecimal() and len(given) <= 18:  # fits 64 bits
        same |= pl.col("mention_id") == int(given)
    found = workspace.scan("members").filter(same).collect()
    if found.height != 1:
        several = (
            f"{found.height} records; give mention_id or chart_id"
            if found.height
            else "no person or record"
        )
        raise OperatorError(f"id '{given}': {several} (table members lists them)")
    return found.row(0, named=True)


def _pair(
    workspace: Workspace, matching: Matching, one: dict[str, Any], other: dict[str, Any]
) -> Document:
    ends = [one["mention_id"], other["mention_id"]]
    groups = dict(
        workspace.scan("identities").filter(pl.col("mention_id").is_in(ends))
        .select("mention_id", "identity_id").collect().iter_rows()
    )  # fmt: skip
    left, right = sorted(groups.get(end, end) for end in ends)
    both = {"left": left, "right": right, "one_person": one["person_id"] == other["person_id"],
            "persons": sorted({one["person_id"], other["person_id"]})}  # fmt: skip
    decided = _decided(workspace, sorted(ends))
    if left == right:
        words = "All cleaned values of the two are the same: they were compared as one."
        return {**both, "compared": False, "decided": decided, "words": [words]}
    rows = workspace.scan("pairs").filter(
        ((pl.col("left") == left) & (pl.col("right") == right))
        | ((pl.col("left") == right) & (pl.col("right") == left))
    )
    found = rows.collect()
    if not found.height:
        words = f"No pair was kept: no blocking rule made it, or it weighs less than {matching.floor_bits:g} bits."
        return {**both, "compared": False, "decided": decided, "words": [words]}
    judged = Judge.load(workspace, matching).of(found.row(0, named=True))
    levels = [
        {name: row[name] for name in ("comparison", "level", "bits")} for row in judged["levels"]
    ]
    return {**both, "compared": True, "decided": decided, **judged, "levels": levels}


def _decided(workspace: Workspace, ends: list[int]) -> str | None:
    decided = read_decided(workspace)
    for value, rows in (("match", decided.match), ("no", decided.no), ("unsure", decided.unsure)):
        if (rows == ends).all(axis=1).any():
            return value
    return None


def _of_record(workspace: Workspace, matching: Matching, record: dict[str, Any]) -> Document:
    group = workspace.scan("identities").filter(pl.col("mention_id") == record["mention_id"])
    identity = group.select("identity_id").collect()["identity_id"]
    node = int(identity[0]) if len(identity) else record["mention_id"]
    ends = (pl.col("left") == node) | (pl.col("right") == node)
    pairs = workspace.scan("pairs").filter(ends).collect()
    best = pairs.sort("match_weight", "left", "right", descending=[True, False, False])
    return {
        "record": record["mention_id"], "side": record["side"], "entity_id": record["entity_id"],
        "person_id": record["person_id"], "flag": record["flag"], "pairs_kept": pairs.height,
        "pairs": _listed(best.head(SHOWN_PAIRS)),
        "words": [_record_words(matching, pairs)],
    }  # fmt: skip


def _record_words(matching: Matching, pairs: pl.DataFrame) -> str:
    bands = dict(pairs.select(pl.col("band").cast(pl.String)).group_by("band").len().iter_rows())
    return (
        f"{pairs.height} pairs at or above {matching.floor_bits:g} bits: {bands.get('match', 0)} match,"
        f" {bands.get('review', 0)} in review, {bands.get('no', 0)} below or vetoed."
    )


def _of_person(workspace: Workspace, matching: Matching, person: dict[str, Any]) -> Document:
    mine = pl.col("person_id") == person["person_id"]
    members = workspace.scan("members").filter(mine).collect()
    ids = members["mention_id"].implode()
    groups = workspace.scan("identities").filter(pl.col("mention_id").is_in(ids)).collect()
    nodes = pl.concat([members["mention_id"], groups["identity_id"]]).unique().implode()
    inside = pl.col("left").is_in(nodes) & pl.col("right").is_in(nodes)
    links = workspace.scan("pairs").filter(inside).collect().sort("match_weight", "left", "right")
    between = workspace.scan("maybe_same").filter(
        (pl.col("person_a") == person["person_id"]) | (pl.col("person_b") == person["person_id"])
    )
    messages = told_words(workspace, person["person_id"])
    owned = workspace.scan("ownership").filter(mine) if workspace.has("ownership") else None
    others = between.collect().height
    leaked = members.filter(side="leaked").height
    words = [
        f"{leaked} leaked mentions and {members.height - leaked} charts; {person['affected']}"
        + (" (no chart: known from the leak alone)" if person["orphan"] else "") + ".",
        f"{links.height} kept pairs lie inside, merging from {matching.merge_at_bits:g} bits on."
        + (f" The weakest weighs {links['match_weight'][0]:.1f}." if links.height else ""),
        f"{others} other persons may be the same one; nothing was merged with them.",
        *messages,
    ]  # fmt: skip
    return {
        "person_id": person["person_id"],
        "affected": person["affected"],
        "members": members.select("mention_id", "side", "entity_id", "file_no", "row_no", "flag").to_dicts(),
        "weakest_links": _listed(links.head(SHOWN_PAIRS)),
        "maybe_same": others,
        "ownership": owned.select("entity_id", "status", "basis").collect().to_dicts() if owned is not None else None,
        "history": history(workspace, person["person_id"]),
        "words": words,
    }  # fmt: skip


def _listed(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    return pairs.select("left", "right", "match_weight", "band", "reasons").to_dicts()


def explain_text(document: Document) -> str:
    """The words, then weights or pairs as lines."""
    lines = [*document["words"]]
    if document.get("compared"):
        told = [row for row in document["levels"] if row["level"] != MISSING]
        lines += [f"  {row['bits']:+7.2f}  {row['comparison']}: {row['level']}" for row in told]
        lines += [
            f"  {document['term_frequency_bits']:+7.2f}  how common the values are",
            f"  {document['prior_bits']:+7.2f}  before anything was compared",
        ]
        absent = [row["comparison"] for row in document["levels"] if row["level"] == MISSING]
        lines.append(f"  missing on one side or both: {', '.join(absent) or 'nothing'}")
        lines.append(f"  found by {', '.join(document['blocking_rules'])}")
    if document.get("decided"):
        lines.append(f"A person decided: {document['decided']}.")
    if document["kind"] == "pair":
        held = "one person" if document["one_person"] else "two persons"
        if document["one_person"] and document.get("band", "match") != "match":
            held += ", joined by other records"
        lines.append(f"They are {held}: {', '.join(document['persons'])}.")
    lines += [
        f"  {row['match_weight']:7.2f}  {row['band']:6}  {row['left']} {row['right']}  {row['reasons'] or ''}"
        for row in document.get("pairs") or document.get("weakest_links") or ()
    ]
    lines += [f"  {event['dated_on']}  {event['words']}" for event in document.get("history", ())]
    return "\n".join(lines)
