"""Scratch: what is spilled and drafted while a step runs, on the disk of the workspace or in memory only.

Spill is not encrypted. In memory it never touches a disk that outlives the machine's power; there it
lies in a folder of the store that only its owner may enter (mode 0700), under the system's own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from matching.errors import OperatorError
from matching.guarded import refuse_unsafe
from matching.log import warn_once

__all__ = ["empty", "entries_of", "place_of", "removed", "scratch_folder"]

MEMORY = Path("/dev/shm")  # noqa: S108 - ours below it is private and checked


def scratch_folder(root: Path, store_id: str, where: str) -> Path:
    """The folder that scratch goes to. Where there is no memory for it, the disk, and a line says so."""
    if place_of(where) != "memory":
        return root / "scratch"
    folder = _in_memory(root, store_id)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise OperatorError(f"scratch {folder}: a link that somebody put there; remove it")
    refuse_unsafe(folder, what="scratch")
    return folder


def place_of(where: str) -> str:
    """`memory` or `disk`: where scratch really goes when `where` was asked for."""
    if where == "memory" and not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        warn_once(f"affected: no {MEMORY} that can be written: scratch goes to disk")
        return "disk"
    return where


def entries_of(root: Path, store_id: str) -> list[Path]:
    """Everything in both places, in order."""
    return [path for folder in _places(root, store_id) for path in sorted(folder.iterdir())]


def empty(root: Path, store_id: str) -> int:
    """Remove everything in both places; gives how many entries there were."""
    entries = entries_of(root, store_id)
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    folder = _in_memory(root, store_id)
    if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
        folder.rmdir()
    return len(entries)


def removed(folder: Path) -> bool:
    """Remove a folder, twice where the disk refuses once; gives whether it is gone."""
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
    return False


def _places(root: Path, store_id: str) -> Iterator[Path]:
    if (root / "scratch").is_dir():
        yield root / "scratch"
    folder = _in_memory(root, store_id)
    if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
        yield folder


def _in_memory(root: Path, store_id: str) -> Path:
    """Of this workspace alone: a copy of it elsewhere has the same store."""
    place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
    return MEMORY / f"affected-{os.geteuid()}-{store_id}-{place}"
