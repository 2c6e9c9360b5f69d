"""The step: every delivered file once, in order, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from matching.errors import OperatorError
from matching.intake import roster
from matching.intake.checks import check
from matching.intake.classify import with_decisions, with_exclusion
from matching.intake.delivered import resolve, shown
from matching.intake.mapping import canonical, guarantors, mapped_columns, role_of, with_id
from matching.intake.readers import ROW_NO, Batch, column_names, read
from matching.intake.settings import IntakeSettings
from matching.intake.text import ends_with_newline
from matching.log import log_counts
from matching.sources import LeakedSource, MasterSource, Source
from matching.store import Workspace, Writer, sha256_file
from matching.tables import TABLES

__all__ = ["run"]

ROWS_PER_PART = 300_000
"""The widest tables: about 0.5 GiB in memory while a part is written or cleaned."""
TEXT_FORMATS = frozenset({"csv", "tsv", "jsonl"})


@dataclass(slots=True)
class _File:
    """One delivered file and what was counted while it was read."""

    position: int
    path: Path
    source: Source
    digest: str
    file_no: int
    repeats: int | None
    counts: dict[str, int] = field(
        default_factory=lambda: {"parsed": 0, "rejected": 0, "covered": 0}
    )
    columns: list[str] = field(default_factory=list)

    def note(self, batch: Batch) -> None:
        """Add one block to the counts."""
        self.counts["parsed"] += batch.rows.height
        self.counts["rejected"] += batch.rejects.height
        self.counts["covered"] += batch.covered
        self.columns += [n for n in batch.rows.columns if n != ROW_NO and n not in self.columns]


def run(workspace: Workspace, settings: IntakeSettings) -> None:
    """Read every delivered file. Raises OperatorError naming every problem before it writes."""
    problems = check(settings)
    if problems:
        raise OperatorError("; ".join(problems))
    known = roster.entities(settings)
    files = _files(workspace, settings)
    decisions = _role_decisions(workspace)
    rejects: list[pl.DataFrame] = []
    for side, table in (("leaked", "leaked"), ("master", "charts")):
        chosen = sorted(
            (f for f in files if _side(f.source) == side and f.repeats is None),
            key=lambda f: f.file_no,
        )
        frames = _frames(chosen, settings, decisions, known["entity_id"], rejects)
        with workspace.writer(table) as writer:
            _put_all(writer, table, frames)
    workspace.write("rejects", pl.concat([TABLES["rejects"].empty(), *rejects]))
    workspace.write("inventory", _inventory(files, settings))
    workspace.write("entities", known)
    workspace.write("delegation", roster.delegation(settings))
    workspace.write("suppressions", roster.suppressions(settings))
    log_counts(
        "intake",
        files=len(files),
        mentions=workspace.rows("leaked"),
        charts=workspace.rows("charts"),
        rejected=workspace.rows("rejects"),
    )


def _side(source: Source) -> str:
    return "master" if isinstance(source, MasterSource) else "leaked"


def _files(workspace: Workspace, settings: IntakeSettings) -> list[_File]:
    numbers = dict(workspace.read("files", ["file_sha256", "file_no"]).iter_rows())
    files: list[_File] = []
    first: dict[str, int] = {}
    for position, (source, path) in enumerate(resolve(settings)):
        digest = sha256_file(path)
        if digest not in numbers:
            raise OperatorError(
                f"{shown(settings, path)}: changed since the round started; run again"
            )
        files.append(_File(position, path, source, digest, numbers[digest], first.get(digest)))
        first.setdefault(digest, position)
    return files


def _frames(
    files: Iterable[_File],
    settings: IntakeSettings,
    decisions: pl.DataFrame,
    known: pl.Series,
    rejects: list[pl.DataFrame],
) -> Iterator[pl.DataFrame]:
    """Rows of every file as its table wants them; fills in the files' counts and the rejects."""
    for file in files:
        mine = decisions.filter(pl.col("left_file_sha256") == file.digest).drop("left_file_sha256")
        for batch in read(file.path, file.source):
            file.note(batch)
            rejects.append(
                batch.rejects.select(
                    pl.lit(file.file_no, pl.Int32).alias("file_no"), "row_no", "offset", "reason"
                )
            )
            rows = canonical(batch.rows, file.source)
            if isinstance(file.source, LeakedSource):
                yield _mentions(rows, file, file.source.role, settings, mine)
            else:
                yield _charts(rows, file, settings, known)


