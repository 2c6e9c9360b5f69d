"""What covered entities and people have answered since: receipts, delegations, holds.

The roster and the incident file say it first; a later row of the inbox (`responses`, `events`, `facts`)
supersedes them. Every step that needs one of these asks here, so that all see the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from matching.store import Workspace
from notify.facts import Hold
from notify.renamed import under_present_ids

ORAL_HOLD_DAYS = 30
"""45 CFR 164.412(b): an oral statement delays no longer than 30 days from its date."""

__all__ = [
    "CORRECTABLE", "FLAGS", "agencies", "answers_of", "current_facts", "current_holds", "delegations", "holds_on",
    "person_answers", "receipt_rows", "receipts", "released_packets",
]  # fmt: skip

CORRECTABLE = (
    "first_name", "middle_name", "last_name", "suffix", "date_of_birth", "street", "city", "state", "zip",
)  # fmt: skip
"""Fields of a person that a covered entity may correct."""
FLAGS = ("deceased", "minor", "confidential", "representative")
"""What it may say of a person: Y or N, of a representative the name and address."""


def receipts(workspace: Workspace) -> pl.DataFrame:
    """One row per entity whose receipt of the notice is known: `entity_id, received_on`.

    The first packet starts the clock, so the earliest day over versions; a later answer on the same
    version corrects an earlier one. Without any answer it is the roster's `received_on`.
    """
    answered = (
        receipt_rows(workspace)
        .sort("recorded_at", "received_on")
        .group_by("entity_id", "version")
        .agg(pl.col("received_on").last())
        .group_by("entity_id")
        .agg(answered_on=pl.col("received_on").min())
    )
    roster = workspace.read("entities", ["entity_id", "received_on"])
    return (
        roster.join(answered, on="entity_id", how="left")
        .select("entity_id", received_on=pl.coalesce("answered_on", "received_on"))
        .drop_nulls()
        .sort("entity_id")
    )


def receipt_rows(workspace: Workspace) -> pl.DataFrame:
    """One row per receipt in the inbox: `entity_id, version, received_on, recorded_at`.

    An entity's answer, a carrier's or portal's word that it was delivered, or a recorded acknowledgement.
    """
    found = [_responses(workspace), _deliveries(workspace), _acknowledgements(workspace)]
    columns = ["entity_id", "version", "received_on", "recorded_at"]
    return pl.concat([rows.select(columns) for rows in found]).drop_nulls("received_on")


def delegations(workspace: Workspace) -> pl.DataFrame:
    """One row per entity and duty that someone decided: `entity_id, duty, by, document, signed_on`.

    An entity's later answer supersedes the delegation file; what has no row is undecided.
    """
    answered = (
        workspace.scan("responses")
        .filter((pl.col("answer") == "delegate") & pl.col("person_id").is_null())
        .sort("recorded_at", "response_id")
        .group_by("entity_id", pl.col("field").alias("duty"), maintain_order=True)
        .agg(
            by=pl.col("value").last(),
            document=pl.lit("packet response").first(),
            signed_on=pl.col("dated_on").last(),
        )
        .filter(pl.col("by").is_in(["ba", "ce", "undecided"]) & pl.col("duty").is_not_null())
        .collect()
    )
    roster = workspace.read("delegation")
    kept = roster.join(answered, on=["entity_id", "duty"], how="anti")
    return pl.concat([kept, answered.select(kept.columns)]).sort("entity_id", "duty")


def person_answers(workspace: Workspace) -> pl.DataFrame:
    """What entities said of their own people, the last word of each: one row per entity and person.

    `entity_id, person_id, disputed`, a text a field of CORRECTABLE, `representative`, true, false or null for
    the other FLAGS, and `said_on`, the day of its latest answer. An entity's answers speak for it alone.
    """
    answers = workspace.scan("responses").filter(pl.col("person_id").is_not_null())
    said = under_present_ids(workspace, answers).sort("recorded_at", "response_id")
    stands = pl.col("answer").filter(pl.col("answer").is_in(["accept", "dispute"])).last()
    value = pl.col("value")
    corrected = [
        value.filter((pl.col("answer") == "correct") & (pl.col("field") == field))
        .last()
        .alias(field)
        for field in CORRECTABLE
    ]
    flagged = [
        value.filter((pl.col("answer") == "flag") & (pl.col("field") == field)).last().alias(field)
        for field in FLAGS
    ]
    return (
        said.group_by("entity_id", "person_id", maintain_order=True)
        .agg(
            *corrected,
            *flagged,
            disputed=(stands == "dispute").fill_null(value=False),
            said_on=pl.col("dated_on").max(),
        )
        .with_columns(pl.col("deceased", "minor", "confidential") == "Y")
        .sort("entity_id", "person_id")
        .collect()
    )


def answers_of(workspace: Workspace, pairs: pl.LazyFrame) -> pl.DataFrame:
    """Of those of the pairs (person_id, entity_id) whose person any entity spoke of, one row each.

    `said_deceased, said_confidential`: any entity says so, which holds for the person everywhere; `disputed,
    representative`: the pair's own entity's word (null: none).
    """
    said = person_answers(workspace)
    yes = pl.lit(value=True)
    person = said.group_by("person_id").agg(
        said_deceased=(pl.col("deceased") == yes).any(),
        said_confidential=(pl.col("confidential") == yes).any(),
    )
    own = said.select("person_id", "entity_id", "disputed", "representative")
    met = pairs.join(person.lazy(), on="person_id")
    return met.join(own.lazy(), on=["person_id", "entity_id"], how="left").collect()


def agencies(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, agency`: agent, independent or undetermined; an entity's answer beats the roster."""
    answered = (
        workspace.scan("responses")
        .filter((pl.col("answer") == "correct") & (pl.col("field") == "agency"))
        .filter(pl.col("person_id").is_null())
        .sort("recorded_at", "response_id")
        .group_by("entity_id", maintain_order=True)
        .agg(answered=pl.col("value").last())
        .collect()
    )
    return (
        workspace.read("entities", ["entity_id", "agency"])
        .join(answered, on="entity_id", how="left")
        .select("entity_id", agency=pl.coalesce("answered", "agency"))
        .sort("entity_id")
    )


