"""Files that somebody hands over to be linked or scored: read as text, mapped, cleaned like any other.

A map is TOML: `[columns]`, or `[left]` and `[right]`, canonical field = column or several joined by a
blank. Without one, columns are taken by their canonical names and by names that say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.fields import CANONICAL_FIELDS, OF_AGE_YEARS
from matching.sources import ColumnMap
from matching.standardise.part import CAME, OF_AGE, ORDER, clean_part
from matching.tables import CLEANED
from matching.typed_files import parse_toml

__all__ = ["ColumnMaps", "clean_records", "guess_columns", "read_maps", "read_text", "take_columns"]

YEAR = 2026
"""Given files are read as of this year: two-digit years up to it are of this century, guarantors of age."""
BATCH_ROWS = 500_000
"""Rows cleaned at a time: memory is that of one batch."""
_UNUSABLE_SHARE = 0.5
"""Where more than half of the SSNs are none, the column is a number of another kind."""

_SAYS_THE_SAME: dict[str, tuple[str, ...]] = {
    "first_name": ("first", "fname", "givenname", "given", "forename", "firstname", "firstgivenname"),
    "middle_name": ("middle", "mname", "mi", "middleinitial", "middlename", "mid"),
    "last_name": ("last", "lname", "surname", "familyname", "family", "lastname"),
    "suffix": ("namesuffix", "generation", "sfx"),
    "previous_last_name": ("maiden", "maidenname", "previousname", "formername", "birthname"),
    "full_name": ("name", "fullname", "patientname"),
    "date_of_birth": ("dob", "birthdate", "birthday", "dateofbirth", "bdate", "birthdt", "patientdob"),
    "sex": ("gender", "sexatbirth", "administrativesex"),
    "ssn": ("socsecid", "socialsecuritynumber", "ssnumber", "socialsecurity", "ss", "socsec", "socsecno"),
    "member_id": ("memberid", "subscriberid", "insuranceid", "policynumber", "medicaidid", "memberno"),
    "mrn": ("chartno", "chartnumber", "medicalrecordnumber", "patientid", "medrecno", "recordnumber", "patientno"),
    "street": ("address", "address1", "addressline1", "streetaddress", "addr", "addr1", "line1", "mailingaddress"),
    "street2": ("address2", "addressline2", "addr2", "line2", "unitnumber", "unit", "apt"),
    "city": ("town", "suburb", "locality", "municipality"),
    "state": ("st", "stateabb", "province", "statecode"),
    "zip": ("zipcode", "postcode", "postalcode", "zip5", "zipcd"),
    "phone": ("telephone", "phonenumber", "cell", "mobile", "homephone", "tel", "phone1"),
    "phone2": ("workphone", "otherphone", "altphone", "secondaryphone"),
    "email": ("emailaddress", "mail", "eaddress"),
}  # fmt: skip
"""Names without case, blanks and underscores that mean a canonical field."""
_STREET_PARTS = ("streetnumber", "streetname", "housenumber", "street")


@dataclass(frozen=True, slots=True)
class ColumnMaps:
    """What the columns of each side mean."""

    left: ColumnMap
    right: ColumnMap


def read_text(path: Path) -> pl.DataFrame:
    """Every column of a Parquet or CSV file as text; raises OperatorError naming the file."""
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            return pl.read_parquet(path).cast(pl.String)
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except FileNotFoundError:
        raise OperatorError(f"{path}: not found") from None
    except pl.exceptions.PolarsError:
        raise OperatorError(
            f"{path}: cannot be read; give Parquet, or UTF-8 CSV with a header"
        ) from None


def read_maps(path: Path | None) -> ColumnMaps | None:
    """The map file; None where none is given. Raises OperatorError naming the file and the key."""
    if path is None:
        return None
    try:
        stored = parse_toml(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise OperatorError(f"{path}: not found") from None
    except ValueError:
        raise OperatorError(f"{path}: no TOML; write [columns], or [left] and [right]") from None
    unknown = sorted(set(stored) - {"columns", "left", "right"})
    if unknown or not stored:
        raise OperatorError(
            f"{path}: {', '.join(unknown) or 'empty'}; write [columns], or [left] and [right]"
        )
    shared = stored.get("columns", {})
    return ColumnMaps(
        _checked(path, "left", stored.get("left", shared)),
        _checked(path, "right", stored.get("right", shared)),
    )


def _checked(path: Path, side: str, found: Mapping[str, object]) -> ColumnMap:
    columns: ColumnMap = {}
    for field, column in found.items():
        if field not in CANONICAL_FIELDS:
            raise OperatorError(
                f"{path}: [{side}] {field}: no canonical field; see docs/configuration.md"
            )
        if isinstance(column, str):
            columns[field] = column
        elif isinstance(column, list) and column and all(isinstance(c, str) for c in column):
            columns[field] = tuple(column)
        else:
            raise OperatorError(f"{path}: [{side}] {field}: give a column or a list of columns")
    return columns


def guess_columns(names: list[str]) -> ColumnMap:
    """Canonical fields among column names, by name alone; a house number and a street are joined."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(names)}
    columns: ColumnMap = {}
    for field in CANONICAL_FIELDS:
        words = (re.sub(r"[^a-z0-9]", "", field), *_SAYS_THE_SAME.get(field, ()))
        found = [plain[word] for word in words if word in plain]
        if found:
            columns[field] = found[0]
    number = plain.get("streetnumber") or plain.get("housenumber")
    street = plain.get("streetname") or plain.get("street") or plain.get("address1")
    if number and street:
        columns["street"] = (number, street)
    return columns


