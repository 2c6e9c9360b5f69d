"""A map of the states as equal tiles: small states are as easy to see as large ones, and nothing is fetched.

Tiles stand about where the states lie; territories, residence unknown and abroad have their own row below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from notify.palette import BLUE, GREY, INK
from notify.report.charts import drawn
from notify.report.parts import Chart

__all__ = ["PLACES", "state_map"]

_ROWS = (
    "AK .. .. .. .. .. .. .. .. .. ME",
    ".. .. .. .. .. .. .. .. .. VT NH",
    "WA ID MT ND MN IL WI MI NY RI MA",
    "OR NV WY SD IA IN OH PA NJ CT ..",
    "CA UT CO NE MO KY WV VA MD DE ..",
    ".. AZ NM KS AR TN NC SC DC .. ..",
    ".. .. .. OK LA MS AL GA .. .. ..",
    "HI .. .. TX .. .. .. .. FL .. ..",
    "GU MP AS .. PR VI .. .. ZZ UNK ..",
)
PLACES: dict[str, tuple[int, int]] = {
    state: (column, row)
    for row, line in enumerate(_ROWS)
    for column, state in enumerate(line.split())
    if state != ".."
}
"""State -> column and row of its tile."""
_STEPS = (1, 500, 5_000, 50_000, 500_000)
"""Lower ends of the shades. 500 is a line of the law only within one entity (45 CFR 164.406, 164.408)."""
_SHADES = ("#e9f0f6", "#bfd3e4", "#86abc9", "#4b7ea8", BLUE)
_TILE = 58
_DARK_FROM = 50_000
_NAMES = {"UNK": "?", "ZZ": "abroad"}


def state_map(rows: Sequence[Mapping[str, Any]], *, caption: str) -> Chart:
    """Tiles shaded by `expected` of each `state`; those without anybody are outlined only."""
    people = {str(row["state"]): float(row["expected"]) for row in rows}
    tiles = [
        {"column": column, "row": row, "name": _NAMES.get(state, state), "people": people.get(state, 0.0),
         "short": _short(people.get(state, 0.0)), "shade": _shade(people.get(state, 0.0)),
         "ink": "white" if people.get(state, 0.0) >= _DARK_FROM else INK}
        for state, (column, row) in PLACES.items()
    ]  # fmt: skip
    labels = ["none", *(f"from {_short(step)}" for step in _STEPS)]
    shades = alt.Scale(domain=labels, range=["white", *_SHADES])
    base = alt.Chart(alt.Data(values=tiles)).encode(  # type: ignore[no-untyped-call]  # altair's schema classes
        x=alt.X("column:O", axis=None, scale=alt.Scale(padding=0.06)),
        y=alt.Y("row:O", axis=None, scale=alt.Scale(padding=0.06)),
    )
    legend = alt.Legend(title="people expected", orient="top", titleLimit=200)
    tile = base.mark_rect(stroke=GREY, strokeWidth=0.5, cornerRadius=3).encode(
        color=alt.Color("shade:N", scale=shades, legend=legend, sort=labels)
    )
    ink = alt.Color("ink:N", scale=None)
    names = base.mark_text(dy=-8, fontSize=13, fontWeight="bold").encode(text="name:N", color=ink)
    numbers = base.mark_text(dy=9, fontSize=11).encode(text="short:N", color=ink)
    layered = alt.layer(tile, names, numbers).resolve_scale(color="independent")
    width, height = (_TILE * (1 + max(place)) for place in zip(*PLACES.values(), strict=True))
    return Chart(drawn(layered, width=width, height=height), caption)


def _shade(people: float) -> str:
    passed = [step for step in _STEPS if round(people) >= step]
    return f"from {_short(passed[-1])}" if passed else "none"


def _short(people: float) -> str:
    """`812`, `5.2k`, `1.3M`; nothing for nobody."""
    whole = round(people)
    if whole == 0:
        return ""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if whole >= unit:
            value = whole / unit
            return (
                f"{value:.0f}{letter}"
                if value >= 10 or whole % unit == 0
                else f"{value:.1f}{letter}"
            )
    return str(whole)
