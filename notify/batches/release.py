"""Release of approved batches, in two phases: the journal says `exporting`, files, `.done`, `exported`.

A folder without `.done` is rebuilt, one with it is never touched. What a killed export left unsaid
in `events`, `registry`, `codes` or the journal is said by the next call, or by `settle`; nothing is ever
said twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from matching.store import OperatorError, Workspace
from notify.answers import current_holds, holds_on
from notify.batches.codes import reconcile
from notify.batches.folder import (
    Release,
    is_whole,
    refuse_changed_files,
    unlisted,
    write_folder,
)
from notify.batches.noting import note
from notify.batches.settings import BatchesSettings, load_vendor
from notify.letters.merge import element_code, element_sets, entity_table
from notify.letters.proofs import checked_wording

__all__ = ["Exported", "Phases", "export", "settle"]

EXPORTED = "exported"
IN_HAND = 2
"""Batches written at one time, 1 GB each."""


class Phases(Protocol):
    """Where a batch's two phases are written down, durably: the journal. Ids and digests only.

    Saying the same thing twice changes nothing.
    """

    def exporting(self, batch: str, *, content: str, at: datetime) -> None:
        """The files of a batch are about to be written."""

    def exported(self, batch: str, *, content: str, files: Mapping[str, str], at: datetime) -> None:
        """They are all there; `files` are digests of those that the manifest cannot list."""

    def export_states(self) -> dict[str, str]:
        """Batch -> exporting or exported."""


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
    approvals: Mapping[str, list[str]] | None = None,
    approved_at: Mapping[str, str] | None = None,
    config_sha256: str = "",
    audit_log: Mapping[str, Any] | None = None,
    journal: Phases | None = None,
) -> Exported:
    """Write `out/batches/<id>/` for each named batch and note pieces, people and codes.

    `approvals` and `approved_at`: who approved each batch, and when the last of them did. `audit_log`: where it
    ends now.
    Idempotent: a batch with `.done` keeps its files, and what is in `events` already adds nothing.
    Raises OperatorError for a batch that is not planned, CheckFailed where texts or profile changed
    or a hold was recorded since it was planned, IntegrityError where a released file is not as it was.
    """
    wanted = sorted(set(batches))
    planned = {row["batch_id"]: row for row in workspace.read("batches").iter_rows(named=True)}
    unknown = [batch for batch in wanted if batch not in planned]
    if unknown:
        raise OperatorError(f"batch {unknown[0]}: not planned in this round; see `affected status`")
    for batch in wanted:
        refuse_changed_files(workspace, batch)
    missing = [planned[batch] for batch in wanted if not is_whole(workspace, batch)]
    if missing:
        release = Release(
            **_read_once(workspace, settings, [row["batch_id"] for row in missing], recorded_at),
            approvals=approvals or {},
            approved_at=approved_at or {},
            config_sha256=config_sha256,
            audit_log=audit_log,
        )
        _write(release, missing, journal)
    _say_exported(workspace, [planned[batch] for batch in wanted], recorded_at, journal)
    noted = note(workspace, settings.as_of, wanted, recorded_at)
    reconcile(workspace, settings)
    return Exported(tuple(wanted), noted, workspace.out / "batches")


def settle(
    workspace: Workspace,
    settings: BatchesSettings,
    *,
    recorded_at: datetime,
    journal: Phases | None = None,
) -> int:
    """Note the batches that a killed export finished but did not note.

    To be called before a new round replaces `pieces`; gives the number of pieces noted.
    """
    planned = workspace.read("batches").iter_rows(named=True)
    finished = [row for row in planned if is_whole(workspace, row["batch_id"])]
    _say_exported(workspace, finished, recorded_at, journal)
    batches = [row["batch_id"] for row in finished]
    return note(workspace, settings.as_of, batches, recorded_at)


def _write(release: Release, missing: list[dict[str, Any]], journal: Phases | None) -> None:
    def write(planned: dict[str, Any]) -> None:
        if journal is not None:
            journal.exporting(
                planned["batch_id"], content=planned["content"], at=release.recorded_at
            )
        write_folder(release, planned)

    with ThreadPoolExecutor(IN_HAND) as pool:
        list(pool.map(write, missing))


def _say_exported(
    workspace: Workspace,
    finished: list[dict[str, Any]],
    recorded_at: datetime,
    journal: Phases | None,
) -> None:
    states = journal.export_states() if journal is not None else {}
    for planned in finished:
        batch = planned["batch_id"]
        if journal is not None and states.get(batch) != EXPORTED:
            files = unlisted(workspace, batch)
            journal.exported(batch, content=planned["content"], files=files, at=recorded_at)


def _read_once(
    workspace: Workspace, settings: BatchesSettings, batches: list[str], recorded_at: datetime
) -> dict[str, Any]:
    wording, _ = checked_wording(settings)
    today = max(settings.as_of, recorded_at.date())
    pieces = workspace.scan("pieces").filter(pl.col("batch_id").is_in(batches))
    return {
        "workspace": workspace,
        "settings": settings,
        "vendor": load_vendor(settings, on=today),
        "wording": wording,
        "recorded_at": recorded_at,
        "held": holds_on(current_holds(workspace, ()), today),
        "sets": _sets(workspace, pieces),
        "return_addresses": _return_addresses(workspace, settings),
        "exceptions": _exceptions(workspace),
    }


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
