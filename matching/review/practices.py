"""Practice names that resolve to nobody, or to several: how much hangs on each, and who it may be.

In: leaked rows with a practice as free text whose owner is not confirmed. One entry a name and place; the roster's
names within its state or town are the candidates, with how alike they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matching.in_memory import in_memory
from matching.owners.decided_names import decided_names
from matching.owners.practice_names import name_places, named_by_text, practice_roster
from matching.owners.slices import inside, mention_slices
from matching.store import Workspace

__all__ = ["Candidate", "PracticeName", "Practices"]

_TEXT = ["entity_hint", "state"]
_CANDIDATES = 5
_ALIKE_AT = 0.6
"""Jaro-Winkler under which two names have nothing in common."""

CANDIDATES_SQL = """
with compared as (
    select
        asked.name_place,
        roster.entity_id,
        max(jaro_winkler_similarity(asked.name, roster.name)) as similarity
    from asked
    join roster using (block)
    group by all
)
select name_place, entity_id, similarity
from compared
where similarity >= $alike_at
qualify row_number() over (partition by name_place order by similarity desc, entity_id) <= $most
order by name_place, similarity desc, entity_id
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A practice of the roster that a name may mean. `similarity`: Jaro-Winkler, 0..1."""

    entity_id: str
    name: str
    place: str
    similarity: float


@dataclass(frozen=True, slots=True)
class PracticeName:
    """One name and place. `record`: a row that says it; `named`: how many practices it resolves to by itself."""

    name_place: str
    text: str
    state: str
    record: int
    rows: int
    people: int
    named: int


class Practices:
    """Unresolved names, those with most people first. Loaded once; candidates are looked for as they are shown."""

    def __init__(self, workspace: Workspace) -> None:
        entities = workspace.read("entities")
        self._roster = practice_roster(entities)
        shown = pl.coalesce("print_name", "legal_name")
        place = pl.concat_str("city", "state", separator=", ", ignore_nulls=True)
        self.entities: dict[str, tuple[str, str]] = {
            entity: (name, where or "")
            for entity, name, where in entities.filter(pl.col("kind") == "covered_entity")
            .select("entity_id", shown.alias("name"), place.alias("place"))
            .iter_rows()
        }
        rows = _unresolved(workspace, self._roster)
        self.names = tuple(PracticeName(**row) for row in rows.iter_rows(named=True))
        self.decided = {
            row["name_place"]: (row["entity_id"], row["decision_id"], row["by"] or "")
            for row in decided_names(workspace).iter_rows(named=True)
        }
        """By name_place what was decided: entity_id (None: nobody's), decision_id, by."""

    def waiting(self) -> list[PracticeName]:
        """Names that nobody decided, those with most people first."""
        return [name for name in self.names if name.name_place not in self.decided]

    def candidates(self, names: list[PracticeName]) -> dict[str, list[Candidate]]:
        """By name_place the practices it may mean, the most alike first. A few names at a time."""
        parts = [
            {"name_place": name.name_place, "name": one, "block": block}
            for name in names
            for one, _, block in (part.partition(" @ ") for part in name.name_place.split(" | "))
        ]
        if not parts:
            return {}
        with in_memory() as con:
            con.register("asked", pl.DataFrame(parts).to_arrow())
            con.register("roster", self._roster.to_arrow())
            params = {"alike_at": _ALIKE_AT, "most": _CANDIDATES}
            found = con.sql(CANDIDATES_SQL, params=params).pl()
        chosen: dict[str, list[Candidate]] = {name.name_place: [] for name in names}
        for place, entity, similarity in found.iter_rows():
            candidate = Candidate(entity, *self.entities[entity], similarity)
            chosen[place].append(candidate)
        return chosen


def _unresolved(workspace: Workspace, roster: pl.DataFrame) -> pl.DataFrame:
    """Rows of `PracticeName`. Slice by slice of the leak; holds the mentions that are at stake."""
    empty = pl.DataFrame(
        schema={"entity_hint": pl.String(), "state": pl.String(), "mention_id": pl.List(pl.Int64())}
    )
    slices = [_at_stake(workspace, start, end) for start, end in mention_slices(workspace)]
    said = pl.concat([empty, *slices]).group_by(_TEXT, maintain_order=True).agg(
        pl.col("mention_id").explode(empty_as_null=False, keep_nulls=False)
    )  # fmt: skip
    texts = said.select(_TEXT)
    named = named_by_text(texts, roster).group_by(_TEXT).agg(named=pl.col("entity_id").n_unique())
    rows = (
        said.join(name_places(texts), on=_TEXT, nulls_equal=True)
        .join(named, on=_TEXT, how="left", nulls_equal=True)
        .with_columns(pl.col("named").fill_null(0))
        .filter(pl.col("named") != 1)
    )
    mentions = rows.select("name_place", "mention_id").explode(
        "mention_id", empty_as_null=False, keep_nulls=False
    )
    members = workspace.scan("members").select("mention_id", "person_id")
    people = (
        members.join(mentions.lazy(), on="mention_id").group_by("name_place")
        .agg(people=pl.col("person_id").n_unique()).collect(engine="streaming")
    )  # fmt: skip
    size = pl.col("mention_id").list.len()
    return (
        rows.sort(size, "entity_hint", "state", descending=[True, False, False], nulls_last=True)
        .group_by("name_place", maintain_order=True)
        .agg(
            text=pl.col("entity_hint").first(),
            state=pl.col("state").first().fill_null(""),
            record=pl.col("mention_id").list.min().min(),
            rows=size.sum().cast(pl.Int64),
            named=pl.col("named").max().cast(pl.Int64),
        )
        .join(people, on="name_place", how="left")
        .with_columns(pl.col("people").fill_null(0).cast(pl.Int64))
        .sort("people", "rows", "name_place", descending=[True, True, False])
    )


def _at_stake(workspace: Workspace, start: int, end: int) -> pl.DataFrame:
    """entity_hint, state, mention_id (list) of mentions that say a practice and have no confirmed owner."""
    within = inside(start, end)
    said = workspace.scan("leaked").filter(
        within, pl.col("exclusion").is_null(), pl.col("entity_hint").is_not_null()
    )
    sure = workspace.scan("row_owners").filter(within, pl.col("status") == "confirmed")
    homes = workspace.scan("leaked_std").filter(within).select("mention_id", "state")
    return (
        said.select("mention_id", "entity_hint")
        .join(sure.select("mention_id"), on="mention_id", how="anti")
        .join(homes, on="mention_id", how="left")
        .group_by(_TEXT)
        .agg(pl.col("mention_id").sort())
        .collect(engine="streaming")
    )
