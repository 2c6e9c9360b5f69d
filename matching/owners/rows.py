"""`row_owners`: the ladder climbed for every source row, slice by slice.

Rows that say the same climb once: the first of them climbs for all.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.owners.codes import ChartOwners, entity_codes
from matching.owners.decided_names import decided_names
from matching.owners.evidence import chart_numbers, linked_charts
from matching.owners.ladder import HINT, LADDER, MRN, at_level, climb, settle
from matching.owners.order import between, meet, meet_rows, place_in
from matching.owners.practice_names import PracticeNames
from matching.owners.providers import named_by_provider, provider_keys
from matching.owners.rungs import named_by_roster, roster_keys
from matching.owners.settings import OwnersSettings
from matching.owners.slices import SLICES_AT_ONCE, inside, mention_slices
from matching.store import Workspace
from matching.succession import legal_owner

__all__ = ["write_row_owners"]

_VERSION = 2
"""Of what a finished part holds: raise it where other owners follow from the same tables."""
_INPUTS = ("leaked", "leaked_std", "charts", "charts_std", "entities", "identities", "pairs")
_SAID = ("tenant_id", "location_id", "entity_id", "entity_npi", "entity_phone", "entity_email")


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What names entities beyond a row's own columns, over the whole incident."""

    keys: pl.DataFrame  # level, value, entity_id
    texts: PracticeNames
    providers: pl.DataFrame  # value, entity_id, home
    numbers: pl.DataFrame  # source, entity_id, agrees; by source row
    linked: pl.DataFrame  # identity_id, entity_id, weight_bits; by identity


def write_row_owners(workspace: Workspace, settings: OwnersSettings) -> None:
    """Write `row_owners`. Parts that an earlier run made of the same tables stand."""
    slices = list(mention_slices(workspace))
    decided = decided_names(workspace)
    key = _resume_key(workspace, settings, decided)
    with workspace.writer("row_owners", resume_key=key) as writer:
        missing = [index for index in range(len(slices)) if not writer.has(index)]
        if not missing:
            return
        evidence = _evidence(workspace, settings, decided)

        def write(index: int) -> None:
            start, end = slices[index]
            writer.put(index, _slice_owners(workspace, evidence, start=start, end=end))

        with ThreadPoolExecutor(SLICES_AT_ONCE) as pool:
            list(pool.map(write, missing))


def _resume_key(workspace: Workspace, settings: OwnersSettings, decided: pl.DataFrame) -> str:
    tables = [workspace.digest(name) for name in _INPUTS]
    chosen = settings.model_dump(mode="json", exclude={"presumed_entities"})
    said = decided.sort("name_place").rows()
    return hashlib.sha256(json.dumps([_VERSION, tables, chosen, said]).encode()).hexdigest()


def _evidence(workspace: Workspace, settings: OwnersSettings, decided: pl.DataFrame) -> _Evidence:
    entities = workspace.read("entities")
    codes, owner = entity_codes(entities), legal_owner(entities, on=settings.owner_on)
    charts = ChartOwners(workspace, owner, codes)
    return _Evidence(
        keys=roster_keys(entities).with_columns(owner.cast(codes)).unique(),
        texts=PracticeNames(entities, owner.cast(codes), decided),
        providers=provider_keys(workspace, owner, entities),
        numbers=chart_numbers(workspace, charts),
        linked=linked_charts(workspace, settings, charts),
    )


