"""The Intelligent Mail barcode: USPS's own verification cases, and numbers that must be refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.graphics.barcode.usps4s import USPS_4State  # type: ignore[import-untyped]

from notify.barcode import BARS, REFUSALS, encode

SHARED = Path(os.environ.get("AFFECTED_SHARED", Path(__file__).parents[3] / "shared")) / "data/imb"
TRACKING = "01234567094987654321"


@pytest.mark.parametrize(
    ("routing", "bars"),
    [
        ("", "ATTFATTDTTADTAATTDTDTATTDAFDDFADFDFTFFFFFTATFAAAATDFFTDAADFTFDTDT"),
        ("01234", "DTTAFADDTTFTDTFTFDTDDADADAFADFATDDFTAAAFDTTADFAAATDFDTDFADDDTDFFT"),
        ("012345678", "ADFTTAFDTTTTFATTADTAAATFTFTATDAAAFDDADATATDTDTTDFDTDATADADTDFFTFA"),
        ("01234567891", "AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA"),
    ],
)
def test_the_examples_of_the_specification(routing: str, bars: str) -> None:
    assert encode(pl.Series([TRACKING]), pl.Series([routing])).row(0) == (bars, 0)


@pytest.mark.parametrize(
    ("tracking", "routing", "code"),
    [
        (TRACKING[:-1], "", 9),
        (TRACKING[:-1] + " ", "", 9),
        (None, "", 9),
        (TRACKING[:-1] + "X", "", 10),
        ("0534567094987654321" + "0", "", 11),
        (TRACKING, "0123", 12),
        (TRACKING, "0123A", 13),
    ],
)
def test_what_the_post_refuses_has_no_bars(tracking: str | None, routing: str, code: int) -> None:
    made = encode(pl.Series([tracking], dtype=pl.String), pl.Series([routing]))
    assert made.row(0) == (None, code)
    assert code in REFUSALS


def test_a_refused_row_shifts_no_other() -> None:
    routing = pl.Series(["01234", "bad", None, "012345678"])
    bars = encode(pl.Series([TRACKING] * 4), routing)["bars"].to_list()
    alone = [
        encode(pl.Series([TRACKING]), pl.Series([r]))["bars"][0] for r in ("01234", "", "012345678")
    ]
    assert [bars[0], bars[2], bars[3]] == alone
    assert bars[1] is None
    assert encode(pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.String)).height == 0


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    st.from_regex(r"\A[0-9][0-4][0-9]{18}\Z"),
    st.from_regex(r"\A([0-9]{5}|[0-9]{9}|[0-9]{11})?\Z"),
)
def test_another_encoder_draws_the_same_bars(tracking: str, routing: str) -> None:
    """reportlab's is exact and slow; ours must agree on numbers that nobody chose."""
    made = encode(pl.Series([tracking]), pl.Series([routing]))["bars"][0]
    assert made == USPS_4State(tracking, routing).barcodes
    assert len(made) == BARS


@pytest.mark.skipif(not SHARED.exists(), reason="the shared folder with USPS's cases is not here")
def test_all_cases_of_the_post() -> None:
    cases = pl.read_parquet(SHARED / "usps_imb_10000.parquet")
    made = encode(cases["tracking"], cases["routing"])
    assert made["code"].cast(pl.Int64).to_list() == cases["return_code"].cast(pl.Int64).to_list()
    assert made["bars"].fill_null("").to_list() == cases["expected_bars"].to_list()
    for tracking, routing, bars, code in json.loads((SHARED / "civp_11_cases.json").read_text()):
        assert encode(pl.Series([tracking]), pl.Series([routing])).row(0) == (bars or None, code)
