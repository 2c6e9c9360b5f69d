"""What a workbook would cost, seen in its XML before anybody parses it.

Refused, each in one line: a document type (no spreadsheet program writes one; XML bombs do), members that
unpack to too much, columns and rows beyond Excel's own, sheets of more cells than memory has room for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

import numpy as np

from matching.compiling import compiled
from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.packed import archives
from matching.intake.packed.limits import COLUMNS_MAX
from matching.intake.packed.zips import Entry

__all__ = ["ROWS_MAX", "refuse_costly"]

ROWS_MAX = 1_048_576
"""Excel's limit, as that of columns; LibreOffice has the same."""
CELLS_MAX = 64 << 20
"""In the rectangle around all used cells: calamine takes 32 bytes each, so 2 GiB."""
XML_BYTES_MAX = 8 << 30
"""All XML of a workbook: a full sheet of 60 columns has some 4 GiB."""
STRINGS_BYTES_MAX = 1 << 30
"""Shared strings stay in memory while sheets are read."""
_FIX = "export its sheets as CSV and name those files in path"
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def refuse_costly(content: Content, entries: tuple[Entry, ...]) -> None:
    """Raise OperatorError where it should not be parsed. Memory: a few MiB; time: that of unpacking."""
    total = 0
    for entry in entries:
        if not entry.name.endswith((".xml", ".rels")):
            continue
        total += entry.size
        if total > XML_BYTES_MAX:
            raise OperatorError(
                f"{content.name}: unpacks to more than {XML_BYTES_MAX >> 30} GiB of XML; {_FIX}"
            )
        if entry.name.endswith("sharedStrings.xml") and entry.size > STRINGS_BYTES_MAX:
            raise OperatorError(
                f"{content.name}: more than {STRINGS_BYTES_MAX >> 30} GiB of shared strings; {_FIX}"
            )
        _refuse_part(content, entry)


def _refuse_part(content: Content, entry: Entry) -> None:
    name = content.name
    box = np.zeros(4, np.int64)
    parser = ParserCreate() if entry.name == "content.xml" else None
    for text in _tags(content, entry):
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise OperatorError(
                f"{name}: {entry.name} has a document type, as XML bombs have and no workbook does; {_FIX}"
            )
        _refuse_malformed(name, parser, text)
        _measure(np.frombuffer(text, np.uint8), box)
        if box[1] > COLUMNS_MAX or box[2] > ROWS_MAX:
            raise OperatorError(
                f"{name}: {entry.name} has cells beyond column {COLUMNS_MAX:,} or row {ROWS_MAX:,}, where"
                f" sheets end; {_FIX}"
            )
        if box[1] * box[2] > CELLS_MAX:
            raise OperatorError(
                f"{name}: {entry.name} spans {int(box[1] * box[2]):,} cells, more than {CELLS_MAX:,}; {_FIX}"
            )
    _refuse_malformed(name, parser, b"", last=True)


def _refuse_malformed(name: str, parser: Any, text: bytes, *, last: bool = False) -> None:
    """Of an ods: where a table has no end, calamine looks for it for ever."""
    try:
        if parser is not None:
            parser.Parse(text, last)
    except ExpatError:
        raise OperatorError(
            f"{name}: its content.xml is damaged; open and save it again in a spreadsheet program, or {_FIX}"
        ) from None


def _tags(content: Content, entry: Entry) -> Iterator[bytes]:
    """The part in stretches that end before a tag begins."""
    left = b""
    with archives.inside_stream(content.path, content.members, entry) as stream:
        while chunk := stream.read(1 << 20):
            text = left + chunk
            cut = text.rfind(b"<")
            if cut <= 0 or len(text) - cut > 1 << 20:
                cut = len(text)  # no tag is so long
            left = text[cut:]
            yield text[:cut]
    if left:
        yield left


@compiled
def _measure(text: Any, box: Any) -> None:  # noqa: C901, PLR0912 - one automaton over bytes
    """Keep `box`: cells in this row, furthest column, furthest row, rows; of cells that hold something."""
    at = 0
    while at < text.size:
        if text[at] != 60:  # <
            at += 1
            continue
        at += 1
        begin = at
        while at < text.size and text[at] not in (32, 62, 47, 9, 10, 13):  # blank > /
            at += 1
            if text[at - 1] == 58:  # a prefix and a colon
                begin = at
        length = at - begin
        is_cell = length == 1 and text[begin] == 99  # c
        is_row = (
            length == 3 and text[begin] == 114 and text[begin + 1] == 111 and text[begin + 2] == 119
        )
        if not is_cell and not is_row:
            continue
        column, number = 0, 0
        while at < text.size and text[at] != 62:
            if (
                text[at] == 114
                and at + 2 < text.size
                and text[at + 1] == 61
                and text[at - 1] in (32, 9, 10, 13)
            ):
                at += 3
                column, number = 0, 0
                while at < text.size and 65 <= text[at] <= 90:
                    column = min(column * 26 + text[at] - 64, 1 << 30)
                    at += 1
                while at < text.size and 48 <= text[at] <= 57:
                    number = min(number * 10 + text[at] - 48, 1 << 30)
                    at += 1
            else:
                at += 1
        empty = at > 0 and at < text.size and text[at - 1] == 47
        if is_row:
            box[0] = 0
            box[3] = number if number else box[3] + 1
        else:
            box[0] += 1
            if not empty:
                box[1] = max(box[1], column if column else box[0])
                box[2] = max(box[2], number if number else box[3])
            elif box[0] > 1 << 20:
                box[1] = box[0]
