"""Columns of another table of the same leak, taken over by a key: an appointment gets its patient's name.

The other table is read whole, but only its key and the columns that some field takes: about 60 bytes a value.
A key that is none, or a table that is too large, stops the step: a row that took another's name would be a
new breach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from matching.errors import OperatorError
from matching.intake.delivered import Delivered
from matching.intake.mapping import mapped_columns
from matching.intake.readers import column_names, read
from matching.sources import Join, LeakedSource

__all__ = ["Lookup", "joined", "lookups", "other_table", "taken_columns"]

BYTES_MAX = 6 << 30
"""Of one lookup in memory: 15 million patients with ten columns are about 4 GiB."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The other table by its key. `rows`: the key's columns, then `<table>.<column>`, and `there`."""

    join: Join
    rows: pl.DataFrame


def other_table(delivered: Delivered, join: Join, every: Sequence[Delivered]) -> Delivered:
    """The entry of the other table. Raises OperatorError where the incident file has none."""
    for other in every:
        same_file = other.content == delivered.content or (
            join.path and other.content.path.match(join.path)
        )
        itself = (other.content, other.part) == (delivered.content, delivered.part)
        if same_file and not itself and other.side == "leaked" and other.part in {join.table, ""}:
            return other
    where = join.path or delivered.content.name
    raise OperatorError(
        f"{where}: joins: no entry reads table {join.table}; add it under [[leaked]]"
    )


def taken_columns(source: LeakedSource, join: Join) -> list[str]:
    """Columns of the other table that some field, kind or search of this one names, without its prefix."""
    named = mapped_columns(source) | set(source.kinds) | set(source.text)
    named |= {key for other in source.joins for key in other.on}
    prefix = f"{join.table}."
    return sorted(name.removeprefix(prefix) for name in named if name.startswith(prefix))


def lookups(delivered: Delivered, every: Sequence[Delivered]) -> list[Lookup]:
    """What the rows of a table look up, in the order of its joins."""
    source = delivered.source
    if not isinstance(source, LeakedSource):
        return []
    return [_lookup(source, join, other_table(delivered, join, every)) for join in source.joins]


def _lookup(source: LeakedSource, join: Join, other: Delivered) -> Lookup:
    keys, taken = list(join.on.values()), taken_columns(source, join)
    there = column_names(other.content, other.source, other.part)
    missing = sorted({*keys, *taken} - set(there))
    if missing:
        raise OperatorError(
            f"joins: table {join.table} has no column {', '.join(missing)}; correct on or columns"
        )
    frames = list(_read(other, keys, taken, join.table))
    rows = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(keys, pl.String))
    again = rows.height - rows.select(pl.struct(keys).n_unique()).item() if frames else 0
    if again:
        raise OperatorError(
            f"joins: {' and '.join(keys)} of table {join.table} is no key: {again} rows bear one again;"
            " join by another"
        )
    return Lookup(join, rows.with_columns(there=pl.lit(value=True)))


def _read(
    other: Delivered, keys: list[str], taken: list[str], table: str
) -> Iterator[pl.DataFrame]:
    size = 0
    for batch in read(other.content, other.source, other.part):
        present = set(batch.rows.columns)
        columns = [
            (pl.col(name) if name in present else pl.lit(None, pl.String)).alias(name)
            for name in keys
        ]
        columns += [
            (pl.col(name) if name in present else pl.lit(None, pl.String)).alias(f"{table}.{name}")
            for name in taken
        ]
        frame = batch.rows.select(columns).drop_nulls(keys)
        size += int(frame.estimated_size())
        if size > BYTES_MAX:
            raise OperatorError(
                f"joins: table {table} is too large to be looked up in memory; deliver the tables joined"
            )
        yield frame


def joined(rows: pl.DataFrame, found: Sequence[Lookup]) -> tuple[pl.DataFrame, int]:
    """The rows with the other tables' columns, in their order, and how many found no row in one."""
    alone = 0
    for lookup in found:
        on = lookup.join.on
        rows = rows.join(
            lookup.rows, left_on=list(on), right_on=list(on.values()), how="left",
            maintain_order="left",
        )  # fmt: skip
        alone += int(rows["there"].is_null().sum())
        rows = rows.drop("there")
    return rows, alone
