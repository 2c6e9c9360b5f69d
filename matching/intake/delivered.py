"""Which files were delivered, in incident order, and what number each distinct content bears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.content import Content, members
from matching.intake.packed.zips import way_shown
from matching.intake.readers import parts
from matching.intake.settings import IntakeSettings
from matching.sources import SEALED, LeakedSource, MasterSource, Source
from matching.store import Workspace, digest_of
from matching.tables import TABLES

__all__ = [
    "REST",
    "Delivered",
    "contents",
    "matches",
    "named_part",
    "register_files",
    "resolve",
    "wanted_parts",
]

REST = "."
"""`table` of what is left of a document beside its tables."""
_GLOB_SIGNS = frozenset("*?[")


NAME_LETTERS_MAX = 128
"""No database allows a longer name: what is longer, or cannot be printed, is data that a damaged dump takes for one."""


def named_part(part: str) -> str:
    """The name of a table or sheet as it may stand in a message."""
    sound = len(part) <= NAME_LETTERS_MAX and part.isprintable()
    return part if sound else f"(a name of {len(part)} signs)"


@dataclass(frozen=True)
class Delivered:
    """One table of one delivered file with its entry of the incident file."""

    source: Source
    content: Content
    part: str = ""
    text: bool = False
    """What free text in its rows says, and not the rows."""

    @property
    def of_rows(self) -> Delivered:
        """The table itself."""
        return replace(self, text=False)

    @property
    def side(self) -> str:
        """Leaked or master."""
        return "master" if isinstance(self.source, MasterSource) else "leaked"

    def shown(self, root: Path, *, part: bool = True) -> str:
        """The place as a person would write it: path, `!` and the way into an archive, `#` and the table."""
        path = self.content.path
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        whole = way_shown(inside.as_posix(), self.content.members)
        named = f"{whole}#{named_part(self.part)}" if (part or self.text) and self.part else whole
        return f"{named}@text" if self.text else named

    @property
    def is_sealed(self) -> bool:
        """Its bytes cannot be read."""
        return self.source.format == SEALED

    @cached_property
    def size(self) -> int:
        """Bytes, unpacked; of a sealed member those of the archive."""
        return (Content(self.content.path) if self.is_sealed else self.content).size()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes; of a table, of that and its name; of a sealed member, of the archive's and its name."""
        if self.is_sealed and self.content.members:
            return digest_of(Content(self.content.path).sha256(), self.content.members)
        own = self.content.sha256()
        named = [self.part] if self.part else []
        if self.text:
            named += ["", "text"]
        return digest_of(own, *named) if named else own


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


def resolve(settings: IntakeSettings) -> list[Delivered]:
    """Every delivered table with its entry, leaked files first, in incident order; then the texts in them.

    A path that is no glob is given even where no such file exists: `check` says so.
    """
    sources: tuple[Source, ...] = (*settings.leaked, *settings.masters)
    tables = [
        Delivered(source, content, part)
        for source in sources
        for content in contents(settings.root, source)
        for part in wanted_parts(content, source)
    ]
    texts = [replace(one, text=True) for one in tables if _has_text(one.source)]
    return tables + texts


def _has_text(source: Source) -> bool:
    return isinstance(source, LeakedSource) and bool(source.text) and not source.ignored


def contents(root: Path, source: Source) -> Iterator[Content]:
    """Files that an entry means, and where they are archives, the members that it means."""
    for path in matches(root, source.path):
        yield from members(path, source.member) if path.is_file() else [Content(path)]


def wanted_parts(content: Content, source: Source) -> list[str]:
    """Tables or sheets of the file that the entry means; none named: all."""
    if not content.path.is_file():
        return [""]
    named = source.sheet or source.table
    return [part for part in parts(content, source) if not named or _is_named(part or REST, named)]


def _is_named(part: str, named: str) -> bool:
    """By its whole name or a glob of it; a dump's table without its schema or database, too."""
    bare = part if part == REST else part.rpartition(".")[2]
    return named in {part, bare} or fnmatchcase(part, named)


def register_files(
    workspace: Workspace, settings: IntakeSettings, *, recorded_at: datetime
) -> None:
    """Give every delivered content that was never seen the next file_no, in incident order.

    Called twice with the same files it does nothing; a missing file is left to `check`.
    `recorded_at` is UTC.
    """
    known = set(workspace.read("files", ["file_sha256"])["file_sha256"])
    first = len(known)
    new: dict[str, tuple[str, int]] = {}
    for delivered in resolve(settings):
        if delivered.content.path.is_file() and delivered.digest not in known:
            new.setdefault(delivered.digest, (delivered.part, delivered.size))
    rows = {
        "file_no": range(first, first + len(new)),
        "file_sha256": list(new),
        "part": [part or None for part, _ in new.values()],
        "bytes": [size for _, size in new.values()],
        "recorded_at": [recorded_at] * len(new),
    }
    frame = pl.DataFrame(rows, schema=dict(TABLES["files"].polars))
    workspace.append("files", frame)
