"""The step: every delivered file once, in order, in parts of bounded size.

A part's key is a digest of all that its rows depend on, so a killed run goes on where it was, and a
late file costs its own rows only. Memory: IN_HAND portions and the one being found, about 0.7 GiB each,
whatever the number of rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import polars as pl

from matching.errors import OperatorError
from matching.intake import roster
from matching.intake.checks import check
from matching.intake.classify import with_decisions, with_exclusion
from matching.intake.delivered import Delivered, resolve
from matching.intake.mapping import canonical, guarantors, mapped_columns, role_of, with_id
from matching.intake.readers import (
    ROW_NO,
    START,
    Batch,
    Portion,
    Position,
    column_names,
    portions,
)
from matching.intake.settings import IntakeSettings
from matching.intake.text import ends_with_newline
from matching.log import log_counts
from matching.sources import TEXT_FORMATS, LeakedSource, MasterSource, Source
from matching.store import Workspace, Writer, digest_of
from matching.tables import TABLES

__all__ = ["run"]

PARTS_VERSION = 1
"""Raised when rows of a part come out otherwise: parts made before are then made again."""
PORTIONS_MAX = 100_000
"""Portions of one file: the places of its parts lie between those of its neighbours."""
IN_HAND = 2
"""Portions taken apart at once, while the next is found: two cores are busy."""
ROWS_DO_NOT_DEPEND_ON = {"path", "received_from", "evidence", "date_order"}
FILES = {"root", "leaked", "masters", "entities", "delegation", "suppressions"}


@dataclass(slots=True)
class _File:
    """One delivered table and what was counted while it was read."""

    position: int
    delivered: Delivered
    file_no: int
    repeats: int | None
    places: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: {"parsed": 0, "rejected": 0, "covered": 0, "guessed": 0}
    )
    columns: list[str] = field(default_factory=list)

    @property
    def source(self) -> Source:
        """Its entry in the incident file."""
        return self.delivered.source

    def note(self, noted: Mapping[str, Any]) -> None:
        """Add one part to the counts."""
        for name in self.counts:
            self.counts[name] += noted[name]
        self.columns += [name for name in noted["columns"] if name not in self.columns]


def run(workspace: Workspace, settings: IntakeSettings) -> None:
    """Read every delivered file. Raises OperatorError naming every problem before it writes."""
    problems = check(settings)
    if problems:
        raise OperatorError("; ".join(problems))
    known = roster.entities(settings)
    files = _files(workspace, settings)
    decisions = _role_decisions(workspace)
    with (
        workspace.writer("leaked") as leaked,
        workspace.writer("charts") as charts,
        workspace.writer("rejects") as rejects,
    ):
        once = [file for file in files if file.repeats is None]
        for side, writer in (("leaked", leaked), ("master", charts)):
            reader = _Reader(settings, decisions, known["entity_id"], writer, rejects)
            reader.read([file for file in once if file.delivered.side == side])
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


def _files(workspace: Workspace, settings: IntakeSettings) -> list[_File]:
    numbers = dict(workspace.read("files", ["file_sha256", "file_no"]).iter_rows())
    files: list[_File] = []
    first: dict[str, int] = {}
    for position, delivered in enumerate(resolve(settings)):
        digest = delivered.digest
        if digest not in numbers:
            raise OperatorError(
                f"{delivered.shown(settings.root)}: changed since the round started; run again"
            )
        files.append(_File(position, delivered, numbers[digest], first.get(digest)))
        first.setdefault(digest, position)
    return files


@dataclass(frozen=True, slots=True)
class _Reader:
    """One side's files become parts of its table and of `rejects`."""

    settings: IntakeSettings
    decisions: pl.DataFrame
    known: pl.Series
    writer: Writer
    rejects: Writer

    def read(self, files: Iterable[_File]) -> None:
        """Read what is not there yet; fills in the files' counts."""
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(IN_HAND) as pool:
            for file in files:
                for place, key, portion in self._missing(file):
                    waiting.append(pool.submit(self._put, file, place, key, portion))
                    if len(waiting) > IN_HAND:
                        waiting.popleft().result()
            for future in waiting:
                future.result()
        for file in files:
            for place in file.places:
                file.note(self.writer.noted(place))

    def _missing(self, file: _File) -> Iterator[tuple[int, str, Portion]]:
        """Portions that no run before put whole, with their place and key."""
        key, start, found = self._key(file), START, None
        for number in count():
            place, part_key = file.file_no * PORTIONS_MAX + number, digest_of(key, number)
            file.places.append(place)
            if self._has(place, part_key):
                noted = self.writer.noted(place)
                start, last, found = Position(*noted["end"]), noted["last"], None
            else:
                found = found or portions(
                    file.delivered.content, file.source, file.delivered.part, start
                )
                portion = next(found)
                start, last = portion.end, portion.last
                yield place, part_key, portion
            if last:
                return

    def _has(self, place: int, key: str) -> bool:
        if not self.writer.has(place, key=key):
            return False
        return not self.writer.noted(place)["rejected"] or self.rejects.has(place, key=key)

    def _put(self, file: _File, place: int, key: str, portion: Portion) -> None:
        batches = list(portion.batches())
        rejects = pl.concat([TABLES["rejects"].empty(), *(_rejects(file, b) for b in batches)])
        if rejects.height:
            self.rejects.put(place, rejects, key=key)
        table = self.writer.table
        frames = [table.complete(self._rows(file, batch)) for batch in batches]
        noted = {
            "parsed": sum(batch.rows.height for batch in batches),
            "rejected": rejects.height,
            "covered": sum(batch.covered for batch in batches),
            "guessed": sum(batch.guessed for batch in batches),
            "columns": list(
                dict.fromkeys(n for b in batches for n in b.rows.columns if n != ROW_NO)
            ),
            "end": [portion.end.offset, portion.end.row],
            "last": portion.last,
        }
        self.writer.put(place, pl.concat([table.empty(), *frames]), key=key, noted=noted)

    def _rows(self, file: _File, batch: Batch) -> pl.DataFrame:
        if file.source.ignored:
            return self.writer.table.empty()
        rows = canonical(batch.rows, file.source)
        if isinstance(file.source, LeakedSource):
            return _mentions(rows, file, file.source.role, self.settings, self._words(file))
        return _charts(rows, file, self.settings, self.known)

    def _words(self, file: _File) -> pl.DataFrame:
        """People's decisions on rows of the file."""
        mine = self.decisions.filter(pl.col("left_file_sha256") == file.delivered.digest)
        return mine.drop("left_file_sha256")

    def _key(self, file: _File) -> str:
        """Digest of all that the file's rows depend on."""
        source = file.source
        owner = source.entity if isinstance(source, MasterSource) else ""
        owners = [owner in self.known] if owner else sorted(self.known)
        return digest_of(
            PARTS_VERSION,
            self.writer.table.polars,
            file.delivered.digest,
            file.file_no,
            source.model_dump(mode="json", exclude=ROWS_DO_NOT_DEPEND_ON),
            self.settings.model_dump(mode="json", exclude=FILES),
            owners if isinstance(source, MasterSource) else self._words(file).rows(),
        )


