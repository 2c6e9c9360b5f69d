"""The rows of a dump: runs of the layout, taken apart column by column, in any thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from matching.intake.content import Content
from matching.intake.pieces import NO_REJECTS, ROW_NO, START, Batch, Piece, Position
from matching.intake.sql import scan
from matching.intake.sql.expressions import evaluated
from matching.intake.sql.layout import (
    COPIED,
    INSERTED,
    REASONS,
    REJECTED,
    Layout,
    reason_number,
)
from matching.intake.sql.lexer import BACKSLASH, EXPRESSION
from matching.intake.sql.values import (
    ANY,
    BYTES,
    PADDING,
    UNKNOWN,
    Views,
    column_text,
    decoding_table,
    is_ascii,
    is_sound,
)
from matching.intake.sql.windows import is_raw, layout_of, text_of
from matching.intake.text import byte_order_mark, char_widths
from matching.sources import Source

__all__ = ["SqlDump"]

PIECE_BYTES = 4 << 20
"""Of rows in one piece: some 20,000 of usual width."""


class SqlDump:
    """A dump of MySQL, MariaDB, PostgreSQL, SQLite or SQL Server, or a script of INSERT statements.

    `columns` are those that its rows fill; c0, c1 ... where neither a list nor a CREATE TABLE names them.
    """

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """Tables with rows, in order; all that are created where none has any."""
        return layout_of(content, source).parts

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Columns of a table."""
        layout = layout_of(content, source)
        return list(layout.part_columns[layout.parts.index(part)])

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Runs of rows of a table, with what stands around them."""
        layout = layout_of(content, source)
        columns = layout.part_columns[layout.parts.index(part)]
        encoding = _Encoding(source.encoding, _mark(content, source.encoding))
        of_part = layout.of_part(part)
        runs = of_part[layout.end[of_part] > start.offset]
        if start.offset == 0:
            runs = of_part
        rows = start.row
        with content.open() as stream:
            for group in _groups(layout, runs, size or PIECE_BYTES):
                first = rows + np.concatenate(([0], np.cumsum(layout.rows[group])))
                bundles = _bundles(layout, group, first, stream)
                end = Position(int(layout.end[group[-1]]), int(first[-1]))
                yield Piece(end, partial(_batch, layout, group, first, bundles, columns, encoding))
                rows = end.row


@dataclass(frozen=True, slots=True)
class _Encoding:
    name: str
    mark: bytes


@dataclass(slots=True)
class _Bundle:
    """Runs with one head that go on where the one before stopped: their bytes are read as one.

    `first`: row number of each; `offset`: its place in the file; `edge`: in the bundle, one more at the end.
    """

    head: int
    state: int
    after: int
    first: list[int]
    offset: list[int]
    edge: list[int]
    rows: list[int]
    data: list[Any]


def _mark(content: Content, encoding: str) -> bytes:
    return byte_order_mark(content, "utf-8" if encoding == "mixed" else encoding)


def _groups(layout: Layout, runs: Any, size: int) -> Iterator[Any]:
    """Runs that make a piece: as many as hold `size` bytes of rows, and what follows them unread."""
    weight = np.where(layout.kind[runs] == REJECTED, 64, 0)
    holding = (layout.kind[runs] == INSERTED) | (layout.kind[runs] == COPIED)
    weight = np.where(holding, layout.end[runs] - layout.start[runs], weight)
    first, sum_ = 0, 0
    for place, own in enumerate(weight.tolist()):
        if sum_ and sum_ + own > size:
            yield runs[first:place]
            first, sum_ = place, 0
        sum_ += own
    if first < runs.size:
        yield runs[first:]


def _bundles(layout: Layout, runs: Any, first: Any, stream: Any) -> list[_Bundle]:
    """The rows of some runs, in as few bundles as there are heads where nothing is damaged."""
    done, last = list[_Bundle](), dict[int, _Bundle]()
    holding = (layout.kind[runs] == INSERTED) | (layout.kind[runs] == COPIED)
    for place in np.flatnonzero(holding & (layout.rows[runs] > 0)).tolist():
        run = runs[place]
        head, state, after = int(layout.head[run]), int(layout.state[run]), int(layout.after[run])
        start, size = int(layout.start[run]), int(layout.end[run] - layout.start[run])
        bundle = last.get(head)
        if bundle is None or bundle.after != state:
            bundle = last[head] = _Bundle(head, state, after, [], [], [0], [], [])
            done.append(bundle)
        bundle.after = after
        bundle.first.append(int(first[place]))
        bundle.offset.append(start)
        bundle.edge.append(bundle.edge[-1] + size)
        bundle.rows.append(int(layout.rows[run]))
        bundle.data.append(_taken(stream, start, size))
    return done


def _taken(stream: Any, start: int, size: int) -> Any:
    stream.seek(start)
    data = np.zeros(size + PADDING, np.uint8)
    at = 0
    while at < size:
        got = stream.readinto(data[at:size].data)
        if not got:
            raise AssertionError(f"the dump became shorter: byte {start + at}")
        at += got
    return data


def _batch(  # noqa: PLR0917 - bound to a piece
    layout: Layout, runs: Any, first: Any, bundles: list[_Bundle], columns: tuple[str, ...],
    encoding: _Encoding,
) -> Batch:  # fmt: skip
    """All runs of a piece; the same rows whatever pieces they come in."""
    lost = np.flatnonzero(layout.kind[runs] == REJECTED)
    own = runs[lost]
    rejects = [_rejected(first[lost], layout.start[own], layout.reason[own])]
    frames = [pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), ROW_NO: pl.Int64})]
    guessed = 0
    for bundle in bundles:
        found = _rows(layout, bundle, encoding)
        frames.append(found.rows)
        rejects.append(found.rejects)
        guessed += found.guessed
    rows = pl.concat(frames, how="diagonal")
    covered = int((layout.end[runs] - layout.start[runs]).sum())
    return Batch(
        rows.sort(ROW_NO) if len(bundles) > 1 else rows.rechunk(),
        pl.concat(rejects).sort("row_no"),
        covered,
        guessed,
    )


def _rejected(row_no: Any, offset: Any, reason: Any) -> pl.DataFrame:
    frame = pl.DataFrame({"row_no": row_no, "offset": offset}, schema_overrides=NO_REJECTS.schema)
    names = pl.Series("reason", REASONS).gather(pl.Series(reason, dtype=pl.UInt32))
    return frame.select(
        pl.col("row_no").cast(pl.Int64), pl.col("offset").cast(pl.Int64), names.alias("reason")
    )


def _rows(layout: Layout, bundle: _Bundle, encoding: _Encoding) -> Batch:
    """Rows of a bundle: those with as many values as columns, of sound bytes, without NUL."""
    head, rows = bundle.head, sum(bundle.rows)
    columns = layout.columns[head]
    holds = _held(layout, head)
    buf, n = _lexed(bundle, encoding)
    most = min(rows, n // max(len(columns), 1) + 1)
    """Rows that can be whole: an empty value of COPY takes one byte, the tab behind it."""
    kept = scan.Kept(rows, len(columns), Views(len(columns), most, n, holds))
    sound = _is_sound(buf, n, encoding.name)
    if not sound:
        kept = scan.Kept(rows, most * len(columns))
    _scan(layout, bundle, buf, n, kept)
    reasons = np.zeros(rows, np.uint8)
    reasons[kept.counts < len(columns)] = reason_number("short_row")
    reasons[kept.counts > len(columns)] = reason_number("long_row")
    good = np.flatnonzero(reasons == 0)
    found = (
        _viewed(kept, buf, good.size)
        if sound
        else _copied(layout, head, kept, buf, good.size, holds, encoding)
    )
    reasons[good[found.wrong]] = reason_number("undecodable_bytes")
    if not buf[:n].all():
        _mark_nul(buf[:n], kept.starts, reasons)
    bad = np.flatnonzero(reasons)
    named = [text.alias(name) for name, text in zip(columns, found.texts, strict=True)]
    row_no = np.repeat(np.array(bundle.first), bundle.rows)
    row_no += np.arange(rows) - np.repeat(np.cumsum(bundle.rows) - bundle.rows, bundle.rows)
    frame = pl.DataFrame([*named, pl.Series(ROW_NO, row_no[good], pl.Int64)])
    whole = reasons[good] == 0
    frame = frame.filter(pl.Series(whole)) if bad.size else frame
    offsets = _offsets(bundle, _delivered(buf[:n], kept.starts[bad], encoding))
    rejects = _rejected(row_no[bad], offsets, reasons[bad])
    return Batch(frame, rejects, 0, int((found.foreign & whole).sum()))


def _held(layout: Layout, head: int) -> list[int]:
    """What each column of a head is declared to hold."""
    binary = layout.binary[head]
    if binary is None:
        return [UNKNOWN] * len(layout.columns[head])
    return [BYTES if name in binary else ANY for name in layout.columns[head]]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Columns of the rows that have as many values; which have bytes of no encoding, or of CP1252."""

    texts: list[pl.Series]
    wrong: Any
    foreign: Any