def _slice_owners(
    workspace: Workspace, evidence: _Evidence, *, start: int, end: int
) -> pl.DataFrame:
    near = between(evidence.numbers, "source", start // 8, (end + 7) // 8)
    rows = _rows(workspace, inside(start, end), near)
    numbers = _numbers(rows, near)
    linked = _linked_rows(workspace, evidence.linked, rows, inside(start, end))
    climbed = climb(_named(rows, evidence, numbers)).sort("row")
    first = rows.filter(_first())
    at, met = meet_rows(climbed["row"], first["like"])
    owned = climbed[met].with_columns(first["row"].gather(at))
    providers = _providers(rows, owned, evidence.providers)
    owners = settle(owned, numbers, providers, linked)
    kept = rows.filter(pl.col("exclusion").is_null())
    at, met = meet_rows(owners["row"], kept["row"])
    found = owners[met].with_columns(kept["mention_id"].gather(at))
    status = pl.when("alone").then(pl.lit("confirmed")).otherwise(pl.lit("possible"))
    return found.select(
        "mention_id",
        pl.col("entity_id").cast(pl.String),
        status.alias("status"),
        pl.col("level")
        .replace_strict(dict(enumerate(LADDER)), return_dtype=pl.String)
        .alias("basis"),
        "weight_bits",
    )


def _rows(workspace: Workspace, within: pl.Expr, numbers: pl.DataFrame) -> pl.DataFrame:
    """Mentions with what they say, their source `row` (from 0) and `like`, the first row like it.

    Rows with two people, or with a chart number that names an entity, are like no other. `home` is the state
    that the mention lives in, `state` the same where a practice's name is read with it.
    """
    leaked = workspace.scan("leaked").filter(within)
    rows = leaked.select("mention_id", "exclusion", "entity_hint", "provider", *_SAID).collect()
    std = workspace.scan("leaked_std").filter(within).select("mention_id", "state").collect()
    state = np.full(rows.height, std.height)
    state[place_in(rows["mention_id"], std["mention_id"])] = np.arange(std.height)
    source = pl.col("source")
    twin = (source == source.shift(1)) | (source == source.shift(-1))
    agreed = source.is_in(numbers.filter("agrees")["source"].unique().implode())
    rows = rows.with_columns(
        home=pl.concat([std["state"], pl.Series("state", [None], pl.String())]).gather(state),
        source=pl.col("mention_id") // 8,
    ).with_columns(
        state=pl.when(pl.col("entity_hint").is_not_null()).then("home"),
        row=source.rle_id(),
        alone=pl.when(twin.fill_null(value=False) | agreed).then("source"),
    )
    said = ("alone", "entity_hint", "state", *_SAID)
    filled = [name for name in said if rows[name].null_count() < rows.height]
    alike = pl.col("row").first().over(filled) if filled else pl.col("row").first()
    return rows.with_columns(like=alike)


def _providers(rows: pl.DataFrame, owned: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """row, entity_id, near: what treating providers say of the rows that are not settled."""
    settled = owned.filter("alone").select("row")
    asked = rows.filter(_first()).join(settled, on="row", how="anti")
    return named_by_provider(asked.select("row", "provider", state="home"), keys)


def _numbers(rows: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """row, entity_id, agrees of these rows."""
    first = rows.filter(_first())
    place = place_in(first["source"], numbers["source"])
    return numbers.select(first["row"].gather(place), "entity_id", "agrees")


def _first() -> pl.Expr:
    """The first mention of each source row."""
    return pl.col("row") != pl.col("row").shift(1, fill_value=np.iinfo(np.uint32).max)


def _named(rows: pl.DataFrame, evidence: _Evidence, numbers: pl.DataFrame) -> pl.DataFrame:
    """row, level, entity_id: what the rows that climb name."""
    first = rows.filter(pl.col("row") == pl.col("like"))
    named = [
        named_by_roster(first, evidence.keys),
        numbers.filter("agrees").select("row", at_level(MRN), "entity_id"),
        evidence.texts.named_by(first).select("row", at_level(HINT), "entity_id"),
    ]
    return pl.concat(named).unique()


def _linked_rows(
    workspace: Workspace, linked: pl.DataFrame, rows: pl.DataFrame, within: pl.Expr
) -> pl.DataFrame:
    """row, entity_id, weight_bits: charts of any person on the row speak for the row."""
    identities = workspace.scan("identities").filter(within).collect()
    place = place_in(rows["mention_id"], identities["mention_id"])
    at, met = meet(linked["identity_id"], identities["identity_id"])
    row = rows["row"].gather(place[at])
    return linked[met].select(row, "entity_id", "weight_bits")
