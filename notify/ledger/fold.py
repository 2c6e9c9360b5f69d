"""What each piece is now, folded from its events: a pure function of what is in the inbox.

The same events in any order, and the same event twice, give the same rows: each piece takes the strongest
state that any of its events brings, and of events that bring it the latest by day, then by a digest of its id.
That order is one number an event, so a piece is one maximum, which streams: 15 million events in some ten
seconds, with some 350 bytes a piece.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.ledger.states import EMAIL_STATES, MAIL_STATES

__all__ = ["last_pieces", "pieces"]

_KEY = ["person_id", "entity_id"]
_SAME = ("batch_id", "notice_version", "wave")
_STATES = {"mail": MAIL_STATES, "email": EMAIL_STATES}
_DAY_BIT, _STRENGTH_BIT = 36, 56
"""Bits of an event's rank: strength above, days since 1970 (20 bits), 36 of a digest of its id below."""
_RANK = "rank"


def pieces(workspace: Workspace) -> pl.LazyFrame:
    """One row per piece that was ever handed over or sent, in no order.

    `channel, piece_id, person_id, entity_id, batch_id, notice_version, wave, state` (of `PieceState`),
    `state_on` (civil day), `detail` (code of the event that brought the state), `exported_detail` (which
    address the piece bore; null for e-mail), `exported_on`.
    """
    channel, of_export = pl.col("channel"), pl.col("kind") == "exported"
    told = workspace.scan("events").filter(
        pl.col("person_id").is_not_null(), channel.is_in(list(_STATES))
    )
    known = told.select(
        "channel", "piece_id", *_KEY, *_SAME, "detail",
        state_on="dated_on",
        rank=_rank(),
        exported_detail=pl.when(of_export).then("detail"),
        exported_on=pl.when(of_export).then("dated_on"),
    ).filter(pl.col(_RANK).is_not_null())  # fmt: skip
    latest = (*_KEY, *_SAME, "state_on", "detail")
    folded = known.group_by("channel", "piece_id").agg(
        *(pl.col(name).max_by(_RANK) for name in latest),
        pl.col(_RANK).max(),
        pl.col("exported_detail", "exported_on").min(),
    )
    return folded.select(
        "channel", "piece_id", *_KEY, *_SAME, _state(), "state_on", "detail", "exported_detail", "exported_on"
    )  # fmt: skip


def last_pieces(workspace: Workspace) -> pl.LazyFrame:
    """Of each person and entity the piece that speaks: the one of the highest wave, a letter before an e-mail.

    Of two of one wave and channel, which `affected verify` shows as D, the one whose id's digest is higher.
    """
    by_mail = (pl.col("channel") == "mail").cast(pl.UInt64)
    wave = pl.col("wave").fill_null(0).cast(pl.UInt64)
    rank = (wave * 2 + by_mail) * _word(1 << _DAY_BIT) + _digest("piece_id")
    every = pieces(workspace).with_columns(rank.alias(_RANK))
    return every.group_by(_KEY).agg(pl.all().max_by(_RANK)).drop(_RANK)


def _rank() -> pl.Expr:
    """Of an event: a higher one decides what its piece is; null where it changes no state."""
    kind = pl.col("kind")
    strength = pl.coalesce(
        pl.when(pl.col("channel") == channel).then(_number_of(kind, list(states)))
        for channel, states in _STATES.items()
    )
    days = pl.col("dated_on").cast(pl.Int32).cast(pl.UInt64)
    return strength * _word(1 << _STRENGTH_BIT) + days * _word(1 << _DAY_BIT) + _digest("event_id")


def _number_of(kind: pl.Expr, kinds: list[str]) -> pl.Expr:
    return pl.coalesce(
        pl.when(kind == name).then(pl.lit(n, pl.UInt64)) for n, name in enumerate(kinds)
    )


def _digest(name: str) -> pl.Expr:
    """The low bits of a rank: equal for equal ids, so that order of arrival decides nothing."""
    return pl.col(name).hash(seed=11) % _word(1 << _DAY_BIT)


def _word(value: int) -> pl.Expr:
    return pl.lit(value, pl.UInt64)


def _state() -> pl.Expr:
    strength = (pl.col(_RANK) // _word(1 << _STRENGTH_BIT)).cast(pl.UInt8)
    return pl.coalesce(
        pl.when((pl.col("channel") == channel) & (strength == n)).then(pl.lit(state.value))
        for channel, states in _STATES.items()
        for n, state in enumerate(states.values())
    ).alias("state")
