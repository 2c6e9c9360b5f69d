"""Linking the slow way, to hold the compiled one against: candidates by joins on the keys' text, weights
by Splink's own SQL. And the compiled way on records that lie in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from matching.link.blocks import Index, places
from matching.link.coding import Coder
from matching.link.kernel import Window
from matching.link.keys import slots
from matching.link.limits import Sizes, limited, sizes_across, too_common
from matching.link.matcher import Indexed, Matcher
from matching.link.rules import Rule
from matching.link.scorer import SCORED, SplinkScorer
from matching.link.sides import Held, Tools, index_side
from matching.model.frequencies import count_frequencies, tf_columns, with_frequencies

EVERY_PAIR = float("-inf")
OWN_BIT = 62
_SAME_BITS = 1e-6
_UNLIMITED = 10**12
_KEYS_SQL = """
select {bit} as rule, rid, [{texts}] as key
from rows_{side}
where {there}
"""
_PAIRS_SQL = """
with l as ({left}),
r as ({right}),
blocks as (
    select rule, key
    from (select rule, key, count(*) as n from l group by all) a
    join (select rule, key, count(*) as n from r group by all) b using (rule, key)
    join caps using (rule)
    where a.n * b.n <= cap
)
select l.rid as left_rid, r.rid as right_rid, bit_or(1::bigint << rule::bigint) as rules
from l
join r using (rule, key)
join blocks using (rule, key)
where {condition}
group by all
"""


def within_budget(sizes: Sizes, rules: Mapping[str, Rule], budget: int) -> tuple[Index, int]:
    """The index without what is too common now, and the most candidates of a record."""
    common = too_common(sizes, rules=rules, pair_budget=budget, step="s", threads=1)
    return limited(sizes, common, rules=rules, step="s", threads=1)


def plain_rules(*keys: Sequence[str]) -> dict[str, Rule]:
    """A rule for each key, named for it."""
    return {" ".join(key): Rule(" ".join(key), "", (tuple(key),)) for key in keys}


def model(*comparisons: Sequence[Mapping[str, Any]], prior: float = 0.001) -> dict[str, Any]:
    """Splink settings of comparisons that are lists of levels."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": prior,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [
            {"output_column_name": f"c{n}", "comparison_levels": [dict(x) for x in levels]}
            for n, levels in enumerate(comparisons)
        ],
    }


def level(sql: str, m: float, u: float, **more: Any) -> dict[str, Any]:
    """One level of a comparison."""
    return {"sql_condition": sql, "label_for_charts": sql, "m_probability": m, "u_probability": u, **more}  # fmt: skip


def null(sql: str) -> dict[str, Any]:
    """A null level."""
    return {"sql_condition": sql, "label_for_charts": "missing", "is_null_level": True}


def sample(frame: pl.DataFrame, *, coded: Collection[str]) -> pl.DataFrame:
    """Rows that make a coder number these columns (names, or one text of names) and hash all others."""
    chosen = coded.split() if isinstance(coded, str) else coded
    rows = [str(n) for n in range(8)]
    return pl.DataFrame({c: ["one"] * 8 if c in chosen else rows for c in frame.columns})


