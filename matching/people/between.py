"""Persons who may be one person: what the review band says between them, and who is told for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.people.compiled import Numbers
from matching.people.links import RecordGraph
from matching.people.partition import Links, partition
from matching.tables import TABLES

__all__ = ["MaybeSame", "maybe_same"]

_BEST_FIRST = ("millionths", "weight", "node_a", "node_b")
_DESCENDING = (True, True, False, False)


@dataclass(frozen=True, slots=True)
class MaybeSame:
    """`pairs`: one row two person numbers, a < b, with the best link between them.

    `via`: one row a person known by charts only and a person with a leaked mention, the link's
    mention as `via_mention_id`. `group`: lowest person number of each person's merged group.
    """

    pairs: pl.DataFrame
    via: pl.DataFrame
    group: Numbers

    def table(self, person_ids: pl.Series) -> pl.DataFrame:
        """Rows of `maybe_same`."""
        rows = self.pairs.select(
            person_ids.gather(self.pairs["a"]).alias("person_a"),
            person_ids.gather(self.pairs["b"]).alias("person_b"),
            (pl.col("millionths") / 1_000_000).alias("probability"),
            pl.col("weight").alias("match_weight"),
            "member_a",
            "member_b",
        )
        return TABLES["maybe_same"].complete(rows)

    def affected(self, person_ids: pl.Series) -> pl.DataFrame:
        """Rows of `affected`."""
        rows = self.via.select(
            person_ids.gather(self.via["a"]).alias("person_id"),
            pl.lit("possible").alias("status"),
            pl.col("member_b").alias("via_mention_id"),
            (pl.col("millionths") / 1_000_000).alias("probability"),
            person_ids.gather(self.via["b"]).alias("maybe_same_as"),
        )
        return TABLES["affected"].complete(rows)


def maybe_same(graph: RecordGraph, person: Numbers, *, persons: int) -> MaybeSame:
    """What lies between persons; `person` is each record's person number.

    Links of people whom a decision or a guard holds apart say nothing; groups do not know of guards, so
    that they are the fewest people that there can be, in whatever order rows came; strong links that a cut left between
    two persons count as review links.
    """
    no = np.sort(person[graph.no], axis=1)
    every = _between(graph, person)
    apart = np.concatenate([no, np.sort(person[graph.guarded], axis=1)])
    held = pl.DataFrame(apart, schema=["a", "b"], orient="row").unique()
    rows = every.join(held, on=["a", "b"], how="anti")
    best = _best(rows)
    group = partition(persons, _links(best), apart=no, cut_ties=False)
    confirmed = np.zeros(persons, bool)
    confirmed[person[: graph.records.first_chart]] = True
    both_ways = pl.concat([every, _turned(every)])  # told for a link that nobody took back
    via = both_ways.filter(
        ~pl.Series(confirmed).gather(both_ways["a"]), pl.col("node_b") < graph.records.first_chart
    )
    return MaybeSame(_with_members(best, graph), _with_members(_best(via), graph), group)


def _between(graph: RecordGraph, person: Numbers) -> pl.DataFrame:
    links = graph.links
    apart = person[links.left] != person[links.right]
    links = links.where(np.flatnonzero(apart & (graph.strength > 0)))
    rows = pl.DataFrame(
        {
            "a": person[links.left],
            "b": person[links.right],
            "node_a": links.left,
            "node_b": links.right,
            "weight": links.weight,
            "millionths": links.millionths,
        }
    )
    turned = pl.col("a") > pl.col("b")
    return pl.concat([rows.filter(~turned), _turned(rows.filter(turned))])


def _turned(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        a="b", b="a", node_a="node_b", node_b="node_a", weight="weight", millionths="millionths"
    )


def _best(rows: pl.DataFrame) -> pl.DataFrame:
    ordered = rows.sort("a", "b", *_BEST_FIRST, descending=[False, False, *_DESCENDING])
    return ordered.unique(["a", "b"], keep="first", maintain_order=True)


def _links(best: pl.DataFrame) -> Links:
    return Links(*(best[name].to_numpy() for name in ("a", "b", "weight", "millionths")))


def _with_members(best: pl.DataFrame, graph: RecordGraph) -> pl.DataFrame:
    a, b = (graph.records.ids(best[node].to_numpy()) for node in ("node_a", "node_b"))
    return best.with_columns(member_a=a, member_b=b)
