"""The `batches` step: cut the mail into files of a vendor's size and seal every row.

Batches are cut by wave, entity and person; a batch's id is a keyed digest of the notices in it, so
that other people are another batch. Memory: 110 bytes a piece all the time, the lines in the windows
of `PIECES_AT_ONCE` pieces, and `IN_HAND` batches. A killed run keeps the batches it finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl
from polars.datatypes import DataType

from matching.store import Workspace, Writer, digest_of, log_counts
from matching.tables import MAIL_V1, TABLES
from notify.batches.codes import DUMMY_CODE, with_codes
from notify.batches.layout import mail_file
from notify.batches.mail_v1 import check, sealed
from notify.batches.manifest import body, content_digest
from notify.batches.settings import BatchesSettings, load_vendor
from notify.batches.vendors import Vendor
from notify.batches.window import window
from notify.letters.imb import first_serials, used_serials, with_serials
from notify.letters.merge import element_sets, entity_table, worded
from notify.letters.proofs import checked_wording
from notify.letters.texts import Wording
from notify.records import people_in_ranges

__all__ = ["PIECES_AT_ONCE", "run"]

PIECES_AT_ONCE = 3_000_000
"""Pieces whose records are read at one time: the lines in their windows take about 1 GB."""
IN_HAND = 2
"""Batches at one time, 1 GB each: one hashes, which holds the interpreter, while one is in polars."""
_VERSION = 2
"""Raised when the rows of `pieces` come out differently: then no finished batch is kept."""
_PAIR = ["person_id", "entity_id"]
_FROM_NOTICES = (
    "notice_id", "person_id", "entity_id", "wave", "variant", "language", "address_source",
    "address_member", "address_kind", "name_member", "told_address", "remail_of", "alt_format", "reference_no",
    "mail_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """One planned file: its notices are a slice of the ordered mail. `index` orders by batch_id."""

    batch_id: str
    wave: int
    start: int
    pieces: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What every batch needs."""

    workspace: Workspace
    settings: BatchesSettings
    vendor: Vendor
    wording: Wording
    entities: pl.DataFrame
    serials: dict[str, int]
    """First number of the barcodes of each batch; empty where the vendor gives them."""


def run(workspace: Workspace, settings: BatchesSettings) -> None:
    """Write `batches`, `pieces` and `outbox`.

    Raises CheckFailed where the letters' lint finds an error, OperatorError for a bad profile.
    """
    vendor, (wording, _) = load_vendor(settings), checked_wording(settings)
    mail = with_codes(workspace, settings, _mail(workspace))
    batches = _cut(workspace, mail, vendor)
    serials = _serials(workspace, settings, vendor, batches)
    plan = Plan(workspace, settings, vendor, wording, entity_table(workspace), serials)
    key = _resume_key(workspace, settings)
    with workspace.writer("pieces", resume_key=key) as pieces, ThreadPoolExecutor(IN_HAND) as pool:
        planned = [
            row
            for group in _groups(batches)
            for row in _write_group(plan, group, mail, pieces, pool)
        ]
    frame = pl.DataFrame(planned, schema=dict(TABLES["batches"].polars), orient="row")
    workspace.write("batches", frame)
    email = _outbox(workspace, wording)
    workspace.write("outbox", email)
    log_counts("batches", batches=len(batches), pieces=mail.height, email=email.height)


def _resume_key(workspace: Workspace, settings: BatchesSettings) -> str:
    """Digest of all that a piece depends on: what a killed run finished under it is kept."""
    inputs = (
        "notices",
        "elements",
        "entities",
        "leaked",
        "leaked_std",
        "charts",
        "charts_std",
        "codes",
    )
    tables = [workspace.digest(name) for name in inputs]
    return digest_of(_VERSION, tables, settings.model_dump(mode="json"))


