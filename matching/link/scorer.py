"""Weights of candidate pairs by a Splink model: Splink writes the SQL, DuckDB runs it in bulk.

`Scorer` is all that the step knows of scoring, so that a compiled scorer can take this one's place;
this one then stays as its oracle.
"""

from __future__ import annotations

from typing import Any, Protocol

import duckdb
import polars as pl
from splink.internals.misc import prob_to_match_weight
from splink.internals.settings_creator import SettingsCreator

__all__ = ["SCORED", "Scorer", "SplinkScorer"]

SCORED = {
    "left_rid": pl.Int32(),
    "right_rid": pl.Int32(),
    "rules": pl.Int64(),
    "vector": pl.Int64(),
    "tf_bits": pl.Float64(),
    "match_weight": pl.Float64(),
}
"""What a scorer gives back: row numbers of both sides and the pair's evidence."""

PAIRS_AT_ONCE = 4_000_000
"""About 1 GB of joined columns while DuckDB compares them."""
DECIMALS = 9
"""Weights are sums of a dozen f64: equal to 1e-13, so nine decimals are the same on any machine."""


class Scorer(Protocol):
    """Scores candidate pairs of rows that were loaded as `rows_<side>`.

    Pure: the same pairs give the same rows whatever else is scored with them, in any order.
    """

    def score(
        self, pairs: pl.DataFrame, *, left: str, right: str, floor_bits: float | None
    ) -> pl.DataFrame:
        """Columns SCORED, one row per pair at or above the floor (None: every pair)."""
        ...


_SCORE_SQL = """
with compared as (
    select p.left_rid, p.right_rid, p.rules, {inputs}
    from pairs p
    join rows_{left} l on l.rid = p.left_rid
    join rows_{right} r on r.rid = p.right_rid
),
gammas as (
    select left_rid, right_rid, rules, {gammas}
    from compared
),
parts as (
    select left_rid, right_rid, rules, {parts}
    from gammas
),
scored as (
    select
        left_rid, right_rid, rules,
        {vector} as vector,
        round({tf_bits}, {decimals}) as tf_bits,
        round({prior} + {weights}, {decimals}) as match_weight
    from parts
)
select * from scored {where}
"""


class SplinkScorer:
    """Splink's own SQL over candidate pairs, without its blocking and without its copies."""

    def __init__(self, con: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> None:
        self.con = con
        model = SettingsCreator.from_path_or_dict(settings).get_settings("duckdb")
        core = model.core_model_settings
        inputs: list[str] = []
        for comparison in core.comparisons:
            inputs += comparison._columns_to_select_for_blocking()  # type: ignore[no-untyped-call]  # splink
            inputs += [
                name
                for level in comparison.comparison_levels
                if level._has_tf_adjustments
                for name in level._tf_adjustment_input_column.l_r_tf_names_as_l_r
            ]
        carried = [n for c in core.comparisons for n in _tf_names(c)]
        self._sql = {
            "inputs": ", ".join(dict.fromkeys(inputs)),
            "gammas": ", ".join(
                [*(c._case_statement for c in core.comparisons), *dict.fromkeys(carried)]
            ),
            "parts": ", ".join(
                name
                for c in core.comparisons
                for name in c._columns_to_select_for_match_weight_parts(False, False)
            ),
            "vector": " + ".join(
                f"((({c._gamma_column_name} + 1)::bigint) << {4 * i})"
                for i, c in enumerate(core.comparisons)
            ),
            "tf_bits": " + ".join(
                [c._mw_tf_adj_column_name for c in core.comparisons if c._has_tf_adjustments]
                or ["0.0"]
            ),
            "prior": repr(prob_to_match_weight(core.probability_two_random_records_match)),
            "weights": " + ".join(
                n for c in core.comparisons for n in c._match_weight_columns_to_sum
            ),
        }

    def score(
        self, pairs: pl.DataFrame, *, left: str, right: str, floor_bits: float | None
    ) -> pl.DataFrame:
        """See Scorer."""
        where = "" if floor_bits is None else f"where match_weight >= {floor_bits!r}"
        sql = _SCORE_SQL.format(left=left, right=right, where=where, decimals=DECIMALS, **self._sql)
        kept = []
        for start in range(0, pairs.height, PAIRS_AT_ONCE):
            self.con.register("pairs", pairs.slice(start, PAIRS_AT_ONCE).to_arrow())
            kept.append(self.con.sql(sql).pl().cast(SCORED))
            self.con.unregister("pairs")
        return pl.concat(kept) if kept else pl.DataFrame(schema=SCORED)


def _tf_names(comparison: Any) -> list[str]:
    return [
        name
        for level in comparison.comparison_levels
        if level._has_tf_adjustments
        for name in level._tf_adjustment_input_column.tf_name_l_r
    ]