def current_holds(workspace: Workspace, typed: Iterable[Hold]) -> tuple[Hold, ...]:
    """The incident file's holds and the recorded ones that nothing superseded."""
    recorded = [
        Hold.model_validate(
            {
                "stated_on": fact["dated_on"],
                **json.loads(fact["value"]),
                "entity_id": fact["entity_id"] or "",
            }
        )
        for fact in current_facts(workspace, "hold").to_dicts()
    ]
    return (*typed, *recorded)


def holds_on(holds: Iterable[Hold], day: date) -> list[Hold]:
    """The holds that forbid sending on that day, whoever asked: law enforcement, a regulator or a court.

    An oral statement holds for 30 days (164.412(b)). Any other without an end holds until someone ends it;
    that its clock runs again by then is the duty's matter.
    """

    def last_day(hold: Hold) -> date:
        if hold.kind != "law_enforcement_oral":
            return hold.until or date.max
        latest = hold.stated_on + timedelta(days=ORAL_HOLD_DAYS)
        return min(hold.until or latest, latest)

    return [hold for hold in holds if hold.stated_on <= day <= last_day(hold)]


def released_packets(workspace: Workspace) -> pl.DataFrame:
    """One row per version of a packet that is out: `entity_id, packet_version, released_on`."""
    return (
        workspace.scan("events")
        .filter((pl.col("channel") == "packet") & (pl.col("kind") == "exported"))
        .group_by("entity_id", packet_version="notice_version")
        .agg(released_on=pl.col("dated_on").min())
        .collect()
    )


def current_facts(workspace: Workspace, kind: str) -> pl.DataFrame:
    """Facts of one kind that no later fact supersedes, in the order of recording."""
    facts = workspace.read("facts")
    undone = facts["supersedes"].drop_nulls().to_list()
    of_kind = facts.filter((pl.col("kind") == kind) & ~pl.col("fact_id").is_in(undone))
    return of_kind.sort("recorded_at", "fact_id")


def _responses(workspace: Workspace) -> pl.DataFrame:
    return (
        workspace.scan("responses")
        .filter(pl.col("answer") == "receipt")
        .select("entity_id", "recorded_at", version="packet_version", received_on="dated_on")
        .collect()
    )


def _deliveries(workspace: Workspace) -> pl.DataFrame:
    """A carrier or portal that says the packet was accepted."""
    return (
        workspace.scan("events")
        .filter((pl.col("channel") == "packet") & (pl.col("kind") == "accepted"))
        .select("entity_id", "recorded_at", version="notice_version", received_on="dated_on")
        .collect()
    )


def _acknowledgements(workspace: Workspace) -> pl.DataFrame:
    """An acknowledgement of a packet that someone recorded: `{"of": "packet", "version": 1}`."""
    facts = current_facts(workspace, "acknowledgement")
    value = facts["value"].str.json_decode(pl.Struct({"of": pl.String, "version": pl.Int32}))
    return (
        facts.with_columns(value=value)
        .unnest("value")
        .filter((pl.col("of") == "packet") & pl.col("entity_id").is_not_null())
        .select("entity_id", "recorded_at", "version", received_on="dated_on")
    )
