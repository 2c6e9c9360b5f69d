"""Puts a bundle together: JSON that is signed, a page to read, letters with their proofs, the checker."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matching.store import Workspace, fingerprint, public_key, signature
from notify.batches import BatchesSettings
from notify.bundle.letters import Files, letters_of
from notify.bundle.told import entities_of, notices_of, read_to_the_end, rows_of, sections_of
from notify.letters import checked_wording
from notify.report import ReportSettings
from notify.report.parts import Grid, Section

__all__ = ["bundle"]

CHECKER = Path(__file__).with_name("check_bundle.py")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can bear: the same bundle has the same bytes."""
README = """Evidence about one person: {person}, incident {incident}, as of {as_of}.

  statement.html   to read and print: why affected, whose patient, which data, which notice, what happened
  bundle.json      the same as data, with digests of all files here; bundle.sig is its signature (Ed25519)
  letters/         each letter's line of the mail file with its proof, and the letter where it is still planned
  batches/         the signed manifests of the batches these letters went out with
  check_bundle.py  checks all of it: python check_bundle.py

The signing key's fingerprint is {key}; compare it with the one in the notice to covered entities or in the report.
This bundle holds the person's name and address, and manifests tell numbers of other letters: it is for counsel, a
regulator or a court, not for mail.
"""


def bundle(
    workspace: Workspace,
    settings: BatchesSettings,
    page: ReportSettings,
    explained: Mapping[str, Any],
) -> bytes:
    """The zip about the person whom `explained` (`affected.explain/1`, kind person) tells of.

    Equal tables, inbox and audit log give equal bytes. Memory: one batch's mail file at a time, 250,000 lines.
    """
    from notify.report.page import page_html  # noqa: PLC0415 - charts take a second to import

    workspace = read_to_the_end(workspace)
    person = explained["person_id"]
    wording, _ = checked_wording(settings)
    told = {
        "rows": rows_of(workspace, person),
        "entities": entities_of(workspace, person, wording),
        "notices": notices_of(workspace, person),
    }
    files, letters = letters_of(workspace, settings, explained["history"])
    html = page_html(
        workspace,
        page,
        kind="Evidence about one person",
        sections=(*sections_of(explained, told), _proofs(letters)),
        holds="About one person, by id; the letter and its line beside this page bear the name.",
    )
    names = {"person": person, "incident": workspace.incident_id, "as_of": settings.as_of}
    files |= {
        "README.txt": README.format(**names, key=fingerprint(workspace)).encode(),
        "statement.html": html.encode(),
        "signing_key.pem": public_key(workspace),
        "check_bundle.py": CHECKER.read_bytes(),
    }
    said = {
        "schema": "affected.bundle/1",
        "incident": workspace.incident_id,
        "as_of": settings.as_of.isoformat(),
        "person": dict(explained),
        **{name: rows.to_dicts() for name, rows in told.items()},
        "letters": letters,
        "audit_log": page.audit_log,
        "signing_key": fingerprint(workspace),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    text = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False, default=str).encode()
    return _zipped({**files, "bundle.json": text, "bundle.sig": signature(workspace, text)})


def _proofs(letters: list[dict[str, Any]]) -> Section:
    heads = ("piece", "batch", "handed over on", "line of the mail file", "letter")
    rows = tuple(
        (each["piece_id"], each["batch_id"], each["handed_over_on"], each["line"], each["letter"])
        for each in letters
    )
    lead = (
        "Each line leads, by the digests beside it, to the root in the batch's signed manifest: check_bundle.py does that."
        if letters
        else "No letter was handed over so far."
    )
    grids = (Grid(heads, rows),) if rows else ()
    return Section(anchor="proofs", title="Proof of each letter", lead=lead, grids=grids)


def _zipped(files: Files) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, data)
    return stored.getvalue()
