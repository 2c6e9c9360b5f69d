"""People by the kinds of data that an entity held of them: what statutes with trigger elements count.

A set of kinds is an integer, one per person and entity: `elements` is read once, part by part.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from matching.store import Workspace
from matching.tables import ELEMENT_KINDS, TABLES, UNOWNED
from notify.counts.people import MILLION, People, numbers_of

__all__ = ["element_counts"]

_ENTITIES = 1 << 24
"""Room for entities in one sortable number of a person and an entity."""
_AT_ONCE = 2
"""Parts of `elements` in memory: 0.2 GB each."""
_KIND = pl.Enum(ELEMENT_KINDS)
_BY = ["entity_id", "state", "kinds"]


def element_counts(
    workspace: Workspace,
    people: People,
    owned: pl.DataFrame,
    candidates: pl.DataFrame,
    links: pl.DataFrame,
) -> pl.DataFrame:
    """Rows of `element_counts`. `owned`: as for `count_by`, a row a person and entity; `links`: a, b, probability.

    `candidates`: rows as `owned` of entities that an UNOWNED person may belong to, with all kinds of the person.

    Merged people hold together what each of them does. A pair of people who may be one is taken off
    expected where both have the same kinds, else off the kinds that both have: expected is never too low.
    """
    rows = owned.filter(pl.col("chance") >= 0)
    rows = rows.with_columns(element_sets(workspace, people, rows))
    nobody = rows.filter(pl.col("entity_id") == UNOWNED).select("person", "kinds")
    rows = pl.concat([rows, candidates.join(nobody, on="person").select(rows.columns)])
    certain = rows.filter("certain").select(
        "group", "several", "entity_id", "kinds", state="group_state"
    )
    merged = (
        certain.filter("several")
        .group_by("group", "entity_id", "state")
        .agg(pl.col("kinds").bitwise_or())
    )
    alone = certain.filter(~pl.col("several"))
    confirmed = pl.concat([alone.select(_BY), merged.select(_BY)]).group_by(_BY).len("confirmed")
    there = rows.group_by(_BY).agg(
        pl.len().alias("upper"), pl.col("millionths").cast(pl.Int64).sum().alias("people")
    )
    joined = there.join(confirmed, on=_BY, how="full", coalesce=True)
    joined = joined.join(_twice(rows, links), on=_BY, how="full", coalesce=True)
    return _finished(joined)


def _twice(rows: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """entity_id, state, kinds, double: millionths of people to take off."""
    keys = ["entity_id", "state"]
    met = _duplicates(rows, links, keys).select("a", "b", *keys, "millionths")
    held = rows.select("person", *keys, "kinds").filter(
        pl.col("person").is_in(pl.concat([met["a"], met["b"]]).unique().implode())
    )
    both = met.join(held, left_on=["a", *keys], right_on=["person", *keys]).join(
        held, left_on=["b", *keys], right_on=["person", *keys], suffix="_b"
    )
    shared = both.with_columns(kinds=pl.col("kinds") & pl.col("kinds_b"))
    return shared.group_by(_BY).agg(pl.col("millionths").cast(pl.Int64).sum().alias("double"))


def _duplicates(rows: pl.DataFrame, links: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Links to take off once: the likeliest way to join each cluster, within one count each.

    Both must be there to be one too many, so a link is no likelier than either of its people. More ways may
    join a cluster than the likeliest one: what is taken off is never too much.
    """
    paired = pl.concat([links["a"], links["b"]]).unique().implode()
    ends = rows.select("person", "millionths", *keys).filter(pl.col("person").is_in(paired))
    ends = ends.with_row_index("number")
    likely = links.select(
        "a", "b", (pl.col("probability") * MILLION).round().cast(pl.Int64).alias("millionths")
    )
    met = (
        likely.join(ends, left_on="a", right_on="person", suffix="_a")
        .join(ends, left_on=["b", *keys], right_on=["person", *keys], suffix="_b", nulls_equal=True)
        .with_columns(pl.min_horizontal("millionths", "millionths_a", "millionths_b"))
        .filter(pl.col("millionths") > 0)
        .sort(pl.col("millionths"), "number", "number_b", descending=[True, False, False])
    )
    if met.is_empty():
        return met
    # ranks as weights: distinct, so that the forest is the same for any order of the rows
    rank = np.arange(1, met.height + 1, dtype=np.float64)
    ends_of = (
        met["number"].to_numpy().astype(np.int32),
        met["number_b"].to_numpy().astype(np.int32),
    )
    graph = coo_array((rank, ends_of), shape=(ends.height, ends.height)).tocsr()
    chosen = np.sort(minimum_spanning_tree(graph).data).astype(np.int64) - 1
    return met[chosen]


