"""What every slice of people needs: small frames by entity, what is known of pairs, and the voices of records.

All that comes from outside the slice is read here, once; `notify.notices.plan` puts it beside the slice's people.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.answers import answers_of
from notify.duties import earliest_by
from notify.elsewhere import REPRESENTATIVE, told_names, told_places
from notify.notices.entities import holds, told_by
from notify.notices.references import reference_numbers
from notify.notices.settings import NoticesSettings
from notify.notices.spent import Spent, spent
from notify.notices.told import told
from notify.notices.voices import Hearing, Voices, lacks_glyph, voices
from notify.suppressed import suppressed

__all__ = ["Common", "common"]

PRINT_NAME_MAX = 120
"""Characters of ce_print_name in a mail file (DOMAIN 5.3)."""
_PAIR = ["person_id", "entity_id"]


@dataclass(frozen=True, slots=True)
class Common:
    """What every slice needs: small frames by entity, and what is known of all pairs and records."""

    settings: NoticesSettings
    entities: pl.Enum
    by_entity: pl.DataFrame
    state_due: pl.DataFrame
    suppressed: pl.DataFrame
    told: pl.DataFrame
    places: pl.DataFrame
    names: pl.DataFrame
    by_post: pl.DataFrame
    answered: pl.DataFrame
    voices: Voices
    numbers: pl.Series


def common(workspace: Workspace, settings: NoticesSettings, aside: ThreadPoolExecutor) -> Common:
    """Read it all once. Bound: a number a pair (16 bytes), 80 bytes a record, and the inbox's last words."""
    refused_is_told = settings.counsel.returned_refused_is_notified
    earlier = told(workspace, refused_is_told=refused_is_told)
    places = told_places(workspace)
    used = spent(workspace, places, refused_is_told=refused_is_told)
    pairs = workspace.scan("ownership").select(_PAIR).collect()
    assert pairs["person_id"].is_sorted(), "ownership is in the order of its key"
    entities = pl.Enum(pairs["entity_id"].unique().drop_nulls().sort())
    numbers = aside.submit(reference_numbers, workspace, pairs, earlier)
    del pairs
    scopes = settings.counsel.email_scopes
    heard = voices(workspace, Hearing(as_of=settings.as_of, scopes=scopes, entities=entities))
    due = earliest_by(workspace)
    return Common(
        settings=settings,
        entities=entities,
        by_entity=_by_entity(workspace, settings, due),
        state_due=due.drop_nulls("state").rename({"due_on": "state_due_on"}),
        suppressed=suppressed(workspace),
        told=earlier,
        places=places.filter(~pl.col("told_address").is_in(used.told.implode())),
        names=told_names(workspace),
        by_post=_by_post(earlier, used),
        answered=_answered(workspace),
        voices=heard.without(used.records),
        numbers=numbers.result(),
    )


def _by_entity(workspace: Workspace, settings: NoticesSettings, due: pl.DataFrame) -> pl.DataFrame:
    """`entity_id, told_by, hold, due_on, print_faults, print_lacks`, a row per entity of the roster."""
    roster = workspace.read("entities", ["entity_id", "print_name"])
    held, everywhere = holds(workspace, settings.holds, on=settings.as_of)
    frames = (
        told_by(workspace, unreachable_by_us=settings.counsel.unreachable_entity == "ba_notifies"),
        held,
        due.filter(pl.col("state").is_null()).drop("state"),
    )
    for frame in frames:
        roster = roster.join(frame, on="entity_id", how="full", coalesce=True)
    return roster.select(
        "entity_id",
        "told_by",
        "due_on",
        hold=pl.coalesce("hold", everywhere),
        print_faults=printed.faults({"print_name": PRINT_NAME_MAX}),
        print_lacks=lacks_glyph(roster.select("print_name")),
    )


def _answered(workspace: Workspace) -> pl.DataFrame:
    """`person_id, entity_id, disputed, representative_unclear, said_deceased, said_confidential`: entities' words.

    Death and a wish for confidential communications hold for the person, whoever said so; that the person
    is no patient, and whom it names as the representative, for that entity's notice alone.
    """
    heard = answers_of(workspace, workspace.scan("ownership").select(_PAIR))
    named = pl.col("representative")
    unclear = named.is_not_null() & ~named.str.contains(REPRESENTATIVE)
    return heard.with_columns(representative_unclear=unclear).drop("representative")


def _by_post(told: pl.DataFrame, used: Spent) -> pl.DataFrame:
    """`person_id, known_bad, reported_dead`: what returned letters say of a person at every entity."""
    dead = told.filter("reported_dead").select("person_id", reported_dead="reported_dead").unique()
    bad = used.people.with_columns(known_bad=pl.lit(value=True))
    return bad.join(dead, on="person_id", how="full", coalesce=True)
