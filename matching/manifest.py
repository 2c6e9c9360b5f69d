"""What a table holds: its parts, their bytes' SHA-256, and one digest over the logical rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from matching.files import total_hash
from matching.tables import TABLES

__all__ = ["Manifest", "Part"]

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_ROWS_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Part:
    """One finished file of a table. `rows_hash` is that of `matching.files`."""

    file: str
    rows: int
    file_sha256: str
    rows_hash: str
    data_key: str = ""
    """Id of the data key that closes it; empty: of the form before data keys; `none`: not closed."""


_PART = tuple(each.name for each in fields(Part))


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

    def stored(self) -> dict[str, Any]:
        """As it is written down: what `asdict` would give, in a tenth of its time where parts are many."""
        parts = [{name: getattr(part, name) for name in _PART} for part in self.parts]
        return {"table": self.table, "schema_version": self.schema_version, "parts": parts}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Manifest:
        """From what `stored` gave. Raises ValueError, TypeError or KeyError where it is something else."""
        parts = tuple(Part(**part) for part in stored["parts"])
        if not all(map(_is_sound, parts)) or type(stored["schema_version"]) is not int:
            raise ValueError("no manifest")
        return cls(stored["table"], stored["schema_version"], parts)


def _is_sound(part: Part) -> bool:
    """A file in the table's own folder, a number of rows, digests."""
    texts = (part.file, part.file_sha256, part.rows_hash, part.data_key)
    return (
        all(isinstance(text, str) for text in texts)
        and bool(_FILE.fullmatch(part.file))
        and bool(_ROWS_HASH.fullmatch(part.rows_hash))
        and type(part.rows) is int
        and part.rows >= 0
    )