def _finished(sums: pl.DataFrame) -> pl.DataFrame:
    """Columns of the table; expected lies between 0 and upper, sets are spelt out."""
    filled = sums.with_columns(pl.col("upper", "people", "confirmed", "double").fill_null(0))
    mean = (pl.col("people") - pl.col("double")) / MILLION
    sets = filled.select(pl.col("kinds").unique().sort())
    spelt = sets.with_columns(
        elements=pl.Series([_spelt(k) for k in sets["kinds"]], dtype=pl.String)
    )
    named = filled.join(spelt, on="kinds", how="left").with_columns(
        expected=mean.clip(0, pl.col("upper").cast(pl.Float64)).round(6)
    )
    return TABLES["element_counts"].complete(named)


def _spelt(kinds: int) -> str:
    return "|".join(kind for place, kind in enumerate(ELEMENT_KINDS) if kinds >> place & 1)


def element_sets(workspace: Workspace, people: People, owned: pl.DataFrame) -> pl.Series:
    """`kinds` by row of `owned`: the set of kinds of that person at that entity; 0 where none is known.

    Holds 12 bytes a row besides two parts of `elements`.
    """
    key = _pair(owned["person"], owned["entity_id"].to_physical())
    order = None if _is_sorted(key) else np.argsort(key, kind="stable")
    ordered = key if order is None else key[order]
    kinds = np.zeros(len(key), np.int32)
    codes = owned["entity_id"].dtype
    parts = [rows for _, rows in workspace.lazy_parts("elements")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # one part is read while another is worked on
        for wanted, bits in pool.map(lambda rows: _runs(rows.collect(), people, codes), parts):
            place = np.searchsorted(ordered, wanted)
            there = ordered.take(place, mode="clip") == wanted
            np.bitwise_or.at(kinds, place[there], bits[there])
    if order is not None:
        kinds[order] = kinds.copy()
    return pl.Series("kinds", kinds)


def _runs(
    part: pl.DataFrame, people: People, codes: pl.DataType
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The pairs of a part, which stand together, and the kinds of each as bits."""
    if part.is_empty():
        return np.empty(0, np.int64), np.empty(0, np.int32)
    new = (pl.col("person_id") != pl.col("person_id").shift(1)) | (
        pl.col("entity_id") != pl.col("entity_id").shift(1)
    )
    starts = part.select(new.fill_null(value=True).arg_true()).to_series()
    place = part["element"].cast(_KIND).to_physical().to_numpy()
    bits = np.bitwise_or.reduceat(np.left_shift(1, place, dtype=np.int32), starts.to_numpy())
    heads = part.select("person_id", pl.col("entity_id").cast(codes, strict=False))[starts]
    number = numbers_of(heads["person_id"], people.ids)
    known = (number.is_not_null() & heads["entity_id"].is_not_null()).to_numpy()
    pair = _pair(number.fill_null(0), heads["entity_id"].to_physical().fill_null(0))
    return pair[known], bits[known]


def _pair(person: pl.Series, entity: pl.Series) -> NDArray[np.int64]:
    pairs: NDArray[np.int64] = person.to_numpy().astype(np.int64) * _ENTITIES + entity.to_numpy()
    return pairs


def _is_sorted(key: NDArray[np.int64]) -> bool:
    return bool((key[1:] >= key[:-1]).all())
