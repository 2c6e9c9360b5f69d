"""From scored pairs and decisions to the graph of records.

Three kinds of edges: `strong` merges, `weak` (the review band) tells both and merges nothing, and
`apart` keeps two records in two persons whatever lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.people.decided import Decided, read_decided
from matching.people.partition import Ints, Links, Marks
from matching.people.records import Mentions, position_in, read_mentions
from matching.people.settings import PeopleSettings
from matching.store import Workspace

__all__ = ["RecordGraph", "read_graph"]

_REVIEW, _MATCH = 1, 2
_DECIDED_BITS = 1000.0
"""Stronger than any model: what a person decided is cut last."""


@dataclass(frozen=True, slots=True)
class RecordGraph:
    """Nodes are groups of equal mentions, then charts. `ids` is ascending within each side."""

    mentions: Mentions
    ids: Ints
    first_chart: int
    strong: Links
    weak: Links
    no: Ints
    unsure: Ints


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Kept pairs as arrays: record ids, weight in bits, probability, band 1 or 2."""

    left: Ints
    right: Ints
    weight: npt.NDArray[np.float64]
    millionths: Ints
    band: Ints

    def where(self, chosen: Marks | Ints) -> _Pairs:
        return _Pairs(
            self.left[chosen],
            self.right[chosen],
            self.weight[chosen],
            self.millionths[chosen],
            self.band[chosen],
        )


def read_graph(workspace: Workspace, settings: PeopleSettings) -> RecordGraph:
    """The graph over included mentions and the charts they reach, or presumed entities hold."""
    decided = read_decided(workspace)
    alike_pairs, leaked = _leaked_pairs(workspace, settings)
    mentions = _mentions(workspace, alike_pairs, decided)
    reaching = _expand(mentions, _read_pairs(workspace, settings, "leaked_master"), sides=1)
    reaching = reaching.where(~_listed(reaching, _mention_chart(mentions, decided.no)))
    charts = _charts(workspace, settings, reaching, _mention_chart(mentions, decided.match))
    ids = np.concatenate([mentions.node_ids, charts])
    first_chart = len(mentions.node_ids)
    numbers = _Numbering(mentions, charts)
    edges = [
        numbers.of_pairs(reaching, left_done=True),
        numbers.of_pairs(_read_pairs(workspace, settings, "master_master")),
        _expand(mentions, leaked, sides=2),
        _alike_edges(mentions, alike_pairs),
    ]
    match, no, unsure = (numbers.of_decided(p) for p in (decided.match, decided.no, decided.unsure))
    strong, weak = _sorted_out(_joined(edges), match, no, unsure)
    return RecordGraph(mentions, ids, first_chart, strong, weak, no, unsure)


def _read_pairs(workspace: Workspace, settings: PeopleSettings, kind: str) -> _Pairs:
    """Pairs of one kind in the match or review band of these settings.

    A guard's reason (after `;`) may lower a band, never raise it.
    """
    by_weight = (
        pl.when(pl.col("match_weight") >= settings.merge_at_bits).then(_MATCH).otherwise(_REVIEW)
    )
    given = pl.col("band").replace_strict({"match": _MATCH, "review": _REVIEW}, default=0)
    guarded = pl.col("reasons").str.contains(";", literal=True).fill_null(value=False)
    band = pl.when(guarded).then(pl.min_horizontal(by_weight, given)).otherwise(by_weight)
    rows = (
        workspace.scan("pairs")
        .filter(pl.col("kind") == kind, pl.col("match_weight") >= settings.include_at_bits)
        .select(
            "left",
            "right",
            "match_weight",
            (pl.col("probability") * 1_000_000).round().cast(pl.Int64).alias("millionths"),
            band.cast(pl.Int64).alias("band"),
        )
        .filter(pl.col("band") > 0)
        .collect(engine="streaming")
    )
    return _Pairs(*(rows[name].to_numpy() for name in rows.columns))


def _leaked_pairs(workspace: Workspace, settings: PeopleSettings) -> tuple[_Pairs, _Pairs]:
    """(pairs of a group of equal mentions with itself, pairs of two groups)."""
    pairs = _read_pairs(workspace, settings, "leaked_leaked")
    identities = workspace.read("identities", ["mention_id", "identity_id"])
    place, known = position_in(identities["mention_id"].to_numpy(), pairs.right)
    of_right = identities["identity_id"].to_numpy()
    itself = np.zeros(len(place), bool)
    itself[known] = of_right[place[known]] == pairs.left[known]
    return pairs.where(itself), pairs.where(~itself)


def _mentions(workspace: Workspace, alike_pairs: _Pairs, decided: Decided) -> Mentions:
    matching = alike_pairs.left[alike_pairs.band == _MATCH]
    disputed = np.concatenate([decided.no, decided.unsure]).ravel()
    identities = workspace.scan("identities").filter(pl.col("mention_id").is_in(disputed.tolist()))
    split = identities.select("identity_id").collect().to_series().to_numpy()
    return read_mentions(workspace, merged_groups=matching, split_groups=split)


