"""The page of `affected thresholds`: the same numbers as curves, self-contained, without a record."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import altair as alt
import jinja2
import polars as pl
import vl_convert

import notify.report
from matching.store import Workspace
from notify.palette import AMBER, BLUE, GREY, INK, RED, TEAL
from notify.report.charts import FONT, FONTS, WIDTH
from notify.report.parts import Chart, Grid, Section, number, shown

__all__ = ["page"]

DRIFTS = 12
"""Measures shown: who moved least says nothing."""
STYLE = Path(notify.report.__file__).parent / "page.css"
HIGH, WIDE = 200, WIDTH + 150
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{{ digest }}'">
<title>{{ title }}: thresholds</title>
<style>{{ style|safe }}</style>
</head>
<body{% if synthetic %} class="synthetic"{% endif %}>
<header>
  <p class="kind">Thresholds</p>
  <h1>{{ title }}</h1>
  {% if synthetic %}<p class="made-up">Synthetic data: no real person, practice or event</p>{% endif %}
</header>
<main>
{% for section in sections %}
<section id="{{ section.anchor }}">
  <h2>{{ section.title }}</h2>
  <p class="lead">{{ section.lead }}</p>
  {% for chart in section.charts %}
  <figure>{{ chart.svg|safe }}<figcaption>{{ chart.caption }}</figcaption></figure>
  {% endfor %}
  {% for grid in section.grids %}
  <table>
    <thead><tr>{% for head in grid.heads %}<th scope="col"{% if not loop.first %} class="n"{% endif %}>{{ head }}</th>{% endfor %}</tr></thead>
    <tbody>{% for row in grid.rows %}
      <tr>{% for cell in row %}<td{% if cell is number %} class="n"{% endif %}>{{ cell|shown }}</td>{% endfor %}</tr>
    {% endfor %}</tbody>
  </table>
  {% endfor %}
  {% for note in section.notes %}<p class="note">{{ note }}</p>{% endfor %}
</section>
{% endfor %}
</main>
<footer><p>Counts only; no person's data.</p></footer>
</body>
</html>
"""


