"""DBF tables of dBase III and IV, FoxPro and Visual FoxPro, with their memo files.

Read by NumPy, not dbfread: behind its header a DBF is a table of fixed width, and a Python loop over the
rows would be a hundred times slower. Deleted rows stay in the file until it is packed, so they were leaked, too: they are rows with
`_deleted`. The code page is the header's, unless `encoding` says another than UTF-8; where neither says one,
values are UTF-8, and CP1252 where they are not. Rows that the header does not count are read all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.memo import Memo, Owners, memo_of, owners_of
from matching.intake.pieces import NO_REJECTS, ROW_NO, START, Batch, OneTable, Piece, Position
from matching.intake.records import Records
from matching.intake.undecodable import with_undecodable
from matching.sources import Source

__all__ = ["DbfTable"]

PIECE_BYTES = 16 << 20
DELETED = "_deleted"
FIELDS_MAX = 2048
_VERSIONS = frozenset(
    {0x02, 0x03, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8E, 0xCB, 0xF5, 0xFB}
)
"""First bytes of the dialects that have fields of 32 bytes; dBase 7 has others."""
_CODE_PAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x04: "mac_roman", 0x08: "cp865", 0x09: "cp437", 0x0A: "cp850",
    0x0B: "cp437", 0x0D: "cp437", 0x0E: "cp850", 0x0F: "cp437", 0x10: "cp850", 0x11: "cp437", 0x12: "cp850",
    0x14: "cp850", 0x15: "cp437", 0x16: "cp850", 0x17: "cp865", 0x18: "cp437", 0x19: "cp437", 0x1A: "cp850",
    0x1B: "cp437", 0x1C: "cp863", 0x1D: "cp850", 0x1F: "cp852", 0x22: "cp852", 0x23: "cp852", 0x24: "cp860",
    0x25: "cp850", 0x26: "cp866", 0x37: "cp850", 0x40: "cp852", 0x57: "cp1252", 0x58: "cp1252", 0x59: "cp1252",
    0x64: "cp852", 0x65: "cp866", 0x66: "cp865", 0x67: "cp861", 0x6A: "cp737", 0x6B: "cp857", 0x78: "cp950",
    0x79: "cp949", 0x7A: "cp936", 0x7B: "cp932", 0x7C: "cp874", 0x86: "cp737", 0x87: "cp852", 0x88: "cp857",
    0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253", 0xCC: "cp1257",
}  # fmt: skip
"""Language driver byte -> code page (dBase and FoxPro headers)."""
_DAYS = (1_721_426, 5_373_400)
"""Julian numbers of the years 1 to 9999: others are no day that anybody wrote."""
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: str
    at: int
    length: int

    @property
    def is_memo(self) -> bool:
        """Its values are numbers of blocks in the memo file."""
        return self.kind in "MGPW" or (self.kind == "B" and self.length == 10)


@dataclass(frozen=True, slots=True)
class _Table:
    """What the header says, and how many rows the file's length has room for."""

    version: int
    fields: tuple[_Field, ...]
    first: int
    width: int
    counted: int
    rows: int
    rest: int
    encoding: str