def _expand(mentions: Mentions, pairs: _Pairs, *, sides: int) -> _Pairs:
    """Pairs of groups as pairs of nodes (left; with two sides also right).

    Where a group is several nodes each gets the pair; between two such groups only with the
    other's first, so that the number of edges stays a sum, not a product.
    """
    place, known = position_in(mentions.ids, pairs.left)
    pairs, place = pairs.where(known), place[known]
    rows, nodes = mentions.members_of(place)
    if sides == 1:
        return _replaced(pairs.where(rows), left=nodes, right=pairs.right[rows])
    other, known = position_in(mentions.ids, pairs.right)
    firsts = mentions.node[other]
    there = known[rows]
    one = _replaced(pairs.where(rows[there]), left=nodes[there], right=firsts[rows][there])
    back = pairs.where(known)
    rows, nodes = mentions.members_of(other[known])
    two = _replaced(back.where(rows), left=mentions.node[place[known]][rows], right=nodes)
    return _joined([one, two])


def _alike_edges(mentions: Mentions, alike_pairs: _Pairs) -> _Pairs:
    """Edges inside groups that are several nodes: each mention with the group's first."""
    place, known = position_in(mentions.ids, alike_pairs.left)
    pairs, place = alike_pairs.where(known), place[known]
    apart = ~mentions.merged[place]
    pairs, place = pairs.where(apart), place[apart]
    rows, nodes = mentions.members_of(place)
    firsts = mentions.node[place][rows]
    inner = nodes != firsts
    return _replaced(pairs.where(rows[inner]), left=firsts[inner], right=nodes[inner])


def _charts(
    workspace: Workspace, settings: PeopleSettings, reaching: _Pairs, decided: Ints
) -> Ints:
    """chart_ids that a mention reaches, that a person put to one, or of presumed entities."""
    charts = workspace.scan("charts").filter(pl.col("exclusion").is_null())
    presumed = charts.filter(pl.col("entity_id").is_in(list(settings.presumed_entities)))
    named = charts.filter(pl.col("chart_id").is_in(np.unique(decided[:, 1]).tolist()))
    extra = [
        frame.select("chart_id").collect().to_series().to_numpy() for frame in (presumed, named)
    ]
    return np.unique(np.concatenate([reaching.right, *extra]))


@dataclass(frozen=True, slots=True)
class _Numbering:
    """Node numbers of record ids: mentions first, then charts."""

    mentions: Mentions
    charts: Ints

    def of(self, ids: Ints) -> tuple[Ints, Marks]:
        """Node numbers, and which ids are nodes at all."""
        mention, leaked = position_in(self.mentions.ids, ids)
        chart, master = position_in(self.charts, ids)
        number = chart + len(self.mentions.node_ids)
        if len(self.mentions.ids):
            number = np.where(leaked, self.mentions.node[mention], number)
        return number, leaked | master

    def of_pairs(self, pairs: _Pairs, *, left_done: bool = False) -> _Pairs:
        """The pairs whose ends are both nodes, by number; `left_done`: left is one already."""
        right, there = self.of(pairs.right)
        if left_done:
            return _replaced(pairs.where(there), left=pairs.left[there], right=right[there])
        left, too = self.of(pairs.left)
        there &= too
        return _replaced(pairs.where(there), left=left[there], right=right[there])

    def of_decided(self, pairs: Ints) -> Ints:
        """Decided pairs of two different nodes."""
        one, there = self.of(pairs[:, 0])
        other, too = self.of(pairs[:, 1])
        chosen = there & too & (one != other)
        return np.stack([one[chosen], other[chosen]], axis=1)


def _mention_chart(mentions: Mentions, decided: Ints) -> Ints:
    """Decided pairs of a mention and anything else as (node number, record id)."""
    both = np.concatenate([decided, decided[:, ::-1]])
    place, known = position_in(mentions.ids, both[:, 0])
    return np.stack([mentions.node[place[known]], both[known, 1]], axis=1)


def _listed(pairs: _Pairs, listed: Ints) -> Marks:
    """Which pairs are listed, in either direction. The loop sees only ends that are listed."""
    wanted = {tuple(pair) for pair in listed.tolist()} | {tuple(p[::-1]) for p in listed.tolist()}
    found = np.isin(pairs.left, listed) & np.isin(pairs.right, listed)
    for number in np.flatnonzero(found).tolist():
        found[number] = (int(pairs.left[number]), int(pairs.right[number])) in wanted
    return found


def _sorted_out(edges: _Pairs, match: Ints, no: Ints, unsure: Ints) -> tuple[Links, Links]:
    """(strong, weak) after decisions: a decided pair leaves the model's band."""
    edges = edges.where(~_listed(edges, no))
    doubted = _listed(edges, unsure)
    strong = _links(edges.where((edges.band == _MATCH) & ~doubted))
    weak = _links(edges.where((edges.band == _REVIEW) | doubted))
    return strong.plus(_even(match, 1_000_000)), weak.plus(_even(unsure, 500_000))


def _even(pairs: Ints, millionths: int) -> Links:
    """Links that people made; an unsure one is as likely as not."""
    weight = np.full(len(pairs), _DECIDED_BITS if millionths == 1_000_000 else 0.0)
    return Links(pairs[:, 0], pairs[:, 1], weight, np.full(len(pairs), millionths, np.int64))


def _links(pairs: _Pairs) -> Links:
    return Links(pairs.left, pairs.right, pairs.weight, pairs.millionths)


def _replaced(pairs: _Pairs, *, left: Ints, right: Ints) -> _Pairs:
    return _Pairs(left, right, pairs.weight, pairs.millionths, pairs.band)


def _joined(all_pairs: list[_Pairs]) -> _Pairs:
    return _Pairs(
        *(
            np.concatenate([getattr(pairs, name) for pairs in all_pairs])
            for name in ("left", "right", "weight", "millionths", "band")
        )
    )