def _mentions(
    rows: pl.DataFrame, file: _File, role: str, settings: IntakeSettings, decisions: pl.DataFrame
) -> pl.DataFrame:
    first = rows.with_columns(role=role_of(pl.col("role"), role))
    both = pl.concat([first, guarantors(first, received_on=file.source.received_on)])
    found = with_exclusion(
        both.with_columns(*with_id("mention_id", file_no=file.file_no, role=pl.col("role"))),
        settings,
        secured=file.source.secured,
    )
    return with_decisions(found.sort("mention_id"), decisions)


def _charts(
    rows: pl.DataFrame, file: _File, settings: IntakeSettings, known: pl.Series
) -> pl.DataFrame:
    owner = (
        pl.lit(file.source.entity)
        if isinstance(file.source, MasterSource) and file.source.entity
        else pl.col("entity_id").str.strip_chars()
    )
    charts = rows.with_columns(role=role_of(pl.col("role"), "patient")).with_columns(
        *with_id("chart_id", file_no=file.file_no, role=pl.lit("patient")),
        pl.when(owner.is_in(known.implode())).then(owner).alias("entity_id"),
    )
    return with_exclusion(charts, settings, secured="no")


def _put_all(writer: Writer, table: str, frames: Iterable[pl.DataFrame]) -> None:
    """Write frames, which come in key order, as parts of at most about ROWS_PER_PART rows."""
    held: list[pl.DataFrame] = []
    index = 0
    for frame in frames:
        held.append(TABLES[table].complete(frame))
        if sum(part.height for part in held) >= ROWS_PER_PART:
            writer.put(index, pl.concat(held))
            index, held = index + 1, []
    writer.put(index, pl.concat([TABLES[table].empty(), *held]))


def _role_decisions(workspace: Workspace) -> pl.DataFrame:
    """The last word on the role of each row: left_file_sha256, row_no, role, value."""
    rows = workspace.read("decisions")
    undone = rows["supersedes"].drop_nulls()
    standing = rows.filter(
        (pl.col("subject") == "role") & ~pl.col("decision_id").is_in(undone.implode())
    )
    return (
        standing.sort("recorded_at", "decision_id")
        .unique(["left_file_sha256", "left_row_no", "left_role"], keep="last", maintain_order=True)
        .select("left_file_sha256", row_no="left_row_no", role="left_role", value="value")
    )


def _inventory(files: list[_File], settings: IntakeSettings) -> pl.DataFrame:
    by_position = {file.position: file for file in files}
    rows = [
        _inventory_row(f, by_position[f.position if f.repeats is None else f.repeats], settings)
        for f in files
    ]
    return pl.DataFrame(rows, schema=dict(TABLES["inventory"].polars))


def _inventory_row(file: _File, counted: _File, settings: IntakeSettings) -> dict[str, Any]:
    """A repeated file bears the counts of the same bytes read before."""
    source, is_text = file.source, file.source.format in TEXT_FORMATS
    columns = counted.columns or column_names(file.path, source)
    return {
        "position": file.position,
        "side": _side(source),
        "path": shown(settings, file.path),
        "file_no": file.file_no,
        "file_sha256": file.digest,
        "bytes": file.path.stat().st_size,
        "format": source.format,
        "rows": counted.counts["parsed"] + counted.counts["rejected"],
        "parsed": counted.counts["parsed"],
        "rejected": counted.counts["rejected"],
        "covered_bytes": counted.counts["covered"] if is_text else None,
        "repeats": file.repeats,
        "secured": source.secured,
        "columns": "|".join(columns),
        "unmapped": "|".join(name for name in columns if name not in mapped_columns(source)),
        "final_newline": ends_with_newline(file.path, source.encoding) if is_text else None,
        "received_from": source.received_from or None,
        "received_on": source.received_on,
        "evidence": source.evidence or None,
    }
