"""Which format some bytes are of, by what they begin with; the file's name decides only between like ones."""

from __future__ import annotations

import json
import re
from typing import Any

from matching.intake.json_files.tokens import ITEMS_MAX
from matching.sources import SEALED

__all__ = ["format_of"]

_SQL = re.compile(
    rb"(?im)^(?:-- (?:MySQL|MariaDB|PostgreSQL) d|/\*M?!\d+ |create table\b|insert (?:ignore )?into\b"
    rb"|copy \S+ (?:\(.*\) )?from stdin|drop table\b|set \w+.*;\s*$)"
)
_MAIL = re.compile(
    rb"(?im)^(?:from|to|subject|date|received|return-path|message-id|mime-version):\s"
)
_BINARY = (
    (b"PAR1", "parquet", "begins as Parquet does"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls", "begins as an old Excel workbook does"),
    (b"age-encryption.org/", SEALED, "encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED FILE", SEALED, "encrypted with age"),
    (b"-----BEGIN PGP MESSAGE", SEALED, "encrypted with OpenPGP"),
    (b"Salted__", SEALED, "encrypted with OpenSSL"),
    (b"SQLite format 3\0", "", "an SQLite database: export its tables as CSV"),
    (b"\xff\xd8\xff", "", "a picture (JPEG)"),
    (b"\x89PNG", "", "a picture (PNG)"),
    (b"GIF8", "", "a picture (GIF)"),
    (b"%PDF", "", "a PDF: no table can be read"),
)
LINES_LOOKED_AT, JSON_LINES_SHARE = 50, 0.6
TEXT_LOOKED_AT, STRANGE_SHARE = 65_536, 0.05
_IN_TEXT = "\t\n\r\f\v\x01\x1a\x1c\x1d\x1e\x1f\0"
_TEXT_BYTES = bytes(n for n in range(256) if n >= 32) + _IN_TEXT.encode()
"""Letters, signs, line breaks, and what stands between fields; NUL is damage, told elsewhere."""
FIXED_SHARE = 0.95
FIXED_WIDTH_MIN = 20
_DBF_KINDS = frozenset(b"\x03\x30\x31\x83\x8b\xf5")


def format_of(name: str, head: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    """Format and why; `delimited` for rows of fields, empty for what is nothing known."""
    for mark, form, why in _BINARY:
        if head.startswith(mark):
            return form, (why,)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(name, head)
    if name.lower().endswith(".dbf") and head[:1] and head[0] in _DBF_KINDS:
        return "dbf", ("begins as dBase does",)
    if _no_text(head, encoding):
        return "", ("no text and of no known format",)
    text = head.removeprefix(b"\xef\xbb\xbf") if encoding == "utf-8" else _narrow(head, encoding)
    return _text_format(name, text)


def _no_text(head: bytes, encoding: str) -> bool:
    """Pictures, programs: control characters that no text has."""
    if encoding.startswith(("utf-16", "utf-32")):
        text = head[: len(head) // 4 * 4].decode(encoding, "replace")[:TEXT_LOOKED_AT]
        strange = sum(sign == "\ufffd" or (sign < " " and sign not in _IN_TEXT) for sign in text)
        return strange > STRANGE_SHARE * max(len(text), 1)
    part = head[:TEXT_LOOKED_AT]
    return len(part.translate(None, _TEXT_BYTES)) > STRANGE_SHARE * max(len(part), 1)


def _zipped(name: str, head: bytes) -> tuple[str, tuple[str, ...]]:
    """Workbooks; archives come here only where they could not be opened."""
    if b"xl/" in head or name.lower().endswith((".xlsx", ".xlsm")):
        return "xlsx", ("a ZIP archive with a workbook in it",)
    if b"opendocument.spreadsheet" in head[:200]:
        return "ods", ("an OpenDocument spreadsheet",)
    if int.from_bytes(head[6:8], "little") & 1:
        return SEALED, ("an encrypted ZIP archive",)
    return "", ("an archive that could not be opened",)


def _narrow(head: bytes, encoding: str) -> bytes:
    """The text as UTF-8, whatever the encoding."""
    if encoding == "mixed":
        return head
    return head.decode(encoding, "replace").encode("utf-8", "replace")


def _text_format(name: str, text: bytes) -> tuple[str, tuple[str, ...]]:
    begin = text.lstrip()
    if begin[:1] in {b"{", b"["}:
        found = _json_format(begin)
        if found:
            return found, ("every sampled line is a JSON object",) if found == "jsonl" else (
                "a JSON document",
            )
    if _SQL.search(text[:65536]) and not begin[:1].isdigit():
        return "sql", ("has statements of a database dump",)
    if begin.startswith(b"From "):
        return "mbox", ("begins as a mailbox does",)
    if len(_MAIL.findall(text[:4096])) >= 3:
        return "eml", ("begins with the headers of a mail",)
    if _fixed(text):
        return "fixed", ("lines are of one length and nothing parts fields",)
    return "delimited", ()


def _json_format(begin: bytes) -> str:
    """Jsonl where each of the first lines is a whole object, and neither the only one nor a page of records."""
    lines = [line for line in begin.split(b"\n") if line.strip()]
    whole = lines[:LINES_LOOKED_AT]
    objects = [found for found in map(_object, whole) if found is not None]
    if len(objects) > 1 and len(objects) >= JSON_LINES_SHARE * len(whole):
        pages = sum(any(map(_is_table, one.values())) for one in objects)
        return "json" if pages > len(objects) / 2 else "jsonl"
    return "json" if re.match(rb"^\s*[\[{]\s*([\"\[{\]}]|-?\d)", begin) else ""


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_table(value: object) -> bool:
    """A list of more objects than one record has of anything (`ITEMS_MAX` become columns)."""
    return isinstance(value, list) and len(value) > ITEMS_MAX and isinstance(value[0], dict)


def _fixed(text: bytes) -> bool:
    """Long lines of one length, blanks in the same places, no delimiter the same number of times in each."""
    lines = [line.rstrip(b"\r") for line in text.split(b"\n")[:400]]
    lines = [line for line in lines[:-1] if line] or lines
    if len(lines) < 5:
        return False
    lengths = [len(line) for line in lines]
    usual = max(set(lengths), key=lengths.count)
    if usual < FIXED_WIDTH_MIN or lengths.count(usual) < FIXED_SHARE * len(lines):
        return False
    for sign in b",\t|;^~\x01":
        counts = [line.count(sign) for line in lines]
        most = max(set(counts), key=counts.count)
        if most and counts.count(most) > 0.8 * len(lines):
            return False
    return any(all(line[place : place + 2] == b"  " for line in lines if len(line) == usual) for place in range(usual - 1)) or b"  " in text  # fmt: skip