def _is_sound(buf: Any, n: int, encoding: str) -> bool:
    """The bytes are UTF-8 as they stand."""
    if decoding_table(encoding) is None or encoding == "mixed":
        return bool(is_sound(buf, n))
    return bool(is_ascii(buf, n))


def _scan(layout: Layout, bundle: _Bundle, buf: Any, n: int, kept: scan.Kept) -> None:
    head = bundle.head
    wide, text = len(layout.columns[head]), layout.heads[head].text
    if layout.heads[head].copy:
        rows = scan.copy_rows(buf, n, wide, *kept.arrays())
    else:
        rows = scan.insert_rows(
            buf, 0, n, layout.dialect.flags, bundle.state,
            np.frombuffer(text, np.uint8), n + 1, wide, *kept.arrays(),
        )[3]  # fmt: skip
    if rows != kept.starts.size:
        raise AssertionError(f"{kept.starts.size} rows found, {rows} read")


def _viewed(kept: scan.Kept, buf: Any, rows: int) -> _Texts:
    views = kept.views
    assert views is not None
    texts = [
        _evaluated(views.column(buf, place, rows), views.called[place, :rows])
        for place in range(views.binary.size)
    ]
    return _Texts(texts, views.wrong[:rows], np.zeros(rows, np.bool_))


