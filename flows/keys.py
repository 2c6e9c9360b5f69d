"""`affected keys`: who opens the key file, people added and removed, keys rotated. Every act is audited.

What is printed are names, recipients (which are public) and numbers, never a secret.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.audit import audit
from flows.rounds import holding, open_workspace
from matching.errors import OperatorError, UsageError
from matching.keyfile import KeyFile
from matching.openers import Person, recipient_from, secret_from_file, with_passphrase
from matching.rekey import add_person, interrupted, remove_person, rotate
from matching.store import Workspace

__all__ = ["ACTS", "change_keys", "keys_text", "list_keys"]

Document = dict[str, Any]
ACTS = ("add", "remove", "rotate")
NAME_LETTERS = 60
"""Longest name of a person: it stands in messages and in the audit log."""


def list_keys(root: Path) -> Document:
    """Who opens the key file of a workspace, and its generations; gives `affected.keys/1`."""
    workspace = open_workspace(root)
    return _document(workspace)


def change_keys(
    root: Path,
    act: str,
    name: str,
    *,
    by: str,
    recipient: str = "",
    recipient_file: Path | None = None,
    passphrase_file: Path | None = None,
) -> Document:
    """Add or remove a person, or rotate the keys; gives `affected.keys/1` as it is afterwards.

    Raises UsageError for a wrong call, OperatorError where it cannot be done, TryAgainLater while a
    run or a sender writes with the keys of now.
    """
    named = [option for option in (recipient, recipient_file, passphrase_file) if option]
    if act not in ACTS:
        raise UsageError(f"keys: no '{act}'; one of {', '.join(ACTS)}")
    if (act == "rotate") == bool(name):
        raise UsageError("keys: add and remove name one person, rotate nobody")
    if len(named) > (act == "add"):
        raise UsageError(
            "keys: add takes one of --recipient, --recipient-file, --passphrase-file; the rest none"
        )
    with _alone(root):
        workspace = open_workspace(root)
        if act == "add":
            person = _person(name, recipient, recipient_file, passphrase_file)
            add_person(workspace.key_file, person)
        elif act == "remove":
            remove_person(workspace, name)
        else:
            rotate(workspace)
        audit(workspace, f"keys {act}", by=by, **({"person": name} if name else {}))
        return _document(open_workspace(root) if act != "add" else workspace)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody writes with keys that are about to be older ones."""
    with holding(root, "run.lock"), holding(root, "send.lock"):
        yield


def _person(
    name: str, recipient: str, recipient_file: Path | None, passphrase_file: Path | None
) -> Person:
    """Who is added: by a recipient, or by a passphrase from a file or typed twice."""
    if not name.isprintable() or name != name.strip() or len(name) > NAME_LETTERS:
        raise UsageError("keys add: NAME is one line of letters, as in [people]")
    if recipient:
        return Person(name, recipient_from(recipient, said_in="--recipient"))
    if recipient_file is not None:
        return Person(name, recipient_from(_text_of(recipient_file), said_in=str(recipient_file)))
    if passphrase_file is not None:
        passphrase = secret_from_file(passphrase_file, said_in="--passphrase-file")
        return with_passphrase(name, passphrase)
    if not sys.stdin.isatty():
        raise UsageError("keys add: give --recipient, --recipient-file or --passphrase-file")
    typed = getpass.getpass(f"New passphrase of {name}: ", stream=sys.stderr)
    if typed != getpass.getpass("The same once more: ", stream=sys.stderr):
        raise OperatorError("keys add: the two passphrases differ; try again")
    return with_passphrase(name, typed)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"--recipient-file {path}: cannot be read; name a text file") from None


def _document(workspace: Workspace) -> Document:
    file = KeyFile.read(workspace.key_file)
    kept = () if file.people and not workspace.keys.opened_by else file.open()[0].stores
    generations: dict[str, int] = {}
    for key in workspace.keys.ring.keys:
        last = generations.get(str(key.keep), 0)
        generations[str(key.keep)] = max(last, key.generation)
    return {
        "schema": "affected.keys/1",
        "workspace": str(workspace.root),
        "key_file": str(workspace.key_file),
        "wrapped": bool(file.people),
        "people": [
            {"name": person.name, "by": person.by, "recipient": person.recipient}
            for person in file.people.values()
        ],
        "opened_by": workspace.keys.opened_by,
        "store_id": workspace.store_id,
        "generations": generations,
        "other_stores": max(len(kept) - 1, 0),
        "interrupted": False if not kept else interrupted(workspace),
    }


def keys_text(document: Document) -> str:
    """The same for people."""
    lines = [f"key file {document['key_file']}"]
    if not document["wrapped"]:
        lines.append("  IN CLEAR: whoever reads that file reads everything; `affected keys WS add`")
    lines += [f"  {p['name']}: by {p['by']}, {p['recipient']}" for p in document["people"]]
    told = ", ".join(f"{name} {number}" for name, number in document["generations"].items())
    lines.append(f"  data keys, generation: {told}")
    if document["other_stores"]:
        lines.append(
            f"  {document['other_stores']} other workspaces use this file; each is rotated by itself"
        )
    if document["interrupted"]:
        lines.append("  a change was interrupted: `affected keys WS rotate` finishes it")
    return "\n".join(lines)
