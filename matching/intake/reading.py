"""Delivered tables become parts of a table of the workspace, each with the key of all that it depends on.

A killed run goes on where it was, and a late file costs its own rows only. Memory: IN_HAND portions and the
one being found, about 0.7 GiB each, whatever the number of rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import polars as pl

from matching.files import total_hash
from matching.intake.delivered import Delivered
from matching.intake.inventory import TableRead, content_hash
from matching.intake.joins import Lookup, joined, lookups, other_table
from matching.intake.mentions import charts_of, mentions_of
from matching.intake.readers import ROW_NO, START, Batch, Portion, Position, portions
from matching.intake.settings import IntakeSettings
from matching.sources import LeakedSource, MasterSource
from matching.store import Writer, digest_of
from matching.tables import TABLES

__all__ = ["Reader"]

PARTS_VERSION = 2
"""Raised when rows of a part come out otherwise: parts made before are then made again."""
PORTIONS_MAX = 100_000
"""Portions of one file: the places of its parts lie between those of its neighbours."""
IN_HAND = 2
"""Portions taken apart at once, while the next is found: two cores are busy."""
ROWS_DO_NOT_DEPEND_ON = {
    "path", "received_from", "evidence", "date_order", "custody", "undecided", "joins",
}  # fmt: skip
FILES = {"root", "leaked", "masters", "entities", "delegation", "suppressions"}


@dataclass(frozen=True, slots=True)
class Reader:
    """One side's files become parts of its table and of `rejects`."""

    settings: IntakeSettings
    decisions: pl.DataFrame
    known: pl.Series
    writer: Writer
    rejects: Writer
    files: Sequence[TableRead]

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
            return mentions_of(rows, file, file.source, self.settings, self._words(file))
        return charts_of(rows, file, self.settings, self.known)

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
