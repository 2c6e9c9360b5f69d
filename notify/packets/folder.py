"""One version of one entity's packet as a folder: its files, the closed file that travels, the manifest last.

A folder is whole when its manifest and delivery are there and every file is as they say.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from cryptography.exceptions import InvalidTag

from matching.store import IntegrityError, Workspace, sha256_file, signature
from notify.outgoing import put_listed, unprintable
from notify.packets.container import WAYS, closed, passphrase, way_of
from notify.packets.files import PERSONAL, Held, packet_files
from notify.packets.letter import passphrase_data
from notify.packets.settings import PacketsSettings
from notify.typeset import GlyphMissingError, render

__all__ = ["PacketSources", "folder_of", "write_folder"]

DELIVERY = "delivery.json"
"""Which file of the folder is sent, and how it is closed."""
_PRINTED = "name, contact and address"
"""What of the roster stands in a packet's letters."""


@dataclass(frozen=True, slots=True)
class PacketSources:
    """Read once, used by every packet: rows by entity, and what everything was made from.

    Frames lie under their entity_id, an empty one under None for entities without a row.
    """

    counts: dict[Any, pl.DataFrame]
    duties: dict[Any, pl.DataFrame]
    delegation: dict[Any, pl.DataFrame]
    made_from: dict[str, Any]
    uncertain: dict[Any, pl.DataFrame]
    fingerprint: str
    public_key: bytes
    audit_log: dict[str, Any] | None = None


def folder_of(packet: dict[str, Any]) -> str:
    """Where a version lies below `out/`; `packet` names entity_id and version."""
    return f"packets/{packet['entity_id']}/v{packet['version']}"


def write_folder(
    workspace: Workspace,
    settings: PacketsSettings,
    packet: dict[str, Any],
    people: pl.DataFrame,
    sources: PacketSources,
) -> dict[str, Any]:
    """Write one folder, manifest last; gives the packet with the version it has on disk.

    A whole folder that no event speaks of is a killed release's: the same content is kept as it is,
    another content gets the next number.
    """
    while (whole := _whole(workspace, folder_of(packet))) is not None:
        if whole == packet["content"]:
            _write_passphrase(workspace, settings, packet, sources)
            return packet
        packet = packet | {"version": packet["version"] + 1}
    files = _files(workspace, settings, packet, people, sources)
    listed = [
        put_listed(
            workspace, f"{folder_of(packet)}/{name}", data, personal=name in PERSONAL, synced=False
        )
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
    workspace.put_output(f"{folder_of(packet)}/manifest.json", said, personal=False, synced=False)
    return packet


def _whole(workspace: Workspace, folder: str) -> str | None:
    """Content of the packet in a folder; None where a file of it is missing or not as it was written."""
    if not workspace.is_recorded(f"{folder}/manifest.json"):
        return None  # its release was killed, or its disk failed
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
    sources: PacketSources,
    as_of: date,
) -> None:
    """The signature, and the one closed file that travels, with what it is in delivery.json."""
    added = {"manifest.sig": signature(workspace, manifest), "signing_key.pem": sources.public_key}
    listed = [
        put_listed(workspace, f"{folder_of(packet)}/{n}", d, personal=False, synced=False)
        for n, d in added.items()
    ]
    key = packet["to_packet_key"]
    secret = "" if key else passphrase(workspace, packet["entity_id"], packet["recipient_id"])
    way = way_of(key, as_of) or ""
    data = closed({**files, **added, "manifest.json": manifest}, way=way, key=key, secret=secret)
    listed.append(
        put_listed(
            workspace, f"{folder_of(packet)}/{WAYS[way]}", data, personal=False, synced=False
        )
    )
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
    relative = f"{folder_of(packet)}/{DELIVERY}"
    workspace.put_output(relative, text.encode(), personal=False, synced=False)


def _write_passphrase(
    workspace: Workspace, settings: PacketsSettings, packet: dict[str, Any], sources: PacketSources
) -> None:
    """The letter with the passphrase, once for all versions; sealed but in a synthetic incident."""
    relative = _passphrase_letter(packet)
    if packet["to_packet_key"] or workspace.is_recorded(relative):
        return
    letter = passphrase_data(
        packet, settings, fingerprint=sources.fingerprint, synthetic=workspace.synthetic,
        passphrase=passphrase(workspace, packet["entity_id"], packet["recipient_id"]),
    )  # fmt: skip
    try:
        pdf = render(settings.passphrase_template, letter, document_date=settings.as_of)
    except GlyphMissingError:
        raise unprintable(packet["entity_id"], _PRINTED) from None
    workspace.put_output(relative, pdf, personal=True)


def _passphrase_letter(packet: dict[str, Any]) -> str:
    """Its file: a new recipient gets another passphrase, and so another letter."""
    to = hashlib.sha256(packet["recipient_id"].encode()).hexdigest()[:8]
    return f"letters/passphrases/{packet['entity_id']}-{to}.pdf"


def _files(
    workspace: Workspace,
    settings: PacketsSettings,
    packet: dict[str, Any],
    people: pl.DataFrame,
    sources: PacketSources,
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
            synthetic=workspace.synthetic, audit_log=sources.audit_log,
        )  # fmt: skip
    except GlyphMissingError:
        raise unprintable(packet["entity_id"], _PRINTED) from None


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
