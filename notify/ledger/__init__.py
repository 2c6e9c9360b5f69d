"""The ledger: what became of every piece, and that nobody is forgotten or told twice.

The inbox `events` comes in. `states` declares what a piece can be and what it may become, `fold` says what each
piece is, `figures` measures L, C and D of `affected verify`.
"""

from __future__ import annotations

from notify.ledger.figures import ENTITY_STATES, STATES, figure_c, figure_d, figure_l
from notify.ledger.fold import last_pieces, pieces

__all__ = [
    "ENTITY_STATES", "STATES", "figure_c", "figure_d", "figure_l", "last_pieces", "pieces",
]  # fmt: skip