def _mail(workspace: Workspace) -> pl.DataFrame:
    """Notices by mail with `element_set`, in the order of mailing; repeated words as codes."""
    parts = []
    for people in people_in_ranges(workspace.rows("notices"), PIECES_AT_ONCE):
        notices = workspace.scan("notices").filter(people, pl.col("channel") == "mail")
        elements = workspace.scan("elements").filter(people).collect()
        rows = notices.select(_FROM_NOTICES).collect()
        sets = element_sets(elements)
        parts.append(rows.join(sets, on=_PAIR, how="left").with_columns(_coded(pl.Categorical)))
    return pl.concat(parts).sort("wave", "entity_id", "person_id")


def _coded(dtype: type[DataType]) -> pl.Expr:
    return pl.col("variant", "language", "address_source", "address_kind", "element_set").cast(
        dtype
    )


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
    rank = {batch_id: i for i, batch_id in enumerate(sorted(b.batch_id for b in batches))}
    return [replace(batch, index=rank[batch.batch_id]) for batch in batches]


def _serials(
    workspace: Workspace, settings: BatchesSettings, vendor: Vendor, batches: list[Batch]
) -> dict[str, int]:
    imb = settings.mailing.imb
    if imb is None:
        return {}
    rows = [(batch.batch_id, batch.pieces + len(vendor.seeds)) for batch in batches]
    return first_serials(rows, imb, used=used_serials(workspace))


def _groups(batches: list[Batch]) -> Iterator[list[Batch]]:
    """Neighbouring batches whose records are read at one time."""
    group: list[Batch] = []
    for batch in batches:
        if group and sum(b.pieces for b in group) + batch.pieces > PIECES_AT_ONCE:
            yield group
            group = []
        group.append(batch)
    if group:
        yield group


def _write_group(
    plan: Plan,
    group: list[Batch],
    mail: pl.DataFrame,
    pieces: Writer,
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[str, int, str, int, int, str]]:
    """Write the pieces of neighbouring batches; gives their rows of `batches`."""
    first = group[0].start
    notices = mail.slice(first, sum(batch.pieces for batch in group))
    finished = all(pieces.has(batch.index) for batch in group)
    lines = (
        notices
        if finished
        else pl.concat([notices, window(plan.workspace, notices)], how="horizontal")
    )

    def write(batch: Batch) -> tuple[str, int, str, int, int, str]:
        if pieces.has(batch.index):
            return _batch_row(plan, batch, pieces.scan(batch.index).collect())
        full = _pieces(plan, batch, lines.slice(batch.start - first, batch.pieces))
        pieces.put(batch.index, full)
        return _batch_row(plan, batch, full)

    yield from pool.map(write, group)


def _pieces(plan: Plan, batch: Batch, lines: pl.DataFrame) -> pl.DataFrame:
    """Rows of `pieces` for one batch."""
    texts = lines.with_columns(_coded(pl.String))
    rows = worded(texts, plan.entities, plan.settings, plan.wording)
    rows = texts.select("notice_id").join(rows, on="notice_id", maintain_order="left")
    rows = rows.with_columns(address_ref=_address_ref())
    full = _sealed_rows(plan, batch, _with_ids(plan.workspace, rows, plan.wording))
    check(full.with_columns(pl.col("seq_no").cast(pl.String)).select(MAIL_V1))
    return full


def _address_ref() -> pl.Expr:
    """What a return must know of the address that a piece bore; no text of it."""
    record = pl.concat_str("address_kind", pl.col("address_member").cast(pl.String), separator=":")
    return pl.coalesce("told:" + pl.col("told_address"), record)


def _with_ids(workspace: Workspace, rows: pl.DataFrame, wording: Wording) -> pl.DataFrame:
    """Add mailpiece_id: keyed over person, entity, version and wave, so repeatable and not guessable."""
    versions = {language: str(texts.version) for language, texts in wording.texts.items()}
    version = pl.col("language").replace_strict(versions, return_dtype=pl.String)
    names = rows.select(name=pl.concat_str(*_PAIR, version, "wave", separator="|"))["name"]
    return rows.with_columns(mailpiece_id=workspace.keys.mint("mailpiece", names, length=15))


