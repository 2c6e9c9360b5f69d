"""The command that lets packets out: files below `out/packets`, then `registry`, then `events`.

A version's folder is whole when its manifest is there; a whole folder is never touched again, one without
or with a torn file is written anew. People are registered and the release recorded after all files: a kill
in between repeats the work and changes nothing that is out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from cryptography.exceptions import InvalidTag

from matching.store import (
    IntegrityError,
    OperatorError,
    TryAgainLater,
    Workspace,
    log_counts,
    sha256_file,
)
from matching.tables import TABLES
from notify.answers import current_holds, delegations
from notify.notices.references import reference_numbers
from notify.notices.told import told
from notify.packets.container import WAYS, closed, passphrase, way_of
from notify.packets.files import PERSONAL, Held, packet_files
from notify.packets.individuals import as_answered, groups, individuals
from notify.packets.letter import passphrase_data
from notify.packets.plan import content_digests, held_today, recipients, released, summary
from notify.packets.settings import PacketsSettings
from notify.packets.signing import fingerprint, public_key, signature
from notify.packets.uncertain import uncertain
from notify.registry import release_ids
from notify.seal import Basis, made_from
from notify.typeset import GlyphMissingError, render

__all__ = ["PacketsReleased", "release"]

DELIVERY = "delivery.json"
"""Which file of the folder is sent, and how it is closed."""
_WRITERS = 2
"""Packets written at once. Letters hold the interpreter; squeezing, encrypting and CSV do not."""
_CURES = {
    "packet_key_unusable": "correct packet_key in entities.csv (age1... or an OpenPGP public key), run again"
}
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
    uncertain: dict[Any, pl.DataFrame]
    fingerprint: str
    public_key: bytes


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
    with ThreadPoolExecutor(_WRITERS) as writers:
        references = writers.submit(_references, workspace, planned["entity_id"])
        sources = _sources(workspace, settings, basis)
        sent = _release_groups(
            workspace, settings, planned, sources=sources, references=references.result(),
            writers=writers, recorded_at=recorded_at,
        )  # fmt: skip
    log_counts("packets", released=len(sent), unchanged=unchanged)
    paths = tuple(workspace.out / _folder(packet) for packet in sent)
    return PacketsReleased(paths, tuple(planned["entity_id"]), unchanged)


def _release_groups(
    workspace: Workspace,
    settings: PacketsSettings,
    planned: pl.DataFrame,
    *,
    sources: _Sources,
    references: pl.DataFrame,
    writers: ThreadPoolExecutor,
    recorded_at: datetime,
) -> list[dict[str, Any]]:
    """People and files, group by group, then who was named and what was released. Gives the packets."""
    people_of = pl.sum_horizontal("confirmed", "possible", "possible_unlisted")
    sent: list[dict[str, Any]] = []
    named: list[pl.DataFrame] = []
    for ids in groups(planned.select("entity_id", people=people_of)):
        people = individuals(workspace, ids, as_of=settings.as_of, references=references)
        group = planned.filter(pl.col("entity_id").is_in(ids))
        _same_as_planned(workspace, settings, group, people)
        people = as_answered(workspace, people.filter("listed"))
        of_entity = replace(sources, uncertain=_by_entity(uncertain(workspace, people)))
        listed = _by_entity(people)
        named.append(people.select("person_id").unique())

        def write(packet: dict[str, Any], own: _Sources = of_entity, rows: Any = listed) -> Any:
            return _write(
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
    ready = fresh.join(to_whom.drop("recipient_id", "unusable_key"), on="entity_id")
    ready = ready.sort("entity_id")
    return ready, known.filter(out).height


def _sources(workspace: Workspace, settings: PacketsSettings, basis: Basis | None) -> _Sources:
    return _Sources(
        counts=_by_entity(workspace.read("counts")),
        duties=_by_entity(workspace.read("duties").filter(pl.col("status") != "not_required")),
        delegation=_by_entity(delegations(workspace)),
        made_from=made_from(
            workspace, _FROM_TABLES, settings, basis=basis, template_sha256=settings.template_sha256
        ),
        uncertain={},
        fingerprint=fingerprint(workspace),
        public_key=public_key(workspace),
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
    while (whole := _whole(workspace, _folder(packet))) is not None:
        if whole == packet["content"]:
            _write_passphrase(workspace, settings, packet, sources)
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
    said = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    _close(workspace, packet, files, said, sources=sources, as_of=settings.as_of)
    _write_passphrase(workspace, settings, packet, sources)
    workspace.put_output(f"{_folder(packet)}/manifest.json", said, personal=False, synced=False)
    return packet


def _whole(workspace: Workspace, folder: str) -> str | None:
    """Content of the packet in a folder; None where a file of it is missing or not as it was written."""
    try:
        manifest = json.loads((workspace.out / folder / "manifest.json").read_text())
        delivery = json.loads((workspace.out / folder / DELIVERY).read_text())
        files = [*manifest["files"], *delivery["files"]]
        names = [(f.get("stored_as") or f["file"], f["stored_sha256"]) for f in files]
        torn = any(sha256_file(workspace.out / folder / n) != digest for n, digest in names)
        return None if torn else str(manifest["content"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _close(
    workspace: Workspace,
    packet: dict[str, Any],
    files: dict[str, bytes],
    manifest: bytes,
    *,
    sources: _Sources,
    as_of: date,
) -> None:
    """The signature, and the one closed file that travels, with what it is in delivery.json."""
    added = {"manifest.sig": signature(workspace, manifest), "signing_key.pem": sources.public_key}
    listed = [
        _put(workspace, f"{_folder(packet)}/{n}", d, personal=False) for n, d in added.items()
    ]
    key = packet["to_packet_key"]
    secret = "" if key else passphrase(workspace, packet["entity_id"], packet["recipient_id"])
    way = way_of(key, as_of) or ""
    data = closed({**files, **added, "manifest.json": manifest}, way=way, key=key, secret=secret)
    listed.append(_put(workspace, f"{_folder(packet)}/{WAYS[way]}", data, personal=False))
    delivery = {
        "schema": "affected.delivery/1",
        "entity_id": packet["entity_id"],
        "version": packet["version"],
        "send": WAYS[way],
        "closed_by": way,
        "passphrase_letter": None if key else f"out/{_passphrase_letter(packet)}",
        "files": listed,
    }
    text = json.dumps(delivery, indent=1, sort_keys=True) + "\n"
    relative = f"{_folder(packet)}/{DELIVERY}"
    workspace.put_output(relative, text.encode(), personal=False, synced=False)


def _write_passphrase(
    workspace: Workspace, settings: PacketsSettings, packet: dict[str, Any], sources: _Sources
) -> None:
    """The letter with the passphrase, once for all versions; sealed but in a synthetic incident."""
    relative = _passphrase_letter(packet)
    target = workspace.out / relative
    if (
        packet["to_packet_key"]
        or target.exists()
        or target.with_name(f"{target.name}.enc").exists()
    ):
        return
    letter = passphrase_data(
        packet, settings, fingerprint=sources.fingerprint, synthetic=workspace.synthetic,
        passphrase=passphrase(workspace, packet["entity_id"], packet["recipient_id"]),
    )  # fmt: skip
    pdf = _printed(settings.passphrase_template, letter, packet, settings)
    workspace.put_output(relative, pdf, personal=True)


def _passphrase_letter(packet: dict[str, Any]) -> str:
    """Its file: a new recipient gets another passphrase, and so another letter."""
    to = _sha256(packet["recipient_id"].encode())[:8]
    return f"letters/passphrases/{packet['entity_id']}-{to}.pdf"


def _printed(
    template: Path, letter: dict[str, Any], packet: dict[str, Any], settings: PacketsSettings
) -> bytes:
    try:
        return render(template, letter, document_date=settings.as_of)
    except GlyphMissingError:
        raise _unprintable(packet) from None


def _unprintable(packet: dict[str, Any]) -> OperatorError:
    fix = "write its name, contact and address in letters the font has (notify/fonts)"
    return OperatorError(f"entities.csv: {packet['entity_id']}: cannot be printed; {fix}")


def _files(
    workspace: Workspace,
    settings: PacketsSettings,
    packet: dict[str, Any],
    people: pl.DataFrame,
    sources: _Sources,
) -> dict[str, bytes]:
    entity = packet["entity_id"]
    of_entity = (sources.counts, sources.duties, sources.delegation, sources.uncertain)
    counts, duties, delegation, doubts = (source.get(entity, source[None]) for source in of_entity)
    held = Held(
        counts, duties.to_dicts(), delegation.to_dicts(), doubts, _before(workspace, packet)
    )
    try:
        return packet_files(
            packet, people, held, settings, fingerprint=sources.fingerprint,
            synthetic=workspace.synthetic,
        )  # fmt: skip
    except GlyphMissingError:
        raise _unprintable(packet) from None


def _before(workspace: Workspace, packet: dict[str, Any]) -> bytes | None:
    """The list of the version before; raises IntegrityError where it is not as it went out."""
    version = packet["released_version"]
    if version is None:
        return None
    relative = f"packets/{packet['entity_id']}/v{version}/individuals.csv"
    try:
        return workspace.get_output(relative)
    except (OSError, InvalidTag):
        raise IntegrityError(
            f"out/{relative}: missing or changed; restore it from a copy"
        ) from None


def _put(workspace: Workspace, relative: str, data: bytes, *, personal: bool) -> dict[str, Any]:
    """Write one file; gives its line in the manifest, digests of the text and of the bytes as stored."""
    path = workspace.put_output(relative, data, personal=personal, synced=False)
    return {
        "file": path.name,
        "bytes": len(data),
        "sha256": (plain := _sha256(data)),
        "stored_sha256": plain if path.suffix != ".enc" else sha256_file(path),
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
