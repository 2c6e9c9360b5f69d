"""Release of approved batches: files first, `.done` last, then events and registry.

A folder without `.done` is rebuilt, one with it is never touched. What a killed export left unsaid
in `events` is said by the next call, or by `settle`; nothing is ever said twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import CheckFailed, OperatorError, Workspace, replacing, sha256_file
from matching.tables import TABLES
from notify.answers import current_holds, holds_on
from notify.batches.manifest import body, content_digest, elements_csv, mail_csv
from notify.batches.settings import BatchesSettings, Vendor, load_vendor
from notify.facts import Hold
from notify.letters.merge import element_code, element_sets, entity_table
from notify.letters.proofs import checked_wording
from notify.letters.texts import Wording
from notify.registry import release_ids

__all__ = ["Exported", "export", "settle"]

_EVENT_ID_LENGTH = 25
IN_HAND = 2
"""Batches written at one time, 1 GB each."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was released by this call."""

    batches: tuple[str, ...]
    pieces: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What every batch of one call needs, read once."""

    workspace: Workspace
    settings: BatchesSettings
    vendor: Vendor
    wording: Wording
    recorded_at: datetime
    held: list[Hold]
    sets: pl.DataFrame
    return_addresses: pl.DataFrame
    exceptions: pl.DataFrame


def export(
    workspace: Workspace,
    settings: BatchesSettings,
    *,
    batches: Iterable[str],
    recorded_at: datetime,
    approvals: dict[str, list[str]] | None = None,
) -> Exported:
    """Write `out/batches/<id>/` for each named batch and note pieces and people.

    Idempotent: a batch with `.done` keeps its files, and what is in `events` already adds nothing.
    Raises OperatorError for a batch that is not planned, CheckFailed where texts or profile changed
    or a hold was recorded since it was planned.
    """
    wanted = sorted(set(batches))
    planned = {row["batch_id"]: row for row in workspace.read("batches").iter_rows(named=True)}
    unknown = [batch for batch in wanted if batch not in planned]
    if unknown:
        raise OperatorError(f"batch {unknown[0]}: not planned in this round; see `affected status`")
    missing = [batch for batch in wanted if not _done(workspace, batch).exists()]
    if missing:
        release = _release(workspace, settings, missing, recorded_at)

        def write(batch: str) -> None:
            _write(release, planned[batch], approvals=(approvals or {}).get(batch, []))

        with ThreadPoolExecutor(IN_HAND) as pool:
            list(pool.map(write, missing))
    noted = _note(workspace, settings, wanted, recorded_at)
    return Exported(tuple(wanted), noted, workspace.out / "batches")


def settle(workspace: Workspace, settings: BatchesSettings, *, recorded_at: datetime) -> int:
    """Note in `events` and `registry` the batches that a killed export finished but did not note.

    To be called before a new round replaces `pieces`; gives the number of pieces noted.
    """
    planned = workspace.read("batches", ["batch_id"])["batch_id"]
    finished = [batch for batch in planned if _done(workspace, batch).exists()]
    return _note(workspace, settings, finished, recorded_at)


def _done(workspace: Workspace, batch: str) -> Path:
    return workspace.out / "batches" / batch / ".done"


def _rows(workspace: Workspace, batch: str) -> pl.DataFrame:
    return workspace.scan("pieces").filter(pl.col("batch_id") == batch).sort("seq_no").collect()


def _release(
    workspace: Workspace, settings: BatchesSettings, batches: list[str], recorded_at: datetime
) -> Release:
    wording, _ = checked_wording(settings)
    pieces = workspace.scan("pieces").filter(pl.col("batch_id").is_in(batches))
    return Release(
        workspace=workspace,
        settings=settings,
        vendor=load_vendor(settings),
        wording=wording,
        recorded_at=recorded_at,
        held=holds_on(current_holds(workspace, ()), max(settings.as_of, recorded_at.date())),
        sets=_sets(workspace, pieces),
        return_addresses=_return_addresses(workspace, settings),
        exceptions=_exceptions(workspace),
    )


def _write(release: Release, planned: dict[str, Any], *, approvals: list[str]) -> None:
    """The folder of one batch. Memory is bounded by a batch's rows, which are at most 250,000."""
    workspace, batch = release.workspace, planned["batch_id"]
    rows = _rows(workspace, batch)
    _refuse_held(release.held, batch, rows)
    mail = mail_csv(rows, release.vendor)
    said = body(
        rows, mail, vendor=release.vendor, settings=release.settings, wording=release.wording
    )
    if content_digest(said) != planned["content"]:
        raise CheckFailed(
            f"batch {batch}: texts or profile changed since it was planned; run again"
        )
    shutil.rmtree(workspace.out / "batches" / batch, ignore_errors=True)
    files = _files(release, rows, mail)
    manifest = {
        **said,
        "batch": batch,
        "wave": planned["wave"],
        "content": planned["content"],
        "data_snapshot": workspace.digest("notices"),
        "code_version": _code_version(),
        "approvals": approvals,
        "generated_at": release.recorded_at.isoformat(),
        "seal_key": workspace.keys.seal_key(batch).hex(),
        "files": [_put(workspace, batch, name, *file) for name, file in sorted(files.items())],
    }
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    workspace.put_output(f"batches/{batch}/manifest.json", text.encode(), personal=True)
    with replacing(_done(workspace, batch)) as draft:
        draft.touch()