def take_columns(rows: pl.DataFrame, columns: ColumnMap, *, source: str) -> pl.DataFrame:
    """Canonical columns of the rows; blank is null. Raises OperatorError naming a missing column."""
    taken = {}
    for field, given in columns.items():
        names = (given,) if isinstance(given, str) else given
        missing = [name for name in names if name not in rows.columns]
        if missing:
            raise OperatorError(f"{source}: no column '{missing[0]}' for {field}; correct the map")
        texts = [pl.col(name).str.strip_chars().replace("", None) for name in names]
        joined = pl.concat_str(texts, separator=" ", ignore_nulls=True)
        taken[field] = pl.when(pl.any_horizontal(t.is_not_null() for t in texts)).then(joined)
    return rows.select(**taken)


def clean_records(records: pl.DataFrame, *, date_order: str = "mdy") -> pl.DataFrame:
    """The cleaned columns of canonical records, in their order; absent fields are null.

    Where most of a column of SSNs cannot be SSNs it is another country's number: compared as delivered.
    """
    full = records.with_columns(
        pl.lit(None, dtype=pl.String).alias(field)
        for field in CANONICAL_FIELDS
        if field not in records.columns
    ).with_columns(
        pl.lit(date_order).alias(ORDER),
        pl.lit(None, pl.String).alias(CAME),
        pl.lit(f"{YEAR - OF_AGE_YEARS}-01-01").alias(OF_AGE),
    )
    batches = [_clean_batch(batch) for batch in full.iter_slices(BATCH_ROWS)]
    cleaned = (
        pl.concat(batches)
        if batches
        else pl.DataFrame(schema={n: c.dtype for n, c in CLEANED.items()})
    )
    given, kept = full["ssn"].count(), cleaned["ssn"].count()
    if given and kept < given * _UNUSABLE_SHARE:
        return cleaned.with_columns(ssn=_code(full["ssn"]))
    return cleaned


def _clean_batch(batch: pl.DataFrame) -> pl.DataFrame:
    cleaned, _ = clean_part(batch, pivot=YEAR % 100)
    return cleaned.select(pl.col(name).cast(column.dtype) for name, column in CLEANED.items())


def _code(values: pl.Series) -> pl.Series:
    return values.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "").replace("", None)
