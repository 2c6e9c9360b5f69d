"""Which files were delivered, in incident order, and what number each distinct content bears."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.settings import IntakeSettings
from matching.sources import Source
from matching.store import Workspace, sha256_file
from matching.tables import TABLES

__all__ = ["date_orders", "matches", "register_files", "resolve", "shown"]

_GLOB_SIGNS = frozenset("*?[")


def matches(root: Path, pattern: str) -> list[Path]:
    """Files that a path or glob means, sorted; the path itself where it is no glob.

    Raises OperatorError where it is no sound glob.
    """
    if not _GLOB_SIGNS & set(pattern):
        return [root / pattern]
    base = Path(pattern).anchor or str(root)
    relative = str(Path(pattern).relative_to(base)) if Path(pattern).is_absolute() else pattern
    try:
        return sorted(path for path in Path(base).glob(relative) if path.is_file())
    except ValueError:
        raise OperatorError(
            f"{pattern}: no sound glob; let ** stand alone between slashes"
        ) from None


def resolve(settings: IntakeSettings) -> list[tuple[Source, Path]]:
    """Every delivered file with its entry, leaked files first, in incident order.

    A path that is no glob is given even where no such file exists: `check` says so.
    """
    sources: tuple[Source, ...] = (*settings.leaked, *settings.masters)
    return [(source, path) for source in sources for path in matches(settings.root, source.path)]


def shown(settings: IntakeSettings, path: Path) -> str:
    """The path as a person would write it in the incident file."""
    inside = path.is_relative_to(settings.root)
    return (path.relative_to(settings.root) if inside else path).as_posix()


def date_orders(settings: IntakeSettings) -> dict[str, str]:
    """Order of ambiguous dates by path as the inventory shows it."""
    return {shown(settings, path): source.date_order for source, path in resolve(settings)}


def register_files(
    workspace: Workspace, settings: IntakeSettings, *, recorded_at: datetime
) -> None:
    """Give every delivered content that was never seen the next file_no, in incident order.

    Called twice with the same files it does nothing; a missing file is left to `check`.
    `recorded_at` is UTC.
    """
    known = set(workspace.read("files", ["file_sha256"])["file_sha256"])
    first = len(known)
    new: dict[str, int] = {}
    for path in (path for _, path in resolve(settings) if path.is_file()):
        digest = sha256_file(path)
        if digest not in known:
            new.setdefault(digest, path.stat().st_size)
    rows = {
        "file_no": range(first, first + len(new)),
        "file_sha256": list(new),
        "bytes": list(new.values()),
        "recorded_at": [recorded_at] * len(new),
    }
    frame = pl.DataFrame(rows, schema=dict(TABLES["files"].polars))
    workspace.append("files", frame)
