"""`affected decide`: people's decisions on pairs, from a CSV into the inbox.

A row names two records, each by the source's record id (`left_record_id`) or by place (`left_file`:
path or SHA-256, `left_row`: from 0), with `left_role` where a row holds several people. Splink's
labels (`unique_id_l`, `unique_id_r`, `clerical_match_score`) are read, too. An id may also be the incident's
own: mention_id or chart_id. Stored by file digest,
row and role, so that a decision outlives every re-run.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from secrets import token_hex

import polars as pl

from matching.errors import OperatorError
from matching.standing import standing
from matching.store import Workspace
from matching.tables import ROLE_NUMBER, TABLES

__all__ = ["VALUES", "take"]

VALUES = ("match", "no", "unsure")
_SIDES = ("left", "right")
_SPLINK = {"unique_id_l": "left_record_id", "unique_id_r": "right_record_id"}
_ROLES = {number: role for role, number in ROLE_NUMBER.items()}


def take(workspace: Workspace, path: Path, *, by: str, recorded_at: datetime) -> int:
    """Append the file's decisions to the inbox; gives how many. The next round honours them.

    A decision on a pair decided before supersedes the earlier one. Raises OperatorError naming
    every bad row, and then appends nothing.
    """
    rows = _read(path)
    for side in _SIDES:
        rows = _with_place(workspace, rows, side)
    _refuse_bad(path, rows)
    appended = rows.select(
        pl.Series("decision_id", [token_hex(8) for _ in range(rows.height)], dtype=pl.String),
        pl.lit("pair").alias("subject"),
        *(f"{side}_{part}" for side in _SIDES for part in ("file_sha256", "row_no", "role")),
        "value",
        "note",
        pl.lit(by).alias("by"),
        pl.lit(recorded_at).alias("recorded_at"),
    )
    table = TABLES["decisions"]
    workspace.append("decisions", table.complete(_superseding(workspace, appended)))
    return rows.height


def _read(path: Path) -> pl.DataFrame:
    """The file as text with every known column, `row` counting from 1."""
    try:
        raw = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise OperatorError(f"{path}: no such file") from None
    except (pl.exceptions.PolarsError, OSError):
        raise OperatorError(f"{path}: cannot be read; save it as UTF-8 CSV with a header") from None
    if any("\x00" in name or "\ufffd" in name for name in raw.columns):
        raise OperatorError(f"{path}: not UTF-8; save it as UTF-8 CSV with a header")
    names = [name.strip().lower() for name in raw.columns]
    if len(set(names)) < len(names):
        raise OperatorError(f"{path}: two columns of one name; keep one of them")
    raw = raw.rename(dict(zip(raw.columns, names, strict=True)))
    raw = raw.rename({old: new for old, new in _SPLINK.items() if old in raw.columns})
    if "clerical_match_score" in raw.columns and "value" not in raw.columns:
        raw = raw.with_columns(value=_from_score(pl.col("clerical_match_score")))
    ways = [
        {f"{s}_record_id" for s in _SIDES},
        {f"{s}_{p}" for s in _SIDES for p in ("file", "row")},
    ]
    if "value" not in raw.columns or not any(way <= set(raw.columns) for way in ways):
        raise OperatorError(
            f"{path}: columns must be value and left_record_id, right_record_id"
            " (or left_file, left_row, right_file, right_row)"
        )
    known = ["value", "note"]
    known += [f"{s}_{p}" for s in _SIDES for p in ("record_id", "file", "row", "given_role")]
    raw = raw.rename({f"{s}_role": f"{s}_given_role" for s in _SIDES if f"{s}_role" in raw.columns})
    absent = [pl.lit(None, pl.String).alias(name) for name in known if name not in raw.columns]
    text = pl.col(known).str.strip_chars()
    rows = raw.with_columns(absent).select(pl.when(text != "").then(text).name.keep())
    return rows.with_columns(pl.col("value").str.to_lowercase()).with_row_index("number", offset=1)


def _from_score(score: pl.Expr) -> pl.Expr:
    number = score.cast(pl.Float64, strict=False)
    sure = pl.when(number == 1).then(pl.lit("match")).when(number == 0).then(pl.lit("no"))
    return sure.when(number.is_between(0, 1)).then(pl.lit("unsure"))


def _with_place(workspace: Workspace, rows: pl.DataFrame, side: str) -> pl.DataFrame:
    """Add the record's file digest, row and role, and how many source rows were meant."""
    found = pl.concat([_by_record_id(workspace, rows, side), _by_place(workspace, rows, side)])
    wanted = rows.select("number", pl.col(f"{side}_given_role").str.to_lowercase().alias("given"))
    found = found.join(wanted, on="number").filter(
        pl.col("given").is_null() | (pl.col("given") == pl.col("role"))
    )
    meant = found.select("number", "file_no", "row_no").unique().group_by("number").len("meant")
    first = found.sort("number", "record").unique("number", keep="first", maintain_order=True)
    files = workspace.read("files", ["file_no", "file_sha256"])
    places = first.join(files, on="file_no").join(meant, on="number")
    named = places.select(
        "number",
        pl.col("file_sha256").alias(f"{side}_file_sha256"),
        pl.col("row_no").alias(f"{side}_row_no"),
        pl.col("role").alias(f"{side}_role"),
        pl.col("meant").alias(f"{side}_meant"),
    )
    return rows.join(named, on="number", how="left", maintain_order="left")