def _rejects(file: _File, batch: Batch) -> pl.DataFrame:
    number = pl.lit(file.file_no, pl.Int32).alias("file_no")
    return batch.rejects.select(number, "row_no", "offset", "reason")


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
    content, part = file.delivered.content, file.delivered.part
    columns = counted.columns or column_names(content, source, part)
    return {
        "position": file.position,
        "side": file.delivered.side,
        "path": file.delivered.shown(settings.root),
        "content": file.delivered.shown(settings.root, part=False),
        "part": part or None,
        "file_no": file.file_no,
        "file_sha256": file.delivered.digest,
        "bytes": content.size(),
        "format": source.format,
        "encoding": source.encoding if is_text else None,
        "rows": counted.counts["parsed"] + counted.counts["rejected"],
        "parsed": counted.counts["parsed"],
        "rejected": counted.counts["rejected"],
        "guessed": counted.counts["guessed"],
        "covered_bytes": counted.counts["covered"] if is_text else None,
        "repeats": file.repeats,
        "ignored": source.ignored or None,
        "secured": source.secured,
        "columns": "|".join(columns),
        "unmapped": "|".join(name for name in columns if name not in mapped_columns(source)),
        "final_newline": ends_with_newline(content, source.encoding) if is_text else None,
        "date_order": source.date_order,
        "received_from": source.received_from or None,
        "received_on": source.received_on,
        "evidence": source.evidence or None,
    }
