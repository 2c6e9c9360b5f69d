"""The command that lets packets out: files below `out/packets`, then `registry`, then `events`.

A version's folder is whole when its manifest is there; a whole folder is never touched again, one without
or with a torn file is written anew. People are registered and the release recorded after all files: a kill
in between repeats the work and changes nothing that is out.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import (
    OperatorError,
    TryAgainLater,
    Workspace,
    fingerprint,
    log_counts,
    public_key,
)
from matching.tables import TABLES
from notify.answers import current_holds, delegations
from notify.notices.references import reference_numbers
from notify.notices.told import told
from notify.outgoing import check_names
from notify.packets.folder import PacketSources, folder_of, write_folder
from notify.packets.individuals import as_answered, groups, individuals
from notify.packets.plan import content_digests, held_today, recipients, released, summary
from notify.packets.settings import PacketsSettings
from notify.packets.uncertain import uncertain
from notify.registry import release_ids
from notify.seal import Basis, made_from

__all__ = ["PacketsReleased", "release"]

_WRITERS = 2
"""Packets written at once. Letters hold the interpreter; squeezing, encrypting and CSV do not."""
_CURES = {
    "packet_key_unusable": "correct packet_key in entities.csv (age1... or an OpenPGP public key), run again"
}
RELEASABLE = frozenset({"ready", "closed_with_custodian"})
_FROM_TABLES = ("persons", "members", "ownership", "row_owners", "elements", "counts", "duties",
                "entities", "leaked_std", "charts_std")  # fmt: skip


@dataclass(frozen=True, slots=True)
class PacketsReleased:
    """What was written now, and how many entities already had this version."""

    paths: tuple[Path, ...]
    entities: tuple[str, ...]
    unchanged: int


def release(
    workspace: Workspace,
    settings: PacketsSettings,
    *,
    entity: str | None,
    recorded_at: datetime,
    basis: Basis | None = None,
) -> PacketsReleased:
    """Write the packets that are ready, all or one entity's; called twice it writes nothing new.

    The caller has asked the gates. Raises OperatorError where the named entity has no packet or it is
    withheld, TryAgainLater where the tables changed after the packets were planned.
    """
    planned, unchanged = _to_release(workspace, settings, entity)
    if planned.is_empty():
        log_counts("packets", released=0, unchanged=unchanged)
        return PacketsReleased((), (), unchanged)
    with ThreadPoolExecutor(1) as beside:
        references = beside.submit(_references, workspace, planned["entity_id"])
        sources = _sources(workspace, settings, basis)
        told = references.result()
    sent = _release_groups(
        workspace, settings, planned, sources=sources, references=told, recorded_at=recorded_at
    )
    log_counts("packets", released=len(sent), unchanged=unchanged)
    paths = tuple(workspace.out / folder_of(packet) for packet in sent)
    return PacketsReleased(paths, tuple(planned["entity_id"]), unchanged)


def _release_groups(
    workspace: Workspace,
    settings: PacketsSettings,
    planned: pl.DataFrame,
    *,
    sources: PacketSources,
    references: pl.DataFrame,
    recorded_at: datetime,
) -> list[dict[str, Any]]:
    """People and files, group by group, then who was named and what was released. Gives the packets."""
    people_of = pl.sum_horizontal("confirmed", "possible", "possible_unlisted")
    sent: list[dict[str, Any]] = []
    named: list[pl.DataFrame] = []
    # the writers end before the files are recorded, also where one of them fails
    with workspace.recording_outputs(), ThreadPoolExecutor(_WRITERS) as writers:
        for ids in groups(planned.select("entity_id", people=people_of)):
            people = individuals(workspace, ids, as_of=settings.as_of, references=references)
            group = planned.filter(pl.col("entity_id").is_in(ids))
            _same_as_planned(workspace, settings, group, people)
            people = as_answered(workspace, people.filter("listed"))
            of_entity = replace(sources, uncertain=_by_entity(uncertain(workspace, people)))
            listed = _by_entity(people)
            named.append(people.select("person_id").unique())

            def write(
                packet: dict[str, Any], own: PacketSources = of_entity, rows: Any = listed
            ) -> Any:
                return write_folder(
                    workspace, settings, packet, rows.get(packet["entity_id"], rows[None]), own
                )

            sent += writers.map(write, group.to_dicts())
            del people, listed, write
        os.sync()  # the files were written without waiting for the disk; the record follows them
    release_ids(workspace, pl.concat(named), recorded_at=recorded_at)
    workspace.append("events", _events(sent, settings, recorded_at))
    return sent


def _references(workspace: Workspace, entities: pl.Series) -> pl.DataFrame:
    """`person_id, entity_id, reference_no` of these entities: the same that letters bear."""
    pairs = workspace.scan("ownership").select("person_id", "entity_id").collect()
    numbers = reference_numbers(workspace, pairs, told(workspace))
    return pairs.with_columns(numbers).filter(pl.col("entity_id").is_in(entities.implode()))


def _to_release(
    workspace: Workspace, settings: PacketsSettings, entity: str | None
) -> tuple[pl.DataFrame, int]:
    """Planned packets that are not out yet with this content, and how many are.

    A hold recorded since the packets were planned stops them too.
    """
    packets = workspace.read("packets")
    stopped = held_today(
        packets["entity_id"], current_holds(workspace, settings.holds), settings.as_of
    )
    packets = packets.with_columns(
        reason=pl.coalesce(stopped, pl.when(pl.col("state") == "withheld").then("reason"))
    )
    if entity is not None:
        packets = packets.filter(pl.col("entity_id") == entity)
        if packets.is_empty():
            raise OperatorError(
                f"entity {entity}: no packet planned; see `affected table WS packets`"
            )
        reason = packets["reason"][0]
        if reason is not None:
            raise OperatorError(
                f"entity {entity}: packet withheld ({reason}); {_CURES.get(reason, 'lift the hold, run again')}"
            )
    check_names(packets["entity_id"])
    known = packets.join(released(workspace.read("events")), on="entity_id", how="left")
    out = (pl.col("content") == pl.col("released_content")).fill_null(False)
    fresh = known.filter(~out & pl.col("state").is_in(RELEASABLE) & pl.col("reason").is_null())
    last = pl.col("released_version").fill_null(0)
    fresh = fresh.with_columns(version=pl.max_horizontal("version", last + 1))
    to_whom = recipients(workspace.read("entities"), settings.as_of)
    ready = fresh.join(to_whom.drop("recipient_id", "unusable_key"), on="entity_id")
    ready = ready.sort("entity_id")
    return ready, known.filter(out).height


def _sources(workspace: Workspace, settings: PacketsSettings, basis: Basis | None) -> PacketSources:
    return PacketSources(
        counts=_by_entity(workspace.read("counts")),
        duties=_by_entity(workspace.read("duties").filter(pl.col("status") != "not_required")),
        delegation=_by_entity(delegations(workspace)),
        made_from=made_from(
            workspace, _FROM_TABLES, settings, basis=basis, template_sha256=settings.template_sha256
        ),
        uncertain={},
        fingerprint=fingerprint(workspace),
        public_key=public_key(workspace),
        audit_log=dict(basis.audit_log) if basis and basis.audit_log else None,
    )


def _by_entity(frame: pl.DataFrame) -> dict[Any, pl.DataFrame]:
    """One frame per entity id, and an empty one under None for those without a row."""
    slices = frame.drop_nulls("entity_id").partition_by("entity_id", as_dict=True)
    return {None: frame.clear(), **{key[0]: rows for key, rows in slices.items()}}


def _same_as_planned(
    workspace: Workspace, settings: PacketsSettings, planned: pl.DataFrame, people: pl.DataFrame
) -> None:
    """What goes out is what was planned, and so what was approved."""
    now = content_digests(workspace, settings, summary(people))
    both = planned.select("entity_id", planned="content").join(now, on="entity_id", how="left")
    changed = both.filter(pl.col("planned").ne_missing(pl.col("content")))
    if changed.height:
        raise TryAgainLater(
            f"packets of {changed.height} entities are out of date; run `affected run` again"
        )


def _events(
    sent: list[dict[str, Any]], settings: PacketsSettings, recorded_at: datetime
) -> pl.DataFrame:
    rows = [
        {
            "event_id": _sha256(f"exported|packet|{p['entity_id']}/v{p['version']}".encode())[:24],
            "kind": "exported",
            "channel": "packet",
            "entity_id": p["entity_id"],
            "piece_id": f"{p['entity_id']}/v{p['version']}",
            "batch_id": f"v{p['version']}",
            "notice_version": p["version"],
            "dated_on": settings.as_of,
            "detail": p["content"],
            "recorded_at": recorded_at,
        }
        for p in sent
    ]
    return TABLES["events"].complete(pl.DataFrame(rows))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