class Case:
    """Two sides (`right` None: one against itself), a model and rules; both ways to link them."""

    def __init__(
        self, settings: dict[str, Any], rules: Mapping[str, Rule], left: pl.DataFrame,
        right: pl.DataFrame | None = None, *, frequencies: pl.DataFrame | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.rules, self.left = settings, rules, left
        self.within = right is None
        self.right = left if right is None else right
        if frequencies is None:
            frequencies = count_frequencies([Held(self.left), Held(self.right)], settings)
        self.frequencies = frequencies

    def expected(
        self, *, floor: float = EVERY_PAIR, own: Collection[int] = (), own_bit: int = OWN_BIT
    ) -> pl.DataFrame:
        """By joins and Splink."""
        with duckdb.connect() as con:
            for name, rows in (("l", self.left), ("r", self.right)):
                loaded = with_frequencies(rows, self.frequencies, tf_columns(self.settings))
                con.register(f"rows_{name}", loaded.with_row_index("rid").to_arrow())
            pairs = con.sql(self._pairs_sql(con)).pl().cast({"left_rid": pl.Int64, "right_rid": pl.Int64, "rules": pl.Int64})  # fmt: skip
            same = pl.DataFrame({"left_rid": sorted(own)}, schema={"left_rid": pl.Int64})
            same = same.with_columns(
                right_rid="left_rid", rules=pl.lit(1 << own_bit, dtype=pl.Int64)
            )
            found = SplinkScorer(con, self.settings).score(
                pl.concat([pairs, same]), left="l", right="r",
                floor_bits=None if floor == EVERY_PAIR else floor,
            )  # fmt: skip
        return found.sort("left_rid", "right_rid")

    def _pairs_sql(self, con: duckdb.DuckDBPyConnection) -> str:
        caps = pl.DataFrame({
            "rule": range(len(self.rules)), "cap": [r.block_pairs_max for r in self.rules.values()]
        }, schema={"rule": pl.Int64, "cap": pl.Float64})  # fmt: skip
        con.register("caps", caps.to_arrow())
        sides = {
            name: " union all ".join(
                _KEYS_SQL.format(
                    bit=bit,
                    side=name,
                    texts=", ".join(f"({part})::varchar" for part in key),
                    there=" and ".join(f"({part}) is not null" for part in key),
                )
                for bit, rule in enumerate(self.rules.values())
                for key in rule.keys
            )
            for name in "lr"
        }
        condition = "l.rid < r.rid" if self.within else "true"
        return _PAIRS_SQL.format(left=sides["l"], right=sides["r"], condition=condition)

    def found(
        self, *, floor: float = EVERY_PAIR, coded: Collection[str] | None = None,
        own: Collection[int] = (), own_bit: int = OWN_BIT, flipped: bool = False, step: int = 0,
    ) -> pl.DataFrame:  # fmt: skip
        """By the compiled model. `coded`: columns that get a dictionary (default: as the data say);
        `step`: left records at a time (0: all)."""
        there = self.right if coded is None else sample(self.right, coded=coded)
        tools = Tools(
            Coder(self.settings, self.frequencies, sample=there), slots(self.rules), threads=1
        )
        held, streamed = (self.left, self.right) if flipped else (self.right, self.left)
        numbers, index = index_side(Held(held), tools)
        sizes = Sizes(index, None) if self.within else sizes_across(index, Held(streamed), tools)[0]
        index, widest = within_budget(sizes, self.rules, _UNLIMITED)
        matcher = Matcher(tools.coder, tools.connection(), tools.slots.rule, floor)
        made = [pl.DataFrame(schema=SCORED)]
        rows = np.arange(streamed.height)
        itself = np.where(np.isin(rows, list(own)), rows, -1)
        for start in range(0, streamed.height, step or max(streamed.height, 1)):
            stop = min(start + (step or streamed.height), streamed.height)
            coded_part, keys = tools.coded(Held(streamed), start, stop)
            shift = pl.col("right_rid" if flipped else "left_rid") + start
            made += [
                piece.with_columns(shift)
                for piece in matcher.pairs(
                    coded_part, places(index, tools.slots.rule, keys),
                    Indexed(numbers, index, widest), flipped=flipped,
                    window=Window(rows[start:stop] + 1, np.full(stop - start, len(rows)))
                    if self.within else None,
                    own=itself[start:stop], own_bit=own_bit,
                )
            ]  # fmt: skip
        return pl.concat(made).sort("left_rid", "right_rid")

    def both_agree(self, **how: Any) -> int:
        """Fail where the two ways differ in a pair, a rule, a level or a weight; gives the pairs."""
        expected = self.expected(**{k: v for k, v in how.items() if k in ("floor", "own")})
        agree(self.found(**how), expected)
        return expected.height


def agree(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Fail where pairs, rules or levels differ at all, or weights by more than 1e-6 bits."""
    exact = ["left_rid", "right_rid", "rules", "vector"]
    assert_frame_equal(found.select(exact), expected.select(exact))
    for column in ("tf_bits", "match_weight"):
        assert np.allclose(found[column], expected[column], rtol=0, atol=_SAME_BITS), column
