"""What each packet would hold and in which state of figure C its entity is.

The content digest covers the listed people, the counts, the recipient and what the letter says about the
incident. It leaves out what only time or an answer moves (due dates, who does what, who turned 18): a packet
gets a new version when there is news in it, not when a day has passed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.answers import holds_on, receipt_rows
from notify.facts import Hold, Incident
from notify.packets.container import way_of
from notify.packets.individuals import COLUMNS
from notify.packets.settings import PacketsSettings

__all__ = [
    "content_digests", "held_today", "recipients", "released", "summary", "unusable_key", "with_states",
]  # fmt: skip

_NO_NEWS = {"minor", "reference_no", "answered"}
_TIMELESS = tuple(column for column in COLUMNS if column not in _NO_NEWS)
_ANSWER_STATES = {
    "accept": "accepted",
    "dispute": "disputed",
    "closed": "closed_with_custodian",
}
_LOST = ("returned", "bounced")
_LONGEST_CHAIN = 8
"""Sales in a row that are followed; a circle ends there too."""


def summary(people: pl.DataFrame) -> pl.DataFrame:
    """One row per entity: `confirmed, possible, possible_unlisted, low, high` (row hashes, summed)."""
    hashes = people.select(_TIMELESS).hash_rows(11)
    listed, sure = pl.col("listed"), pl.col("status") == "confirmed"
    # 32-bit halves, so that the sum of up to 2**32 hashes does not wrap
    return (
        people.with_columns(low=hashes & 0xFFFFFFFF, high=hashes // (1 << 32))
        .group_by("entity_id")
        .agg(
            confirmed=sure.sum().cast(pl.Int64),
            possible=(~sure & listed).sum().cast(pl.Int64),
            possible_unlisted=(~listed).sum().cast(pl.Int64),
            low=pl.col("low").filter(listed).sum(),
            high=pl.col("high").filter(listed).sum(),
        )
        .sort("entity_id")
    )


def content_digests(
    workspace: Workspace, settings: PacketsSettings, summaries: pl.DataFrame
) -> pl.DataFrame:
    """`entity_id, content`: SHA-256 over what the packet would hold."""
    sender = settings.business_associate.model_dump(mode="json")
    told = {"incident": _told(settings.incident), "by": sender}
    numbers = (
        workspace.read("counts")
        .with_columns(pl.col("expected").round(1))
        .group_by("entity_id")
        .agg(numbers=pl.struct("state", "confirmed", "expected", "upper").sort())
    )
    to_whom = recipients(workspace.read("entities"), settings.as_of).drop("status")
    per_entity = (
        summaries.join(numbers, on="entity_id", how="left")
        .join(to_whom, on="entity_id", how="left")
        .sort("entity_id")
    )
    digests = [
        hashlib.sha256(json.dumps([told, row], sort_keys=True).encode()).hexdigest()
        for row in per_entity.iter_rows(named=True)
    ]
    return per_entity.select("entity_id", content=pl.Series(digests, dtype=pl.String))


def recipients(entities: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per entity: who receives its packet, and the address it goes to.

    `entity_id, recipient_id, role (entity / successor / custodian / nobody), custodian, held_as` (the entity's
    own name) and the recipient's contact and key as `to_...`; a custodian has no key in the roster.
    `unusable_key`: there is a key that nothing can be encrypted to.
    Sold practices go to the successor, through several sales; closed ones without a successor to the
    custodian of their records at the address the roster has.
    """
    ids = _last_owners(entities, as_of)
    contact = (
        "legal_name",
        "contact_name",
        "street",
        "city",
        "state",
        "zip",
        "email",
        "packet_key",
    )
    owner = entities.select(
        pl.col("entity_id").alias("owner_id"), *(pl.col(c).alias(f"to_{c}") for c in contact)
    )
    custodial = (pl.col("status") == "closed") & (pl.col("owner_id") == pl.col("entity_id"))
    keeps = custodial & pl.col("custodian").is_not_null()
    return (
        entities.select("entity_id", "status", "custodian", held_as=pl.col("legal_name"))
        .join(ids, on="entity_id")
        .join(owner, on="owner_id", how="left")
        .with_columns(
            recipient_id=pl.when(keeps).then("custodian").otherwise("owner_id"),
            role=pl.when(keeps)
            .then(pl.lit("custodian"))
            .when(pl.col("owner_id") != pl.col("entity_id"))
            .then(pl.lit("successor"))
            .when(custodial)
            .then(pl.lit("nobody"))
            .otherwise(pl.lit("entity")),
            to_packet_key=pl.when(~keeps).then("to_packet_key"),
        )
        .with_columns(
            unusable_key=pl.col("to_packet_key")
            .map_elements(lambda key: way_of(key, as_of) is None, return_dtype=pl.Boolean)
            .fill_null(value=False)
        )
        .sort("entity_id")
    )


def released(events: pl.DataFrame) -> pl.DataFrame:
    """One row per entity with a packet out: `entity_id, released_version, released_content, released_on`."""
    return (
        events.filter((pl.col("channel") == "packet") & (pl.col("kind") == "exported"))
        .sort("entity_id", "notice_version", "recorded_at")
        .group_by("entity_id", maintain_order=True)
        .agg(
            released_version=pl.col("notice_version").last(),
            released_content=pl.col("detail").last(),
            released_on=pl.col("dated_on").last(),
        )
    )


