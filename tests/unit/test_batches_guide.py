"""The vendor's guide says what the code does: its worked seals fit, its columns are the schema's."""

from __future__ import annotations

import re

import polars as pl

from flows.docs.vendor import EXAMPLE, EXAMPLE_KEY, vendor_page
from matching.tables import MAIL_V1
from notify.batches.mail_v1 import sealed
from notify.batches.schema import COLUMNS, LIMITS


def test_the_worked_example_is_what_the_program_seals() -> None:
    row = pl.DataFrame(
        {name: [EXAMPLE.get(name)] for name in MAIL_V1}, schema=dict.fromkeys(MAIL_V1, pl.String)
    )
    seals = sealed(row, EXAMPLE_KEY)
    page = vendor_page()
    for name in ("row_seal", "addr_seal"):
        assert f"it is `{seals[name][0]}`" in page
    assert all(len(value) <= LIMITS[name] for name, value in EXAMPLE.items())


def test_every_column_has_its_row_with_place_and_width() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\d+) \| (\d+) \|", vendor_page(), re.MULTILINE)
    assert [name for _, name, _, _ in rows] == list(MAIL_V1)
    ends = [int(start) + int(width) for _, _, start, width in rows]
    assert [int(start) for _, _, start, _ in rows] == [1, *ends[:-1]]
    assert len(rows) == len(COLUMNS) == 56
