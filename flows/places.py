"""Where a command may write what it is asked for: not into the workspace, not over a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matching.errors import UsageError

__all__ = ["check_place"]


def check_place(root: Path, out: Path, *, option: str, endings: Sequence[str]) -> None:
    """Raise UsageError unless `out` is a file with one of these endings, in a folder outside the workspace."""
    if out.suffix not in endings:
        raise UsageError(f"{option} {out}: must end in {' or '.join(endings)}")
    if root.resolve() in out.resolve().parents:
        raise UsageError(f"{option} {out}: lies inside the workspace; name a file elsewhere")
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"{option} {out}: no file in a folder that is there; name another")