def page(document: dict[str, Any], rows: pl.DataFrame, workspace: Workspace, *, title: str) -> str:
    """The whole page as text; equal numbers give equal bytes, and nothing in it is fetched."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["shown"] = shown
    style = STYLE.read_text(encoding="utf-8")
    return environment.from_string(TEMPLATE).render(
        title=title,
        synthetic=workspace.synthetic,
        sections=(
            _people(document, rows),
            _review(document, rows),
            _costs(document),
            _sure(document),
            *_drift(document),
            *_lines(document),
        ),
        style=style,
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _people(document: dict[str, Any], rows: pl.DataFrame) -> Section:
    at = document["at_run"]
    lead = (
        f"Merging at {document['merge_at_bits']:g} bits gives {number(at['people'])} people,"
        f" {number(at['orphans'])} of them without a chart. If every link in the review band is merged,"
        f" {number(at['people_if_review_merged'])} are left."
    )
    colours = {"people": BLUE, "with chart": TEAL, "without chart": AMBER}
    drawn = rows.rename({"with_chart": "with chart", "orphans": "without chart"})
    caption = "People by merge threshold. Dashed: include and merge threshold of the round."
    return Section(
        anchor="people", title="People", lead=lead, notes=tuple(document["basis"]),
        charts=(_curves(drawn, colours, document, caption=caption),),
    )  # fmt: skip


def _review(document: dict[str, Any], rows: pl.DataFrame) -> Section:
    at = document["at_run"]
    lead = (
        f"{number(at['review_links'])} links, {number(at['review_pairs'])} pairs, lie between both"
        f" thresholds. By the model {number(at['expected_false'])} merges are of two people, and"
        f" {number(at['expected_missed'])} links below the threshold are of one."
    )
    errors = {"merges of two people": RED, "one person not merged": AMBER}
    drawn = rows.rename(dict(zip(("expected_false", "expected_missed"), errors, strict=True)))
    load = {"links": BLUE, "pairs": GREY}
    charts = (
        _curves(drawn, errors, document, scale="symlog",
                caption="Expected errors by merge threshold (model only)."),
        _curves(rows, load, document, caption="Links and pairs at or above a threshold: the load of a"
                " review band is the difference between its ends."),
    )  # fmt: skip
    kinds = [
        (kind.replace("_", " to "), *(bands.get(band, 0) for band in ("match", "review", "no")))
        for kind, bands in document["pairs"].items()
    ]
    grid = Grid(("pairs of", "match", "review", "below"), tuple(kinds))
    return Section(
        anchor="review", title="Review and errors", lead=lead, charts=charts, grids=(grid,)
    )


def _sure(document: dict[str, Any]) -> Section:
    """What reviewed pairs and the blocking rules say, beside the model."""
    blocking, reviewed = document["blocking"], document["reviewed"]
    lead = (
        f"Of {number(round(blocking['expected_matches']))} expected matches that were compared,"
        f" {number(round(sum(blocking['found_by_one_rule_alone'].values())))} were found by one blocking rule alone;"
        f" at least {number(round(blocking['missed_at_least']))} more were never compared (capture and recapture:"
        " rules share fields, so the number is higher)."
    )
    if reviewed is None:
        return Section(
            anchor="sure", title="How sure", lead=f"{lead} Nothing has been reviewed yet."
        )
    rows = [
        (f"{figure.replace('_', ' ')}, linking from the {name} threshold on",
         *(f"{reviewed[name][figure][end]:.4f}" for end in ("value", "low", "high")))
        for name in ("include", "merge")
        for figure in ("precision", "recall_of_kept_pairs")
    ]  # fmt: skip
    grid = Grid(
        (f"from {reviewed['reviewed']} reviewed pairs", "estimate", "95 % from", "to"), tuple(rows)
    )
    return Section(
        anchor="sure",
        title="How sure",
        lead=lead,
        grids=(grid, _calibration(reviewed["calibration"])),
    )


def _calibration(rows: list[dict[str, Any]]) -> Grid:
    """What the model says beside what reviewers said, by stratum."""
    shares = ("model", "observed", "low", "high", "calibrated")
    return Grid(
        ("pairs from bits", "reviewed", "model says", "reviewers say", "95 % from", "to", "calibrated"),
        tuple(
            ("below" if row["from_bits"] is None else f"{row['from_bits']:g}", row["reviewed"],
             *(f"{row[share]:.4f}" for share in shares))
            for row in rows
        ),
    )  # fmt: skip


def _drift(document: dict[str, Any]) -> Sequence[Section]:
    """What moved since the last round; nothing in the first."""
    found = document["drift"]
    if found is None:
        return ()
    lead = (
        f"Population stability index of each measure since round {found['since_round']}: below 0.1 nothing"
        " moved, from 0.25 on much did. A new leak moves much; a mapping gone wrong does, too."
    )
    rows = [
        (
            row["measure"],
            number(row["before"]),
            number(row["now"]),
            f"{row['index']:.3f}",
            row["most"],
        )
        for row in found["measures"][:DRIFTS]
    ]
    grid = Grid(("measure", "rows before", "rows now", "index", "most in"), tuple(rows))
    return (Section(anchor="drift", title="Since the last round", lead=lead, grids=(grid,)),)


def _costs(document: dict[str, Any]) -> Section:
    """The sweep under costs: where errors and minutes together are least."""
    costs, best = document["costs"], document["costs"]["cheapest"]
    lead = (
        f"At {costs['untold_person']:g} for a person untold, {costs['wrong_letter']:g} for a letter that another opens,"
        f" {costs['duplicate_letter']:g} for a second letter and {costs['reviewed_pair']:g} for a reviewed pair, the least"
        f" cost is at {best['unreviewed']['at_bits']:.1f} bits with the review band left alone, and at"
        f" {best['reviewed']['at_bits']:.1f} bits with all of it reviewed."
    )
    colours = {"left alone": AMBER, "all reviewed": BLUE}
    drawn = pl.DataFrame(costs["curve"]).rename(
        {"unreviewed": "left alone", "reviewed": "all reviewed"}
    )
    chart = _curves(
        drawn,
        colours,
        document,
        scale="log",
        caption="Cost by merge threshold, at the prices above.",
    )
    return Section(anchor="costs", title="Costs", lead=lead, charts=(chart,))


def _lines(document: dict[str, Any]) -> Sequence[Section]:
    if document["lines"] is None:
        return ()
    heads = ("line", "confirmed", "expected", "upper")
    grid = Grid(heads, tuple(tuple(row[head] for head in heads) for row in document["lines"]))
    lead = "How many covered entities pass a line of law at the round's thresholds."
    return (Section(anchor="lines", title="Lines of law", lead=lead, grids=(grid,)),)


def _curves(
    rows: pl.DataFrame,
    colours: dict[str, str],
    document: dict[str, Any],
    *,
    caption: str,
    scale: Literal["linear", "symlog", "log"] = "linear",
) -> Chart:
    """One line a column over the merge threshold; `symlog` and `log` where small and large matter alike."""
    drawn = rows.select("at_bits", *colours).unpivot(index="at_bits", variable_name="of")
    lines = (
        alt.Chart(_data(drawn.to_dicts()))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("at_bits:Q", title="merge threshold, bits", axis=alt.Axis(tickCount=12)),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(type=scale),
                axis=alt.Axis(format=",~f", tickCount=5),
            ),
            color=alt.Color(
                "of:N",
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    marks = [{"at": document[name]} for name in ("include_at_bits", "merge_at_bits")]
    rule = alt.Chart(_data(marks)).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="at:Q")
    chart = alt.layer(lines, rule).properties(width=WIDE, height=HIGH, background="white")
    vl_convert.register_font_directory(str(FONTS))
    svg = vl_convert.vegalite_to_svg(
        chart.configure(font=FONT).configure_view(stroke=None).to_dict()
    )
    return Chart(svg, caption)


def _data(rows: list[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]  # altair's schema classes
