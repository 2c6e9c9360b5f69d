"""The folder of one batch: what the vendor takes, what stays with us, and the order it is written in.

`out/batches/<batch>/` gets the mail file, texts and addresses to compose from, `verify_batch.py`, the signed
manifest, and `.done` last. With a vendor's key the mail file and the manifest also go as
`<INCIDENT>_<BATCH>_001_...pgp`, compressed and encrypted. A file with people is plain only where the
incident is synthetic.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from matching.store import CheckFailed, Workspace, fingerprint, public_key, sha256_file, signature
from notify.batches.layout import LAYOUT_FILE, file_name, layout_csv, mail_file
from notify.batches.lines import lines_of, root_of
from notify.batches.manifest import body, content_digest, elements_csv
from notify.batches.settings import BatchesSettings
from notify.batches.vendors import Vendor, closed_to
from notify.facts import Hold
from notify.letters.texts import Wording

__all__ = [
    "Release",
    "is_whole",
    "own_copy",
    "refuse_changed_files",
    "unlisted",
    "write_folder",
    "write_rows",
]

_FILE_NUMBER = "001"
"""One file a batch: at most 250,000 rows, and batches are cut to that."""
_ZSTD_LEVEL = 3
"""zstd's own default: half as many bytes again at level 1, twice the time at level 9 for a tenth less."""
_CHECKER = Path(__file__).with_name("verify_batch.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What every batch of one call needs, read once. The mappings are by batch."""

    workspace: Workspace
    settings: BatchesSettings
    vendor: Vendor
    wording: Wording
    recorded_at: datetime
    held: list[Hold]
    sets: pl.DataFrame
    return_addresses: pl.DataFrame
    exceptions: pl.DataFrame
    approvals: Mapping[str, list[str]]
    approved_at: Mapping[str, str]
    config_sha256: str
    audit_log: Mapping[str, Any] | None = None


def own_copy(batch: str) -> str:
    """Where, below `out/`, this house keeps a mail file (zstd) that only the vendor could open otherwise.

    Not in the folder that the vendor takes. To prove what was sent is our burden (45 CFR 164.414(b)).
    """
    return f"mail/sent/{batch}.zst"


def is_whole(workspace: Workspace, batch: str) -> bool:
    """`.done` makes a folder whole, where we wrote it: one that somebody put there says nothing."""
    return workspace.is_recorded(f"batches/{batch}/.done")


def refuse_changed_files(workspace: Workspace, batch: str) -> None:
    """Raise IntegrityError where a file of a batch that was whole is missing or not as it was released.

    Else it would be written a second time, or stay as it is. What a killed release left is no damage.
    """
    place = f"out/batches/{batch}/"
    if workspace.evidence.read(f"{place}.done") is None:
        return
    for name, digest in workspace.evidence.outputs().items():
        if digest and name.startswith(place) and not workspace.evidence.intact(name):
            workspace.evidence.read(name)


def write_folder(release: Release, planned: dict[str, Any]) -> None:
    """Write the folder anew. Memory is bounded by a batch's rows, which are at most 250,000.

    Raises CheckFailed where texts or profile changed, or a hold was recorded, since it was planned.
    """
    workspace, batch = release.workspace, planned["batch_id"]
    rows = workspace.scan("pieces").filter(pl.col("batch_id") == batch).sort("seq_no").collect()
    _refuse_held(release.held, batch, rows)
    write_rows(release, planned, rows)


def write_rows(release: Release, planned: dict[str, Any], rows: pl.DataFrame) -> None:
    """Write the folder of these rows; `planned["content"]`, where given, is what was approved."""
    workspace, batch = release.workspace, planned["batch_id"]
    mail = mail_file(rows, release.vendor)
    said = body(
        rows, mail, vendor=release.vendor, settings=release.settings, wording=release.wording
    )
    content = content_digest(said)
    if planned.get("content", content) != content:
        raise CheckFailed(
            f"batch {batch}: texts or profile changed since it was planned; run again"
        )
    workspace.drop_outputs(f"batches/{batch}")
    with workspace.recording_outputs():
        listed = _put_mail(release, batch, mail)
        for name, (data, personal) in sorted(_files(release, rows).items()):
            listed.append(_put(workspace, batch, name, data, personal=personal))
        said = {**said, "content": content, "lines": _lines(mail, release.vendor)}
        manifest = _manifest(release, planned, said, listed)
        _finish(release, planned, manifest)
    workspace.put_output(f"batches/{batch}/.done", b"", personal=False)


def unlisted(workspace: Workspace, batch: str) -> dict[str, str]:
    """Digests as stored of the files that the manifest of a finished batch cannot list."""
    folder = workspace.out / "batches" / batch
    found = [folder / ".done", *folder.glob("*manifest.*"), *folder.glob("*.done")]
    return {path.name: sha256_file(path) for path in sorted(set(found))}


def _refuse_held(held: list[Hold], batch: str, rows: pl.DataFrame) -> None:
    """The plan knew the holds of its round; one recorded since stops the batch here."""
    entities = set(rows["entity_id"].drop_nulls().unique()) if held else set()
    for hold in held:
        if not hold.entity_id or hold.entity_id in entities:
            whom = hold.entity_id or "all entities"
            raise CheckFailed(
                f"batch {batch}: {hold.kind} hold on {whom} since it was planned; run again"
            )


def _lines(mail: bytes, vendor: Vendor) -> dict[str, int | str]:
    """By which a single line of the mail file can be proved later, see `notify.batches.lines`."""
    lines = lines_of(mail, vendor.newline.encode(vendor.encoding))
    return {"count": len(lines), "root": root_of(lines)}


def _put_mail(release: Release, batch: str, mail: bytes) -> list[dict[str, str]]:
    """The mail file: to the vendor's key where there is one, and for this house, which must prove what it sent."""
    workspace, vendor, name = release.workspace, release.vendor, file_name(release.vendor)
    listed = []
    if vendor.openpgp is None or workspace.synthetic:
        listed.append(_put(workspace, batch, name, mail, personal=True))
    if vendor.openpgp is not None:
        packed, suffix = mail, ""
        if vendor.compression == "zstd":
            codec = pa.Codec("zstd", compression_level=_ZSTD_LEVEL)
            packed, suffix = codec.compress(mail, asbytes=True), ".zst"
        sent = f"{_stem(release, batch)}_{name}{suffix}.pgp"
        stored = closed_to(vendor.openpgp, packed)
        workspace.put_output(f"batches/{batch}/{sent}", stored, personal=False)
        listed.append({"name": name, "stored_as": sent, "sha256": _sha256(mail), "stored_sha256": _sha256(stored)})  # fmt: skip
        if not workspace.synthetic:
            kept = pa.Codec("zstd", compression_level=_ZSTD_LEVEL).compress(mail, asbytes=True)
            workspace.put_output(own_copy(batch), kept, personal=True)
    return listed


def _stem(release: Release, batch: str) -> str:
    return f"{release.settings.incident.id.upper()}_{batch}_{_FILE_NUMBER}"


def _files(release: Release, rows: pl.DataFrame) -> dict[str, tuple[bytes, bool]]:
    """Name of each file beside mail and manifest -> its bytes, and whether they tell of people."""
    used = rows.select(code="ce_return_address_code").unique()
    addresses = release.return_addresses.join(used, on="code", how="semi").sort("code")
    entities = rows.select("entity_id").drop_nulls().unique()
    exceptions = release.exceptions.join(entities, on="entity_id", how="semi").sort("notice_id")
    layout = {LAYOUT_FILE: (layout_csv(release.vendor), False)}
    return {
        "exceptions.csv": (exceptions.write_csv(quote_style="always").encode(), True),
        "elements.csv": (elements_csv(rows, release.sets, release.wording), False),
        "return_addresses.csv": (addresses.write_csv(quote_style="always").encode(), False),
        "verify_batch.py": (_CHECKER.read_bytes(), False),
        "signing_key.pem": (public_key(release.workspace), False),
        **(layout if release.vendor.format == "fixed" else {}),
        **_templates(release.settings),
    }


def _templates(settings: BatchesSettings) -> dict[str, tuple[bytes, bool]]:
    """The layout and texts that the vendor composes from: languages, forms of states, inserts, kinds of data."""
    base = settings.letters
    flat = [base / "elements.toml", *sorted(base.glob("individual/*"))]
    named = {path.name: path for path in flat}
    for folder in ("states", "taglines"):
        named |= {f"{folder}/{path.name}": path for path in sorted(base.glob(f"{folder}/*"))}
    return {f"templates/{name}": (path.read_bytes(), False) for name, path in named.items()}


def _manifest(
    release: Release, planned: dict[str, Any], said: Mapping[str, Any], listed: list[dict[str, str]]
) -> bytes:
    """All that DOMAIN 5.2 asks. The same for the same plan and approval, but for digests of ciphertext."""
    workspace, batch = release.workspace, planned["batch_id"]
    manifest = {
        **said,
        "batch": batch,
        "wave": planned["wave"],
        "data_snapshot": workspace.digest("notices"),
        "config_sha256": release.config_sha256,
        "code_version": _code_version(),
        "approvals": release.approvals.get(batch, []),
        "generated_at": release.approved_at.get(batch, release.recorded_at.isoformat()),
        "seal_key": workspace.keys.seal_key(batch).hex(),
        "signing_key": fingerprint(workspace),
        "files": listed,
        **({"audit_log": dict(release.audit_log)} if release.audit_log else {}),
    }
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode()


def _finish(release: Release, planned: dict[str, Any], manifest: bytes) -> None:
    """Manifest, its signature, its encrypted twin, the vendor's done file."""
    workspace, batch = release.workspace, planned["batch_id"]
    folder = f"batches/{batch}"
    workspace.put_output(f"{folder}/manifest.json", manifest, personal=True)
    signed = signature(workspace, manifest)
    workspace.put_output(f"{folder}/manifest.sig", signed, personal=False)
    if release.vendor.openpgp is not None:
        stem = f"{folder}/{_stem(release, batch)}"
        closed = closed_to(release.vendor.openpgp, manifest)
        workspace.put_output(f"{stem}_manifest.json.pgp", closed, personal=False)
        workspace.put_output(f"{stem}.done", b"", personal=False)


def _put(
    workspace: Workspace, batch: str, name: str, data: bytes, *, personal: bool
) -> dict[str, str]:
    path = workspace.put_output(f"batches/{batch}/{name}", data, personal=personal)
    return {
        "name": name,
        "stored_as": path.relative_to(workspace.out / "batches" / batch).as_posix(),
        "sha256": _sha256(data),
        "stored_sha256": sha256_file(path),
    }


def _code_version() -> str:
    try:
        return version("affected")
    except PackageNotFoundError:
        return "source"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
