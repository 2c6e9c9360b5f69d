"""The same weights as Splink's: our pairs, fed to Splink's own scorer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from splink import DuckDBAPI, Linker

from matching.link.reference import match_sides
from matching.link.sides import Side
from matching.model.frequencies import tf_columns
from matching.store import Workspace

__all__ = ["parity"]


def parity(root: Path, model: Path, *, pairs: int) -> dict[str, Any]:
    """Largest difference in bits over the first `pairs` kept pairs of a linked workspace."""
    workspace = Workspace.open(root)
    settings = json.loads(model.read_text())
    kept = workspace.scan("pairs").filter(kind="leaked_master").head(pairs)
    ours = kept.select("left", "right", "match_weight").collect()
    leaked, charts = match_sides(workspace, workspace.read("identities"))
    con = duckdb.connect()
    con.execute("set memory_limit = '12GB'")
    con.execute("set temp_directory = $d", {"d": str(root.parent / "parity")})
    numbered = pl.DataFrame({
        "left_rid": leaked.ids.search_sorted(ours["left"]).cast(pl.Int64),
        "right_rid": charts.ids.search_sorted(ours["right"]).cast(pl.Int64),
        "ours": ours["match_weight"],
    })  # fmt: skip
    theirs = _theirs(con, settings, workspace, leaked, charts, numbered)
    both = theirs.join(numbered, on=["left_rid", "right_rid"])
    return {
        "parity_pairs": both.height,
        "parity_missing": numbered.height - both.height,
        "parity_max_bits": float((both["ours"] - both["theirs"]).abs().max() or 0.0),  # type: ignore[arg-type]  # floats
    }


def _theirs(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], workspace: Workspace,
    leaked: Side, charts: Side, pairs: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    api = DuckDBAPI(con)
    tables = []
    for name, side, rids in (("a_leaked", leaked, "left_rid"), ("b_charts", charts, "right_rid")):
        wanted = pairs[rids].unique().sort()
        rows = side.at(wanted.to_numpy()).with_columns(wanted.alias("rid"))
        con.register("loading", rows.to_arrow())
        con.execute(f"create table {name} as select * from loading")
        tables.append(api.register(con.table(name), dataset_display_name=f"{name}_side"))
    linker = Linker(tables, settings)
    frequencies = workspace.read("term_frequencies")
    for column in tf_columns(settings):
        shares = frequencies.filter(field=column).select(
            pl.col("value").alias(column), pl.col("frequency").alias(f"tf_{column}")
        )
        registered = api.register(shares.to_arrow(), dataset_display_name=f"tf_{column}")
        linker.table_management.register_term_frequency_lookup(registered, column)
    blocked = pairs.select(
        join_key_l=pl.lit("a_leaked_side-__-") + pl.col("left_rid").cast(pl.String),
        join_key_r=pl.lit("b_charts_side-__-") + pl.col("right_rid").cast(pl.String),
        match_key=pl.lit("0"),
    )
    linker.table_management.register_blocked_pairs_for_predict(
        api.register(blocked.to_arrow(), dataset_display_name="our_pairs")
    )
    found = linker.inference.predict(warning_mode="never").as_duckdbpyrelation()
    return found.project("rid_l as left_rid, rid_r as right_rid, match_weight as theirs").pl()
