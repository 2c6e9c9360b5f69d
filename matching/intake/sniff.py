"""Is a text file in the encoding that the incident file says? Single stray bytes are rejects, not this."""

from __future__ import annotations

import codecs

from matching.intake.content import Content
from matching.intake.undecodable import MIXED

__all__ = ["encoding_problem"]

SAMPLE_BYTES = 4 << 20
BAD_LINES_MIN = 3
"""One or two stray lines are damaged rows; from three on, with no sound letter beside, it is the encoding."""
BAD_SHARE_SMALL = 1 / 3
NUL_SHARE = 0.2
"""UTF-16 of Western text is nearly half NUL bytes; a damaged file has a few."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


def encoding_problem(content: Content, encoding: str) -> str | None:
    """What is wrong and which encoding to write instead; None where the file may be read as said."""
    sample = content.head(SAMPLE_BYTES)
    said = encoding if encoding == MIXED else codecs.lookup(encoding).name
    marked = next((name for mark, name in _MARKS if sample.startswith(mark)), None)
    if marked == "utf-8" and said == MIXED:
        return None
    if marked and not said.startswith(marked):
        return f'begins with the byte order mark of {marked}; set encoding = "{marked}"'
    if said.startswith(("utf-16", "utf-32")):
        return (
            None
            if marked or sample.count(0) > NUL_SHARE * len(sample)
            else f'is not {said}; set encoding = "utf-8"'
        )
    nul = sample.count(0)
    if nul > NUL_SHARE * len(sample):
        order = "le" if sample[1::2].count(0) >= sample[0::2].count(0) else "be"
        return f'byte {sample.index(0)} is NUL, as in UTF-16; set encoding = "utf-16-{order}"'
    return _not_utf8(sample) if said in {"utf-8", "utf-8-sig", "ascii"} else None


def _not_utf8(sample: bytes) -> str | None:
    """The first offset that does not decode, where so many lines fail that it is the encoding."""
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        first = error.start
    else:
        return None
    if first >= len(sample) - 3:
        return None  # the sample ends within a character
    lines = sample.split(b"\n")
    foreign = [line for line in lines if not line.isascii()]
    bad = sum(1 for line in foreign if not _decodes(line))
    in_header = not _decodes(lines[0])
    sound = len(foreign) - bad
    if in_header or (
        sound < bad and (bad >= BAD_LINES_MIN or bad > BAD_SHARE_SMALL * (len(lines) - 1))
    ):
        return f'byte {first} is not UTF-8; set encoding = "cp1252", or "mixed" where some rows are UTF-8'
    return None


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
