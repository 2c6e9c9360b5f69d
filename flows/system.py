"""What the operating system refused, told as the operator's error: a full disk, a failing one, a missing right."""

from __future__ import annotations

import errno
import os
import re

from matching.errors import OperatorError, TryAgainLater

__all__ = ["told_by_system"]

_TOLD: tuple[tuple[type[OperatorError], str, frozenset[int]], ...] = (
    (OperatorError, "give this user the right to it", frozenset({errno.EACCES, errno.EPERM, errno.EROFS})),
    (OperatorError, "raise this user's limit (ulimit -f)", frozenset({errno.EFBIG})),
    (TryAgainLater, "see to the disk, then run again",  # or the way to it: a plug pulled, a server gone
     frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.EREMOTEIO, errno.ETIMEDOUT})),
    (TryAgainLater, "end other programs, then run again",  # processes, memory, open files, locks
     frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOLCK, errno.EBUSY})),
)  # fmt: skip
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_KNOWN = _FULL.union(*(numbers for _, _, numbers in _TOLD))
_BY_NUMBER = re.compile(r"\(os error (\d+)\)|\[[Ee]rrno (\d+)\]")
_BY_WORDS = {os.strerror(number): number for number in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EFBIG)}  # fmt: skip
"""As DuckDB repeats them; only those that no other message would say."""


def told_by_system(error: BaseException) -> OperatorError | None:
    """The error to show instead; None where it is our bug. File names here are never personal.

    DuckDB, polars and Arrow tell of the system in errors of their own, by its numbers or its words.
    """
    if isinstance(error, MemoryError):
        return TryAgainLater("memory is used up; give less to --memory-gib or --workers, run again")
    number = _number(error)
    if number in _FULL:
        return TryAgainLater("the disk is full; free space and run again")
    name = getattr(error, "filename", None)
    for kind, fix, numbers in _TOLD:
        if number in numbers:
            return kind(f"{name}: {os.strerror(number)}; {fix}" if name else f"{os.strerror(number)}; {fix}")  # fmt: skip
    return None


def _number(error: BaseException) -> int:
    """What the system said; 0 where it said nothing that we know."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _KNOWN else 0
    said = str(error)
    found = _BY_NUMBER.search(said)
    number = int(found[1] or found[2]) if found else 0
    if number in _KNOWN:
        return number
    return next((number for words, number in _BY_WORDS.items() if words in said), 0)
