"""The letters of one person: the line of the mail file, its path to the signed manifest, the letter as printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from matching.store import OperatorError, Workspace
from notify.batches import BatchesSettings, lines_of, own_copy, path_of
from notify.letters import print_piece

__all__ = ["Files", "letters_of"]

Files = dict[str, bytes]
_OF_BATCH = ("manifest.json", "manifest.sig", "signing_key.pem")


def letters_of(
    workspace: Workspace, settings: BatchesSettings, history: Iterable[Mapping[str, Any]]
) -> tuple[Files, list[dict[str, Any]]]:
    """Files of the zip by name, and per letter what was found: `piece_id, batch_id, entity_id, line, letter`.

    `line` and `letter` name a file, or are null where the batch's mail file, or the letter in this round, is not
    there any more.
    """
    files: Files = {}
    found = []
    handed = [row for row in history if row["kind"] == "exported" and row["channel"] == "mail"]
    for row in handed:
        piece, batch = row["piece_id"], row["batch_id"]
        line = _line(workspace, batch, piece)
        files |= {f"letters/{piece}.line.json": line} if line else {}
        files |= {f"batches/{batch}/{name}": data for name, data in _signed(workspace, batch)}
        pdf = _printed(workspace, settings, piece)
        files |= {f"letters/{piece}.pdf": pdf} if pdf else {}
        found.append({
            "piece_id": piece, "batch_id": batch, "entity_id": row["entity_id"], "handed_over_on": row["dated_on"],
            "line": f"letters/{piece}.line.json" if line else None,
            "letter": f"letters/{piece}.pdf" if pdf else None,
        })  # fmt: skip
    return files, found


def _signed(workspace: Workspace, batch: str) -> Iterable[tuple[str, bytes]]:
    for name in _OF_BATCH:
        try:
            yield name, workspace.get_output(f"batches/{batch}/{name}")
        except FileNotFoundError:
            continue


def _line(workspace: Workspace, batch: str, piece: str) -> bytes | None:
    """`{line, number, path}` as JSON: the line's text and what leads from it to the manifest's root."""
    try:
        manifest = json.loads(workspace.get_output(f"batches/{batch}/manifest.json"))
        mail = _mail_file(workspace, batch, manifest["mail"]["name"])
    except FileNotFoundError:
        return None
    if "lines" not in manifest:  # released before lines could be proved
        return None
    encoding = manifest["mail"]["encoding"]
    end = {"lf": "\n", "crlf": "\r\n"}[manifest["mail"]["line_end"]].encode(encoding)
    lines = lines_of(mail, end)
    wanted = piece.encode(encoding)
    (at,) = (number for number, line in enumerate(lines) if wanted in line)
    said = {
        "schema": "affected.mail-line/1", "piece_id": piece, "batch_id": batch, "number": at,
        "encoding": encoding, "line": lines[at].decode(encoding), "path": path_of(lines, at),
    }  # fmt: skip
    return json.dumps(said, indent=1, ensure_ascii=False).encode()


def _mail_file(workspace: Workspace, batch: str, name: str) -> bytes:
    """As released, or our own copy of one that only the vendor opens. Raises FileNotFoundError for neither."""
    try:
        return workspace.get_output(f"batches/{batch}/{name}")
    except FileNotFoundError:
        packed = workspace.get_output(own_copy(batch))
        with pa.input_stream(pa.py_buffer(packed), compression="zstd") as stream:
            return bytes(stream.read())


def _printed(workspace: Workspace, settings: BatchesSettings, piece: str) -> bytes | None:
    """The letter as it was composed; none where a later round no longer plans this piece."""
    if not workspace.has("pieces"):
        return None
    planned = workspace.scan("pieces").filter(pl.col("mailpiece_id") == piece)
    if planned.select(pl.len()).collect().item() == 0:
        return None
    try:
        return print_piece(workspace, settings, piece)
    except OperatorError:
        return None