class DbfTable(OneTable):
    """One table."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Fields of the header. Raises OperatorError where it is no DBF."""
        return [*(field.name for field in _header(content, source).fields), DELETED]

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Runs of rows."""
        table = _header(content, source)
        step = max(1, (size or PIECE_BYTES) // table.width)
        rows = table.rows + _cut(table)
        for first in range(start.row, rows, step):
            end = min(first + step, rows)
            yield Piece(Position(0, end), partial(_batch, content, table, first, end))


def _cut(table: _Table) -> int:
    """1 where the file ends before the rows that its header counts, or within a row."""
    return int(table.rows < table.counted or table.rest > 1)


def _header(content: Content, source: Source) -> _Table:
    head = content.head(32 * FIELDS_MAX + 32)
    wrong = OperatorError(
        f'{content.name}: no DBF table of dBase III or IV or FoxPro; correct format = "dbf" or deliver it again'
    )
    if len(head) < 65 or head[0] not in _VERSIONS:
        raise wrong
    counted, first, width = struct.unpack("<IHH", head[4:12])
    fields = _fields(head[32:first])
    if not fields or first < 65 or width < 2 or fields[-1].at + fields[-1].length > width:
        raise wrong
    size = content.size() - first
    said = (
        source.encoding
        if source.encoding.lower().replace("_", "-") not in {"utf-8", "utf8"}
        else ""
    )
    return _Table(
        version=head[0],
        fields=fields,
        first=first,
        width=width,
        counted=counted,
        rows=max(0, size) // width,
        rest=max(0, size) % width,
        encoding=said or _CODE_PAGES.get(head[29], ""),
    )


def _fields(head: bytes) -> tuple[_Field, ...]:
    fields: list[_Field] = []
    at, seen = 1, {DELETED}
    for place in range(0, len(head) - 31, 32):
        if head[place] == 0x0D:
            break
        raw = head[place : place + 32]
        kind, length = chr(raw[11]), raw[16]
        if kind == "C":
            length += raw[17] << 8  # longer texts of Clipper and FoxPro
        base = raw[:11].split(b"\0")[0].decode("latin-1").strip() or f"c{len(fields)}"
        name, number = base, 2
        while name in seen:
            name, number = f"{base}#{number}", number + 1
        seen.add(name)
        if kind != "0":  # which values are null, a bit each: those are blank, too
            fields.append(_Field(name, kind, at, length))
        at += length
    return tuple(fields)


def _batch(content: Content, table: _Table, first: int, end: int) -> Batch:
    whole = min(end, table.rows)
    with content.open_random() as stream:
        stream.seek(table.first + first * table.width)
        raw = stream.read((whole - first) * table.width)
    data = np.frombuffer(raw, np.uint8).reshape(-1, table.width)
    flags = data[:, 0] if data.size else np.zeros(0, np.uint8)
    numbers = np.arange(first, first + flags.size, dtype=np.int64)
    ended = flags == 0x1A  # the sign of the end of the file, and what lies behind it
    sound = (flags == 0x20) | (flags == 0x2A)
    rejects = [(int(n), "truncated_last_row") for n in ([table.rows] if end > table.rows else [])]
    bad = numbers[~sound & ~ended | (ended & (numbers < table.counted))]
    frame = pl.DataFrame(
        {"row_no": [*bad.tolist(), *(n for n, _ in rejects)],
         "reason": ["bad_flag"] * bad.size + [reason for _, reason in rejects]},
        schema={"row_no": pl.Int64, "reason": pl.String},
    )  # fmt: skip
    places = frame.with_columns(offset=table.first + pl.col("row_no") * table.width)
    kept = data[sound]
    memos = _memos_of(content, table)
    columns, guessed = [], np.zeros(len(kept), np.bool_)
    for field in table.fields:
        values = np.ascontiguousarray(kept[:, field.at : field.at + field.length])
        if field.is_memo:
            text, wrong = _memo_texts(values, field, numbers[sound], table, memos)
        else:
            text, wrong = _column(values, field, table)
        columns.append(_blank_null(text).alias(field.name))
        guessed |= wrong
    deleted = pl.Series(DELETED, flags[sound] == 0x2A).cast(pl.String)
    rows = pl.DataFrame([*columns, deleted, pl.Series(ROW_NO, numbers[sound], pl.Int64)])
    return Batch(rows, places.select(NO_REJECTS.columns), 0, int(guessed.sum()))


def _column(raw: Any, field: _Field, table: _Table) -> tuple[pl.Series, Any]:
    """The text of one field, and which rows were not of the file's encoding."""
    binary = _BINARY.get((field.kind, field.length))
    if binary is not None:
        return binary(raw), np.zeros(len(raw), np.bool_)
    text, wrong = decoded(raw, table.encoding)
    if field.kind == "D":
        text = text.str.replace(r"^(\d{4})(\d\d)(\d\d)$", "$1-$2-$3")
    if field.kind == "L":
        text = text.replace(_LOGICAL)
    return text, wrong


_LOGICAL = {**dict.fromkeys("TtYy", "true"), **dict.fromkeys("FfNn", "false"), "?": ""}


def _whole(raw: Any) -> pl.Series:
    return pl.Series(raw.view("<i4").ravel()).cast(pl.String)


def _money(raw: Any) -> pl.Series:
    return (pl.Series(raw.view("<i8").ravel()) / 10_000).cast(pl.String)


def _real(raw: Any) -> pl.Series:
    return pl.Series(raw.view("<f8").ravel()).cast(pl.String).str.strip_suffix(".0")


def _moments(raw: Any) -> pl.Series:
    """Day by Julian number and milliseconds: FoxPro's moments, to the second; midnight is a day."""
    parts = raw.view("<i4").astype(np.int64)
    seconds = (parts[:, 1] + 500) // 1000
    stamps = pl.Series((parts[:, 0] - 2_440_588) * 86_400 + seconds) * 1000
    days = pl.Series(parts[:, 0])
    none = ~days.is_between(*_DAYS)
    text = stamps.set(none, None).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M:%S")
    return text.str.strip_suffix(" 00:00:00")


_BINARY: Mapping[tuple[str, int], Callable[[Any], pl.Series]] = {
    ("I", 4): _whole, ("+", 4): _whole, ("Y", 8): _money, ("B", 8): _real, ("O", 8): _real, ("T", 8): _moments,
    ("@", 8): _moments,
}  # fmt: skip
"""Fields whose bytes are no text, by kind and length."""


def decoded(raw: Any, encoding: str) -> tuple[pl.Series, Any]:
    """Rows of bytes as text without padding. No encoding: UTF-8, CP1252 where a row is none, and said which."""
    edges = np.arange(len(raw) + 1, dtype=np.int64) * raw.shape[1]
    return decoded_runs(raw.tobytes(), edges, encoding)


