"""The four charts of the thresholds page as Vega-Lite, drawn in the browser; counts only, no record.

Thresholds are parameters of the chart: moving one moves a rule, and no chart is made anew.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from flows.workbench.desk import Desk
from matching.costs import swept
from matching.reviewed import EDGES, calibration, estimate, reviewed_strata
from notify.palette import AMBER, BLUE, GREY, INK, RED, TEAL

__all__ = ["charts"]

_HIGH = 190
_HEAVIEST_BITS = 40.0
"""Beyond it all pairs are matches: the histogram ends there."""
Spec = dict[str, Any]


def charts(desk: Desk) -> dict[str, Any]:
    """`specs` by name, and `signals`: the thresholds they start with."""
    rows, matching = desk.bench.curve, desk.round.incident.matching
    rows = rows.filter(pl.col("at_bits") <= _HEAVIEST_BITS)
    sweep = swept(rows, desk.round.incident.costs, include_at_bits=matching.include_at_bits)
    strata = reviewed_strata(desk.workspace)
    signals = {
        name: getattr(matching, f"{name}_at_bits") for name in ("include", "merge", "attribute")
    }
    specs = {
        "weights": _weights(rows, signals),
        "precision": _precision(rows, _labelled(strata) if strata.labelled else [], signals),
        "calibration": _calibration(calibration(strata).to_dicts() if strata.labelled else []),
        "cost": _cost(sweep, signals),
    }
    return {"specs": specs, "signals": signals}


def _labelled(strata: Any) -> list[Spec]:
    """Precision and recall with their intervals, where labels speak, by the lower end of a stratum."""
    found = []
    for at, edge in enumerate(EDGES, 1):
        for name, one in zip(("precision", "recall"), estimate(strata, at), strict=True):
            found.append({"at": edge, "of": f"{name}, labels", "value": one.value, "low": one.low, "high": one.high})  # fmt: skip
    return found


def _spec(layers: list[Spec], signals: dict[str, float] | None, *, name: str) -> Spec:
    params = [{"name": key, "value": value} for key, value in (signals or {}).items()]
    rules = [
        {"data": {"values": [{}]}, "mark": {"type": "rule", "color": colour, "strokeDash": dash, "strokeWidth": 1.5},
         "encoding": {"x": {"datum": {"expr": key}, "type": "quantitative"}}}
        for key, colour, dash in (("include", AMBER, [2, 2]), ("merge", INK, [5, 3]))
        if signals
    ]  # fmt: skip
    return {
        "width": "container", "height": _HIGH, "background": "transparent", "description": name,
        "autosize": {"type": "fit", "contains": "padding"}, "params": params, "layer": [*layers, *rules],
        "config": {"view": {"stroke": None}, "axis": {"labelColor": GREY, "titleColor": GREY, "gridColor": "#eef1f4"},
                   "legend": {"orient": "top", "title": None}},
    }  # fmt: skip


def _weights(rows: pl.DataFrame, signals: dict[str, float]) -> Spec:
    """Pairs by half bits."""
    per = rows.select(
        at=(pl.col("at_bits") * 2).floor() / 2,
        pairs=pl.col("pairs") - pl.col("pairs").shift(-1, fill_value=0),
    )
    bars = per.group_by("at").agg(pl.col("pairs").sum()).sort("at")
    layer = {
        "data": {"values": bars.with_columns(to=pl.col("at") + 0.5).to_dicts()},
        "mark": {"type": "bar", "color": BLUE, "tooltip": True},
        "encoding": {
            "x": {"field": "at", "type": "quantitative", "title": "match weight, bits", "bin": {"binned": True}},
            "x2": {"field": "to"},
            "y": {"field": "pairs", "type": "quantitative", "title": "kept pairs", "scale": {"type": "symlog"},
                  "axis": {"format": "~s", "tickCount": 5}},
        },
    }  # fmt: skip
    return _spec([layer], signals, name="Histogram of match weights of kept pairs")


def _precision(rows: pl.DataFrame, labelled: list[Spec], signals: dict[str, float]) -> Spec:
    """By the model: links at or above a threshold that join one person, and links of one person that are above."""
    right = pl.col("links") - pl.col("expected_false")
    model = rows.select(
        at="at_bits",
        precision=(right / pl.col("links").clip(lower_bound=1)).clip(0, 1),
        recall=(right / (right + pl.col("expected_missed")).clip(lower_bound=1)).clip(0, 1),
    ).gather_every(5)
    drawn = model.unpivot(index="at", variable_name="of").with_columns(pl.col("of") + ", model")
    colours = {"domain": ["precision, model", "recall, model", "precision, labels", "recall, labels"],
               "range": [BLUE, TEAL, INK, AMBER]}  # fmt: skip
    colour = {"field": "of", "type": "nominal", "scale": colours}
    x = {"field": "at", "type": "quantitative", "title": "threshold, bits"}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"zero": False},
        "axis": {"format": ".3~p"},
    }
    layers: list[Spec] = [
        {"data": {"values": drawn.to_dicts()}, "mark": {"type": "line", "tooltip": True},
         "encoding": {"x": x, "y": y, "color": colour}},
    ]  # fmt: skip
    if labelled:
        layers += [
            {"data": {"values": labelled}, "mark": {"type": "rule"},
             "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}},
            {"data": {"values": labelled}, "mark": {"type": "point", "filled": True, "tooltip": True},
             "encoding": {"x": x, "y": y, "color": colour}},
        ]  # fmt: skip
    return _spec(layers, signals, name="Precision and recall by threshold")


def _calibration(rows: list[Spec]) -> Spec:
    """What the model says of a stratum, and what labels say, with 95 % intervals."""
    x = {
        "field": "model",
        "type": "quantitative",
        "title": "model's probability",
        "scale": {"domain": [0, 1]},
    }
    y = {
        "field": "observed",
        "type": "quantitative",
        "title": "share of matches, labels",
        "scale": {"domain": [0, 1]},
    }
    even = {
        "data": {"values": [{"model": 0, "observed": 0}, {"model": 1, "observed": 1}]},
        "mark": {"type": "line", "color": GREY, "strokeDash": [3, 3]}, "encoding": {"x": x, "y": y},
    }  # fmt: skip
    shown = [
        {"data": {"values": rows}, "mark": {"type": "rule", "color": BLUE},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "color": BLUE, "tooltip": True},
         "encoding": {"x": x, "y": y, "size": {"field": "reviewed", "type": "quantitative", "legend": None}}},
        {"data": {"values": rows}, "mark": {"type": "line", "color": RED, "interpolate": "step"},
         "encoding": {"x": x, "y": {**y, "field": "calibrated"}}},
    ]  # fmt: skip
    return _spec([even, *(shown if rows else [])], None, name="Calibration of the model by labels")


def _cost(sweep: pl.DataFrame, signals: dict[str, float]) -> Spec:
    """Cost of merging at a threshold, the review band left alone or reviewed whole."""
    drawn = sweep.gather_every(5).rename({"unreviewed": "left alone", "reviewed": "all reviewed"})
    rows = drawn.rename({"at_bits": "at"}).unpivot(index="at", variable_name="of").to_dicts()
    colours = {"domain": ["left alone", "all reviewed"], "range": [RED, BLUE]}
    layer = {
        "data": {"values": rows}, "mark": {"type": "line", "tooltip": True},
        "encoding": {
            "x": {"field": "at", "type": "quantitative", "title": "merge threshold, bits"},
            "y": {"field": "value", "type": "quantitative", "title": "cost", "scale": {"type": "log"},
                  "axis": {"format": "~s", "tickCount": 5}},
            "color": {"field": "of", "type": "nominal", "scale": colours},
        },
    }  # fmt: skip
    return _spec([layer], signals, name="Cost by merge threshold")