def with_states(
    packets: pl.DataFrame,
    workspace: Workspace,
    holds: tuple[Hold, ...],
    settings: PacketsSettings,
) -> pl.DataFrame:
    """Add `state`, `reason` and `version`: exactly one state per entity, the most telling first.

    News beats what was sent: a changed packet is ready (or withheld) again, as the next version. Silence
    escalates by days since the release: `reply_overdue`, then unreachable for want of any reply.
    """
    events = workspace.read("events")
    known = packets.join(released(events), on="entity_id", how="left")
    out = pl.col("released_version")
    fresh = out.is_null() | (pl.col("content") != pl.col("released_content"))
    known = known.with_columns(version=pl.when(fresh).then(out.fill_null(0) + 1).otherwise(out))
    known = known.join(_answers(workspace, known), on="entity_id", how="left").join(
        _lost(events), on=["entity_id", "version"], how="left"
    )
    known = known.with_columns(pl.col("lost").fill_null(value=False))
    held = held_today(known["entity_id"], holds, settings.as_of)
    known = known.with_columns(held=pl.coalesce(held, unusable_key()))
    before = (
        pl.when(pl.col("held").is_not_null())
        .then(pl.lit("withheld"))
        .when(pl.col("role") == "nobody")
        .then(pl.lit("unreachable"))
        .when(pl.col("role") == "custodian")
        .then(pl.lit("closed_with_custodian"))
        .otherwise(pl.lit("ready"))
    )
    silent, late = _silence(settings)
    after = pl.coalesce(
        "answer", pl.when(pl.col("lost") | silent).then(pl.lit("unreachable")), pl.lit("sent")
    )
    open_question = pl.col("answer").is_null() | (pl.col("answer") == "received")
    why = (
        pl.when(pl.col("lost") & pl.col("answer").is_null())
        .then(pl.lit("came_back"))
        .when(silent & open_question)
        .then(pl.lit("no_reply"))
        .when(late & open_question)
        .then(pl.lit("reply_overdue"))
    )
    return known.with_columns(
        state=pl.when(fresh).then(before).otherwise(after),
        reason=pl.when(fresh).then(pl.col("held")).otherwise(why),
        version=pl.col("version").cast(pl.Int32),
    )


def _silence(settings: PacketsSettings) -> tuple[pl.Expr, pl.Expr]:
    """No reply for so long that the entity counts as unreachable; later than it was asked to reply."""
    days = (pl.lit(settings.as_of) - pl.col("released_on")).dt.total_days()
    silent, late = (days > settings.unreachable_days), (days > settings.reply_days)
    return silent.fill_null(value=False), late.fill_null(value=False)


def unusable_key() -> pl.Expr:
    """The reason to withhold a packet that cannot be encrypted to its recipient's key."""
    return pl.when("unusable_key").then(pl.lit("packet_key_unusable"))


def _told(incident: Incident) -> dict[str, Any]:
    shown = incident.model_dump(
        mode="json", exclude={"as_of", "synthetic", "should_have_known_reason"}
    )
    return dict(sorted(shown.items()))


def _last_owners(entities: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """`entity_id, owner_id`: the end of each chain of sales within the roster that took place by today."""
    sold = entities.filter((pl.col("successor_on") <= as_of).fill_null(True))
    next_owner = dict(sold.select("entity_id", "successor_id").drop_nulls().iter_rows())
    known = set(entities["entity_id"])
    owners = []
    for entity in entities["entity_id"]:
        owner = entity
        for _ in range(_LONGEST_CHAIN):
            if next_owner.get(owner) not in known:
                break
            owner = next_owner[owner]
        owners.append(owner)
    return entities.select("entity_id", owner_id=pl.Series(owners, dtype=pl.String))


def _answers(workspace: Workspace, known: pl.DataFrame) -> pl.DataFrame:
    """`entity_id, answer`: the last word on the whole released packet; a receipt where there is no other."""
    said = (
        workspace.scan("responses")
        .filter(pl.col("answer").is_in(list(_ANSWER_STATES)) & pl.col("person_id").is_null())
        .sort("recorded_at", "response_id")
        .select(
            "entity_id",
            version="packet_version",
            answer=pl.col("answer").replace_strict(_ANSWER_STATES, return_dtype=pl.String),
        )
        .collect()
    )
    received = receipt_rows(workspace).select("entity_id", "version", answer=pl.lit("received"))
    return (
        pl.concat([received, said])
        .join(known.select("entity_id", "released_version"), on="entity_id")
        .filter((pl.col("version") == pl.col("released_version")) | pl.col("version").is_null())
        .group_by("entity_id", maintain_order=True)
        .agg(pl.col("answer").last())
    )


def _lost(events: pl.DataFrame) -> pl.DataFrame:
    return (
        events.filter((pl.col("channel") == "packet") & pl.col("kind").is_in(_LOST))
        .select("entity_id", version="notice_version", lost=pl.lit(True))
        .unique()
    )


def held_today(entities: pl.Series, holds: tuple[Hold, ...], as_of: date) -> pl.Series:
    """Kind of a hold that forbids sending today, per entity; null where there is none."""
    active = sorted(holds_on(holds, as_of), key=lambda hold: hold.kind, reverse=True)
    kinds = {hold.entity_id: hold.kind for hold in active}
    return entities.replace_strict(kinds, default=kinds.get(""), return_dtype=pl.String).alias(
        "held"
    )
