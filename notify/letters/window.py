"""Where an envelope's window shows a letter: the geometry that the layout keeps and a test measures.

Inches from the left and top edge of the sheet. A #10 envelope is 9 1/2 by 4 1/8 in; its window is 4 1/2 by 1 1/8 in,
7/8 in from the left and 1/2 in from the bottom. The first fold lies 3 7/8 in from the top of the sheet, so the
folded sheet can slide 1/4 in up and down and 1 in sideways.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ALWAYS_SEEN", "CLEAR", "EVER_SEEN", "FOLD", "Box"]


class Box(NamedTuple):
    """Left, top, right and bottom, in inches on the sheet."""

    left: float
    top: float
    right: float
    bottom: float


_ENVELOPE: Final = (9.5, 4.125)
_WINDOW: Final = Box(0.875, _ENVELOPE[1] - 0.5 - 1.125, 0.875 + 4.5, _ENVELOPE[1] - 0.5)
"""On the envelope, from its left and top edge."""
_SHEET_WIDTH = 8.5
FOLD = 3.875
"""First fold, from the top of the sheet."""
_SIDEWAYS, _DOWN = _ENVELOPE[0] - _SHEET_WIDTH, _ENVELOPE[1] - FOLD
EVER_SEEN = Box(_WINDOW.left - _SIDEWAYS, _WINDOW.top - _DOWN, _WINDOW.right, _WINDOW.bottom)
"""What some position of the sheet shows: nothing but the address may stand here."""
ALWAYS_SEEN = Box(_WINDOW.left, _WINDOW.top, _WINDOW.right - _SIDEWAYS, _WINDOW.bottom - _DOWN)
"""What every position shows: the whole address stands here."""
CLEAR: Final = (0.125, 0.028)
"""White beside and above the barcode, up to the edge of the window in every position (USPS DMM 708)."""
