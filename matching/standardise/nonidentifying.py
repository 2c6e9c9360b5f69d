"""Values that too many different people bear to identify any: a practice's phone, a shelter's address.

Two passes over the parts: rows are counted by their value's hash, then only rows with a frequent value
are looked at. Memory: 2 ** BUCKETS_BITS bytes a filled field, two parts, and the rows of the second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import polars as pl

from matching.compiling import compiled
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["FIELDS", "is_shared_street", "shared_value", "shared_values"]

FIELDS = ("phone", "email", "street", "ssn", "member_id")
PERSON = ("first_name", "last_name", "date_of_birth")
IN_HAND = 2
"""Parts read at once."""
BUCKETS_BITS = 26
"""64 MiB a field: of 30 million rows two in five share a bucket, a dozen rows by chance almost never do."""
MANY = 255
"""Counters stop here: they say that a value may be frequent, the second pass says whether it is."""
_SEED = 7
_Counters = np.ndarray[Any, np.dtype[np.uint8]]
_Result = TypeVar("_Result")


def shared_value(field: str) -> pl.Expr:
    """The value of a field as `nonidentifying` lists it: a street is one with its ZIP, `street|zip5`."""
    return _with_zip(pl.col(field)) if field == "street" else pl.col(field)


def is_shared_street(listed: pl.Series) -> pl.Expr:
    """Whether `street` and `zip5` are listed; only rows of a listed street are put together with theirs."""
    streets = listed.str.replace(r"\|[^|]*$", "").unique().implode()
    there = pl.when(pl.col("street").is_in(streets)).then("street")
    return _with_zip(there).is_in(listed.implode()).fill_null(value=False)


def _with_zip(street: pl.Expr) -> pl.Expr:
    return street + "|" + pl.col("zip5").fill_null("")


def shared_values(workspace: Workspace, *, over: int) -> pl.DataFrame:
    """Values of both sides borne by more than `over` distinct names and birth dates."""
    counters: dict[str, _Counters] = {}
    locks = {field: Lock() for field in FIELDS}
    for _ in _by_part(workspace, [], lambda part: _count(part, counters, locks)):
        pass
    least = min(over, MANY - 1)
    pieces = _by_part(workspace, [*PERSON], lambda part: _borne(part, counters, least))
    none = pl.DataFrame(schema={"field": pl.String, "value": pl.String, "person": pl.UInt64})
    return (
        pl.concat([none, *pieces])
        .group_by("field", "value")
        .agg(people=pl.col("person").n_unique().cast(pl.Int64))
        .filter(pl.col("people") > over)
        .sort("field", "value")
        .select(list(TABLES["nonidentifying"].polars))
    )


def _by_part(
    workspace: Workspace, more: list[str], work: Callable[[pl.DataFrame], _Result]
) -> Iterator[_Result]:
    """What the work gives for each part of both sides, in order."""
    columns = [*FIELDS, "zip5", *more]
    parts = [p for name in ("leaked_std", "charts_std") for _, p in workspace.lazy_parts(name)]
    with ThreadPoolExecutor(IN_HAND) as pool:
        yield from pool.map(lambda part: work(part.select(columns).collect()), parts)


def _hash(field: str) -> pl.Expr:
    """Hash of the shared value without making its text."""
    value = pl.col(field).hash(_SEED)
    if field == "street":
        return value ^ pl.col("zip5").fill_null("").hash(_SEED + 1)
    return value


def _buckets(hashes: pl.Series) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return hashes.to_numpy() >> np.uint64(64 - BUCKETS_BITS)


def _count(part: pl.DataFrame, counters: dict[str, _Counters], locks: dict[str, Lock]) -> None:
    """Count the part's filled rows by bucket of their value."""
    for field in FIELDS:
        hashes = part.select(_hash(field).filter(pl.col(field).is_not_null())).to_series()
        if hashes.len():
            buckets = _buckets(hashes)
            with locks[field]:
                if field not in counters:
                    counters[field] = np.zeros(1 << BUCKETS_BITS, np.uint8)
                _add(counters[field], buckets, MANY)


@compiled
def _add(counters: Any, buckets: Any, most: int) -> None:
    """Compiled, because NumPy has no sum into places that stops short of overflow."""
    for bucket in buckets:
        if counters[bucket] < most:
            counters[bucket] += 1


def _borne(part: pl.DataFrame, counters: dict[str, _Counters], least: int) -> pl.DataFrame:
    """`field`, `value`, `person` of rows whose value may be frequent, each once."""
    pieces = [pl.DataFrame(schema={"field": pl.String, "value": pl.String, "person": pl.UInt64})]
    for field, counted in counters.items():
        frequent = counted[_buckets(part.select(_hash(field)).to_series())] > least
        rows = part.select(field, "zip5", *PERSON).filter(
            pl.Series(frequent), pl.col(field).is_not_null()
        )
        pieces.append(
            rows.select(
                pl.lit(field).alias("field"),
                value=shared_value(field),
                person=pl.struct(PERSON).hash(_SEED),
            ).unique()
        )
    return pl.concat(pieces)
