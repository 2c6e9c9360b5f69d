"""`affected score`: weights of given pairs by a model as it is, row by row.

Reads a table with `left_<column>` and `right_<column>`, writes the same rows in the same order with
`match_weight`, `probability`, `band` and `reasons` behind. Nothing is trained, nothing is blocked:
every given pair gets a weight, and the reasons name the rules that would have found it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from matching.errors import OperatorError
from matching.given import (
    ColumnMaps,
    clean_records,
    guess_columns,
    read_maps,
    read_text,
    take_columns,
)
from matching.link.bands import banded
from matching.link.guards import guards_of
from matching.link.keys import KeyMaker, KeyTable, slots
from matching.link.rows import connect, load_rows, numbered
from matching.link.rules import BLOCKING
from matching.link.scorer import SplinkScorer
from matching.link.settings import LinkSettings
from matching.model.files import load_frequencies, load_model
from matching.model.frequencies import TF_SCHEMA
from matching.sources import ColumnMap
from matching.tables import TABLES

__all__ = ["score"]

SIDES = ("left", "right")
MEMORY_GIB = 4.0


def score(
    pairs: Path, out: Path, *, columns: Path | None = None, model: Path | str | None = None
) -> dict[str, Any]:
    """Write the scored pairs to `out` (CSV, TSV or Parquet) and give their number.

    Raises OperatorError naming the file and the column or map entry that does not fit.
    """
    rows = read_text(pairs)
    maps = _maps(rows, read_maps(columns), source=str(pairs))
    chosen = (
        str(model)
        if model
        else ("clinic" if "ssn" in maps.left and "ssn" in maps.right else "dental")
    )
    settings = load_model(chosen)
    given = load_frequencies(chosen)
    frequencies = pl.DataFrame(schema=TF_SCHEMA) if given is None else given
    nothing, keys = TABLES["nonidentifying"].empty(), []
    with connect(threads=1, memory_gib=MEMORY_GIB, spill=None) as con:
        for side, mapped in zip(SIDES, (maps.left, maps.right), strict=True):
            records = clean_records(take_columns(rows, mapped, source=f"{pairs} ({side})"))
            loaded = numbered(records.lazy(), nothing).collect()
            load_rows(con, side, loaded, settings=settings, frequencies=frequencies)
            keys.append(KeyMaker(slots(BLOCKING)).table(con, loaded, {}))
        scored = _scored(con, settings, _shared_rules(*keys))
    _write(out, pl.concat([_as_given(pairs, rows), scored], how="horizontal"))
    return {"pairs": rows.height, "model": Path(chosen).stem}


def _shared_rules(left: KeyTable, right: KeyTable) -> pl.Series:
    """Per row, the bits of the rules of which left and right share a key."""
    rule = slots(BLOCKING).rule
    bits = np.zeros(left.shape[1], dtype=np.int64)
    for a, of_left in enumerate(rule):
        for b in np.flatnonzero(rule == of_left):
            shared = (left[a] == right[b]) & (left[a] != 0)
            bits |= shared.astype(np.int64) << of_left
    return pl.Series("rules", bits)


def _scored(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], rules: pl.Series
) -> pl.DataFrame:
    rid = pl.int_range(len(rules), dtype=pl.Int32, eager=True)
    pairs = pl.DataFrame({"left_rid": rid, "right_rid": rid, "rules": rules})
    scored = SplinkScorer(con, settings).score(pairs, left="left", right="right", floor_bits=None)
    defaults = LinkSettings()
    guards = guards_of(settings, defaults.guards)
    rows = banded(scored.sort("left_rid"), defaults, rules=BLOCKING, guards=guards)
    return rows.select("match_weight", "probability", "band", "reasons")


def _maps(rows: pl.DataFrame, given: ColumnMaps | None, *, source: str) -> ColumnMaps:
    """Columns of each side with their prefix; guessed from the names behind it where no map is given."""
    if given is not None:
        return ColumnMaps(*(
            {field: _prefixed(rows, side, column) for field, column in mapped.items()}
            for side, mapped in zip(SIDES, (given.left, given.right), strict=True)
        ))  # fmt: skip
    sides: list[ColumnMap] = []
    for side in SIDES:
        prefix = f"{side}_"
        bare = [name.removeprefix(prefix) for name in rows.columns if name.startswith(prefix)]
        guessed = guess_columns(bare)
        if not guessed:
            raise OperatorError(f"{source}: no column {prefix}<field>; give --columns")
        sides.append({field: _prefixed(rows, side, column) for field, column in guessed.items()})
    return ColumnMaps(*sides)


def _prefixed(rows: pl.DataFrame, side: str, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """`left_<name>` where the table has it, else the name as it stands."""
    if isinstance(given, str):
        full = f"{side}_{given}"
        return full if full in rows.columns else given
    names = (_prefixed(rows, side, name) for name in given)
    return tuple(name for name in names if isinstance(name, str))


def _as_given(path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Parquet keeps the types it came with."""
    return pl.read_parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else rows


def _write(out: Path, rows: pl.DataFrame) -> None:
    suffix = out.suffix.lower()
    if suffix in {".parquet", ".pq"}:
        rows.write_parquet(out)
    elif suffix in {".csv", ".tsv"}:
        rows.write_csv(out, separator="\t" if suffix == ".tsv" else ",")
    else:
        raise OperatorError(f"{out}: name it .csv, .tsv or .parquet")
