"""Plain Splink at its best on the same records, in a process of its own.

python -m benchmarks.peer WORKSPACE MODEL.json --floor -3 --mode table --chunks 1 --out DIR

Prints seconds by stage, pairs and peak memory. Records come from the cleaned tables, without values
that identify nobody, numbered by `rid`; pairs at or above the floor end as Parquet on disk, as ours do.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import duckdb
import polars as pl
from splink import DuckDBAPI, Linker

from flows.measure import PeakMemory
from matching.link.identities import collapse
from matching.link.reference import match_sides
from matching.link.sides import Side
from matching.store import Workspace

MEMORY_GB = 16
"""What LINKAGE's measurements gave Splink; it spills beyond."""


def main() -> None:
    """Link once and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--floor", type=float, default=-3.0)
    parser.add_argument("--mode", choices=("table", "parquet"), default="table")
    parser.add_argument("--chunks", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = json.loads(options.model.read_text())
    columns = sorted({
        word.split("_l")[0].split("(")[-1] for c in settings["comparisons"]
        for word in [c["output_column_name"]]
    })  # fmt: skip
    sides = match_sides(*_identified(Workspace.open(options.workspace)))  # its clock stands still
    begun = time.perf_counter()
    with PeakMemory() as peak:
        con = duckdb.connect()
        con.execute(f"set memory_limit = '{MEMORY_GB}GB'")
        con.execute("set temp_directory = $d", {"d": str(options.out / "spill")})
        for name, side in zip(("a_leaked", "b_charts"), sides, strict=True):
            _load(con, name, side, columns)
        loaded = time.perf_counter()
        pairs = _predict(con, settings, options.mode, options.chunks, options.floor, options.out)
    done = time.perf_counter()
    print(json.dumps({
        "seconds": round(done - begun, 2), "load_seconds": round(loaded - begun, 2),
        "pairs": pairs, "peak_rss_gib": round(peak.gib, 3),
        "mode": options.mode, "chunks": options.chunks,
    }))  # fmt: skip


def _identified(workspace: Workspace) -> tuple[Workspace, pl.DataFrame]:
    return workspace, collapse(workspace)


def _load(con: duckdb.DuckDBPyConnection, name: str, side: Side, columns: list[str]) -> None:
    """The side as a table with integer ids, part by part."""
    for start, stop in side.ranges():
        number = pl.int_range(start, stop, dtype=pl.Int32).alias("rid")
        rows = side.frame(start, stop, columns).with_columns(number)
        con.register("loading", rows.to_arrow())
        con.execute(f"create table if not exists {name} as from loading limit 0")
        con.execute(f"insert into {name} from loading")
        con.unregister("loading")


def _predict(
    con: duckdb.DuckDBPyConnection, settings: dict, mode: str, chunks: int, floor: float, out: Path
) -> int:
    api = (
        DuckDBAPI(con)
        if mode == "table"
        else DuckDBAPI(con, materialisation="parquet", materialisation_dir=out / "splink")
    )
    tables = [
        api.register(con.table(n), dataset_display_name=f"{n}_side")
        for n in ("a_leaked", "b_charts")
    ]
    linker = Linker(tables, settings)
    total = 0
    for number in range(1, chunks + 1):
        found = linker.inference.predict_chunk(
            left_chunk=(number, chunks), threshold_match_weight=floor, warning_mode="never"
        )
        file = out / f"pairs-{number}.parquet"
        con.sql(f"copy (select rid_l, rid_r, match_weight from {found.physical_name}) to '{file}'")
        total += con.sql(f"select count(*) from '{file}'").fetchall()[0][0]
        found.drop_table_from_database_and_remove_from_cache()
    return int(total)


if __name__ == "__main__":
    main()
