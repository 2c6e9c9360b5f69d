"""MAIL v1: the columns of a vendor's file, their limits, and the two seals over each row.

A seal is HMAC-SHA256 over the NFC values joined by U+001F, null as empty, its first 16 hex digits:
`row_seal` is checked after the merge and before print, `addr_seal` on receipt, because an address
update at the vendor rightly changes the address and nothing else. A shifted row breaks a seal.
"""

from __future__ import annotations

import hashlib
import io

import polars as pl

from matching.tables import MAIL_V1
from notify import printed
from notify.batches.schema import ADDRESS_SEALED, LIMITS, REQUIRED, ROW_SEALED

__all__ = ["HEADER", "as_csv", "check", "sealed"]

HEADER = ",".join(MAIL_V1)
"""The first line of a file, exactly."""
_UNIT_SEPARATOR = "\u001f"
_SEAL_BYTES = 8
_BLOCK_BYTES = 64


def sealed(rows: pl.DataFrame, seal_key: bytes) -> pl.DataFrame:
    """The rows in NFC with `row_seal` and `addr_seal`; every sealed column must be text."""
    ready = printed.nfc(rows)
    return ready.with_columns(
        row_seal=_seals(ready, ROW_SEALED, seal_key),
        addr_seal=_seals(ready, ADDRESS_SEALED, seal_key),
    )


def _seals(rows: pl.DataFrame, columns: tuple[str, ...], seal_key: bytes) -> pl.Series:
    """A loop over copied states: no column library has a keyed hash (ADR 0006), 1.5 s a million.

    HMAC (RFC 2104) is two hashes, each begun with the key: both beginnings are made once and copied,
    which is a third faster than copying an hmac object.
    """
    joined = pl.concat_str([pl.col(c).fill_null("") for c in columns], separator=_UNIT_SEPARATOR)
    key = seal_key.ljust(_BLOCK_BYTES, b"\x00")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy
    seals: list[bytes] = []
    for text in rows.select(text=joined.cast(pl.Binary))["text"].to_list():
        first, second = inner(), outer()
        first.update(text)
        second.update(first.digest())
        seals.append(second.digest()[:_SEAL_BYTES])
    return pl.Series(seals, dtype=pl.Binary).bin.encode("hex")


def check(rows: pl.DataFrame) -> None:
    """Every row fits MAIL v1; what does not was set aside before. Raises AssertionError: our bug."""
    assert rows.columns == list(MAIL_V1), "columns of MAIL v1"
    faulty = printed.faulty(rows, LIMITS)
    missing = [column for column in REQUIRED if rows[column].null_count()]
    assert not faulty, f"{faulty} rows do not fit MAIL v1"
    assert not missing, f"empty columns: {missing}"
    domestic = rows.filter(pl.col("country_line").is_null())
    gaps = sum(domestic[column].null_count() for column in ("city", "state", "zip5"))
    assert gaps == 0, f"{gaps} gaps in domestic last lines"
    numbers = pl.int_range(1, rows.height + 1, eager=True).cast(pl.String)
    assert rows["seq_no"].equals(numbers), "seq_no 1..N"


def as_csv(rows: pl.DataFrame, *, line_end: str) -> bytes:
    """The file: UTF-8 without BOM, RFC 4180, every field quoted, null as an empty field.

    The rows are in NFC, as `sealed` made them, their columns as the vendor has them.
    """
    target = io.BytesIO()
    target.write((",".join(rows.columns) + line_end).encode())
    texts = rows.select(pl.all().cast(pl.String).fill_null(""))
    texts.write_csv(target, include_header=False, quote_style="always", line_terminator=line_end)
    return target.getvalue()
