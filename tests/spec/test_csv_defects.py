"""Every defect of csv_defects.yaml in the middle of 1,000 rows: nothing silent, every good row kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from matching.intake.content import Content
from matching.intake.readers import ROW_NO, read
from matching.sources import LeakedSource

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("csv_defects.yaml").read_text(encoding="utf-8")
)
HEADER = ("id", "name", "born", "zip")
LONG = {"{commas}": "," * 999, "{long}": "x" * (2 << 20)}


def row(number: int) -> tuple[str, ...]:
    return (str(number), "Smith, Ann" if number % 3 else "O'Neil", "1980-01-02", f"0{number:04}")


def written(number: int) -> bytes:
    first, name, *rest = row(number)
    return (",".join([first, f'"{name}"' if "," in name else name, *rest]) + "\n").encode()


def defect(case: dict[str, Any]) -> bytes:
    text: str = case["defect"]
    for sign, meant in LONG.items():
        text = text.replace(sign, meant)
    return text.encode("latin-1")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_defect_in_the_middle(tmp_path: Path, case: dict[str, Any]) -> None:
    path = tmp_path / "rows.csv"
    bad = defect(case)
    before, after = (b"".join(map(written, numbers)) for numbers in (range(500), range(501, 1001)))
    path.write_bytes(",".join(HEADER).encode() + b"\n" + before + bad + after)
    entry = LeakedSource(path="x", format="csv", encoding=case.get("encoding", "utf-8"))
    batches = list(read(Content(path), entry))
    rows = pl.concat([b.rows for b in batches])
    rejects = pl.concat([b.rejects for b in batches])
    kept, reasons = case.get("kept", 0), case.get("reasons", [])

    assert sum(b.covered for b in batches) == path.stat().st_size
    assert rejects["reason"].to_list() == reasons
    assert kept + len(reasons) == case.get("rows", 1)
    assert rejects["row_no"].is_between(500, 501).all()
    start = len(",".join(HEADER)) + 1 + len(before)
    assert rejects["offset"].is_between(start, start + len(bad) - 1).all()

    good = rows.filter(~pl.col(ROW_NO).is_between(500, 499 + kept + len(reasons)))
    expected = [row(number) for number in (*range(500), *range(501, 1001))]
    assert good.select(HEADER).rows() == expected
    if "reads" in case:
        assert rows.filter(pl.col(ROW_NO) == 500)["name"].to_list() == [case["reads"]]
        assert sum(b.guessed for b in batches) == 1
