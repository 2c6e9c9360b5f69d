"""The ledger: what became of every piece, and that nobody is forgotten or told twice.

The inbox `events` comes in. `states` declares what a piece can be and what it may become, `fold` says what each
piece is, `figures` measures L, C and D of `affected verify`, `identities` that no piece is lost between them.
`reconciliation` tells it batch by batch, `proof` person by person.
"""

from __future__ import annotations

from notify.ledger.figures import ENTITY_STATES, STATES, figure_c, figure_d, figure_l
from notify.ledger.fold import last_pieces, pieces
from notify.ledger.identities import broken_identities, identities
from notify.ledger.proof import history, told_words
from notify.ledger.reconciliation import (
    PAGE,
    Reconciled,
    open_questions,
    reconciliation,
    write_reconciliation,
)

__all__ = [
    "ENTITY_STATES", "PAGE", "STATES", "Reconciled", "broken_identities", "figure_c", "figure_d", "figure_l", "history", "identities",
    "last_pieces", "open_questions", "pieces", "reconciliation", "told_words", "write_reconciliation",
]  # fmt: skip
