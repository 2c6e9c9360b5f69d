"""What each piece is now, folded from its events: a pure function of what is in the inbox.

The same events in any order, and the same event twice, give the same rows: each piece takes the strongest
state that any of its events brings, and of events that bring it the latest by day, then by a digest of its id.
That order is one number an event, its rank. Letters that were handed over are held once, as columns and codes (some
170 bytes each), and other events go past them part by part; e-mails, of which there are fewer, are grouped.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.ledger.lookup import Lookup, Places, rows_at
from notify.ledger.states import EMAIL_STATES, MAIL_STATES

__all__ = ["last_pieces", "pieces"]

_KEY = ["person_id", "entity_id"]
_SAME = ("batch_id", "notice_version", "wave")
_STATES = {"mail": MAIL_STATES, "email": EMAIL_STATES}
_DAY_BIT, _STRENGTH_BIT = 36, 56
"""Bits of an event's rank: strength above, days since 1970 (20 bits), 36 of a digest of its id below."""
_RANK = "rank"
_COLUMNS = (
    "channel", "piece_id", *_KEY, *_SAME, "state", "state_on", "detail", "exported_detail", "exported_on",
)  # fmt: skip
_NONE = -1
Ranks = npt.NDArray[np.uint64]


def pieces(workspace: Workspace) -> pl.LazyFrame:
    """One row per piece that was ever handed over or sent, in no order. Reads the events when it is called.

    `channel, piece_id, person_id, entity_id, batch_id, notice_version, wave, state` (of `PieceState`),
    `state_on` (civil day), `detail` (code of the event that brought the state), `exported_detail` (which
    address the piece bore; null for e-mail), `exported_on`.
    """
    letters, others = _letters(workspace)
    return pl.concat([_as_pieces(letters), _others(workspace, others)])


def _others(workspace: Workspace, others: pl.DataFrame) -> pl.LazyFrame:
    """E-mails, and the letters that were not handed over just once."""
    email = workspace.scan("events").filter(pl.col("channel") == "email")
    return _grouped(pl.concat([email, others.lazy()]))


def _grouped(events: pl.LazyFrame) -> pl.LazyFrame:
    """Pieces of any events, each as the maximum of its ranks."""
    of_export = pl.col("kind") == "exported"
    known = events.filter(pl.col("person_id").is_not_null()).select(
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
    return folded.with_columns(_state()).select(_COLUMNS)


def _letters(workspace: Workspace) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Letters that were handed over once, and the events of all others, which are nobody's or a recalled one's."""
    handed, lookup, others = _handed(workspace)
    ranks = handed[_RANK].to_numpy().copy()
    won = np.full(handed.height, _NONE, dtype=np.int64)
    details: list[pl.Series] = [pl.Series("detail", [], dtype=pl.Categorical)]
    for _, part in workspace.lazy_parts("events"):
        news = part.filter(_of_letters(), pl.col("kind") != "exported")
        slim = news.select("piece_id", rank=_rank(), detail=pl.col("detail").cast(pl.Categorical))
        told = slim.filter(pl.col(_RANK).is_not_null()).collect(engine="streaming")
        if told.is_empty():
            continue
        places = lookup.places(told["piece_id"])
        _win(ranks, won, places, told[_RANK].to_numpy(), sum(map(len, details)))
        details.append(told["detail"])
        if (places < 0).any():
            strangers = told["piece_id"].filter(pl.Series(places < 0)).implode()
            others.append(news.filter(pl.col("piece_id").is_in(strangers)).collect())
    detail = rows_at(pl.concat(details).to_frame(), won)["detail"]
    rows = handed.drop(_RANK).with_columns(detail, pl.Series(_RANK, ranks))
    return rows, pl.concat(others)


def _handed(workspace: Workspace) -> tuple[pl.DataFrame, Lookup, list[pl.DataFrame]]:
    """Letters handed over once with their ranks, where each is, and events of those handed over twice."""
    sent = workspace.scan("events").filter(_of_letters(), pl.col("kind") == "exported")
    handed = sent.select(
        "piece_id", "person_id", *_SAME, pl.col("entity_id").cast(pl.Categorical),
        exported_detail="detail", exported_on="dated_on", rank=_rank(),
    ).with_columns(pl.col("batch_id").cast(pl.Categorical)).collect(engine="streaming")  # fmt: skip
    others = [TABLES["events"].empty()]
    lookup = Lookup(handed["piece_id"])
    if lookup.hashes_alike:  # the same piece handed over twice, after a recall
        twice = handed["piece_id"].filter(handed["piece_id"].is_duplicated()).implode()
        others.append(sent.filter(pl.col("piece_id").is_in(twice)).collect())
        handed = handed.filter(~pl.col("piece_id").is_in(twice))
        lookup = Lookup(handed["piece_id"])
    return handed, lookup, others


def _of_letters() -> pl.Expr:
    return (pl.col("channel") == "mail") & pl.col("person_id").is_not_null()


def _win(ranks: Ranks, won: Places, places: Places, found: Ranks, first: int) -> None:
    """Let news of a higher rank take its piece; `won` is then its number, counted from `first` in this part."""
    by_rank = np.argsort(found)  # of two for one piece the higher is written last
    known = by_rank[places[by_rank] >= 0]
    better = known[found[known] > ranks[places[known]]]
    ranks[places[better]] = found[better]
    won[places[better]] = first + better


def _as_pieces(rows: pl.DataFrame) -> pl.LazyFrame:
    """Columns of `pieces` from codes; text is made where it is read."""
    day = (pl.col(_RANK) // _word(1 << _DAY_BIT)) % _word(1 << (_STRENGTH_BIT - _DAY_BIT))
    text = pl.col("entity_id", "batch_id", "detail").cast(pl.String)
    return (
        rows.lazy()
        .with_columns(text, channel=pl.lit("mail"), state_on=day.cast(pl.Int32).cast(pl.Date))
        .with_columns(_state())
        .with_columns(
            detail=pl.when(pl.col("state") == "exported")
            .then("exported_detail")
            .otherwise("detail")
        )
        .select(_COLUMNS)
    )


def last_pieces(workspace: Workspace) -> pl.LazyFrame:
    """Of each person and entity the piece that speaks: the one of the highest wave, a letter before an e-mail.

    Columns as `pieces`. Of two of one wave and channel, which `affected verify` shows as D, the one whose id's digest is higher.
    """
    letters, others = _letters(workspace)
    rest = _others(workspace, others).collect(engine="streaming").lazy()
    pairs = pl.concat([letters.lazy().select(_pair()), rest.select(_pair())]).collect()["pair"]
    several = pairs.is_duplicated()[: letters.height]  # of most pairs one piece is all there is
    if several.any():
        rest = pl.concat([_as_pieces(letters.filter(several)), rest])
        letters = letters.filter(~several)
    return pl.concat([_as_pieces(letters), _last(rest)])


def _last(every: pl.LazyFrame) -> pl.LazyFrame:
    by_mail = (pl.col("channel") == "mail").cast(pl.UInt64)
    wave = pl.col("wave").fill_null(0).cast(pl.UInt64)
    rank = (wave * 2 + by_mail) * _word(1 << _DAY_BIT) + _digest("piece_id")
    ranked = every.with_columns(rank.alias(_RANK))
    return ranked.group_by(_KEY).agg(pl.all().max_by(_RANK)).select(_COLUMNS)


def _pair() -> pl.Expr:
    """A number that pieces of one person and entity share; others that share it cost time, nothing else."""
    entity = pl.col("entity_id").cast(pl.String).hash(seed=12)
    return (pl.col("person_id").hash(seed=11) ^ entity).alias("pair")


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
