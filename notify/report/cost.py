"""What the response costs at the prices of `[costs]`: letters, calls, review. For planning, not for the books."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from matching.store import Workspace
from notify.report.parts import Grid, Section, number

__all__ = ["cost_section"]

PAIRS_AN_HOUR = 60
"""A reviewer's minute a pair, as the workbench reckons."""
Line = tuple[str, int, float, float]


def cost_section(workspace: Workspace, prices: Mapping[str, float]) -> Section:
    """Letters handed over and planned, calls expected, pairs that wait for review, each by its price."""
    out, planned = _letters(workspace)
    told = _people_told(workspace)
    review = _count(workspace.scan("pairs").filter(pl.col("band") == "review"))
    callers = round(told * prices["callers"])
    lines: list[Line] = [
        ("letters handed over", out, prices["letter"], out * prices["letter"]),
        ("letters planned, not handed over yet", planned, prices["letter"], planned * prices["letter"]),
        (f"calls, of {prices['callers']:.1%} of {number(told)} people told or to be told", callers, prices["call"], callers * prices["call"]),
        ("pairs that wait for review, a minute each", review, prices["reviewed_pair"], review * prices["reviewed_pair"]),
    ]  # fmt: skip
    rows = tuple((what, count, f"{price:,.2f}", round(cost)) for what, count, price, cost in lines)
    total = round(sum(line[-1] for line in lines))
    lead = (
        f"About {number(total)} in the currency of [costs], of it {number(round(lines[1][-1]))} for letters that still"
        f" wait; {number(review / PAIRS_AN_HOUR)} hours of review. Prices and the share of callers are typed in; fees of"
        " counsel, of the mail vendor and of credit monitoring are not in it."
    )
    grid = Grid(("what", "how many", "each", "cost"), (*rows, ("all", None, "", total)))
    return Section(anchor="cost", title="What it costs", lead=lead, grids=(grid,))


def _letters(workspace: Workspace) -> tuple[int, int]:
    """Letters ever handed to a vendor; planned pieces that were not."""
    letters = workspace.scan("events").filter(channel="mail", kind="exported")
    out = _count(letters)
    waiting = workspace.scan("batches").join(
        letters.select("batch_id").unique(), on="batch_id", how="anti"
    )
    planned = waiting.select(pl.col("pieces").sum()).collect().item()
    return out, int(planned or 0)


def _people_told(workspace: Workspace) -> int:
    reached = pl.col("state").is_in(["queued", "mailed", "e-mailed", "substitute", "uncertain"])
    people = workspace.scan("ledger").filter(reached).select(pl.col("person_id").n_unique())
    return int(people.collect(engine="streaming").item())


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
