"""The command that lets packets out: files below `out/packets`, then `registry`, then `events`.

A version's folder is whole when its manifest is there; a whole folder is never touched again, one without
a manifest is written anew. People are registered and the release recorded after the files of a group of
entities, so a kill in between repeats that group and changes nothing that is out.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import OperatorError, TryAgainLater, Workspace, log_counts
from matching.tables import TABLES
from notify.answers import current_holds, delegations
from notify.packets.files import PERSONAL, packet_files
from notify.packets.individuals import groups, individuals
from notify.packets.plan import content_digests, held_today, recipients, released, summary
from notify.packets.settings import PacketsSettings
from notify.registry import release_ids
from notify.seal import Basis, made_from
from notify.typeset import GlyphMissingError

__all__ = ["PacketsReleased", "release"]

RELEASABLE = frozenset({"ready", "closed_with_custodian"})
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FROM_TABLES = ("persons", "members", "ownership", "row_owners", "elements", "counts", "duties",
                "entities", "leaked_std", "charts_std")  # fmt: skip


@dataclass(frozen=True, slots=True)
class PacketsReleased:
    """What was written now, and how many entities already had this version."""

    paths: tuple[Path, ...]
    entities: tuple[str, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Sources:
    """Read once, used by every packet: rows by entity, and what everything was made from."""

    counts: dict[Any, pl.DataFrame]
    duties: dict[Any, pl.DataFrame]
    delegation: dict[Any, pl.DataFrame]
    made_from: dict[str, Any]


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
    sources = _sources(workspace, settings, basis)
    paths: list[Path] = []
    people_of = pl.sum_horizontal("confirmed", "possible", "possible_unlisted")
    sizes = planned.select("entity_id", people=people_of)
    for ids in groups(sizes):
        people = individuals(workspace, ids, as_of=settings.as_of)
        group = planned.filter(pl.col("entity_id").is_in(ids))
        _same_as_planned(workspace, settings, group, people)
        listed = _by_entity(people.filter("listed"))
        sent = []
        for packet in group.to_dicts():
            own = listed.get(packet["entity_id"], listed[None])
            sent.append(_write(workspace, settings, packet, own, sources))
            paths.append(workspace.out / _folder(sent[-1]))
        release_ids(workspace, people.filter("listed").select("person_id"), recorded_at=recorded_at)
        workspace.append("events", _events(sent, settings, recorded_at))
    log_counts("packets", released=len(paths), unchanged=unchanged)
    return PacketsReleased(tuple(paths), tuple(planned["entity_id"]), unchanged)


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
    packets = packets.with_columns(reason=pl.coalesce(stopped, "reason"))
    if entity is not None:
        packets = packets.filter(pl.col("entity_id") == entity)
        if packets.is_empty():
            raise OperatorError(
                f"entity {entity}: no packet planned; see `affected table WS packets`"
            )
        reason = packets["reason"][0]
        if reason is not None:
            raise OperatorError(
                f"entity {entity}: packet withheld ({reason}); lift the hold, run again"
            )
    unsafe = [name for name in packets["entity_id"] if not _SAFE_NAME.fullmatch(name)]
    if unsafe:
        raise OperatorError(
            f"entities.csv: entity_id {unsafe[0]!r} is no file name; use letters, digits, . _ -"
        )
    known = packets.join(released(workspace.read("events")), on="entity_id", how="left")
    out = (pl.col("content") == pl.col("released_content")).fill_null(False)
    fresh = known.filter(~out & pl.col("state").is_in(RELEASABLE) & pl.col("reason").is_null())
    last = pl.col("released_version").fill_null(0)
    fresh = fresh.with_columns(version=pl.max_horizontal("version", last + 1))
    to_whom = recipients(workspace.read("entities"), settings.as_of)
    ready = fresh.join(to_whom.drop("recipient_id"), on="entity_id").sort("entity_id")
    return ready, known.filter(out).height


def _sources(workspace: Workspace, settings: PacketsSettings, basis: Basis | None) -> _Sources:
    return _Sources(
        counts=_by_entity(workspace.read("counts")),
        duties=_by_entity(workspace.read("duties").filter(pl.col("status") != "not_required")),
        delegation=_by_entity(delegations(workspace)),
        made_from=made_from(
            workspace, _FROM_TABLES, settings, basis=basis, template_sha256=settings.template_sha256
        ),
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


def _folder(packet: dict[str, Any]) -> str:
    return f"packets/{packet['entity_id']}/v{packet['version']}"


def _write(
    workspace: Workspace,
    settings: PacketsSettings,
    packet: dict[str, Any],
    people: pl.DataFrame,
    sources: _Sources,
) -> dict[str, Any]:
    """Write one folder, manifest last; gives the packet with the version it has on disk.

    A whole folder that no event speaks of is a killed release's: the same content is kept as it is,
    another content gets the next number.
    """
    while (workspace.out / _folder(packet) / "manifest.json").exists():
        whole = json.loads((workspace.out / _folder(packet) / "manifest.json").read_text())
        if whole["content"] == packet["content"]:
            return packet
        packet = packet | {"version": packet["version"] + 1}
    files = _files(workspace, settings, packet, people, sources)
    listed = [
        _put(workspace, f"{_folder(packet)}/{name}", data, personal=name in PERSONAL)
        for name, data in sorted(files.items())
    ]
    manifest = {
        "schema": "affected.packet/1",
        "incident": settings.incident.id,
        "as_of": settings.as_of.isoformat(),
        "synthetic": workspace.synthetic,
        **{key: packet[key] for key in ("entity_id", "recipient_id", "version", "content")},
        "people": {key: packet[key] for key in ("confirmed", "possible", "possible_unlisted")},
        "files": listed,
        "made_from": sources.made_from,
    }
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    workspace.put_output(f"{_folder(packet)}/manifest.json", text.encode(), personal=False)
    return packet


def _files(
    workspace: Workspace,
    settings: PacketsSettings,
    packet: dict[str, Any],
    people: pl.DataFrame,
    sources: _Sources,
) -> dict[str, bytes]:
    entity = packet["entity_id"]
    of_entity = (sources.counts, sources.duties, sources.delegation)
    counts, duties, delegation = (source.get(entity, source[None]) for source in of_entity)
    try:
        return packet_files(
            packet, people, settings, counts=counts, duties=duties.to_dicts(),
            delegation=delegation.to_dicts(), synthetic=workspace.synthetic,
        )  # fmt: skip
    except GlyphMissingError:
        fix = "write its name, contact and address in letters the font has (notify/fonts)"
        raise OperatorError(f"entities.csv: {entity}: cannot be printed; {fix}") from None


def _put(workspace: Workspace, relative: str, data: bytes, *, personal: bool) -> dict[str, Any]:
    """Write one file; gives its line in the manifest, digests of the text and of the bytes as stored."""
    path = workspace.put_output(relative, data, personal=personal)
    return {
        "file": path.name,
        "bytes": len(data),
        "sha256": _sha256(data),
        "stored_sha256": _sha256(path.read_bytes()),
    }


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
