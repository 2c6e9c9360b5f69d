"""The `batches` step: cut the mail into files of a vendor's size and seal every row.

Batches are cut by wave, entity and person; a batch's id is a keyed digest of the notices in it, so
that other people are another batch. Memory is bounded by `PIECES_AT_ONCE`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from matching.store import Workspace, log_counts
from matching.tables import MAIL_V1, TABLES
from notify.batches.mail_v1 import check, sealed
from notify.batches.manifest import body, content_digest, mail_csv
from notify.batches.settings import BatchesSettings, Vendor, load_vendor
from notify.letters.merge import merged
from notify.letters.proofs import checked_wording
from notify.letters.texts import Wording

__all__ = ["PIECES_AT_ONCE", "run"]

PIECES_AT_ONCE = 1_000_000
"""Notices merged with their records at one time: about 2 GB."""
_PAIR = ["person_id", "entity_id"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One planned file: its notices are a slice of the ordered mail."""

    batch_id: str
    wave: int
    start: int
    pieces: int


def run(workspace: Workspace, settings: BatchesSettings) -> None:
    """Write `batches`, `pieces` and `outbox`.

    Raises CheckFailed where the letters' lint finds an error, OperatorError for a bad profile.
    """
    vendor, (wording, _) = load_vendor(settings), checked_wording(settings)
    mail = _owed(workspace, "mail")
    batches = _cut(workspace, mail, vendor)
    rank = {batch_id: i for i, batch_id in enumerate(sorted(b.batch_id for b in batches))}
    planned = []
    with workspace.writer("pieces") as pieces:
        for group in _groups(batches):
            notices = mail.slice(group[0].start, sum(batch.pieces for batch in group))
            rows = _with_ids(workspace, merged(workspace, settings, wording, notices), wording)
            rows = notices.select("notice_id").join(rows, on="notice_id", maintain_order="left")
            for batch in group:
                part = rows.slice(batch.start - group[0].start, batch.pieces)
                full = _sealed_rows(workspace, settings, vendor, batch, part)
                check(full.with_columns(pl.col("seq_no").cast(pl.String)).select(MAIL_V1))
                pieces.put(rank[batch.batch_id], full)
                planned.append(_batch_row(batch, vendor, full, settings, wording))
    frame = pl.DataFrame(planned, schema=dict(TABLES["batches"].polars), orient="row")
    workspace.write("batches", frame)
    email = _outbox(workspace, wording)
    workspace.write("outbox", email)
    log_counts("batches", batches=len(batches), pieces=mail.height, email=email.height)


def _owed(workspace: Workspace, channel: str) -> pl.DataFrame:
    """Notices of one channel in the order of mailing."""
    notices = workspace.scan("notices").filter(pl.col("channel") == channel)
    return notices.sort("wave", "entity_id", "person_id").collect(engine="streaming")


def _cut(workspace: Workspace, mail: pl.DataFrame, vendor: Vendor) -> list[Batch]:
    batches = []
    start = 0
    for wave, rows in mail.group_by("wave", maintain_order=True).len().iter_rows():
        for first in range(start, start + rows, vendor.pieces_max):
            pieces = min(vendor.pieces_max, start + rows - first)
            ids = "\n".join(mail["notice_id"].slice(first, pieces).to_list())
            text = f"{vendor.name}|{wave}|{hashlib.sha256(ids.encode()).hexdigest()}"
            batch_id = workspace.keys.mint("batch", pl.Series([text]), length=11)[0]
            batches.append(Batch(batch_id, wave, first, pieces))
        start += rows
    return batches


def _groups(batches: list[Batch]) -> Iterator[list[Batch]]:
    """Neighbouring batches that are merged at one time."""
    group: list[Batch] = []
    for batch in batches:
        if group and sum(b.pieces for b in group) + batch.pieces > PIECES_AT_ONCE:
            yield group
            group = []
        group.append(batch)
    if group:
        yield group


