"""The token in the envelope sender of an e-mail: which piece it was, and that the address was ours.

`bounce+TOKEN@domain` comes back with every bounce. A token is the mailpiece_id and eight characters of
an HMAC over it (RFC 2104) with the incident's id key, which is never rotated: a bounce that comes back
after `affected keys rotate` is still known, and a forged one changes nothing.
"""

from __future__ import annotations

import hmac
from typing import Protocol

import polars as pl

__all__ = ["PIECE_LENGTH", "Minting", "mailpiece_of", "token", "tokens"]

PIECE_LENGTH = 16
"""Characters of a mailpiece_id, its check included."""
_TAG_LENGTH = 7
"""And a check: eight characters, 35 bits of HMAC. A forger gets one guess a message."""
_PURPOSE = "verp"


class Minting(Protocol):
    """What mints ids of the incident: `workspace.keys`."""

    def mint(self, purpose: str, names: pl.Series, *, length: int) -> pl.Series:
        """Ids that only this incident's key makes."""


def tokens(keys: Minting, mailpiece_ids: pl.Series) -> pl.Series:
    """The token of each piece."""
    return mailpiece_ids + keys.mint(_PURPOSE, mailpiece_ids, length=_TAG_LENGTH)


def token(keys: Minting, mailpiece_id: str) -> str:
    """The token of one piece, in capitals and digits."""
    return str(tokens(keys, pl.Series([mailpiece_id], dtype=pl.String))[0])


def mailpiece_of(keys: Minting, token_text: str) -> str | None:
    """The piece that a token names; None where we did not make it. Relays may change its case."""
    said = token_text.strip().upper()
    piece = said[:PIECE_LENGTH]
    if len(said) != PIECE_LENGTH + _TAG_LENGTH + 1 or not said.isascii():
        return None
    return piece if hmac.compare_digest(token(keys, piece), said) else None
