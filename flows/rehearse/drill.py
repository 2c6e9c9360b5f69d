"""Material for a practice round: late rows to add, and an entity's dispute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from flows.rehearse.incident import leaked_text
from flows.rehearse.leaked import LEAKED_FILES
from flows.rehearse.profiles import Profile

__all__ = ["write_drill"]

LATE_ROWS: Final = 40
DISPUTED: Final = 5


def write_drill(directory: Path, profile: Profile) -> None:
    """Write `drill/late.csv`, its `[[leaked]]` entry `drill/late.toml`, and `drill/dispute.csv`.

    The late rows repeat leaked appointments under new ids, every second one of them for somebody
    with a new surname nobody has a chart of; the dispute names accounts of one covered entity.
    """
    folder = directory / "drill"
    folder.mkdir()
    file = LEAKED_FILES[0]
    rows = pl.read_csv(directory / file.path, infer_schema=False, n_rows=LATE_ROWS)
    at = pl.int_range(pl.len())
    rows.with_columns(
        appt_id=pl.format("LATE{}", at),
        lname=pl.when(at % 2 == 0).then("lname").otherwise(pl.format("{}latecomer", "lname")),
    ).write_csv(folder / "late.csv")
    (folder / "late.toml").write_text(
        leaked_text(file, "drill/late.csv", profile, "E-030"), encoding="utf-8"
    )
    _dispute(directory).write_csv(folder / "dispute.csv")


def _dispute(directory: Path) -> pl.DataFrame:
    """A few accounts of the entity that is named most often, which it says are not its own."""
    accounts = pl.read_parquet(directory / LEAKED_FILES[1].path, columns=["pat_id", "practice"])
    named = accounts.filter(pl.col("practice").is_not_null())
    entity = named["practice"].value_counts(sort=True)["practice"].head(1)
    return (
        named.filter(pl.col("practice").is_in(entity.implode()))
        .head(DISPUTED)
        .select(
            entity_id="practice",
            answer=pl.lit("dispute"),
            record_id="pat_id",
            note=pl.lit("Not a patient of ours."),
        )
    )
