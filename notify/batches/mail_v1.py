"""MAIL v1: the columns of a vendor's file, their limits, and the two seals over each row.

A seal is HMAC-SHA256 over the NFC values joined by U+001F, null as empty, its first 16 hex digits:
`row_seal` is checked after the merge and before print, `addr_seal` on receipt, because an address
update at the vendor rightly changes the address and nothing else. A shifted row breaks a seal.
"""

from __future__ import annotations

import io

import polars as pl

from matching.tables import MAIL_V1
from notify import printed
from notify.batches.schema import ADDRESS_SEALED, LIMITS, REQUIRED, ROW_SEALED
from notify.batches.seals import joined, odd, seals

__all__ = ["HEADER", "as_csv", "check", "sealed"]

HEADER = ",".join(MAIL_V1)
"""The first line of a file, exactly."""
_UNSEALED = tuple(name for name in MAIL_V1 if name not in {*ROW_SEALED, *ADDRESS_SEALED})


def sealed(rows: pl.DataFrame, seal_key: bytes) -> pl.DataFrame:
    """The rows in NFC with `row_seal` and `addr_seal`; every sealed column must be text.

    Raises AssertionError where a value has what no mail file may hold: it was set aside before.
    """
    ready = printed.nfc(rows)
    made = {}
    for seal, columns in (("row_seal", ROW_SEALED), ("addr_seal", ADDRESS_SEALED)):
        texts = joined(ready, columns)
        _refuse_faults(ready.filter(odd(texts, len(columns))))
        made[seal] = seals(texts, seal_key)
    return ready.with_columns(**made)


def _refuse_faults(suspects: pl.DataFrame) -> None:
    """Only rows with anything odd in them are looked at closely."""
    if suspects.height:
        texts = suspects.select(pl.col(list(LIMITS)).cast(pl.String))
        faulty = texts.filter(printed.faults(LIMITS).is_not_null()).height
        assert not faulty, f"{faulty} rows do not fit MAIL v1"


def check(rows: pl.DataFrame) -> None:
    """Every sealed row fits MAIL v1; what does not was set aside before. Raises AssertionError: our bug."""
    assert rows.columns == list(MAIL_V1), "columns of MAIL v1"
    wide = pl.any_horizontal(pl.col(name).str.len_bytes() > most for name, most in LIMITS.items())
    _refuse_faults(rows.filter(wide | odd(joined(rows, _UNSEALED), len(_UNSEALED))))
    missing = [column for column in REQUIRED if rows[column].null_count()]
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
