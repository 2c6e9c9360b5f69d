"""Every kept pair as a link between record numbers that can be weighed anew.

Reads `pairs` and `identities`. A link knows its pattern (place of its comparison vector among the distinct
ones), so that other level weights make another weight of it without its strings. Mentions with exactly the
same values hang on the first of their group by the group's pair with itself, which is never lighter than the
group's pairs with others.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.guards import action_of
from matching.people.alike import Alike, read_alike
from matching.people.compiled import NOT_THERE, Marks, Numbers, Reals
from matching.people.decided import read_decided
from matching.people.records import Records
from matching.store import Workspace

__all__ = ["DECIDED_BITS", "Links", "read_links"]

DECIDED_BITS = 1000.0
"""Of what people decided to be a match: stronger than any model, as in the merge tree."""
_AT_ONCE = 2
"""Parts of `pairs` read at a time: one is decrypted while another becomes numbers."""
_DECIDED = -1
"""Pattern of links that people made: no weight of a level moves them."""


@dataclass(frozen=True, slots=True)
class Links:
    """One entry a link, 22 bytes: ends as record numbers, bits, pattern, and whether a guard holds it.

    `vectors`: the distinct comparison vectors, by pattern. A held link never merges its two; it still
    makes a chart's owner possibly affected.
    """

    left: Numbers
    right: Numbers
    weight: Reals
    pattern: Numbers
    held: Marks
    vectors: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def weighed(self, weight: Reals) -> Links:
        """The same links with other weights."""
        return replace(self, weight=weight)

    @property
    def by_model(self) -> Marks:
        """Links whose weight comes from a comparison vector."""
        return np.asarray(self.pattern != _DECIDED)


def read_links(workspace: Workspace, records: Records) -> Links:
    """All links between included records; holds 22 bytes a pair, twice that while parts are joined."""
    vectors = workspace.scan("pairs").select(pl.col("vector").unique()).collect(engine="streaming")
    distinct = np.sort(vectors["vector"].to_numpy())
    alike = read_alike(workspace, records)

    def part(rows: pl.LazyFrame) -> Links:
        return _part(rows, records, alike, distinct)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = list(pool.map(part, (rows for _, rows in workspace.lazy_parts("pairs"))))
    made = _joined(parts, distinct)
    return _decided(workspace, records, made)


def _part(
    rows: pl.LazyFrame, records: Records, alike: Alike, vectors: npt.NDArray[np.int64]
) -> Links:
    """Links of one part; a group's pair with itself becomes a link of each of its others to the first."""
    action = action_of(pl.col("reasons"))
    found = rows.select(
        "left", "right", "vector", "match_weight",
        held=action.is_not_null(),
        veto=(action == "veto").fill_null(value=False),
        charts=pl.col("kind").cast(pl.String) == "master_master",
        leaked=pl.col("kind").cast(pl.String) == "leaked_leaked",
    ).collect()  # fmt: skip
    found = found.filter(~pl.col("veto"))
    ids = (found["left"].to_numpy(), found["right"].to_numpy())
    charts, leaked = found["charts"].to_numpy(), found["leaked"].to_numpy()
    left = _numbered(records, ids[0], chart=charts)
    right = _numbered(records, ids[1], chart=~leaked)
    known = (left != NOT_THERE) & (right != NOT_THERE)
    pattern = np.searchsorted(vectors, found["vector"].to_numpy()).astype(np.int32)
    links = Links(
        left, right, found["match_weight"].to_numpy(), pattern, found["held"].to_numpy(), vectors
    )
    own = known & leaked
    own[own] = alike.first[right[own]] == left[own]
    itself = _where(links, own)
    rows_of, others = alike.others_of(itself.left)
    beside = _where(itself, rows_of)
    beside = replace(beside, right=others)
    return _joined([_where(links, known & ~own), beside], vectors)


def _numbered(
    records: Records, ids: npt.NDArray[np.int64], *, chart: npt.NDArray[np.bool_]
) -> Numbers:
    found = np.empty(len(ids), np.int32)
    found[chart] = records.chart_numbers(ids[chart])
    found[~chart] = records.mention_numbers(ids[~chart])
    return found


def _where(links: Links, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Links:
    return Links(
        links.left[chosen], links.right[chosen], links.weight[chosen], links.pattern[chosen],
        links.held[chosen], links.vectors,
    )  # fmt: skip


def _joined(parts: list[Links], vectors: npt.NDArray[np.int64]) -> Links:
    def whole(name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])

    return Links(
        whole("left", np.int32), whole("right", np.int32), whole("weight", np.float64),
        whole("pattern", np.int32), whole("held", np.bool_), vectors,
    )  # fmt: skip


def _decided(workspace: Workspace, records: Records, links: Links) -> Links:
    """What people decided: matches are links that nothing cuts, other pairs never merge."""
    decided = read_decided(workspace)
    match, no, unsure = (
        _both_known(records.numbers(rows.ravel()).reshape(-1, 2))
        for rows in (decided.match, decided.no, decided.unsure)
    )
    wanted = {tuple(sorted(pair)) for pair in np.concatenate([no, match, unsure]).tolist()}
    if not wanted:
        return links
    ends = np.zeros(len(records), bool)
    ends[np.concatenate([no, match, unsure]).ravel()] = True
    near = np.flatnonzero(ends[links.left] & ends[links.right])
    pairs = zip(links.left[near].tolist(), links.right[near].tolist(), strict=True)
    drop = np.zeros(len(links), bool)
    drop[near] = [tuple(sorted(pair)) in wanted for pair in pairs]
    kept = _where(links, ~drop)
    both = np.concatenate([match, unsure]).astype(np.int32)
    weight = np.repeat([DECIDED_BITS, 0.0], [len(match), len(unsure)])
    made = Links(
        both[:, 0], both[:, 1], weight, np.full(len(both), _DECIDED, np.int32),
        np.repeat([False, True], [len(match), len(unsure)]), links.vectors,
    )  # fmt: skip
    return _joined([kept, made], links.vectors)


def _both_known(pairs: Numbers) -> npt.NDArray[np.int64]:
    known = (pairs != NOT_THERE).all(axis=1)
    return np.asarray(pairs[known], dtype=np.int64)
