"""What a table holds: its parts, their bytes' SHA-256, and one digest over the logical rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matching.files import total_hash
from matching.tables import TABLES

__all__ = ["Manifest", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One finished file of a table. `rows_hash` is that of `matching.files`."""

    file: str
    rows: int
    file_sha256: str
    rows_hash: str
    data_key: str = ""
    """Id of the data key that closes it; empty: of the form before data keys; `none`: not closed."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a table holds now."""

    table: str
    schema_version: int
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows over all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def content_digest(self) -> str:
        """Digest over the logical rows; independent of parts, their order and their encryption."""
        total = total_hash(part.rows_hash for part in self.parts)
        columns = {name: str(dtype) for name, dtype in TABLES[self.table].polars.items()}
        text = json.dumps([self.table, self.schema_version, columns, self.rows, total])
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Manifest:
        """From what `asdict` gave."""
        parts = tuple(Part(**part) for part in stored["parts"])
        return cls(stored["table"], stored["schema_version"], parts)
