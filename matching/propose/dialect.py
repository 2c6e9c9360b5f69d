"""How a delivered file is written: format, encoding, delimiter, quotes, header, title lines above it.

In: the bytes of one file. Out: a FileShape with its evidence, to be shown and frozen in the incident
file; nothing is read by it before a person agreed. Fields are counted with the record scanner of
intake, so that one odd row or one lost quote does not change what a thousand others say.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.intake.content import Content
from matching.intake.records import Dialect, Records, find_records
from matching.intake.text import utf8_blocks
from matching.intake.undecodable import MIXED, recoded_bytes
from matching.propose.formats import format_of
from matching.propose.header_row import has_header
from matching.sources import TEXT_FORMATS

__all__ = ["ROWS_FOR_HEADER", "WORKBOOKS", "FileShape", "encoding_of", "shape_of", "title_rows"]

SAMPLE_BYTES = 1 << 20
WORKBOOKS = frozenset(("xlsx", "xls", "ods"))
DELIMITERS = (",", "\t", "|", ";", "^", "~", "\x01", "\x1f")
TITLE_LINES_MAX = 30
TITLE_CELLS = 0.34
"""A title set over a table by a spreadsheet fills a cell or two of its row."""
ROWS_FOR_HEADER = 400
NUL_SHARE = 0.2
QUOTED_SHARE, QUOTES_IGNORED = 0.2, 0.3
"""Where so many rows have a field that begins with a quote, it is no sign of the text."""
TELLING_SHARE = 0.7
"""Fewer rows of one width: more likely no table at all, or several."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8"),
)  # fmt: skip
_CP1252_HOLES = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShape:
    """`evidence` and `doubts` in words, without values. `fields`: columns of a delimited file.

    `table`: REST for what a document holds beside its tables.
    """

    format: str
    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = '"'
    escape: str = ""
    header: bool = True
    skip_lines: int = 0
    fields: int = 0
    table: str = ""
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def source(self) -> dict[str, object]:
        """Keys of the incident file; delimited files have their whole dialect."""
        keys: dict[str, object] = {"format": self.format}
        if self.format in TEXT_FORMATS:
            keys["encoding"] = self.encoding
        if self.format in {"csv", "tsv"}:
            keys |= {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        if self.format in {"csv", "tsv", *WORKBOOKS}:
            keys |= {"header": self.header, "skip_lines": self.skip_lines}
        return keys | ({"table": self.table} if self.table else {})


def shape_of(content: Content) -> FileShape:
    """What the first bytes say. `format` is empty where they are nothing that is known."""
    head = content.head(SAMPLE_BYTES)
    encoding, why = encoding_of(head)
    form, told = format_of(content.name, head, encoding)
    if form == "delimited":
        return _delimited(content, encoding, (why, *told))
    if form not in TEXT_FORMATS:
        return FileShape(format=form, evidence=told)
    return FileShape(format=form, encoding=encoding, evidence=(why, *told))


def encoding_of(head: bytes) -> tuple[str, str]:
    """Encoding and why; bytes that are no text are said to be UTF-8."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, f"begins with the byte order mark of {name}"
    nul = head.count(0)
    if nul > NUL_SHARE * len(head):
        order = "le" if head[1::2].count(0) >= head[0::2].count(0) else "be"
        return f"utf-16-{order}", f"{nul / len(head):.0%} of bytes are NUL, as in UTF-16"
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if len(head) >= SAMPLE_BYTES and lines:
        lines = lines[:-1]  # may be cut within a character
    bad = sum(not _is_utf8(line) for line in lines)
    if not lines:
        return "utf-8", "ASCII only"
    if not bad:
        return "utf-8", f"{len(lines)} lines with letters outside ASCII, all UTF-8"
    if bad < len(lines):
        return MIXED, f"{len(lines) - bad} lines are UTF-8, {bad} are not and read as CP1252"
    name = "latin-1" if any(_CP1252_HOLES.search(line) for line in lines) else "cp1252"
    return name, f"{bad} lines are no UTF-8, all read as {name}"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Reading:
    """The sample as one dialect reads it."""

    delimiter: str
    quote: str
    escape: str
    records: Records
    width: int
    share: float
    faults: float
    ignores_quotes: bool = False

    @property
    def score(self) -> float:
        """Rows of one width, the more the wider; faulty quotes count against it."""
        bits = self.share * self.share * (1 - 1 / self.width) - 0.5 * self.faults
        return bits - (QUOTES_IGNORED if self.ignores_quotes else 0.0)


def _delimited(content: Content, encoding: str, evidence: tuple[str, ...]) -> FileShape:
    block = next(utf8_blocks(content, encoding, size=SAMPLE_BYTES), b"")
    text = recoded_bytes(block) if encoding == MIXED else block
    readings = [_read(text, *signs) for signs in _candidates(text)]
    best = max(readings, key=lambda reading: reading.score)
    if best.width < 2 or best.share < TELLING_SHARE / 2:
        best = _read(text, ",", '"', "")
    cells = _cells(text, best)
    titles = title_rows(cells, best.width)
    skip = text[: int(best.records.starts[titles])].count(b"\n") if titles else 0
    header, told = has_header(cells[titles : titles + ROWS_FOR_HEADER])
    doubts = []
    if best.share < TELLING_SHARE:
        doubts.append(f"only {best.share:.0%} of rows have {best.width} fields")
    if best.width == 1:
        doubts.append("one column: no delimiter was found")
    if not header:
        doubts.append("no header row: columns are c0, c1 ...")
    said = (
        f"{best.share:.1%} of {best.records.starts.size} sampled rows have {best.width} fields parted by {_shown(best.delimiter)}",
        *((f"{skip} lines above the table",) if skip else ()),
        told,
    )
    return FileShape(
        format="tsv" if best.delimiter == "\t" else "csv",
        encoding=encoding,
        delimiter=best.delimiter,
        quote=best.quote,
        escape=best.escape,
        header=header,
        skip_lines=skip,
        fields=best.width,
        evidence=(*evidence, *said),
        doubts=tuple(doubts),
    )


def _shown(sign: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(sign) or (
        sign if sign.isprintable() else f"\\x{ord(sign):02x}"
    )


def _candidates(text: bytes) -> list[tuple[str, str, str]]:
    """Delimiter, quote and escape that the text may be written with; doubled double quotes first."""
    found = []
    for sign in DELIMITERS:
        part = sign.encode()
        if part not in text:
            continue
        found.append((sign, '"', ""))
        if b'\\"' in text or b"\\" + part in text:
            found.append((sign, '"', "\\"))
        if b'"' in text:
            found.append((sign, "", ""))
        if text.count(part + b"'") > text.count(b"\n") / 2:
            found.append((sign, "'", ""))
            if b"\\'" in text:
                found.append((sign, "'", "\\"))
    return found or [(",", '"', "")]


def _read(text: bytes, delimiter: str, quote: str, escape: str) -> _Reading:
    signs = Dialect(
        delimiter=ord(delimiter),
        quote=ord(quote) if quote else -1,
        escape=ord(escape) if escape else -1,
    )
    records = find_records(np.frombuffer(text, np.uint8), signs, columns=0, final=False)
    if records.starts.size < 2:
        records = find_records(np.frombuffer(text, np.uint8), signs, columns=0, final=True)
    if not records.starts.size:
        return _Reading(delimiter, quote, escape, records, 1, 0.0, 1.0)
    counts = np.bincount(np.minimum(records.fields, 20_000))
    width = int(counts.argmax())
    faults = float((records.reasons != 0).mean())
    share = float(counts[width] / records.fields.size)
    opened = text.count(delimiter.encode() + b'"') + text.count(b'\n"')
    ignores = not quote and opened >= QUOTED_SHARE * records.starts.size
    return _Reading(delimiter, quote, escape, records, max(width, 1), share, faults, ignores)


def _cells(text: bytes, reading: _Reading) -> list[list[str]]:
    """The first records taken apart."""
    records = reading.records
    count = min(records.starts.size, TITLE_LINES_MAX + ROWS_FOR_HEADER)
    rows = []
    for start, end in zip(records.starts[:count], records.ends[:count], strict=True):
        line = text[start:end].decode("utf-8", "replace").replace("\0", "")
        reader = csv.reader(
            [line],
            delimiter=reading.delimiter,
            quotechar=reading.quote or None,
            quoting=csv.QUOTE_MINIMAL if reading.quote else csv.QUOTE_NONE,
            escapechar=reading.escape or None,
        )
        try:
            rows.append([cell.strip() for cell in next(reader)])
        except (csv.Error, StopIteration):
            rows.append([])
    return rows


def title_rows(cells: Sequence[Sequence[str]], width: int) -> int:
    """How many rows stand above the table: of another width, or with a cell or two filled."""
    for number, row in enumerate(cells[:TITLE_LINES_MAX]):
        filled = sum(cell != "" for cell in row)
        few = width > 2 and filled <= TITLE_CELLS * width
        if len(row) == width and not few:
            return number
    return 0
