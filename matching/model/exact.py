"""How often unrelated rows agree exactly: counted from the values, not sampled."""

from __future__ import annotations

from typing import Any

import polars as pl
from splink.internals.settings_creator import SettingsCreator

__all__ = ["exact_agreement"]


def exact_agreement(
    settings: dict[str, Any], left: pl.DataFrame, right: pl.DataFrame | None
) -> dict[tuple[str, str], float]:
    """(comparison, level) -> share of pairs with both values that agree, for plain equality levels.

    A sample of a million pairs holds no two equal e-mail addresses; the counts of the values say
    exactly how many pairs of the whole space agree. `right` None: pairs within the left rows.
    """
    model = SettingsCreator.from_path_or_dict(settings).get_settings("duckdb")
    found: dict[tuple[str, str], float] = {}
    for comparison in model.core_model_settings.comparisons:
        better: dict[frozenset[str], float] = {}
        for level in comparison._comparison_levels_excluding_null:
            if not level._is_else_level and level._is_exact_match:
                columns = frozenset(level._exact_match_colnames)
                # pairs that agree in more columns were graded better before
                above = sum(share for wider, share in better.items() if wider > columns)
                share = _share(sorted(columns), left, right) - above
                better[columns] = share
                if share > 0:
                    found[comparison.output_column_name, level.label_for_charts] = share
    return found


def _share(columns: list[str], left: pl.DataFrame, right: pl.DataFrame | None) -> float:
    counts = _counts(columns, left)
    rows = int(counts["n"].sum())
    if right is None:
        agreeing, pairs = float((counts["n"] * (counts["n"] - 1)).sum()), float(rows) * (rows - 1)
    else:
        others = _counts(columns, right)
        both = counts.join(others, on=columns, suffix="_right")
        agreeing = float((both["n"].cast(pl.Float64) * both["n_right"]).sum())
        pairs = float(rows) * float(others["n"].sum())
    return agreeing / pairs if pairs else 0.0


def _counts(columns: list[str], rows: pl.DataFrame) -> pl.DataFrame:
    known = rows.lazy().select(columns).drop_nulls()
    return known.group_by(columns).agg(n=pl.len().cast(pl.Int64)).collect()
