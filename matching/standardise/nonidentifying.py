"""Values that too many different people bear to identify any: a practice's phone, a shelter's address.

Memory: 8 bytes a filled field and row while candidates are found (1.2 GB for 30 million full rows),
then only rows with a frequent value.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["FIELDS", "shared_value", "shared_values"]

FIELDS = ("phone", "email", "street", "ssn", "member_id")
PERSON = ("first_name", "last_name", "date_of_birth")
_COLUMNS = [*FIELDS, "zip5", *PERSON]
_SEED = 7
BATCH_ROWS = 500_000


def shared_value(field: str) -> pl.Expr:
    """The value of a field as `nonidentifying` lists it: a street is one with its ZIP, `street|zip5`."""
    if field == "street":
        return pl.col("street") + "|" + pl.col("zip5").fill_null("")
    return pl.col(field)


def shared_values(workspace: Workspace, *, over: int) -> pl.DataFrame:
    """Values of both sides borne by more than `over` distinct names and birth dates."""
    frequent = _frequent(workspace, over)
    pieces = [pl.DataFrame(schema={"field": pl.String, "value": pl.String, "person": pl.UInt64})]
    for part in _parts(workspace):
        for field in FIELDS:
            value = part.select(value=shared_value(field), person=pl.struct(PERSON).hash(_SEED))
            hashes = value["value"].hash(_SEED)
            rows = value.filter(
                hashes.is_in(frequent[field].implode()) & value["value"].is_not_null()
            )
            if rows.height:
                pieces.append(rows.unique().select(pl.lit(field).alias("field"), "value", "person"))
    return (
        pl.concat(pieces)
        .group_by("field", "value")
        .agg(people=pl.col("person").n_unique().cast(pl.Int64))
        .filter(pl.col("people") > over)
        .sort("field", "value")
        .select(list(TABLES["nonidentifying"].polars))
    )


def _frequent(workspace: Workspace, over: int) -> dict[str, pl.Series]:
    """Hashes of the values in more than `over` rows, by field."""
    hashes: dict[str, list[np.ndarray[tuple[int], np.dtype[np.uint64]]]] = {
        field: [] for field in FIELDS
    }
    for part in _parts(workspace):
        for field in FIELDS:
            value = part.select(value=shared_value(field))["value"].drop_nulls()
            hashes[field].append(value.hash(_SEED).to_numpy())
    return {
        field: _in_more_rows(np.concatenate([np.empty(0, np.uint64), *hashes.pop(field)]), over)
        for field in FIELDS
    }


def _in_more_rows(hashes: np.ndarray[tuple[int], np.dtype[np.uint64]], over: int) -> pl.Series:
    hashes.sort()
    far = hashes[over:] == hashes[: hashes.size - over] if hashes.size > over else np.empty(0, bool)
    return pl.Series(np.unique(hashes[over:][far]) if far.size else hashes[:0], dtype=pl.UInt64)


def _parts(workspace: Workspace) -> Iterator[pl.DataFrame]:
    for name in ("leaked_std", "charts_std"):
        yield from workspace.scan(name).select(_COLUMNS).collect_batches(chunk_size=BATCH_ROWS)
