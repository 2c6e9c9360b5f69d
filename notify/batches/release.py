"""Release of approved batches: files first, `.done` last, then events and registry.

A folder without `.done` is rebuilt, one with it is never touched. What a killed export left unsaid
in `events` is said by the next call, or by `settle`; nothing is ever said twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import CheckFailed, OperatorError, Workspace, replacing, sha256_file
from matching.tables import TABLES
from notify.answers import current_holds
from notify.batches.manifest import body, content_digest, elements_csv, mail_csv
from notify.batches.settings import BatchesSettings, load_vendor
from notify.letters.merge import element_code, entity_table
from notify.letters.proofs import checked_wording
from notify.letters.texts import Wording
from notify.notices.entities import active
from notify.registry import release_ids

__all__ = ["Exported", "export", "settle"]

_EVENT_ID_LENGTH = 25


@dataclass(frozen=True, slots=True)
class Exported:
    """What was released by this call."""

    batches: tuple[str, ...]
    pieces: int
    folder: Path


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
    for batch in wanted:
        if not _done(workspace, batch).exists():
            names = (approvals or {}).get(batch, [])
            _write(workspace, settings, planned[batch], recorded_at=recorded_at, approvals=names)
    noted = sum(_note(workspace, settings, batch, recorded_at) for batch in wanted)
    return Exported(tuple(wanted), noted, workspace.out / "batches")


def settle(workspace: Workspace, settings: BatchesSettings, *, recorded_at: datetime) -> int:
    """Note in `events` and `registry` the batches that a killed export finished but did not note.

    To be called before a new round replaces `pieces`; gives the number of pieces noted.
    """
    planned = workspace.read("batches", ["batch_id"])["batch_id"]
    finished = [batch for batch in planned if _done(workspace, batch).exists()]
    return sum(_note(workspace, settings, batch, recorded_at) for batch in finished)


def _done(workspace: Workspace, batch: str) -> Path:
    return workspace.out / "batches" / batch / ".done"


def _rows(workspace: Workspace, batch: str) -> pl.DataFrame:
    return workspace.scan("pieces").filter(pl.col("batch_id") == batch).sort("seq_no").collect()


def _write(
    workspace: Workspace,
    settings: BatchesSettings,
    planned: dict[str, Any],
    *,
    recorded_at: datetime,
    approvals: list[str],
) -> None:
    batch = planned["batch_id"]
    vendor, (wording, _) = load_vendor(settings), checked_wording(settings)
    rows = _rows(workspace, batch)
    _refuse_held(workspace, batch, rows, max(settings.as_of, recorded_at.date()))
    mail = mail_csv(rows, vendor)
    said = body(rows, mail, vendor=vendor, settings=settings, wording=wording)
    if content_digest(said) != planned["content"]:
        raise CheckFailed(
            f"batch {batch}: texts or profile changed since it was planned; run again"
        )
    shutil.rmtree(workspace.out / "batches" / batch, ignore_errors=True)
    files = _files(workspace, settings, rows, mail, wording)
    manifest = {
        **said,
        "batch": batch,
        "wave": planned["wave"],
        "content": planned["content"],
        "data_snapshot": workspace.digest("notices"),
        "code_version": _code_version(),
        "approvals": approvals,
        "generated_at": recorded_at.isoformat(),
        "seal_key": workspace.keys.seal_key(batch).hex(),
        "files": [_put(workspace, batch, name, *file) for name, file in sorted(files.items())],
    }
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    workspace.put_output(f"batches/{batch}/manifest.json", text.encode(), personal=True)
    with replacing(_done(workspace, batch)) as draft:
        draft.touch()


def _files(
    workspace: Workspace,
    settings: BatchesSettings,
    rows: pl.DataFrame,
    mail: bytes,
    wording: Wording,
) -> dict[str, tuple[bytes, bool]]:
    """Name of each file beside the manifest -> its bytes, and whether they tell of people."""
    return {
        "MAIL_v1.csv": (mail, True),
        "exceptions.csv": (_exceptions(workspace, rows), True),
        "elements.csv": (elements_csv(rows, _sets(workspace, rows), wording), False),
        "return_addresses.csv": (_return_addresses(workspace, settings, rows), False),
        **_templates(settings),
    }


def _refuse_held(workspace: Workspace, batch: str, rows: pl.DataFrame, today: date) -> None:
    """The plan knew the holds of its round; one recorded since stops the batch here."""
    entities = set(rows["entity_id"].drop_nulls())
    for hold in active(current_holds(workspace, ()), today):
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


def _sets(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """`code, kinds` of the sets of PHI kinds of the people in this batch."""
    pair = ["person_id", "entity_id"]
    sets = (
        workspace.scan("elements")
        .join(rows.lazy().select(pair).drop_nulls(), on=pair, how="semi")
        .group_by(pair)
        .agg(kinds=pl.col("element").unique().sort().str.join("|"))
        .select("kinds")
        .unique()
        .collect(engine="streaming")
    )
    kinds = [*sets["kinds"].sort(), "other"]
    return pl.DataFrame({"code": [element_code(kind) for kind in kinds], "kinds": kinds})


def _return_addresses(workspace: Workspace, settings: BatchesSettings, rows: pl.DataFrame) -> bytes:
    """`code, address` of the codes in use; the sender's own is the default."""
    sender = ", ".join((settings.business_associate.name, *settings.business_associate.address))
    table = entity_table(workspace).select(
        code="ce_return_address_code", address=pl.col("return_address").fill_null(sender)
    )
    used = rows.select(code="ce_return_address_code").unique()
    return (
        table.join(used, on="code", how="semi")
        .unique()
        .sort("code")
        .write_csv(quote_style="always")
        .encode()
    )


def _exceptions(workspace: Workspace, rows: pl.DataFrame) -> bytes:
    """Notices of this batch's entities that no file may hold: ids and the reason, never the text.

    An entity spread over several batches lists its exceptions in each.
    """
    entities = rows.lazy().select("entity_id").drop_nulls().unique()
    found = (
        workspace.scan("notices")
        .filter(pl.col("reason").str.starts_with("exception:"))
        .join(entities, on="entity_id", how="semi")
        .select("notice_id", "person_id", "entity_id", "wave", "reason")
        .sort("notice_id")
        .collect(engine="streaming")
    )
    return found.write_csv(quote_style="always").encode()


def _note(
    workspace: Workspace, settings: BatchesSettings, batch: str, recorded_at: datetime
) -> int:
    """Register the people and append an `exported` event per piece that has none; gives how many."""
    rows = _rows(workspace, batch).filter(pl.col("is_seed") == "N")
    ids = workspace.keys.mint(
        "event", ("exported|" + rows["mailpiece_id"] + "|" + batch), length=_EVENT_ID_LENGTH
    )
    known = (
        workspace.scan("events").filter(pl.col("batch_id") == batch).select("event_id").collect()
    )
    new = rows.with_columns(event_id=ids).join(known, on="event_id", how="anti")
    release_ids(workspace, rows.select("person_id"), recorded_at=recorded_at)
    if new.is_empty():
        return 0
    events = new.with_columns(
        pl.col("letter_version").str.extract(r"-V(\d+)$").cast(pl.Int32).alias("notice_version"),
        pl.col("wave").cast(pl.Int32),
        kind=pl.lit("exported"),
        channel=pl.lit("mail"),
        piece_id=pl.col("mailpiece_id"),
        dated_on=pl.lit(settings.as_of),
        recorded_at=pl.lit(recorded_at),
    )
    workspace.append("events", TABLES["events"].complete(events))
    return new.height
