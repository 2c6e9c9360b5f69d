"""Kinds of PHI of the people affected: how many per entity have each, how many people have which set.

`elements` and `persons` come in. The table lies in the order of people, so it is read part by part; one
person's rows are held over to the next part. Sets are unions over entities and stay in the risk assessment:
no entity sees them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED

__all__ = ["Kinds", "read_kinds"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """`by_entity`: entity -> kind -> people. `sets`: elements (sorted, joined by `|`), people; largest first."""

    by_entity: Mapping[str, dict[str, int]]
    sets: pl.DataFrame

    def of(self, entity: str) -> dict[str, int]:
        """Kind -> people of one entity, in order of the kind."""
        return self.by_entity.get(entity, {})

    def people(self) -> dict[str, int]:
        """Kind -> people whose set has it, over all entities."""
        each = self.sets.select(pl.col("elements").str.split("|").alias("element"), "people")
        each = each.explode("element", empty_as_null=True).drop_nulls("element")
        return dict(
            each.group_by("element").agg(pl.col("people").sum()).sort("element").iter_rows()
        )


def read_kinds(workspace: Workspace) -> Kinds:
    """One pass over `elements`; people who are no longer affected are left out."""
    gone = workspace.scan("persons").filter(pl.col("affected") == "no_longer")
    without = gone.select("person_id").collect()["person_id"].implode()
    entities: list[pl.DataFrame] = []
    sets: list[pl.DataFrame] = []
    for rows in _whole_people(workspace):
        left = rows.filter(~pl.col("person_id").is_in(without)) if len(without[0]) else rows
        owned = left.filter(pl.col("entity_id") != UNOWNED)
        entities.append(owned.group_by("entity_id", "element").agg(people=pl.len()))
        each = left.group_by("person_id").agg(pl.col("element").unique().sort())
        joined = each.select(elements=pl.col("element").list.join("|"))
        sets.append(joined.group_by("elements").agg(people=pl.len()))
    by_entity: dict[str, dict[str, int]] = {}
    summed = _summed(entities, ["entity_id", "element"]).sort("entity_id", "element")
    for entity, element, people in summed.iter_rows():
        by_entity.setdefault(entity, {})[element] = people
    return Kinds(
        by_entity,
        _summed(sets, ["elements"]).sort("people", "elements", descending=[True, False]),
    )


def _summed(frames: list[pl.DataFrame], keys: list[str]) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema={**dict.fromkeys(keys, pl.String()), "people": pl.Int64()})
    whole = pl.concat(frames).group_by(keys).agg(pl.col("people").sum())
    return whole.with_columns(pl.col("people").cast(pl.Int64))


def _whole_people(workspace: Workspace) -> Iterator[pl.DataFrame]:
    """The parts of `elements`, none of which ends within a person."""
    held: pl.DataFrame | None = None
    for part in workspace.parts("elements"):
        rows = part if held is None else pl.concat([held, part])
        last = rows["person_id"] == rows["person_id"][-1]
        held = rows.filter(last)
        yield rows.filter(~last)
    if held is not None:
        yield held
