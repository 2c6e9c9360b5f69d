"""`count_changes`: which numbers each round changed, beside what they were."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["note_changes"]

_KEY = ["entity_id", "state"]
_NUMBERS = ("confirmed", "expected", "upper")


def note_changes(workspace: Workspace, *, number: int) -> int:
    """Append the counts that are not as last noted, as of round `number`; gives how many.

    Twice the same appends nothing, so a round that was killed between is noted by the next. Numbers that
    are gone become 0. Nothing where counts were never made.
    """
    if not workspace.has("counts"):
        return 0
    noted = workspace.read("count_changes").sort("round")
    last = noted.group_by(_KEY).agg(pl.col(_NUMBERS).last())
    now = workspace.read("counts").select(*_KEY, *_NUMBERS)
    both = now.join(last, on=_KEY, how="full", coalesce=True, nulls_equal=True, suffix="_before")
    both = both.with_columns(pl.col(_NUMBERS).fill_null(0))
    other = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in _NUMBERS
    )
    rows = both.filter(other).with_columns(round=pl.lit(number))
    workspace.append("count_changes", TABLES["count_changes"].complete(rows))
    return rows.height
