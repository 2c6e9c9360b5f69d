"""What an envelope may not tell: a return address that names a specialty tells the whole house about a patient.

Words come from `configs/letters/envelope.toml`; the roster's return addresses are held against them.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
from pydantic import Field

from matching.store import CheckFailed
from notify.facts import Closed
from notify.worded import checked, read_toml

__all__ = ["check_return_addresses"]


class _Envelope(Closed):
    """`envelope.toml`."""

    revealing: tuple[str, ...] = Field(description="Beginnings of words that tell of a specialty.")


def check_return_addresses(entities: pl.DataFrame, folder: Path) -> None:
    """`entity_id, return_address` of the roster. Raises CheckFailed naming the first that reveals a specialty."""
    path = folder / "envelope.toml"
    words = checked(path, _Envelope, read_toml(path)).revealing
    found = entities.filter(
        pl.col("return_address").str.contains(rf"(?i)\b({'|'.join(map(re.escape, words))})")
    ).sort("entity_id")
    if found.height:
        raise CheckFailed(
            f"entities.csv: return_address of {found['entity_id'][0]} tells of a specialty on the envelope"
            f" ({found.height} in all); give a neutral one, or none for the sender's"
        )
