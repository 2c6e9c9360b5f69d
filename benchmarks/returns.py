"""Seconds and memory from vendors' files to what became of every piece: events taken in, then folded.

    python -m benchmarks.returns [--pieces 13000000] [--uaa 0.05] [--moved 0.02] [--folder DIR] [--json]

A workspace below DIR gets `exported` events of made-up pieces, made by columns. Then one DROP file of all of
them, a UAA file of a share and an ADDR file of a share are taken by `notify.returns.take`, and all events are
folded. Rows, seconds, rows a second and peak memory go to `benchmarks/results/returns.json`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.results import measured, record
from matching.keys import BASE32
from matching.store import ROWS_PER_PART, Workspace
from matching.tables import TABLES
from notify.ledger import identities, last_pieces, pieces
from notify.returns import take

SEED = 11
EXPORTED_ON, TODAY = date(2026, 4, 1), date(2026, 6, 1)
RECORDED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PIECES_A_BATCH = 250_000
ENTITIES = 20_000
_LETTERS = np.frombuffer(BASE32.encode(), dtype=np.uint8)
_NO = pl.lit("")


def ids(random: np.random.Generator, rows: int, width: int) -> pl.Series:
    """Random ids of `width` letters; 16 letters do not collide in these numbers."""
    text = _LETTERS[random.integers(0, 32, (rows, width), dtype=np.uint8)].tobytes()
    ends = np.arange(0, (rows + 1) * width, width, dtype=np.int64)
    return pl.Series(pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(text)))


def export(workspace: Workspace, rows: int) -> pl.Series:
    """Append `exported` events of so many pieces; gives their ids."""
    random = np.random.default_rng(SEED)
    names = []
    for start in range(0, rows, ROWS_PER_PART):
        count = min(ROWS_PER_PART, rows - start)
        piece = ids(random, count, 16)
        batch = (np.arange(start, start + count) // PIECES_A_BATCH).astype(str)
        events = pl.DataFrame({"piece_id": piece}).with_columns(
            event_id=ids(random, count, 26),
            kind=pl.lit("exported"), channel=pl.lit("mail"),
            entity_id="CE" + pl.Series(random.integers(0, ENTITIES, count)).cast(pl.String),
            person_id=ids(random, count, 14),
            batch_id="B" + pl.Series(batch).str.zfill(11),
            notice_version=1, wave=1, dated_on=pl.lit(EXPORTED_ON),
            detail="home:" + pl.Series(random.integers(1 << 40, 1 << 50, count)).cast(pl.String),
            recorded_at=pl.lit(RECORDED_AT),
        )  # fmt: skip
        workspace.append("events", TABLES["events"].complete(events))
        names.append(piece)
    return pl.concat(names)


def files(folder: Path, names: pl.Series, *, uaa: float, moved: float) -> list[Path]:
    """The vendor's three files, in the order of the pieces' shuffle: nothing is sorted for the reader."""
    every = pl.DataFrame({"mailpiece_id": names}).sample(fraction=1.0, shuffle=True, seed=SEED)
    day = pl.lit(EXPORTED_ON) + pl.duration(days=1 + pl.int_range(pl.len()) % 9)
    statement = "PS3600-" + (pl.int_range(pl.len()) // 40_000).cast(pl.String).str.zfill(6)
    drop = every.select(
        "mailpiece_id", drop_date=day.dt.to_string("%Y-%m-%d"), facility=pl.lit("BALTIMORE NDC"),
        imb=pl.lit("0027090212345678901220133114455"), postage_statement_id=statement,
        spoiled_reprint_count=pl.lit("0"),
    )  # fmt: skip
    back = every.sample(fraction=uaa, seed=SEED + 1).with_columns(_new(filled=False))
    nixie = pl.Series(["ANK", "UTF", "NSN", "FOE", "VAC", "IA", "MLNA"])
    back = back.select(
        "mailpiece_id", event_date=pl.lit("2026-05-04"), channel=pl.lit("ACS"),
        nixie_class=pl.lit(nixie).gather(pl.int_range(pl.len()) % 7), new_delivery="new_delivery",
        new_city="new_city", new_state="new_state", new_zip5="new_zip5", new_zip4="new_zip4", image_ref=_NO,
    )  # fmt: skip
    gone = every.sample(fraction=moved, seed=SEED + 2).with_columns(_new(filled=True))
    gone = gone.select(
        "mailpiece_id", ncoa_rc=pl.lit("A"), move_type=pl.lit("F"), move_date=pl.lit("202511"),
        new_delivery="new_delivery", new_city="new_city", new_state="new_state", new_zip5="new_zip5",
        new_zip4="new_zip4", dpv=pl.lit("Y"), dpv_fn=pl.lit("AABB"), cmra=pl.lit("N"),
        vacant=pl.lit("N"), lacs=pl.lit("N"), action=pl.lit("mailed_new"),
    )  # fmt: skip
    paths = []
    for name, rows in (("ADDR", gone), ("DROP", drop), ("UAA", back)):
        rows.write_csv(folder / f"{name}.csv")
        paths.append(folder / f"{name}.csv")
    return paths


def _new(*, filled: bool) -> list[pl.Expr]:
    street = pl.int_range(pl.len()).cast(pl.String) + pl.lit(" MADE UP ST")
    values = {"new_delivery": street, "new_city": pl.lit("TOWSON"), "new_state": pl.lit("MD"),
              "new_zip5": pl.lit("21204"), "new_zip4": pl.lit("0001")}  # fmt: skip
    return [(value if filled else _NO).alias(name) for name, value in values.items()]


def run(folder: Path, *, rows: int, uaa: float, moved: float) -> dict[str, Any]:
    """Make, take, fold; gives the result. `load_before`: what else the machine was doing, 0 on a quiet one."""
    load = os.getloadavg()[0]
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="bench-returns", synthetic=True, key_file=folder / "key.json"
    )
    names = export(workspace, rows)
    paths = files(folder, names, uaa=uaa, moved=moved)
    del names
    stages = {}
    for path in paths:

        def taken(path: Path = path) -> int:
            got = take(workspace, path, by="benchmark", today=TODAY, recorded_at=RECORDED_AT)
            assert got.taken == got.rows, "every row is news"
            return got.rows

        stages[path.stem] = measured(taken)
    took = sum(stage["rows"] for stage in stages.values())
    seconds = sum(stage["seconds"] for stage in stages.values())
    processor = sum(stage["processor_seconds"] for stage in stages.values())
    stages["fold"] = measured(lambda: pieces(workspace).collect(engine="streaming").height)
    stages["fold_last"] = measured(
        lambda: last_pieces(workspace).collect(engine="streaming").height
    )
    stages["identities"] = measured(lambda: int(identities(workspace)["exported"].sum()))
    whole = seconds + stages["fold"]["seconds"]
    return {
        "pieces": rows,
        "rows": took,
        "events": workspace.rows("events"),
        "seconds": round(whole, 1),
        "processor_seconds": round(processor + stages["fold"]["processor_seconds"], 1),
        "load_before": round(load, 1),
        "events_taken_and_folded_per_s": round(took / whole),
        "peak_rss_gib": max(stage["peak_rss_gib"] for stage in stages.values()),
        "stages": stages,
    }


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pieces", type=int, default=13_000_000)
    parser.add_argument("--uaa", type=float, default=0.05)
    parser.add_argument("--moved", type=float, default=0.02)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = run(Path(folder), rows=options.pieces, uaa=options.uaa, moved=options.moved)
    record("returns", result, show=options.json)


if __name__ == "__main__":
    main()
