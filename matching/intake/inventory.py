"""`inventory` and `custody`: what was delivered, what was read of it, and who had it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from matching.fields import CANONICAL_FIELDS
from matching.files import rows_hash, total_hash
from matching.intake.content import skipped
from matching.intake.delivered import Delivered
from matching.intake.mapping import mapped_columns
from matching.intake.readers import column_names
from matching.intake.settings import IntakeSettings
from matching.intake.text import ends_with_newline
from matching.sources import TEXT_FORMATS, LeakedSource, Source
from matching.tables import TABLES

__all__ = ["TableRead", "content_hash", "custody", "inventory", "skipped_members"]

OF_LINES = frozenset({"csv", "tsv", "jsonl", "fixed"})
"""Formats whose last row may be cut where no line break follows; others say themselves where they end."""
COUNTED = ("parsed", "rejected", "covered", "guessed", "unjoined")
"""What is noted of each part and summed by file."""


@dataclass(slots=True)
class TableRead:
    """One delivered table and what was counted while it was read."""

    position: int
    delivered: Delivered
    file_no: int
    repeats: int | None
    places: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    columns: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    @property
    def joins(self) -> bool:
        """Its rows take columns of other tables."""
        return isinstance(self.source, LeakedSource) and bool(self.source.joins)

    @property
    def source(self) -> Source:
        """Its entry in the incident file."""
        return self.delivered.source

    def note(self, noted: Mapping[str, Any]) -> None:
        """Add one part to the counts."""
        for name in self.counts:
            self.counts[name] += noted[name]
        self.columns += [name for name in noted["columns"] if name not in self.columns]
        self.contents.append(noted["content"])


def content_hash(rows: pl.DataFrame) -> str:
    """Of what a batch's rows say, not of where they stand: equal for the same rows in another file."""
    fields = [name for name in CANONICAL_FIELDS if name in rows.columns and name != "record_id"]
    return rows_hash(rows.select(fields))


def inventory(files: Sequence[TableRead], settings: IntakeSettings) -> pl.DataFrame:
    """One row a delivered table, with what was counted of it."""
    by_position = {file.position: file for file in files}
    first: dict[tuple[str, str], int] = {}
    rows = []
    for file in files:
        same = None
        if file.repeats is None and file.counts["parsed"] and not file.source.ignored:
            same = first.setdefault((file.delivered.side, total_hash(file.contents)), file.position)
        counted = by_position[file.position if file.repeats is None else file.repeats]
        same_rows_as = same if same != file.position else None
        rows.append(_inventory_row(file, counted, settings, same_rows_as))
    return pl.DataFrame(rows, schema=dict(TABLES["inventory"].polars))


def _inventory_row(
    file: TableRead, counted: TableRead, settings: IntakeSettings, same_rows_as: int | None
) -> dict[str, Any]:
    """A repeated file bears the counts of the same bytes read before."""
    source = file.source
    is_text = source.format in TEXT_FORMATS and not file.delivered.text
    of_lines = is_text and source.format in OF_LINES
    content, part = file.delivered.content, file.delivered.part
    columns = counted.columns or (
        [] if file.delivered.text else column_names(content, source, part)
    )
    return {
        "position": file.position,
        "side": file.delivered.side,
        "path": file.delivered.shown(settings.root),
        "content": file.delivered.shown(settings.root, part=False),
        "part": part or None,
        "file_no": file.file_no,
        "file_sha256": file.delivered.digest,
        "bytes": file.delivered.size,
        "format": "text" if file.delivered.text else source.format,
        "encoding": source.encoding if is_text else None,
        "rows": counted.counts["parsed"] + counted.counts["rejected"],
        "parsed": counted.counts["parsed"],
        "rejected": counted.counts["rejected"],
        "guessed": counted.counts["guessed"],
        "covered_bytes": counted.counts["covered"] if is_text else None,
        "unjoined": counted.counts["unjoined"] if file.joins else None,
        "repeats": file.repeats,
        "same_rows_as": same_rows_as,
        "ignored": source.ignored or None,
        "secured": source.secured,
        "columns": "|".join(columns),
        "unmapped": "|".join(name for name in columns if name not in mapped_columns(source)),
        "final_newline": ends_with_newline(content, source.encoding) if of_lines else None,
        "date_order": source.date_order,
        "received_from": source.received_from or None,
        "received_on": source.received_on,
        "evidence": source.evidence or None,
    }


def custody(files: Sequence[TableRead]) -> pl.DataFrame:
    """One row a step in the chain of custody of a delivered table, as the incident file lists them."""
    rows = [
        {
            "position": file.position,
            "step": number,
            "happened_on": entry.on,
            "by": entry.by,
            "action": entry.action,
            "note": entry.note or None,
        }
        for file in files
        for number, entry in enumerate(file.source.custody)
    ]
    return pl.DataFrame(rows, schema=dict(TABLES["custody"].polars))


def skipped_members(files: Sequence[TableRead], settings: IntakeSettings) -> pl.DataFrame:
    """One row a member of a delivered archive that is not read, whatever the incident file says, and why."""
    table, rows = TABLES["skipped"], []
    for path in sorted({file.delivered.content.path for file in files}):
        first = next(file.delivered for file in files if file.delivered.content.path == path)
        for member in skipped(path) if first.content.members else ():
            place = Delivered(first.source, member.content).shown(settings.root)
            rows.append({"path": place, "reason": member.reason})
    frame = pl.DataFrame(rows, schema={"path": pl.String, "reason": pl.String})
    numbered = frame.sort("path", "reason").with_columns(
        number=pl.int_range(pl.len(), dtype=pl.Int64).over("path")
    )
    return table.complete(numbered)
