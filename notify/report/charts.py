"""Charts of the report: altair says what, vl-convert draws it offline as SVG.

Everything is given in data that is already aggregated and sorted; equal data give equal bytes,
because text is measured with the font that ships with the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from notify.palette import AMBER, BLUE, GREY, INK, RED, TEAL
from notify.report.parts import Chart

__all__ = ["bars", "drawn", "due_dates", "ranges", "weights"]

Row = Mapping[str, Any]

FONT = "Source Sans 3, Segoe UI, Helvetica, Arial, sans-serif"
FONTS = Path(__file__).parents[1] / "fonts"
WIDTH = 640
"""Pixels of the plotting area; labels take what is left of the page's 900."""
LABELS = 230
BAR = 20


def bars(
    rows: Sequence[Row],
    *,
    caption: str,
    colours: Mapping[str, str] | None = None,
    axis: str = "people",
) -> Chart:
    """Horizontal bars in the given order, the number beside each: `label`, `value`, maybe `part`.

    With `colours` the parts of one label are stacked and named in a legend.
    """
    base = alt.Chart(_data(rows)).encode(y=_labels(rows))
    value = alt.X("sum(value):Q", title=axis, axis=_counts_axis())
    if colours is None:
        drawn = base.mark_bar(color=BLUE, height=BAR * 0.65).encode(x=value)
    else:
        scale = alt.Scale(domain=list(colours), range=list(colours.values()))
        legend = alt.Legend(title=None, orient="top")
        drawn = base.mark_bar(height=BAR * 0.65).encode(
            x=value, color=alt.Color("part:N", scale=scale, legend=legend, sort=list(colours))
        )
    text = base.mark_text(align="left", dx=5, color=INK, fontSize=11).encode(
        x="sum(value):Q", text=alt.Text("sum(value):Q", format=",.0f")
    )
    return Chart(_svg(alt.layer(drawn, text), height=_height(rows)), caption)


def ranges(rows: Sequence[Row], *, caption: str, from_zero: bool = True) -> Chart:
    """Per `label` a thin line from confirmed to upper, a thick one over the interval, a dot expected."""
    base = alt.Chart(_data(rows)).encode(y=_labels(rows))
    axis = alt.X(
        "confirmed:Q", title="people", axis=_counts_axis(), scale=alt.Scale(zero=from_zero)
    )
    span = base.mark_rule(color=GREY, strokeWidth=3).encode(x=axis, x2="upper:Q")
    ends = [
        base.mark_tick(color=GREY, thickness=3, height=10).encode(
            x=alt.X(f"{end}:Q", title="people")
        )
        for end in ("confirmed", "upper")
    ]
    interval = base.mark_rule(color=BLUE, strokeWidth=7, opacity=0.75).encode(
        x="expected_low:Q", x2="expected_high:Q"
    )
    dot = base.mark_point(filled=True, color=INK, size=55, opacity=1).encode(x="expected:Q")
    return Chart(
        _svg(alt.layer(span, *ends, interval, dot), height=_height(rows, least=46)), caption
    )


def weights(
    rows: Sequence[Row], *, include_at: float | None, merge_at: float | None, caption: str
) -> Chart:
    """Histogram of match weights in bits, one panel a kind of pair, coloured by band."""
    bands = {"below": GREY, "review": AMBER, "match": TEAL}
    colour = alt.Color(
        "band:N",
        scale=alt.Scale(domain=list(bands), range=list(bands.values())),
        legend=alt.Legend(title=None, orient="top"),
    )
    kinds = sorted({str(row["kind"]) for row in rows})
    ends = [min(row["bits"] for row in rows), max(row["bits_to"] for row in rows)]
    lines = [at for at in (include_at, merge_at) if at is not None]
    panels = [
        _weight_panel([row for row in rows if row["kind"] == kind], kind, colour, lines, ends)
        for kind in kinds
    ]
    return Chart(_svg(alt.vconcat(*panels, spacing=14), height=None), caption)


