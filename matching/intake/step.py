"""The step: every delivered file once, in order, in parts of bounded size.

A part's key is a digest of all that its rows depend on, so a killed run goes on where it was, and a
late file costs its own rows only. Memory: IN_HAND portions and the one being found, about 0.7 GiB each,
whatever the number of rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import polars as pl

from matching.errors import OperatorError
from matching.files import total_hash
from matching.intake import roster
from matching.intake.checks import check
from matching.intake.classify import with_decisions, with_exclusion
from matching.intake.delivered import Delivered, resolve
from matching.intake.further import guarantors, on_row_number, others
from matching.intake.inventory import TableRead, content_hash, custody, inventory
from matching.intake.joins import Lookup, joined, lookups, other_table
from matching.intake.mapping import canonical, role_of, with_id
from matching.intake.readers import (
    ROW_NO,
    START,
    Batch,
    Portion,
    Position,
    portions,
)
from matching.intake.settings import IntakeSettings
from matching.log import log_counts
from matching.sources import LeakedSource, MasterSource
from matching.store import Workspace, Writer, digest_of
from matching.tables import TABLES

__all__ = ["run"]

PARTS_VERSION = 1
"""Raised when rows of a part come out otherwise: parts made before are then made again."""
PORTIONS_MAX = 100_000
"""Portions of one file: the places of its parts lie between those of its neighbours."""
IN_HAND = 2
"""Portions taken apart at once, while the next is found: two cores are busy."""
ROWS_DO_NOT_DEPEND_ON = {
    "path", "received_from", "evidence", "date_order", "custody", "undecided", "joins",
}  # fmt: skip
FILES = {"root", "leaked", "masters", "entities", "delegation", "suppressions"}


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
            reader = _Reader(settings, decisions, known["entity_id"], writer, rejects, files)
            reader.read([file for file in once if file.delivered.side == side])
    workspace.write("inventory", inventory(files, settings))
    workspace.write("custody", custody(files))
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


def _files(workspace: Workspace, settings: IntakeSettings) -> list[TableRead]:
    numbers = dict(workspace.read("files", ["file_sha256", "file_no"]).iter_rows())
    files: list[TableRead] = []
    first: dict[str, int] = {}
    for position, delivered in enumerate(resolve(settings)):
        digest = delivered.digest
        if digest not in numbers:
            raise OperatorError(
                f"{delivered.shown(settings.root)}: changed since the round started; run again"
            )
        files.append(TableRead(position, delivered, numbers[digest], first.get(digest)))
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
    files: list[TableRead]

    def read(self, files: Iterable[TableRead]) -> None:
        """Read what is not there yet; fills in the files' counts."""
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(IN_HAND) as pool:
            for file in files:
                for missing in self._missing(file):
                    waiting.append(pool.submit(self._put, file, *missing))
                    if len(waiting) > IN_HAND:
                        waiting.popleft().result()
            for future in waiting:
                future.result()
        for file in files:
            for place in file.places:
                file.note(self.writer.noted(place))

    def _missing(self, file: TableRead) -> Iterator[tuple[int, str, Portion, list[Lookup]]]:
        """Portions that no run before put whole, with their place and key."""
        key, start, found, looked_up = self._key(file), START, None, None
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
                if looked_up is None:
                    looked_up = lookups(file.delivered, self._delivered())
                portion = next(found)
                start, last = portion.end, portion.last
                yield place, part_key, portion, looked_up
            if last:
                return

    def _has(self, place: int, key: str) -> bool:
        if not self.writer.has(place, key=key):
            return False
        return not self.writer.noted(place)["rejected"] or self.rejects.has(place, key=key)

    def _put(
        self, file: TableRead, place: int, key: str, portion: Portion, found: list[Lookup]
    ) -> None:
        batches = list(portion.batches())
        rejects = pl.concat([TABLES["rejects"].empty(), *(_rejects(file, b) for b in batches)])
        if rejects.height:
            self.rejects.put(place, rejects, key=key)
        table = self.writer.table
        made = [joined(batch.rows, found) for batch in batches]
        frames = [table.complete(self._rows(file, rows)) for rows, _ in made]
        noted = {
            "parsed": sum(batch.rows.height for batch in batches),
            "rejected": rejects.height,
            "covered": sum(batch.covered for batch in batches),
            "guessed": sum(batch.guessed for batch in batches),
            "unjoined": sum(alone for _, alone in made),
            "content": total_hash(content_hash(frame) for frame in frames),
            "columns": list(
                dict.fromkeys(n for b in batches for n in b.rows.columns if n != ROW_NO)
            ),
            "end": [portion.end.offset, portion.end.row],
            "last": portion.last,
        }
        self.writer.put(place, pl.concat([table.empty(), *frames]), key=key, noted=noted)

    def _rows(self, file: TableRead, rows: pl.DataFrame) -> pl.DataFrame:
        if file.source.ignored:
            return self.writer.table.empty()
        if isinstance(file.source, LeakedSource):
            return _mentions(rows, file, file.source, self.settings, self._words(file))
        rows = canonical(rows, file.source).drop("kinds")
        return _charts(rows, file, self.settings, self.known)

    def _delivered(self) -> list[Delivered]:
        return [file.delivered for file in self.files]

    def _words(self, file: TableRead) -> pl.DataFrame:
        """People's decisions on rows of the file."""
        mine = self.decisions.filter(pl.col("left_file_sha256") == file.delivered.digest)
        return mine.drop("left_file_sha256")

    def _key(self, file: TableRead) -> str:
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
            self._looked_up(file),
        )

    def _looked_up(self, file: TableRead) -> list[tuple[str, dict[str, str], str]]:
        """Tables that its rows look up: name, key and digest."""
        if not isinstance(file.source, LeakedSource):
            return []
        every = self._delivered()
        return [
            (join.table, join.on, other_table(file.delivered, join, every).digest)
            for join in file.source.joins
        ]


def _rejects(file: TableRead, batch: Batch) -> pl.DataFrame:
    number = pl.lit(file.file_no, pl.Int32).alias("file_no")
    return batch.rejects.select(number, "row_no", "offset", "reason")


def _mentions(
    raw: pl.DataFrame,
    file: TableRead,
    source: LeakedSource,
    settings: IntakeSettings,
    decisions: pl.DataFrame,
) -> pl.DataFrame:
    """Everyone on the rows of one batch."""
    rows = canonical(raw, source)
    first = rows.with_columns(role=role_of(pl.col("role"), source.role))
    people = [first, guarantors(first, received_on=source.received_on)]
    people = [one.with_columns(on_row=on_row_number(pl.col("role"))) for one in people]
    people += [others(first, raw, other) for other in source.also]
    found = with_exclusion(
        pl.concat(people, how="diagonal").with_columns(
            *with_id("mention_id", file_no=file.file_no, number=pl.col("on_row")),
            doubtful=pl.lit(None, pl.Boolean),
        ),
        settings,
        secured=source.secured,
    )
    return with_decisions(found.sort("mention_id"), decisions)


def _charts(
    rows: pl.DataFrame, file: TableRead, settings: IntakeSettings, known: pl.Series
) -> pl.DataFrame:
    owner = (
        pl.lit(file.source.entity)
        if isinstance(file.source, MasterSource) and file.source.entity
        else pl.col("entity_id").str.strip_chars()
    )
    charts = rows.with_columns(role=role_of(pl.col("role"), "patient")).with_columns(
        *with_id("chart_id", file_no=file.file_no, number=pl.lit(0, pl.Int64)),
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