def decoded_runs(data: bytes, edges: Any, encoding: str) -> tuple[pl.Series, Any]:
    """The same for runs of bytes, each from one edge to the next."""
    none = np.zeros(len(edges) - 1, np.bool_)
    if data.isascii():
        return _series(data, edges), none
    if encoding:
        texts = [data[a:b].decode(encoding, "replace") for a, b in pairwise(edges)] if _wide(encoding) else None  # fmt: skip
        if texts is not None:
            return _stripped(pl.Series(texts, dtype=pl.String)), none
        return _single(data, edges, encoding), none
    nothing = np.zeros(len(edges) - 1, np.uint8)
    records = Records(edges[:-1], edges[1:], nothing.astype(np.int32), nothing, len(data), 0)
    wrong = with_undecodable(np.frombuffer(data, np.uint8), records).reasons != 0
    if not wrong.any():
        return _series(data, edges), none
    of_wrong = np.repeat(wrong, np.diff(edges))
    blanked = np.where(of_wrong, 32, np.frombuffer(data, np.uint8)[edges[0] : edges[-1]])
    sound = _series(blanked.astype(np.uint8).tobytes(), edges - edges[0])
    return sound.zip_with(pl.Series(~wrong), _single(data, edges, "cp1252")), wrong


def _wide(encoding: str) -> bool:
    return len(bytes(range(256)).decode(encoding, "replace")) != 256


def _single(data: bytes, edges: Any, encoding: str) -> pl.Series:
    """Text of one byte a character."""
    text = data.decode(encoding, "replace").encode()
    sizes = np.array([len(bytes([n]).decode(encoding, "replace").encode()) for n in range(256)])
    before = np.concatenate(([0], np.cumsum(sizes[np.frombuffer(data, np.uint8)])))
    return _series(text, before[edges])


def _binary(data: bytes, edges: Any) -> Any:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(edges, np.int64)), pa.py_buffer(data)]
    return pl.from_arrow(
        pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(edges) - 1, buffers)
    )


def _series(data: bytes, edges: Any) -> pl.Series:
    return _stripped(pl.Series(_binary(data, edges)).cast(pl.String))


def _stripped(text: pl.Series) -> pl.Series:
    return text.str.strip_chars_end(" \0\x1a\r\n").str.strip_chars_start(" ")


def _blank_null(text: pl.Series) -> pl.Series:
    return text.set(text.str.strip_chars() == "", None)


def _numbers(raw: Any) -> Any:
    """Block numbers of a memo field: binary, or digits."""
    if raw.shape[1] == 4:
        return raw.view("<u4").ravel().astype(np.int64)
    text, _ = decoded(raw, "latin-1")
    return text.str.to_integer(strict=False).fill_null(0).to_numpy().astype(np.int64)


def _memos_of(content: Content, table: _Table) -> tuple[Memo, Owners | None] | None:
    """The memo file, and who has which block where rows name more than it has; None: none was delivered."""
    if not any(field.is_memo for field in table.fields):
        return None
    memo = memo_of(content)
    return (memo, _owners(content, table, memo.stamp)) if memo else None


@lru_cache(maxsize=8)
def _owners(content: Content, table: _Table, _stamp: tuple[int, ...]) -> Owners | None:
    """One pass over the table's memo fields, once in a process: pieces of any size then say the same."""
    memo = memo_of(content)
    fields = [field for field in table.fields if field.is_memo]
    assert memo is not None, "as the stamp says"
    return owners_of(memo, _named(content, table, fields), len(fields))


def _named(content: Content, table: _Table, fields: Sequence[_Field]) -> Iterator[Any]:
    """Block numbers, rows by fields; 0 in rows that are none."""
    step = max(1, PIECE_BYTES // table.width)
    with content.open_random() as stream:
        stream.seek(table.first)
        for first in range(0, table.rows, step):
            raw = stream.read(min(step, table.rows - first) * table.width)
            data = np.frombuffer(raw, np.uint8).reshape(-1, table.width)
            sound = (data[:, 0] == 0x20) | (data[:, 0] == 0x2A)
            runs = [np.ascontiguousarray(data[:, f.at : f.at + f.length]) for f in fields]
            yield np.stack([_numbers(run) for run in runs], axis=1) * sound[:, None]


def _memo_texts(
    raw: Any, field: _Field, rows: Any, table: _Table, memos: tuple[Memo, Owners | None] | None
) -> tuple[pl.Series, Any]:
    """Text of memos by their block numbers; where it cannot be given, why."""
    numbers = _numbers(raw)
    if memos is None:
        lost = pl.Series(
            ["[memo of a file that was not delivered]"] * len(numbers), dtype=pl.String
        )
        return lost.set(pl.Series(numbers <= 0), None), np.zeros(len(numbers), np.bool_)
    memo, owners = memos
    if owners is None:
        return decoded_runs(*memo.texts(numbers), table.encoding)
    fields = [each.name for each in table.fields if each.is_memo]
    places = rows * len(fields) + fields.index(field.name)
    data, edges, others = owners.texts(memo, numbers, places)
    text, wrong = decoded_runs(data, edges, table.encoding)
    told = "[memo of row " + pl.Series(others).cast(pl.String) + ", which this row names, too]"
    return text.zip_with(pl.Series(others < 0), told), wrong
