"""The QR code of a letter: the incident's web page and nothing else, drawn as one path.

Everybody's letter bears the same code, so no scan tells whose letter it was.
"""

from __future__ import annotations

from functools import cache

import segno

__all__ = ["qr_svg"]

_QUIET = 4
"""Modules of white around the code (ISO/IEC 18004)."""


@cache
def qr_svg(address: str) -> str:
    """The web address as an SVG drawing of dark runs, one rectangle each; the same text for the same address."""
    code = segno.make(address, error="m", micro=False, boost_error=False)
    runs: list[str] = []
    for y, row in enumerate(code.matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append(f"M{start + _QUIET} {y + _QUIET}h{x - start}v1h-{x - start}z")
            x += 1
    side = len(code.matrix) + 2 * _QUIET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">'
        f'<path fill="#000" d="{"".join(runs)}"/></svg>'
    )
