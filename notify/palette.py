"""The colours of what we draw, on paper and on screen; light enough to import without a chart library."""

from __future__ import annotations

__all__ = ["AMBER", "BLUE", "GREY", "INK", "RED", "TEAL"]

INK, BLUE, TEAL, AMBER, RED, GREY = (
    "#1d2b3a", "#24557f", "#2f8f83", "#d18a12", "#b23a2e", "#93a0ad",
)  # fmt: skip
