"""The records of people, leaked and from charts, with what a letter needs of them.

`leaked_std`, `charts_std` and the originals come in; frames of `member` (mention_id or chart_id) and
the columns below go out. Names are also given as delivered (`raw_...`), because a letter does not
rewrite a person's name; everything else is as cleaned for mailing.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from matching.store import Workspace

__all__ = ["RECORDS_AT_ONCE", "people_in_ranges", "records", "records_in_order"]

RECORDS_AT_ONCE = 1_000_000
"""Records read at one time: about 300 MB with the texts made of them."""

_CLEANED = (
    "first_name", "middle_name", "last_name", "suffix", "street", "unit", "city", "state", "zip5",
    "zip4", "country", "address_as_of", "alternate_street", "alternate_city", "alternate_state",
    "alternate_zip5", "representative_name", "representative_street", "representative_city",
    "representative_state", "representative_zip5", "email", "email_consent_on",
    "email_consent_scope", "email_consent_withdrawn_on", "deceased_on", "confidential", "alt_format",
)  # fmt: skip
_AS_DELIVERED = ("first_name", "middle_name", "last_name", "zip")
_SIDES = (("leaked", "mention_id"), ("charts", "chart_id"))
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""First characters of person ids, which are even: 32 ranges at most."""


def people_in_ranges(rows: int, rows_at_once: int) -> Iterator[pl.Expr]:
    """Conditions on `person_id`, in order, that together hold for everyone once.

    Tables in the order of person_id are read by them a range at a time.
    """
    wanted = max(1, -(-rows // rows_at_once))
    count = min(1 << (wanted - 1).bit_length(), len(_LETTERS))
    starts = [_LETTERS[i * len(_LETTERS) // count] for i in range(count)]
    person = pl.col("person_id")
    for index in range(count):
        above = person >= starts[index] if index else pl.lit(value=True)
        below = person < starts[index + 1] if index + 1 < count else pl.lit(value=True)
        yield above & below


def records(workspace: Workspace, wanted: pl.LazyFrame) -> pl.LazyFrame:
    """One row per record of `wanted` (column `member`) that is not excluded."""
    members = wanted.select("member").unique()
    sides = []
    for name, key in _SIDES:
        cleaned, delivered = (
            frame.join(members, on="member", how="semi") for frame in _scans(workspace, name, key)
        )
        sides.append(cleaned.join(delivered, on="member", how="left"))
    return pl.concat(sides)


def records_in_order(
    workspace: Workspace, wanted: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The records of `wanted` a slice at a time: each slice and its records with all its columns.

    `wanted` is sorted by `member`, each once. The tables lie in that order too, so that all slices
    together read them once; memory is bounded by RECORDS_AT_ONCE. At least one slice is given.
    """
    for start in range(0, max(wanted.height, 1), RECORDS_AT_ONCE):
        some = wanted.slice(start, RECORDS_AT_ONCE)
        yield some, pl.concat(_between(workspace, some, name, key) for name, key in _SIDES)


def _scans(workspace: Workspace, name: str, key: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The cleaned records of a side, and what they were as delivered."""
    member = pl.col(key).alias("member")
    raw = (pl.col(column).alias(f"raw_{column}") for column in _AS_DELIVERED)
    cleaned = workspace.scan(f"{name}_std").select(member, *_CLEANED)
    return cleaned, workspace.scan(name).select(member, *raw)


def _between(workspace: Workspace, some: pl.DataFrame, name: str, key: str) -> pl.DataFrame:
    """Records of one side with the columns of `some`; frames in one order are put side by side."""
    inside = pl.lit(value=False)
    if some.height:
        inside = pl.col("member").is_between(some["member"][0], some["member"][-1])
    cleaned, delivered = (frame.filter(inside).collect() for frame in _scans(workspace, name, key))
    cleaned = _only(cleaned, some["member"])
    ids = cleaned.select("member")
    columns = [_beside(ids, _only(frame, ids["member"])) for frame in (some, delivered)]
    return pl.concat([cleaned, *columns], how="horizontal")


def _only(rows: pl.DataFrame, members: pl.Series) -> pl.DataFrame:
    """Rows of these members; nothing is copied where that is all of them."""
    wanted = rows["member"].is_in(members.implode())
    return rows if wanted.all() else rows.filter(wanted)


def _beside(ids: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The other columns of `rows` in the order of `ids`; null where a member has no row."""
    if not rows["member"].equals(ids["member"]):
        rows = ids.join(rows, on="member", how="left", maintain_order="left")
    return rows.drop("member")
