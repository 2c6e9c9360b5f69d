"""Files that appear whole or not at all, locks, and digests of bytes and rows."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.errors import IntegrityError, TryAgainLater

__all__ = [
    "LINKED",
    "digest_of",
    "drop_drafts",
    "locked",
    "placed",
    "refuse_link",
    "replacing",
    "rows_hash",
    "sha256_file",
    "sync",
    "total_hash",
]

HASH_BASE = 1 << 64
"""Row hashes have 64 bits and are summed modulo this."""
LINKED = "a link to elsewhere; put the file itself there"
_HALVES = (slice(0, 16), slice(16, 32))
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")


@contextmanager
def replacing(target: Path, *, synced: bool = True) -> Iterator[Path]:
    """Yield a draft path on the same filesystem; on success it becomes `target`, synced to disk.

    The draft is there already, empty, and locked while it is in work: `drop_drafts` leaves it alone.
    `synced=False` where the caller syncs many files at once and knows a torn one by its digest.
    """
    draft, handle = _begun(target)
    try:
        yield draft
        if synced:
            sync(draft)
        draft.replace(target)
        if synced:
            sync(target.parent)
    finally:
        try:
            draft.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _begun(target: Path) -> tuple[Path, int]:
    """An empty draft and the lock on it, begun again where somebody took it for left behind just then."""
    while True:
        draft = target.with_name(f".{target.name}.{token_hex(4)}")
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with suppress(OSError):  # a disk without locks: there nobody can drop it either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return draft, handle
        os.close(handle)


def drop_drafts(folder: Path, *, below: bool = False) -> int:
    """Remove drafts that a process left when it was killed, also `below`; gives how many.

    Called where something is written there next: a draft may hold what must not stay.
    """
    found = (folder.rglob if below else folder.glob)(".*")
    return sum(_dropped(path) for path in found if _DRAFT.fullmatch(path.name))


def _dropped(draft: Path) -> bool:
    """Whether it was nobody's, and could be removed."""
    with suppress(OSError):  # gone, in work elsewhere, or not ours to remove
        handle = os.open(draft, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()
            return True
        finally:
            os.close(handle)
    return False


def placed(source: Path, target: Path) -> None:
    """The same bytes in another folder, whole or not at all: a link, or a copy on another disk."""
    with replacing(target) as draft:
        draft.unlink()
        try:
            os.link(source, draft)
        except OSError:
            shutil.copyfile(source, draft)


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on a file; raises TryAgainLater where another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise TryAgainLater(
                f"{path.name}: another command is running here; wait for it"
            ) from None
        yield
    finally:
        os.close(handle)


def refuse_link(root: Path, relative: str) -> None:
    """Raise IntegrityError where a file, or a folder between it and `root`, is a symbolic link: what lies there is elsewhere."""
    path = root
    for name in relative.split("/"):
        path /= name
        if path.is_symlink():
            raise IntegrityError(f"{relative}: {LINKED}")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest_of(*what: object) -> str:
    """Hex SHA-256 of plain values: what a part's rows depend on, as its key."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def rows_hash(rows: pl.DataFrame) -> str:
    """Two sums of 64-bit row hashes, hex: any order and split of rows gives the same total."""
    if rows.is_empty():
        return f"{0:032x}"
    first = rows.hash_rows(11).to_numpy()
    second = _remixed(first)
    return (
        f"{int(first.sum()):016x}{int(second.sum()):016x}"  # sums of 64-bit words wrap at HASH_BASE
    )


def total_hash(hashes: Iterable[str]) -> str:
    """The `rows_hash` of rows from those of their parts: each half is summed by itself."""
    parts = list(hashes)
    high, low = (sum(int(p[half], 16) for p in parts) % HASH_BASE for half in _HALVES)
    return f"{high:016x}{low:016x}"


def _remixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The first round of murmur3's finaliser: hashes of the same sum have another sum of these."""
    mixed = hashes ^ (hashes >> np.uint64(33))
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(33)
    return mixed


def sync(path: Path) -> None:
    """What was written to a file, or made and unlinked in a folder, outlives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
