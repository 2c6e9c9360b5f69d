"""What stands of the decisions people gave: the inbox is only added to, and what was said last counts.

A decision stops counting where another names it in `supersedes`. One of value `withdrawn` takes the decision that it
names back, as if that had never been given: whatever that one had superseded stands again, and where nothing was
before, nothing stands.
"""

from __future__ import annotations

import polars as pl

__all__ = ["WITHDRAWN", "standing"]

WITHDRAWN = "withdrawn"
"""Value of a decision that takes the one it supersedes back. It is said of no pair, practice or role itself."""
_ORDER = ("recorded_at", "decision_id")


def standing(decisions: pl.DataFrame, subject: str) -> pl.DataFrame:
    """Decisions on a subject that nobody superseded or took back, in the order they were recorded.

    Two people who answered at the same moment both stand here: the last row of a pair counts.
    """
    about = decisions.filter(pl.col("subject") == subject).unique("decision_id", keep="first")
    named, back = pl.col("supersedes"), pl.col("value") == WITHDRAWN
    taken_back = about.filter(back)["supersedes"].drop_nulls()
    alive = about.filter(~back, ~pl.col("decision_id").is_in(taken_back.implode()))
    superseded = alive.select(named.drop_nulls())["supersedes"]
    return alive.filter(~pl.col("decision_id").is_in(superseded.implode())).sort(_ORDER)
