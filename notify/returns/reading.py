"""A returned CSV file in slices, as it was written: read once, whole or not at all.

Every physical line is accounted for: a file that was cut, with a short or a long row, with an open quote, or
whose trailer counts other rows is refused before anything is taken. Memory: one block and its rows.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from matching.store import OperatorError
from notify.returns.schemas import RETURNS, Return

__all__ = ["FLAW", "ROW_NO", "ReturnedFile"]

BLOCK_BYTES = 64 << 20
"""About 700,000 rows of a DROP file; their columns take three times as much."""
HEADER_BYTES = 1 << 16
ROW_NO, FLAW = "row_no", "flaw"
_TRAILER = re.compile(rb"(?:\A|\n)(# rows (\d{1,12})\r?\n?)\Z")
_CONTROL_BYTES = bytes(b for b in range(0x20) if b not in b"\r\n") + b"\x7f"
_CONTROL = "[\x00-\x1f\x7f-\x9f]"
_LOST = "\ufffd"
"""What stands for bytes that are no UTF-8; nobody writes it on purpose."""
_QUOTE, _END, _COMMA = b'"', b"\n", b","


@dataclass(slots=True)
class ReturnedFile:
    """One file that came back. `digest` and `rows` are known once `slices` has been read to its end."""

    path: Path
    schema: Return
    names: list[str]
    extra: tuple[str, ...]
    rows: int = 0
    digest: str = ""
    _declared: int | None = None
    _sha: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def open(cls, path: Path) -> ReturnedFile:
        """Recognise the file by its header.

        Raises OperatorError where there is none, or it is of no kind, of several, or lacks columns.
        """
        names = _header(path)
        marks = [one for one in RETURNS.values() if one.mark in names]
        if len(marks) != 1:
            which = (
                "of several kinds: " + ", ".join(m.kind for m in marks) if marks else "of no kind"
            )
            known = ", ".join(f"{one.kind} has {one.mark}" for one in RETURNS.values())
            raise OperatorError(f"{path}: a header {which}; {known}")
        schema = marks[0]
        missing = [name for name in schema.must if name not in names]
        if missing or len(set(names)) < len(names):
            wrong = f"no column {', '.join(missing)}" if missing else "two columns of one name"
            raise OperatorError(
                f"{path}: {wrong}; a {schema.kind} file has {', '.join(schema.must)}"
            )
        extra = tuple(name for name in names if name not in schema.columns)
        return cls(path, schema, names, extra)

    def slices(self) -> Iterator[pl.DataFrame]:
        """Rows as text in their order: the declared columns, `row_no` from 0, `flaw` or null.

        Columns that the file may lack and does are null. Raises OperatorError where the file is not whole;
        whoever reads must not have changed anything by then.
        """
        pending: bytes | None = None
        for block in self._blocks():
            if pending is not None:
                yield self._parsed(pending)
            pending = block
        rest, self._declared = _without_trailer(pending or b"")
        yield self._parsed(rest)
        self.digest = self._sha.hexdigest()
        if self._declared not in (None, self.rows):
            raise OperatorError(
                f"{self.path}: {self.rows} rows, and its last line says {self._declared}: cut; ask for it again"
            )

    def _blocks(self) -> Iterator[bytes]:
        """The bytes after the header in blocks that end with a row."""
        with self.path.open("rb") as handle:
            self._sha.update(handle.readline(HEADER_BYTES))
            carry = b""
            while block := handle.read(BLOCK_BYTES):
                self._sha.update(block)
                whole, carry = _cut(carry + block)
                if len(carry) > BLOCK_BYTES:
                    raise OperatorError(f"{self.path}: a quote is never closed; ask for it again")
                if whole:
                    yield whole
        if carry and not _TRAILER.match(carry):
            raise OperatorError(
                f"{self.path}: its last line has no end: cut, or a quote is never closed"
            )
        if carry:
            yield carry

    def _parsed(self, block: bytes) -> pl.DataFrame:
        plain = block.isascii()
        frame = self._frame(block, plain=plain)
        lines = block.count(_END) + (bool(block) and not block.endswith(_END))
        self._refuse_ragged(block, frame, lines)
        clean = plain and lines == frame.height
        clean = clean and len(block.translate(None, _CONTROL_BYTES)) == len(block)
        clean = clean and (b"\r" not in block or block.count(b"\r") == block.count(b"\r\n"))
        flaw = pl.lit(None, pl.String) if clean else _flaws(list(self.schema.columns))
        rows = frame.with_row_index(ROW_NO, offset=self.rows).with_columns(
            pl.col(ROW_NO).cast(pl.Int64),
            *(pl.lit(None, pl.String).alias(n) for n in self.schema.columns if n not in self.names),
        )
        self.rows += frame.height
        return rows.select(ROW_NO, *self.schema.columns, flaw.alias(FLAW))

    def _frame(self, block: bytes, *, plain: bool) -> pl.DataFrame:
        schema = dict.fromkeys(self.names, pl.String)
        if not block:
            return pl.DataFrame(schema=schema)
        try:
            return pl.read_csv(
                block, has_header=False, schema=schema, encoding="utf8" if plain else "utf8-lossy"
            )
        except pl.exceptions.PolarsError:
            raise self._not_whole(block) from None

    def _refuse_ragged(self, block: bytes, frame: pl.DataFrame, lines: int) -> None:
        """Every line is a row and every row has all its fields: separators are counted, not trusted."""
        commas = block.count(_COMMA)
        if _QUOTE in block:
            inside = frame.select(
                ends=pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).sum()),
                commas=pl.sum_horizontal(pl.all().str.count_matches(",", literal=True).sum()),
            ).row(0)
            lines, commas = lines - inside[0], commas - inside[1]
        if frame.height != lines or commas != frame.height * (len(self.names) - 1):
            raise self._not_whole(block)

    def _not_whole(self, block: bytes) -> OperatorError:
        """Names the first line that has too few or too many fields, where it is one."""
        width, end = len(self.names), -1 if block.endswith(_END) else None
        lines = block.decode("utf-8", errors="replace").split("\n")[:end]
        for number, row in enumerate(_rows_of(lines), self.rows + 2):
            if len(row) != width:
                return OperatorError(
                    f"{self.path}: line {number} has {len(row)} of {width} fields: cut or shifted; ask for it again"
                )
        return OperatorError(
            f"{self.path}: after line {self.rows + 1}: quotes that no CSV has; ask for it again"
        )


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as handle:
            line = handle.readline(HEADER_BYTES)
    except FileNotFoundError:
        raise OperatorError(f"{path}: no such file") from None
    except OSError:
        raise OperatorError(f"{path}: cannot be read; name a CSV file") from None
    if not line.endswith(_END):
        raise OperatorError(f"{path}: no whole header line; ask for it again")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise OperatorError(f"{path}: its header is not UTF-8; ask for it as CSV UTF-8") from None
    names = next(_rows_of([text]), [])
    if not names:
        raise OperatorError(f"{path}: a header that is no CSV; ask for it again")
    return [name.strip().lower() for name in names]


def _rows_of(lines: list[str]) -> Iterator[list[str]]:
    """The lines as rows, up to one that the reader of CSV cannot bear."""
    with suppress(csv.Error):
        yield from csv.reader(lines)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """What ends with a row, and the rest: at the last line end that no quote encloses."""
    place = data.rfind(_END)
    quotes = data.count(_QUOTE, 0, max(place, 0)) if _QUOTE in data else 0
    while place >= 0 and quotes % 2:
        before = data.rfind(_END, 0, place)
        quotes -= data.count(_QUOTE, max(before, 0), place)
        place = before
    return data[: place + 1], data[place + 1 :]


def _without_trailer(block: bytes) -> tuple[bytes, int | None]:
    found = _TRAILER.search(block[-64:])
    if found is None:
        return block, None
    return block[: len(block) - len(found.group(1))], int(found.group(2))


def _flaws(columns: list[str]) -> pl.Expr:
    lost = pl.any_horizontal(pl.col(columns).str.contains(_LOST, literal=True))
    control = pl.any_horizontal(pl.col(columns).str.contains(_CONTROL))
    return (
        pl.when(lost.fill_null(value=False)).then(pl.lit("bad_bytes"))
        .when(control.fill_null(value=False)).then(pl.lit("control_character"))
    )  # fmt: skip
