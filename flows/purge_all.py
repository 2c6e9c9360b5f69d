"""The end of `affected purge --all`: the store leaves the key file, then all but certificates is removed.

By then the data keys are gone and the certificate is written: what is left opens nothing.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from matching.files import sync
from matching.keyfile import KeyFile, drop_key_file, holding_key_file, write_key_file
from matching.opening import key_file_of
from matching.ring import FILE as RING
from matching.shred import shred
from matching.store import Workspace

__all__ = ["certificate_without_keys", "drop_store", "remove_rest"]

Document = dict[str, Any]
CERTIFICATES = "purge-*[0-9].json"
LAST = (RING, "workspace.json")
"""Removed after all else, in this order: while they are here, the next call knows what was going on."""


def drop_store(workspace: Workspace) -> None:
    """Take this workspace's store key out of the key file; where no other store is left, the file goes."""
    path = workspace.key_file
    with holding_key_file(path):
        if not path.exists():
            return
        file = KeyFile.read(path)
        kept, _ = file.open()
        kept = kept.with_store(workspace.store_id)
        if kept.stores:
            write_key_file(path, kept, file.people)
        else:
            drop_key_file(path)


def certificate_without_keys(root: Path) -> Document | None:
    """The certificate of a `--all` of which only removing is left; None while the store could be opened.

    Its signature cannot be checked any more, and needs not be: keys.json is empty and the key file does
    not know the store, so that what is removed opens for nobody.
    """
    if not _no_data_key(root) or not _store_is_gone(root):
        return None
    for path in sorted((root / "evidence").glob(CERTIFICATES)):
        try:
            said: Document = json.loads(path.read_text(encoding="utf-8"))["said"]
            if said["scope"] == "all" and "done_at" in said:
                return said
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return None


def remove_rest(root: Path) -> None:
    """Remove everything of a workspace but the certificates."""
    kept = {*(root / "evidence").glob(CERTIFICATES), root / "evidence", *(root / n for n in LAST)}
    for path in sorted((*root.iterdir(), *(root / "evidence").iterdir())):
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in LAST:
        shred(root / name)
    sync(root)


def _store_is_gone(root: Path) -> bool:
    """The key file is no more, or has no key for this workspace. Raises where nobody can open it."""
    try:
        identity = json.loads((root / "workspace.json").read_text(encoding="utf-8"))
        path, store_id = key_file_of(identity), identity["store_id"]
    except FileNotFoundError:
        return True
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return not path.exists() or store_id not in KeyFile.read(path).open()[0].stores


def _no_data_key(root: Path) -> bool:
    try:
        entries: list[Any] = json.loads((root / RING).read_text(encoding="utf-8"))["keys"]
    except FileNotFoundError:
        return (root / "evidence").is_dir()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return not entries
