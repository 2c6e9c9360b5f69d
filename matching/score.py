"""`affected score`: weights of given pairs by a model as it is, row by row.

Reads a table with `left_<column>` and `right_<column>`, writes the same rows in the same order with
`match_weight`, `probability`, `band` and `reasons` behind. Nothing is trained, nothing is blocked:
every given pair gets a weight, and the reasons name the rules that would have found it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
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
from matching.link.blocking import make_keys, rule_names
from matching.link.rows import connect, load_rows, numbered
from matching.link.scorer import SplinkScorer
from matching.link.settings import LinkSettings
from matching.link.step import band, probability
from matching.model.files import load_frequencies, load_model
from matching.sources import ColumnMap
from matching.tables import TABLES

__all__ = ["score"]

SIDES = ("left", "right")
MEMORY_GIB = 4.0
_SHARED_KEYS_SQL = """
select l.rid as rid, bit_or(1::bigint << l.rule) as rules
from keys_left l
join keys_right r on l.rule = r.rule and l.key = r.key and l.rid = r.rid
group by all
"""


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
    nothing = TABLES["nonidentifying"].empty()
    with connect(threads=1, memory_gib=MEMORY_GIB, spill=None) as con:
        for side, mapped in zip(SIDES, (maps.left, maps.right), strict=True):
            records = clean_records(take_columns(rows, mapped, source=f"{pairs} ({side})"))
            loaded = numbered(records.lazy(), nothing).collect()
            load_rows(con, side, loaded, settings=settings, frequencies=load_frequencies(chosen))
            make_keys(con, side)
        scored = _scored(con, settings, rows.height)
    _write(out, pl.concat([_as_given(pairs, rows), scored], how="horizontal"))
    return {"pairs": rows.height, "model": Path(chosen).stem}


def _scored(con: duckdb.DuckDBPyConnection, settings: dict[str, Any], rows: int) -> pl.DataFrame:
    rids = pl.DataFrame({"rid": pl.int_range(rows, dtype=pl.Int32, eager=True)})
    found = rids.join(con.sql(_SHARED_KEYS_SQL).pl(), on="rid", how="left").sort("rid")
    pairs = found.select(left_rid="rid", right_rid="rid", rules=pl.col("rules").fill_null(0))
    scored = SplinkScorer(con, settings).score(pairs, left="left", right="right", floor_bits=None)
    defaults = LinkSettings()
    return scored.sort("left_rid").select(
        "match_weight",
        probability().alias("probability"),
        band(defaults).alias("band"),
        rule_names(pl.col("rules")).alias("reasons"),
    )


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
