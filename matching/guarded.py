"""Files and folders that only their owner may reach: refused, with the fix, where others can."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from matching.errors import OperatorError
from matching.log import warn_once

__all__ = ["refuse_unsafe", "warn_of_parents"]

OTHERS = 0o077
"""Rights of the group and of everybody else."""


def refuse_unsafe(path: Path, *, what: str) -> None:
    """Raise OperatorError where a file or folder is another user's, or others have any right to it.

    FileNotFoundError goes through: what is not there is the caller's to tell.
    """
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise OperatorError(
            f"{what} {path}: of another user; chown it to this one, or call as its owner"
        )
    if stat.S_IMODE(found.st_mode) & OTHERS:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise OperatorError(f"{what} {path}: others can read it; chmod {mode}")


def warn_of_parents(path: Path, *, what: str) -> None:
    """Say once where others may write in a folder above: they could put another in its place."""
    for folder in path.resolve().parents:
        try:
            mode = folder.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            warn_once(f"affected: {what} {path}: others can write in {folder}; chmod o-w it")