def _weight_panel(
    rows: Sequence[Row], kind: str, colour: alt.Color, lines: Sequence[float], ends: Sequence[float]
) -> alt.LayerChart | alt.FacetChart:
    histogram = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "bits:Q",
                bin="binned",
                scale=alt.Scale(domain=list(ends)),
                title="match weight, bits",
                axis=alt.Axis(tickCount=12),
            ),
            x2="bits_to:Q",
            y=alt.Y("pairs:Q", title="pairs", axis=_counts_axis(grid=True), stack="zero"),
            color=colour,
        )
    )
    marks = alt.Chart(_data([{"at": at} for at in lines]))
    rule = marks.mark_rule(color=RED, strokeDash=[4, 3], strokeWidth=1.4).encode(x="at:Q")
    layered = alt.layer(histogram, rule) if lines else alt.layer(histogram)
    title = alt.Title(kind.replace("_", " to "), anchor="start", fontSize=12)
    return layered.properties(width=WIDTH + 190, height=110, title=title)


def due_dates(rows: Sequence[Row], *, as_of: date, caption: str) -> Chart:
    """When duties fall due, one line a recipient; the dashed line is the round's day."""
    utc = alt.Scale(
        type="utc", padding=16
    )  # civil dates: the machine's time zone must not shift them
    tones = {"overdue": RED, "within 14 days": AMBER, "later": TEAL}
    points = (
        alt.Chart(_data(rows))
        .mark_point(filled=True, opacity=0.8, stroke="white", strokeWidth=0.6)
        .encode(
            y=_labels(rows),
            x=alt.X(
                "due_on:T",
                title=None,
                scale=utc,
                axis=alt.Axis(format="%Y-%m-%d", grid=True, labelAngle=0, tickCount=7),
            ),
            size=alt.Size(
                "duties:Q",
                scale=alt.Scale(range=[45, 480]),
                legend=None,
            ),
            color=alt.Color(
                "tone:N",
                scale=alt.Scale(domain=list(tones), range=list(tones.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    today = alt.Chart(_data([{"day": as_of.isoformat()}])).mark_rule(color=INK, strokeDash=[4, 3])
    layered = alt.layer(today.encode(x=alt.X("day:T", scale=utc)), points)
    return Chart(_svg(layered, height=_height(rows, least=60, each=30)), caption)


def _data(rows: Sequence[Row]) -> alt.Data:
    return alt.Data(values=[dict(row) for row in rows])  # type: ignore[no-untyped-call]  # altair's schema classes


def _labels(rows: Sequence[Row]) -> alt.Y:
    order = list(dict.fromkeys(str(row["label"]) for row in rows))
    axis = alt.Axis(
        labelLimit=LABELS + 60, ticks=False, domain=False, minExtent=LABELS, labelFontSize=12
    )
    return alt.Y("label:N", sort=order, title=None, axis=axis)


def _counts_axis(*, grid: bool = True) -> alt.Axis:
    return alt.Axis(format=",~f", tickCount=5, grid=grid, ticks=False, domain=False)


def _height(rows: Sequence[Row], *, least: int = 0, each: int = BAR) -> int:
    return max(least, each * len({row["label"] for row in rows}))


def _svg(chart: alt.TopLevelMixin, *, height: int | None) -> str:
    return drawn(chart, width=WIDTH, height=height) if height else drawn(chart)


def drawn(chart: alt.TopLevelMixin, **size: int) -> str:
    """A chart of a given `width` and `height`, or of its own, as SVG in the report's style."""
    styled = (
        chart.properties(**size, background="white")
        .configure(font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor="#e3e8ed", labelColor=INK, titleColor="#5a6775", titleFontWeight="normal"
        )
        .configure_legend(
            labelColor=INK, titleColor="#5a6775", titleFontWeight="normal", symbolType="square"
        )
    )
    vl_convert.register_font_directory(str(FONTS))
    return vl_convert.vegalite_to_svg(styled.to_dict())
