"""What was leaked, and the way from raw rows to people: `inventory`, `rejects` and `bridge`."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.report.charts import bars
from notify.report.parts import (
    Grid,
    Section,
    first_missing,
    grid_of,
    not_yet,
    number,
    words_of,
)

__all__ = ["bridge", "inventory"]

FILES_SHOWN = 40
REASONS_SHOWN = 12


def inventory(workspace: Workspace) -> Section:
    """Delivered files with rows parsed and rejected; a repeated file is named and counted once."""
    if first_missing(workspace, ["inventory"]):
        return not_yet("leaked", "What was leaked", "inventory")
    files = workspace.read("inventory")
    leaked = files.filter((pl.col("side") == "leaked") & (pl.col("format") != "text"))
    once = leaked.filter(pl.col("repeats").is_null())
    masters = files.filter((pl.col("side") == "master") & pl.col("repeats").is_null())
    lead = (
        f"{number(once['rows'].sum())} rows in {_files_of(once['content'].n_unique())} were leaked:"
        f" {number(once['parsed'].sum())} were read, {number(once['rejected'].sum())} could not be read"
        f" and are kept with their reason. {_files_of(leaked['repeats'].count())} delivered again byte for"
        f" byte count no second time. The rows are compared with {number(masters['parsed'].sum())} charts"
        f" in {_files_of(masters['content'].n_unique())} of covered entities.{_spoken(workspace)}"
    )
    return Section(
        anchor="leaked",
        title="What was leaked",
        lead=lead,
        grids=(_files(files), *_rejects(workspace)),
    )


def _spoken(workspace: Workspace) -> str:
    """What free text in the rows adds; empty where none was searched or it names nobody."""
    if not workspace.has("passages") or not workspace.rows("passages"):
        return ""
    told = (
        workspace.scan("passages").select(said=pl.len(), doubtful=pl.col("why").count()).collect()
    )
    said, doubtful = told.row(0)
    return (
        f" Free text in them names somebody {number(said)} times, {number(doubtful)} of these with too little to"
        " tell who it is: they are listed for review, and count as possible people."
    )


def _files_of(count: int) -> str:
    return "1 file" if count == 1 else f"{number(count)} files"


def _files(files: pl.DataFrame) -> Grid:
    named = files.select(number=pl.col("position").cast(pl.Int32), name="path")
    table = (
        files.join(
            named.rename({"name": "first"}), left_on="repeats", right_on="number", how="left"
        )
        .join(
            named.rename({"name": "alike"}), left_on="same_rows_as", right_on="number", how="left"
        )
        .sort("position")
        .with_columns(
            secured=words_of("secured"),
            note=_notes_of_file(),
            kilobytes=(pl.col("bytes") / 1000).ceil(),
        )
    )
    more = table.height - FILES_SHOWN
    heads = {
        "path": "file", "side": "side", "format": "format", "rows": "rows", "parsed": "parsed",
        "rejected": "rejected", "kilobytes": "kB", "secured": "secured", "received_from": "from",
        "evidence": "evidence", "note": "note",
    }  # fmt: skip
    caption = f"The first {FILES_SHOWN} of {table.height} files." if more > 0 else ""
    return grid_of(table.head(FILES_SHOWN), heads, caption=caption)


def _notes_of_file() -> pl.Expr:
    """What a reader must know of a file beside its numbers."""
    said = {
        "repeats {}": ("first", pl.col("first").is_not_null()),
        "the same rows as {}": ("alike", pl.col("alike").is_not_null()),
        "not about people: {}": ("ignored", pl.col("ignored").is_not_null()),
        "{} rows partly read as CP1252": ("guessed", pl.col("guessed") > 0),
        "{} rows whose key no joined row bears": ("unjoined", pl.col("unjoined") > 0),
        "no line break at its end: perhaps cut off{}": ("nothing", ~pl.col("final_newline")),
    }
    notes = [
        pl.when(holds).then(pl.format(words, pl.lit("") if name == "nothing" else pl.col(name)))
        for words, (name, holds) in said.items()
    ]
    return pl.concat_str(notes, separator="; ", ignore_nulls=True)


def _rejects(workspace: Workspace) -> tuple[Grid, ...]:
    if not workspace.rows("rejects"):
        return ()
    reasons = (
        workspace.scan("rejects")
        .group_by("reason")
        .agg(rows=pl.len())
        .sort("rows", "reason", descending=[True, False])
        .collect(engine="streaming")
        .head(REASONS_SHOWN)
        .with_columns(words_of("reason"))
    )
    return (grid_of(reasons, {"reason": "why rows could not be read", "rows": "rows"}),)


def bridge(workspace: Workspace) -> Section:
    """Every line between the rows as delivered and the people counted, nothing silently dropped."""
    title = "From rows to people"
    if first_missing(workspace, ["bridge"]):
        return not_yet("bridge", title, "bridge")
    lines = workspace.read("bridge").sort("position")
    reason = words_of("reason")
    words = lines.with_columns(
        line=words_of("line"),
        reason=pl.when(pl.col("reason").is_null()).then(pl.lit("")).otherwise(reason),
        regime=pl.col("regime").fill_null("all"),
    )
    label = pl.concat_str(
        "line", pl.when(pl.col("reason") != "").then(": " + pl.col("reason")), ignore_nulls=True
    )
    parts = pl.when(pl.col("rows") < 0).then(pl.lit("taken off")).otherwise(pl.lit("kept"))
    chart = bars(
        words.select(label=label, value=pl.col("rows").abs(), part=parts).to_dicts(),
        caption="Each line of the way, as long as the number of rows, mentions or people it counts.",
        colours={"kept": "#24557f", "taken off": "#d18a12"},
        axis="rows, mentions or people",
    )
    grid = grid_of(
        words, {"line": "line", "reason": "reason", "regime": "regime", "rows": "how many"}
    )
    lead = (
        "How the rows as delivered become people: what was repeated, unreadable or excluded is taken"
        " off with its reason, and what describes one person is joined."
    )
    return Section(anchor="bridge", title=title, lead=lead, charts=(chart,), grids=(grid,))
