"""Synthetic cleaned records for link and model tests: families in homes, charts and leaked rows of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.link.rows import numbered
from matching.model.definition import CLEANED_COLUMNS
from matching.store import Workspace
from matching.tables import TABLES

FIRST = ("MARY", "JAMES", "LINDA", "ROBERT", "SUSAN", "DAVID", "KAREN", "PAUL", "NANCY", "MARK",
         "LISA", "KEVIN", "HELEN", "BRIAN", "CAROL", "ERIC", "DIANE", "FRANK", "JOYCE", "CARL",
         "MIGUEL", "SOPHIA", "ETHAN", "CHLOE", "OSCAR", "FIONA", "LIAM", "GRACE", "HENRY", "ISLA")  # fmt: skip
LAST = ("SMITH", "JOHNSON", "NGUYEN", "GARCIA", "MILLER", "DAVIS", "LOPEZ", "WILSON", "ANDERSON",
        "THOMAS", "TAYLOR", "MOORE", "MARTIN", "LEE", "PEREZ", "WHITE", "HARRIS", "CLARK", "LEWIS",
        "WALKER", "HALL", "YOUNG", "KING", "WRIGHT", "SCOTT", "TORRES", "HILL", "FLORES", "GREEN",
        "ADAMS", "NELSON", "BAKER", "RIVERA", "CAMPBELL", "MITCHELL", "CARTER", "ROBERTS")  # fmt: skip
HOME_SIZE = 3
LEAKED_IDS, CHART_IDS = 1 << 40, 2 << 40
Frame = pl.DataFrame


def people(count: int, *, seed: int = 5) -> Frame:
    """One row a person with every matching column; homes of three share family name, address, phone."""
    rng = np.random.default_rng(seed)
    home = np.arange(count) // HOME_SIZE
    day = pl.Series(rng.integers(0, 25_000, count)).cast(pl.Int32).cast(pl.Date)
    last = pl.Series(np.array(LAST)[rng.integers(0, len(LAST), count)]).gather(home * HOME_SIZE)
    first = pl.Series(np.array(FIRST)[rng.integers(0, len(FIRST), count)])
    return Frame(
        {
            "person": np.arange(count),
            "first_name": first,
            "first_names": first,
            "middle_name": pl.Series(
                np.array(list("ABCDEFGHJKLMNPRST"))[rng.integers(0, 17, count)]
            ),
            "last_name": last,
            "last_names": last,
            "date_of_birth": day.dt.to_string("iso"),
            "sex": pl.Series(np.array(["F", "M"])[rng.integers(0, 2, count)]),
            "ssn": pl.Series(rng.permutation(count) + 100_010_001).cast(pl.String),
            "mrn": pl.Series(rng.permutation(count) + 1_000).cast(pl.String),
            "phone": pl.Series(2_015_550_000 + home).cast(pl.String),
            "street_number": pl.Series(100 + home).cast(pl.String),
            "street_name": pl.Series(["OAK", "ELM", "MAIN", "LAKE"]).gather(home % 4),
            "zip5": pl.Series(20_700 + home % 50).cast(pl.String),
            "city": pl.Series(["SPRINGFIELD"]).gather(home * 0),
            "state": pl.Series(["MD"]).gather(home * 0),
        }
    )


def damaged(rows: Frame, *, seed: int) -> Frame:
    """The same people as another source has them: a field in ten missing, slips, some moved."""
    rng = np.random.default_rng(seed)
    hit = {name: pl.Series(rng.random(rows.height) < 0.1) for name in rows.columns}
    first = (
        pl.when(hit["first_name"])
        .then(pl.col("first_name").str.head(1) + "X" + pl.col("first_name").str.slice(2))
        .otherwise("first_name")
    )
    changed = rows.with_columns(
        first_name=first,
        date_of_birth=pl.when(~hit["date_of_birth"]).then("date_of_birth"),
        phone=pl.when(~hit["phone"]).then("phone"),
        mrn=pl.when(~hit["mrn"]).then("mrn"),
        ssn=pl.when(~hit["ssn"]).then("ssn"),
        street_number=pl.when(~hit["zip5"]).then("street_number"),
    )
    return changed.with_columns(first_names="first_name")


def std_tables(leaked: Frame, charts: Frame) -> tuple[Frame, Frame]:
    """`leaked_std` and `charts_std` of these rows, ids in their order."""
    tables = []
    for table, key, first, rows in (
        ("leaked_std", "mention_id", LEAKED_IDS, leaked),
        ("charts_std", "chart_id", CHART_IDS, charts),
    ):
        ids = (first + pl.int_range(pl.len(), dtype=pl.Int64) * 8).alias(key)
        flags = {"deceased": pl.lit(value=False), "confidential": pl.lit(value=False)}
        tables.append(TABLES[table].complete(rows.with_columns(ids, **flags)))
    return tables[0], tables[1]


def write_std(workspace: Workspace, leaked: Frame, charts: Frame) -> None:
    """The three tables that link reads."""
    for name, frame in zip(("leaked_std", "charts_std"), std_tables(leaked, charts), strict=True):
        workspace.write(name, frame)
    workspace.write("nonidentifying", TABLES["nonidentifying"].empty())


def rows_for_matching(rows: Frame) -> Frame:
    """As training and scoring take them."""
    full = rows.with_columns(
        pl.lit(None, dtype=pl.String).alias(name)
        for name in (*CLEANED_COLUMNS, "street")
        if name not in rows.columns
    )
    return numbered(full.lazy(), TABLES["nonidentifying"].empty()).collect()