def _sealed_rows(plan: Plan, batch: Batch, rows: pl.DataFrame) -> pl.DataFrame:
    """Seeds among the rows, numbered and sealed."""
    placed = rows.with_columns(
        is_seed=pl.lit("N"), place=pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.Float64)
    )
    every = pl.concat([placed, *_seeds(plan, batch, placed)])
    numbered = every.sort("place").with_columns(
        batch_id=pl.lit(batch.batch_id),
        seq_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        mail_class=pl.lit(plan.vendor.mail_class),
        endorsement=pl.lit(plan.vendor.endorsement),
    )
    if plan.settings.mailing.imb:
        first = plan.serials[batch.batch_id]
        numbered = with_serials(numbered, plan.settings.mailing.imb, first)
    complete = TABLES["pieces"].complete(numbered)
    return sealed(complete, plan.workspace.keys.seal_key(batch.batch_id))


def _seeds(plan: Plan, batch: Batch, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Decoys spread over the batch; each is the letter of its neighbour with its own name and address."""
    nobody = ("notice_id", "person_id", "entity_id", "address_ref", "remail_of", "salutation_line", "care_of", "delivery_line2",
              "name_first", "name_middle", "name_suffix", "zip4", "intl_line1", "intl_line2",
              "country_line")  # fmt: skip
    seeds, keys = plan.vendor.seeds, plan.workspace.keys
    for number, seed in enumerate(seeds):
        beside = (number + 1) * rows.height // (len(seeds) + 1)
        name = pl.Series([f"seed|{batch.batch_id}|{number}"])
        values = {
            **dict.fromkeys(nobody),
            **seed.lines(plan.settings.business_associate),
            "recipient_name": seed.name,
            "name_last": seed.name.split()[-1],
            "country_iso2": "US",
            "mailpiece_id": keys.mint("mailpiece", name, length=15)[0],
            "reference_no": keys.mint("reference", name, length=9)[0],
            "is_seed": "Y",
            "no_ncoa": "Y",
        }
        texts = [pl.lit(value, dtype=pl.String).alias(column) for column, value in values.items()]
        place = pl.col("place") + 0.5 + number / 1e6
        yield rows.slice(beside, 1).with_columns(*texts, *_dummy_code(rows, number), place=place)


def _dummy_code(rows: pl.DataFrame, number: int) -> list[pl.Expr]:
    """A decoy beside a letter with a monitoring code bears one that opens nothing."""
    if "cm_code" not in rows.columns:
        return []
    dummy = pl.lit(f"{DUMMY_CODE}{number:04d}")
    return [pl.when(pl.col("cm_code").is_not_null()).then(dummy).alias("cm_code")]


def _batch_row(plan: Plan, batch: Batch, rows: pl.DataFrame) -> tuple[str, int, str, int, int, str]:
    seeds, vendor = rows.height - batch.pieces, plan.vendor
    mail = mail_file(rows, vendor)
    said = body(rows, mail, vendor=vendor, settings=plan.settings, wording=plan.wording)
    content = content_digest(said)
    return batch.batch_id, batch.wave, vendor.name, batch.pieces, seeds, content


def _outbox(workspace: Workspace, wording: Wording) -> pl.DataFrame:
    """One row per notice by e-mail, ids only."""
    languages = {code: wording.language(code) for code in _languages(workspace)}
    notices = workspace.scan("notices").filter(pl.col("channel") == "email")
    owed = notices.collect(engine="streaming").with_columns(
        pl.col("language").replace_strict(languages, return_dtype=pl.String)
    )
    wave = owed["wave"]
    with_ids = _with_ids(workspace, owed.with_columns(wave.cast(pl.String)), wording)
    versions = {language: texts.version for language, texts in wording.texts.items()}
    version = pl.col("language").replace_strict(versions, return_dtype=pl.Int32)
    named = with_ids.with_columns(wave, notice_version=version)
    return named.select(list(TABLES["outbox"].columns))


def _languages(workspace: Workspace) -> list[str]:
    return sorted(
        workspace.scan("notices").select(pl.col("language").unique()).collect()["language"]
    )
