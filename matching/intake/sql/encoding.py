"""Is a dump in the encoding that the incident file says? Only its rows tell: pictures stand in it as bytes."""

from __future__ import annotations

import codecs

import polars as pl

from matching.errors import OperatorError
from matching.intake import sniff
from matching.intake.content import Content
from matching.intake.sql.reader import SqlDump
from matching.sources import Source

__all__ = ["encoding_problem"]

PARTS_MAX = 16
"""Tables looked at: those of people are not all behind so many of codes."""
SAMPLE_BYTES = 2 << 20


def encoding_problem(content: Content, source: Source) -> str | None:
    """What is wrong and which encoding to write instead; None where the dump may be read as said."""
    name = source.encoding if source.encoding == "mixed" else codecs.lookup(source.encoding).name
    if name not in {"utf-8", "utf-8-sig", "ascii"}:
        return None if name == "mixed" else sniff.encoding_problem(content, source.encoding)
    if not content.head(3).startswith(codecs.BOM_UTF8):
        wide = sniff.encoding_problem(content, "cp1252")  # another mark, or every other byte NUL
        if wide:
            return wide
    try:
        return _of_rows(content, source)
    except OperatorError:  # whoever asks for its tables is told
        return None


def _of_rows(content: Content, source: Source) -> str | None:
    wrong = sound = 0
    reader = SqlDump()
    for part in reader.parts(content, source)[:PARTS_MAX]:
        first = next(reader.pieces(content, source, part, size=SAMPLE_BYTES), None)
        if first is not None:
            batch = first.parse()
            wrong += int((batch.rejects["reason"] == "undecodable_bytes").sum())
            foreign = pl.any_horizontal(pl.col(pl.String).str.contains(r"[^\x00-\x7F]"))
            sound += (
                int(batch.rows.select(foreign.sum()).item() or 0) if batch.rows.width > 1 else 0
            )
    if wrong >= sniff.BAD_LINES_MIN and wrong > sound:
        return f'{wrong} of its first rows are not UTF-8; set encoding = "cp1252", or "mixed"'
    return None