def _with_ids(workspace: Workspace, rows: pl.DataFrame, wording: Wording) -> pl.DataFrame:
    """Add mailpiece_id: keyed over person, entity, version and wave, so repeatable and not guessable."""
    versions = {language: str(texts.version) for language, texts in wording.texts.items()}
    version = pl.col("language").replace_strict(versions, return_dtype=pl.String)
    names = rows.select(name=pl.concat_str(*_PAIR, version, "wave", separator="|"))["name"]
    return rows.with_columns(mailpiece_id=workspace.keys.mint("mailpiece", names, length=15))


def _sealed_rows(
    workspace: Workspace,
    settings: BatchesSettings,
    vendor: Vendor,
    batch: Batch,
    rows: pl.DataFrame,
) -> pl.DataFrame:
    """Rows of `pieces` for one batch: seeds among them, numbered and sealed."""
    placed = rows.with_columns(
        is_seed=pl.lit("N"), place=pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.Float64)
    )
    every = pl.concat([placed, *_seeds(workspace, settings, vendor, batch, placed)])
    numbered = every.sort("place").with_columns(
        batch_id=pl.lit(batch.batch_id),
        seq_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        mail_class=pl.lit(vendor.mail_class),
        endorsement=pl.lit(vendor.endorsement),
    )
    complete = TABLES["pieces"].complete(numbered)
    return sealed(complete, workspace.keys.seal_key(batch.batch_id))


def _seeds(
    workspace: Workspace,
    settings: BatchesSettings,
    vendor: Vendor,
    batch: Batch,
    rows: pl.DataFrame,
) -> Iterator[pl.DataFrame]:
    """Decoys spread over the batch; each is the letter of its neighbour with its own name and address."""
    nobody = ("notice_id", "person_id", "entity_id", "salutation_line", "care_of", "delivery_line2",
              "name_first", "name_middle", "name_suffix", "zip4", "intl_line1", "intl_line2",
              "country_line")  # fmt: skip
    for number, seed in enumerate(vendor.seeds):
        beside = (number + 1) * rows.height // (len(vendor.seeds) + 1)
        name = pl.Series([f"seed|{batch.batch_id}|{number}"])
        values = {
            **dict.fromkeys(nobody),
            **seed.lines(settings.business_associate),
            "recipient_name": seed.name,
            "name_last": seed.name.split()[-1],
            "country_iso2": "US",
            "mailpiece_id": workspace.keys.mint("mailpiece", name, length=15)[0],
            "reference_no": workspace.keys.mint("reference", name, length=9)[0],
            "is_seed": "Y",
            "no_ncoa": "Y",
        }
        texts = [pl.lit(value, dtype=pl.String).alias(column) for column, value in values.items()]
        yield rows.slice(beside, 1).with_columns(*texts, place=pl.col("place") + 0.5 + number / 1e6)


def _batch_row(
    batch: Batch, vendor: Vendor, rows: pl.DataFrame, settings: BatchesSettings, wording: Wording
) -> tuple[str, int, str, int, int, str]:
    seeds = rows.height - batch.pieces
    said = body(rows, mail_csv(rows, vendor), vendor=vendor, settings=settings, wording=wording)
    content = content_digest(said)
    return batch.batch_id, batch.wave, vendor.name, batch.pieces, seeds, content


def _outbox(workspace: Workspace, wording: Wording) -> pl.DataFrame:
    """One row per notice by e-mail, ids only."""
    languages = {code: wording.language(code) for code in _languages(workspace)}
    owed = _owed(workspace, "email").with_columns(
        pl.col("language").replace_strict(languages, return_dtype=pl.String)
    )
    wave = owed["wave"]
    with_ids = _with_ids(workspace, owed.with_columns(wave.cast(pl.String)), wording)
    return with_ids.with_columns(wave).select(list(TABLES["outbox"].columns))


def _languages(workspace: Workspace) -> list[str]:
    return sorted(
        workspace.scan("notices").select(pl.col("language").unique()).collect()["language"]
    )
