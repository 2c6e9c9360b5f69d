"""Which tables of one dump belong together: a key of one that is found in a column of another.

In: the sampled tables of one delivered file. Out: joins that would give rows without a name a person.
A join needs a name that says it and values that agree; what only one of them says is marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from matching.fields import PERSON_FIELDS
from matching.propose.table import Grade, TableProposal
from matching.sources import listed

__all__ = ["Join", "proposed_joins"]

HELD_SURE, HELD_LIKELY = 0.8, 0.2
"""Samples are the first rows of each table, so that even a sound key is held in part only."""
UNIQUE = 0.999
NAMING = frozenset(("first_name", "last_name", "full_name"))
_KEY = re.compile(r"(?i)[_ ]?(?:id|num|number|no|key|guid|fk|pk)$")


@dataclass(frozen=True, slots=True)
class Join:
    """`table` rows take columns of `other` where `column` equals its `key`.

    `fields`: canonical field, its columns there in order, and the grade of both join and column.
    """

    table: str
    column: str
    other: str
    key: str
    grade: Grade
    evidence: tuple[str, ...]
    fields: tuple[tuple[str, tuple[str, ...], Grade], ...] = ()


def proposed_joins(tables: Mapping[str, tuple[pl.DataFrame, TableProposal]]) -> list[Join]:
    """At most one join a table: to the table that names its people."""
    naming = {
        name: rows
        for name, (rows, table) in tables.items()
        if NAMING & set(table.columns("sure", "likely"))
    }
    found = []
    for name, (rows, table) in tables.items():
        if name in naming:
            continue
        joins = [
            join
            for other, others in naming.items()
            for join in _between(name, rows, other, others, tables[other][1])
        ]
        joins.sort(key=lambda join: (join.grade != "sure", join.other, join.column))
        found += [
            replace(join, fields=_taken(table, tables[join.other][1], join.grade))
            for join in joins[:1]
        ]
    return found


def _taken(
    table: TableProposal, other: TableProposal, grade: Grade
) -> tuple[tuple[str, tuple[str, ...], Grade], ...]:
    """Fields about the person that this table lacks and the other one has."""
    own, sure = table.columns("sure", "likely"), other.columns("sure")
    return tuple(
        (
            field,
            listed(columns),
            "sure" if grade == "sure" and sure.get(field) == columns else "likely",
        )
        for field, columns in other.columns("sure", "likely").items()
        if field in PERSON_FIELDS and field not in own
    )


def _between(
    name: str, rows: pl.DataFrame, other: str, others: pl.DataFrame, proposed: TableProposal
) -> list[Join]:
    found = []
    for key in _keys(others, proposed):
        known = others[key].drop_nulls().unique()
        for column in rows.columns:
            says = _says_so(column, key, other)
            if not says or not rows[column].null_count() < rows.height:
                continue
            own = rows[column].drop_nulls().unique()
            held = float(own.is_in(known.implode()).mean() or 0)  # type: ignore[arg-type]
            if held < HELD_LIKELY:
                continue
            grade: Grade = "sure" if held >= HELD_SURE and says == "names its table" else "likely"
            evidence = (f"the column {says}", f"{held:.0%} of its sampled values are keys there")
            found.append(Join(name, column, other, key, grade, evidence))
    return found


def _keys(rows: pl.DataFrame, table: TableProposal) -> list[str]:
    """Columns that number a table's rows: no value twice, none missing, and not about the person."""
    return [
        proposal.column
        for proposal, profile in zip(table.proposals, table.profiles, strict=True)
        if profile.filled == rows.height > 0
        and profile.unique >= UNIQUE
        and profile.of("code", "hex") > 0.95
        and proposal.field not in set(PERSON_FIELDS) - {"mrn", "member_id"}
    ]


def _says_so(column: str, key: str, other: str) -> str:
    """How a column's name points to the key of the other table; empty where it does not."""
    own, theirs = _bare(column), _bare(key)
    table = _bare(other.rpartition(".")[2].removeprefix("tbl"))
    single = table.removesuffix("es") if table.endswith("ses") else table.removesuffix("s")
    stem = _bare(_KEY.sub("", column))
    if stem in {table, single} and _KEY.search(column):
        return "names its table"
    if own == theirs and theirs not in {"id", "key", "no", "num", "number", "code", "uid", "guid"}:
        return "names its table" if stem[:3] == single[:3] else "bears the key's name"
    if own in {table + theirs, single + theirs}:
        return "names its table"
    return (
        "names a patient"
        if stem in {"patient", "pat", "pt", "person", "client"} and _KEY.search(column)
        else ""
    )


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
