"""Files whose old bytes must go: replaced whole, then what stood there is overwritten and unlinked.

Overwriting reaches the bytes where a filesystem writes in place; on a disk or a filesystem that writes
elsewhere it does not. What makes data unreadable is therefore never this alone: keys wrapped by a key
that is gone.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from matching.files import replacing, sync

__all__ = ["replace_shredding", "settle", "shred"]

_OWNER_ONLY = 0o600


def replace_shredding(target: Path, text: str) -> None:
    """Give a file new content, whole or not at all (mode 0600); the old bytes are overwritten afterwards.

    Called again after a crash in its middle it also overwrites what that left behind.
    """
    old = target.with_name(f".{target.name}.old")
    settle(old, target)
    if target.exists():
        with suppress(OSError):  # a filesystem without links: the old bytes are only unlinked
            os.link(target, old)
    with replacing(target) as draft:
        draft.touch(mode=_OWNER_ONLY)
        draft.write_text(text)
    settle(old, target)


def shred(path: Path) -> None:
    """Overwrite a file with random bytes, sync it, unlink it. Nothing happens where there is none."""
    try:
        with path.open("r+b") as handle:
            handle.write(secrets.token_bytes(path.stat().st_size))
            handle.flush()
            os.fsync(handle.fileno())
    except FileNotFoundError:
        return
    path.unlink()
    sync(path.parent)


def settle(old: Path, target: Path) -> None:
    """Take away the second name of the old bytes; they are overwritten only where no file is them."""
    if not old.exists():
        return
    if target.exists() and old.samefile(target):
        old.unlink()
    else:
        shred(old)
