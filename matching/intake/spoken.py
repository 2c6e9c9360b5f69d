"""People whom free text names: columns named by `text` are searched, and each person said is a mention.

They have a file_no of their own (`<path>@text`) and are numbered in the order of the rows, so that portions
are searched one after the other. `passages` says for each where it was said. Whom a passage names with too
little to tell who it is, is `doubtful`: possible, in `upper` only, and listed for review.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from matching.files import total_hash
from matching.intake.classify import with_exclusion
from matching.intake.further import OF_ENTITY, on_row_number
from matching.intake.inventory import TableRead, content_hash
from matching.intake.joins import Lookup, joined
from matching.intake.mapping import canonical, id_of, role_of, with_id
from matching.intake.pieces import ROW_NO
from matching.intake.readers import Portion
from matching.intake.reading import Reader
from matching.passages import FIELDS, Names, Said, people_said
from matching.sources import LeakedSource
from matching.store import Writer, digest_of
from matching.tables import TABLES

__all__ = ["SpokenReader"]


@dataclass(frozen=True, slots=True)
class SpokenReader(Reader):
    """The leaked side once more, for what its texts say."""

    passages: Writer
    names: Names

    def read(self, files: Iterable[TableRead]) -> None:
        """Search what was not searched yet, in order; fills in the files' counts."""
        for file in files:
            for missing in self._missing(file):
                self._put(file, *missing)
            for place in file.places:
                file.note(self.writer.noted(place))

    def _key(self, file: TableRead) -> str:
        return digest_of(super(SpokenReader, self)._key(file), self.names.method)

    def _has(self, place: int, key: str) -> bool:
        if not self.writer.has(place, key=key):
            return False
        return not self.writer.noted(place)["told"] or self.passages.has(place, key=key)

    def _put(
        self, file: TableRead, place: int, key: str, portion: Portion, found: list[Lookup]
    ) -> None:
        source = file.source
        assert isinstance(source, LeakedSource)
        before = sum(self.writer.noted(one)["parsed"] for one in file.places if one != place)
        mentions, passages, count = [], [], 0
        for batch in portion.batches():
            raw, _ = joined(batch.rows, found)
            said = self._said(raw, source)
            rows = canonical(raw, source)
            others = Said(said.people.filter(~pl.col("own")), said.passages)
            mentions.append(self._mentions(others, rows, file, before + count))
            passages.append(_passages(others, file, before + count))
            passages.append(self._own(said.people.filter("own"), rows, file))
            count += others.people.height
        frame = pl.concat([TABLES["leaked"].empty(), *mentions])
        told = pl.concat([TABLES["passages"].empty(), *passages]).sort(
            "mention_id", "source_column", "start"
        )
        if told.height:
            self.passages.put(place, told, key=key)
        noted = {
            "parsed": count, "told": told.height, "rejected": 0, "covered": 0, "guessed": 0, "unjoined": 0,
            "content": total_hash([content_hash(frame)]), "columns": list(source.text),
            "end": [portion.end.offset, portion.end.row], "last": portion.last,
        }  # fmt: skip
        self.writer.put(place, frame, key=key, noted=noted)

    def _said(self, raw: pl.DataFrame, source: LeakedSource) -> Said:
        """Everyone said, in order; the row's own person is marked."""
        columns = [name for name in source.text if name in raw.columns]
        own = {
            field: column
            for field, column in source.columns.items()
            if isinstance(column, str) and column in raw.columns
        }
        said = people_said(raw, columns, names=self.names, own=own)
        return Said(said.people.sort(ROW_NO, "column", "person"), said.passages)

    def _own(self, people: pl.DataFrame, rows: pl.DataFrame, file: TableRead) -> pl.DataFrame:
        """Where texts speak of their row's own person: its kinds are said of that mention."""
        source = file.source
        assert isinstance(source, LeakedSource)
        number = next(f.file_no for f in self.files if f.delivered == file.delivered.of_rows)
        role = role_of(pl.col("role"), source.role)
        roles = rows.select(ROW_NO, on_row=on_row_number(role))
        met = people.drop("role").join(roles, on=ROW_NO, how="left", maintain_order="left")
        return _told(met.with_columns(source_row_no=pl.col(ROW_NO)), number, pl.col("on_row"))

    def _mentions(
        self, said: Said, rows: pl.DataFrame, file: TableRead, first: int
    ) -> pl.DataFrame:
        entity = [name for name in OF_ENTITY if name != "record_id"]
        people = said.people.join(
            rows.select(ROW_NO, *entity), on=ROW_NO, how="left", maintain_order="left"
        )
        role = pl.coalesce("role", pl.lit("patient"))
        numbered = people.select(
            *(pl.col(name) for name in (*FIELDS, *entity)),
            role=role,
            kinds="elements",
            doubtful=pl.when(~pl.col("resolvable")).then(pl.lit(value=True)),
            on_row=on_row_number(role),
            **{ROW_NO: pl.int_range(first, first + people.height, dtype=pl.Int64)},
        )
        table = TABLES["leaked"]
        whole = numbered.with_columns(
            pl.lit(None, dtype).alias(name)
            for name, dtype in table.polars.items()
            if name not in numbered.columns
        )
        named = whole.with_columns(
            *with_id("mention_id", file_no=file.file_no, number=pl.col("on_row"))
        )
        kept = with_exclusion(named, self.settings, secured=file.source.secured)
        nobody = pl.col("doubtful") & (pl.col("exclusion") == "no_identity")
        kept = kept.with_columns(
            exclusion=pl.when(~nobody.fill_null(value=False)).then("exclusion")
        )
        return table.complete(kept.sort("mention_id"))


def _passages(said: Said, file: TableRead, first: int) -> pl.DataFrame:
    """Where each of them was said, and why it is not told who it is."""
    why = said.passages.select(ROW_NO, "column", "person", "said", "why")
    met = said.people.join(why, on=[ROW_NO, "column", "person"], how="left", maintain_order="left")
    number = on_row_number(pl.coalesce("role", pl.lit("patient")))
    order = pl.int_range(first, first + met.height, dtype=pl.Int64)
    placed = met.with_columns(source_row_no=pl.col(ROW_NO), **{ROW_NO: order})
    return _told(placed, file.file_no, number)


def _told(people: pl.DataFrame, file_no: int, number: pl.Expr) -> pl.DataFrame:
    """Rows of `passages`, of mentions of that file."""
    for name in ("said", "why"):
        if name not in people.columns:
            people = people.with_columns(pl.lit(None, pl.String).alias(name))
    placed = people.with_columns(mention_id=id_of(file_no, number))
    return TABLES["passages"].complete(
        placed.select(
            "mention_id", "source_row_no", "start", "end", "why",
            source_column="column", said=pl.coalesce("said", "full_name"), kinds="elements",
        )
    )  # fmt: skip