def _copied(  # noqa: PLR0917
    layout: Layout,
    head: int,
    kept: scan.Kept,
    buf: Any,
    rows: int,
    holds: list[int],
    encoding: _Encoding,
) -> _Texts:
    texts = list[pl.Series]()
    wrong, foreign = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    wide, table = len(holds), decoding_table(encoding.name)
    copy = layout.heads[head].copy
    for place in range(wide):
        own = slice(place, rows * wide, wide)
        column = column_text(
            buf, kept.first[own], kept.last[own], kept.kind[own], copy=copy,
            backslash=layout.dialect.flags & BACKSLASH != 0, holds=holds[place],
            table=table, mixed=encoding.name == "mixed",
        )  # fmt: skip
        wrong |= column.bad
        foreign |= column.foreign
        texts.append(_evaluated(column.text, kept.kind[own] == EXPRESSION))
    return _Texts(texts, wrong, foreign)


def _lexed(bundle: _Bundle, encoding: _Encoding) -> tuple[Any, int]:
    """The bytes as they are lexed, PADDING behind; read-only, as all that compiled code is made for."""
    buf, n = bundle.data[0], bundle.edge[-1]
    if len(bundle.data) > 1:
        buf = np.concatenate([*(data[:-PADDING] for data in bundle.data), buf[-PADDING:]])
    if not is_raw(encoding.name):
        text = text_of(buf[:n].tobytes(), encoding.name, encoding.mark)
        buf, n = np.frombuffer(text + bytes(PADDING), np.uint8), len(text)
    buf = buf.view()
    buf.flags.writeable = False
    return buf, n


def _offsets(bundle: _Bundle, places: Any) -> Any:
    """Places of a bundle as places in the file."""
    edges = np.array(bundle.edge[:-1])
    run = np.searchsorted(edges, places, side="right") - 1
    return np.array(bundle.offset)[run] + places - edges[run]


def _evaluated(text: pl.Series, is_called: Any) -> pl.Series:
    """The column with its expressions as what they stand for."""
    if not is_called.any():
        return text
    called = np.flatnonzero(is_called)
    written = text.gather(called)
    made = evaluated(written.fill_null(""))
    return text.scatter(pl.Series(called), made)


def _mark_nul(buf: Any, starts: Any, reasons: Any) -> None:
    """Rows with a byte of NUL between their brackets."""
    places = np.flatnonzero(buf == 0)
    rows = np.searchsorted(starts, places, side="right") - 1
    hit = np.unique(rows[rows >= 0])
    hit = hit[reasons[hit] == 0]
    reasons[hit] = reason_number("nul_byte")


def _delivered(buf: Any, starts: Any, encoding: _Encoding) -> Any:
    """Places in a bundle, in delivered bytes."""
    if is_raw(encoding.name):
        return starts
    widths = char_widths(encoding.name)
    if widths is None:
        return starts
    before = np.concatenate(([0], np.cumsum(widths[buf], dtype=np.int64)))
    return before[starts]