def _files(release: Release, rows: pl.DataFrame, mail: bytes) -> dict[str, tuple[bytes, bool]]:
    """Name of each file beside the manifest -> its bytes, and whether they tell of people."""
    used = rows.select(code="ce_return_address_code").unique()
    addresses = release.return_addresses.join(used, on="code", how="semi").sort("code")
    entities = rows.select("entity_id").drop_nulls().unique()
    exceptions = release.exceptions.join(entities, on="entity_id", how="semi").sort("notice_id")
    return {
        "MAIL_v1.csv": (mail, True),
        "exceptions.csv": (exceptions.write_csv(quote_style="always").encode(), True),
        "elements.csv": (elements_csv(rows, release.sets, release.wording), False),
        "return_addresses.csv": (addresses.write_csv(quote_style="always").encode(), False),
        **_templates(release.settings),
    }


def _refuse_held(held: list[Hold], batch: str, rows: pl.DataFrame) -> None:
    """The plan knew the holds of its round; one recorded since stops the batch here."""
    entities = set(rows["entity_id"].drop_nulls().unique()) if held else set()
    for hold in held:
        if not hold.entity_id or hold.entity_id in entities:
            whom = hold.entity_id or "all entities"
            raise CheckFailed(
                f"batch {batch}: {hold.kind} hold on {whom} since it was planned; run again"
            )


def _put(
    workspace: Workspace, batch: str, name: str, data: bytes, personal: bool
) -> dict[str, str]:
    path = workspace.put_output(f"batches/{batch}/{name}", data, personal=personal)
    plain = hashlib.sha256(data).hexdigest()
    return {
        "name": name,
        "stored_as": path.relative_to(workspace.out / "batches" / batch).as_posix(),
        "sha256": plain,
        "stored_sha256": sha256_file(path),
    }


def _code_version() -> str:
    try:
        return version("affected")
    except PackageNotFoundError:
        return "source"


def _templates(settings: BatchesSettings) -> dict[str, tuple[bytes, bool]]:
    """The layout and texts that the vendor composes from."""
    paths = [
        *sorted((settings.letters / "individual").iterdir()),
        settings.letters / "elements.toml",
    ]
    return {f"templates/{path.name}": (path.read_bytes(), False) for path in paths}


def _sets(workspace: Workspace, pieces: pl.LazyFrame) -> pl.DataFrame:
    """`code, kinds` of the sets of PHI kinds in use: one pair is asked for each code."""
    some = pieces.drop_nulls("person_id").unique("element_set_code", keep="any")
    pairs = some.select("person_id", "entity_id").collect(engine="streaming").lazy()
    found = workspace.scan("elements").join(pairs, on=["person_id", "entity_id"], how="semi")
    elements = found.sort("person_id", "entity_id", "element").collect(engine="streaming")
    kinds = [*element_sets(elements)["element_set"].unique().sort(), "other"]
    return pl.DataFrame({"code": [element_code(kind) for kind in kinds], "kinds": kinds})


def _return_addresses(workspace: Workspace, settings: BatchesSettings) -> pl.DataFrame:
    """`code, address` of every entity; the sender's own is the default."""
    sender = ", ".join((settings.business_associate.name, *settings.business_associate.address))
    address = pl.col("return_address").fill_null(sender)
    return entity_table(workspace).select(code="ce_return_address_code", address=address).unique()


def _exceptions(workspace: Workspace) -> pl.DataFrame:
    """Notices that no file may hold: ids and the reason, never the text.

    A batch lists those of its entities; an entity spread over several batches is listed in each.
    """
    found = workspace.scan("notices").filter(pl.col("reason").str.starts_with("exception:"))
    columns = ["notice_id", "person_id", "entity_id", "wave", "reason"]
    return found.select(columns).collect(engine="streaming")


def _note(
    workspace: Workspace, settings: BatchesSettings, batches: list[str], recorded_at: datetime
) -> int:
    """Register the people and append an `exported` event per piece that has none; gives how many.

    People first: a person who was told must keep the id.
    """
    if not batches:
        return 0  # and no table is read: a damaged one may be about to be made again
    named = workspace.scan("pieces").filter(
        pl.col("batch_id").is_in(batches), pl.col("person_id").is_not_null()
    )
    people = named.select("person_id").unique().collect(engine="streaming")
    release_ids(workspace, people, recorded_at=recorded_at)
    known = workspace.scan("events").filter(pl.col("batch_id").is_in(batches))
    known_ids = known.select("event_id").collect(engine="streaming")
    return sum(_note_batch(workspace, settings, batch, known_ids, recorded_at) for batch in batches)


def _note_batch(
    workspace: Workspace,
    settings: BatchesSettings,
    batch: str,
    known: pl.DataFrame,
    recorded_at: datetime,
) -> int:
    columns = (
        "mailpiece_id",
        "person_id",
        "entity_id",
        "letter_version",
        "wave",
        "batch_id",
        "address_ref",
    )
    pieces = workspace.scan("pieces").filter(batch_id=batch, is_seed="N")
    rows = pieces.select(columns).collect()
    ids = workspace.keys.mint(
        "event", ("exported|" + rows["mailpiece_id"] + "|" + batch), length=_EVENT_ID_LENGTH
    )
    new = rows.with_columns(event_id=ids).join(known, on="event_id", how="anti")
    events = new.with_columns(
        pl.col("letter_version").str.extract(r"-V(\d+)$").cast(pl.Int32).alias("notice_version"),
        pl.col("wave").cast(pl.Int32),
        kind=pl.lit("exported"),
        channel=pl.lit("mail"),
        piece_id=pl.col("mailpiece_id"),
        detail=pl.col("address_ref"),
        dated_on=pl.lit(settings.as_of),
        recorded_at=pl.lit(recorded_at),
    )
    if new.height:
        workspace.append("events", TABLES["events"].complete(events))
    return new.height
