"""Delivered bytes that nobody can read: encrypted files. They stand in the inventory, with their evidence.

Only a key that is safe takes their people out (164.402 and the guidance of 74 FR 19006). With a key that is
lost or unknown whoever stands in them is affected and unknown: the incident file then says under
`[[presumed]]` whose people these may be.
"""

from __future__ import annotations

from collections.abc import Iterator

from matching.intake.content import Content
from matching.intake.pieces import START, OneTable, Piece, Position
from matching.sources import Source

__all__ = ["Sealed"]


class Sealed(OneTable):
    """A file without rows."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """None that anybody can see."""
        return []

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """None."""
        return iter(())
