"""What the operating system refused, told as the operator's error: a full disk, a missing right."""

from __future__ import annotations

import errno

from matching.errors import OperatorError, TryAgainLater

__all__ = ["told_by_system"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def told_by_system(error: BaseException) -> OperatorError | None:
    """The error to show instead; None where it is our bug. File names here are never personal.

    DuckDB and polars tell of a full disk in errors of their own, by the system's words.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL or "No space left on device" in str(error):
        return TryAgainLater("the disk is full; free space and run again")
    if isinstance(error, OSError) and number in NOT_ALLOWED:
        return OperatorError(f"{error.filename}: {error.strerror}; give this user the right to it")
    return None
