"""A batch's rows as the vendor's file: CSV or fixed width, its columns named and ordered by the profile.

`pieces` of one batch come in, bytes go out. Values are never altered: what the fixed-width file cannot hold
(a letter that its encoding lacks, a value with a blank at an end) is counted and refused before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from matching.store import OperatorError
from matching.tables import MAIL_V1
from notify.batches.mail_v1 import as_csv
from notify.batches.schema import COLUMNS
from notify.batches.vendors import Vendor

__all__ = ["LAYOUT_FILE", "fields", "file_name", "layout_csv", "mail_file", "read_fixed"]

LAYOUT_FILE = "MAIL_v1.layout.csv"
_BY_NAME = {column.name: column for column in COLUMNS}
_SUFFIX = {"csv": "csv", "fixed": "txt"}


def file_name(vendor: Vendor) -> str:
    """MAIL_v1.csv, or MAIL_v1.txt where it is of fixed width."""
    return f"MAIL_v1.{_SUFFIX[vendor.format]}"


def fields(vendor: Vendor) -> list[dict[str, Any]]:
    """Where each column stands: `column` (of MAIL v1), `name` (the vendor's), `start` from 1, `length`.

    Starts and lengths count characters and are those of the fixed-width file.
    """
    found, start = [], 1
    for column, name in vendor.kept.items():
        width = _BY_NAME[column].width
        found.append({"column": column, "name": name, "start": start, "length": width})
        start += width
    return found


def layout_csv(vendor: Vendor) -> bytes:
    """`start,length,name,column`: travels with a fixed-width file."""
    table = pl.DataFrame(fields(vendor)).select("start", "length", "name", "column")
    return table.write_csv().encode()


def mail_file(rows: pl.DataFrame, vendor: Vendor) -> bytes:
    """The bytes of the mail file for the rows of one batch.

    Raises OperatorError with the number of values that the profile's encoding cannot hold.
    """
    ordered = rows.sort("seq_no").select(pl.col(MAIL_V1).cast(pl.String))
    kept = ordered.select(pl.col(column).alias(name) for column, name in vendor.kept.items())
    if vendor.format == "csv":
        return as_csv(kept, line_end=vendor.newline)
    return _fixed(ordered, vendor)


def _fixed(rows: pl.DataFrame, vendor: Vendor) -> bytes:
    _refuse_unfit(rows, vendor)
    padded = [_padded(column) for column in vendor.kept]
    lines = rows.select(line=pl.concat_str(padded))["line"]
    text: str = lines.str.join(vendor.newline).item() + vendor.newline
    return text.encode(vendor.encoding)


def _padded(column: str) -> pl.Expr:
    known = _BY_NAME[column]
    text = pl.col(column).fill_null("")
    return text.str.pad_start(known.width) if known.right else text.str.pad_end(known.width)


def _refuse_unfit(rows: pl.DataFrame, vendor: Vendor) -> None:
    """No value is cut, replaced or guessed at: the profile is refused with what does not fit."""
    unfit = {column: _unfit(rows[column], vendor.encoding) for column in vendor.kept}
    found = ", ".join(f"{column} {count}" for column, count in unfit.items() if count)
    if found:
        raise OperatorError(
            f"vendor {vendor.name}: values that {vendor.encoding} of fixed width cannot hold: {found};"
            " write encoding = 'utf-8' or format = 'csv' in its profile"
        )


def _unfit(values: pl.Series, encoding: str) -> int:
    """How many values are too long, end with a blank, or have a letter that the encoding lacks."""
    edges = values.str.contains(r"^\s|\s$")
    wide = values.str.len_chars() > _BY_NAME[values.name].width
    unfit = values.filter(edges | wide).len()
    if encoding == "utf-8":
        return unfit
    beyond = values.filter(values.str.len_bytes() != values.str.len_chars()).value_counts()
    return unfit + sum(int(n) for text, n in beyond.iter_rows() if not _encodes(text, encoding))


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def read_fixed(data: bytes, places: list[dict[str, Any]], said: Mapping[str, str]) -> pl.DataFrame:
    """A fixed-width file read back by its layout: text columns of MAIL v1, null where blank.

    `said`: `encoding` and `newline` of the profile.
    """
    text = data.decode(said["encoding"]).removesuffix(said["newline"])
    lines = pl.DataFrame({"line": text.split(said["newline"])})
    read = lines.select(
        pl.col("line")
        .str.slice(place["start"] - 1, place["length"])
        .str.strip_chars(" ")
        .alias(place["column"])
        for place in places
    )
    return read.with_columns(pl.when(pl.all() != "").then(pl.all()))