def _by_record_id(workspace: Workspace, rows: pl.DataFrame, side: str) -> pl.DataFrame:
    """By the source's own id; one that no source gave may be the incident's, mention_id or chart_id."""
    column = f"{side}_record_id"
    wanted = rows.select("number", record_id=column).drop_nulls()
    found = _records(workspace).join(wanted.lazy(), on="record_id").drop("record_id").collect()
    ours = wanted.join(found, on="number", how="anti").select(
        "number", record=pl.col("record_id").cast(pl.Int64, strict=False)
    )
    by_id = _records(workspace).join(ours.drop_nulls().lazy(), on="record")
    if ours["record"].null_count() == ours.height:
        return found
    return pl.concat([found, by_id.select(found.columns).collect()])


def _by_place(workspace: Workspace, rows: pl.DataFrame, side: str) -> pl.DataFrame:
    """Records by file (path as in the incident file, or SHA-256) and row; record ids go first."""
    inventory = workspace.read("inventory", ["path", "file_no", "file_sha256"])
    names = pl.concat(
        [inventory.select(file=name, file_no="file_no") for name in ("path", "file_sha256")]
    ).unique(["file", "file_no"])
    wanted = rows.filter(pl.col(f"{side}_record_id").is_null()).select(
        "number",
        file=pl.col(f"{side}_file"),
        row_no=pl.col(f"{side}_row").cast(pl.Int64, strict=False),
    )
    wanted = wanted.join(names, on="file").drop("file")
    found = _records(workspace).join(wanted.lazy(), on=["file_no", "row_no"])
    return found.drop("record_id").collect()


def _records(workspace: Workspace) -> pl.LazyFrame:
    """record_id, file_no, row_no, record, role of every mention and chart.

    The role is the one in the id: a later decision may have changed the column.
    """
    role = (pl.col("record") % 8).replace_strict(_ROLES, default=None, return_dtype=pl.String)
    columns = ("record_id", "file_no", "row_no")
    leaked = workspace.scan("leaked").select(*columns, record="mention_id")
    charts = workspace.scan("charts").select(*columns, record="chart_id")
    return pl.concat([leaked.with_columns(role=role), charts.with_columns(role=pl.lit("chart"))])


def _refuse_bad(path: Path, rows: pl.DataFrame) -> None:
    """Raise with every bad row; ids are a person's data and are not repeated."""
    ends = [[f"{side}_{part}" for part in ("file_sha256", "row_no", "role")] for side in _SIDES]
    same = pl.all_horizontal(pl.col(a) == pl.col(b) for a, b in zip(*ends, strict=True))
    problems = {
        f"value must be {', '.join(VALUES)}": ~pl.col("value").is_in(VALUES).fill_null(value=False),
        "left and right are one record": same.fill_null(value=False),
        "decided twice": pl.len().over(_pair_key()) > 1,
    }
    for side in _SIDES:
        meant = pl.col(f"{side}_meant")
        problems[f"{side} record not found"] = meant.is_null()
        many = f"{side} record id names several rows, give {side}_file and {side}_row instead"
        problems[many] = (meant > 1).fill_null(value=False)
    found: list[str] = []
    for problem, bad in problems.items():
        numbers = rows.filter(bad)["number"].to_list()
        if numbers and not (problem == "decided twice" and found):
            found.append(f"rows {', '.join(map(str, numbers))}: {problem}")
    if found:
        raise OperatorError(f"{path}: " + "; ".join(found))


def _pair_key() -> pl.Expr:
    """The two records in either order."""
    ends = [
        pl.concat_str([f"{side}_file_sha256", f"{side}_row_no", f"{side}_role"], separator=":")
        for side in _SIDES
    ]
    return pl.concat_str([pl.min_horizontal(ends), pl.max_horizontal(ends)], separator="=")


def _superseding(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Name the decision in force on the same pair, where there is one."""
    last = (
        standing(workspace.read("decisions"), "pair")
        .with_columns(pair=_pair_key())
        .unique("pair", keep="last", maintain_order=True)
        .select("pair", supersedes="decision_id")
    )
    keyed = rows.with_columns(pair=_pair_key())
    return keyed.join(last, on="pair", how="left", maintain_order="left").drop("pair")
