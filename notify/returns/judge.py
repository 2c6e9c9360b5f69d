"""Which rows of a returned file are news, known or impossible: rows of ADDR, DROP and UAA against the inbox.

Columns in, columns out; nothing is written. Memory: the typed rows of the file (about 100 bytes each), the pieces
that were handed over (160 each), and `ROWS_AT_ONCE` rows beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.ledger.lookup import Places
from notify.ledger.states import impossible_with
from notify.returns.known import BatchOut, Exported, confidential, seeds
from notify.returns.pieces import BRINGS
from notify.returns.reading import ROW_NO

__all__ = ["ROWS_AT_ONCE", "Judged", "compact", "judged"]

ROWS_AT_ONCE = 1_000_000
"""Rows judged at a time: as many as a part of events takes."""
_EVENT_ID_LENGTH = 25
_CODED = ("given_batch", "detail", "news", "reason")
_OFTEN_EMPTY = (*_CODED, "given_wave", "address")


@dataclass(slots=True)
class Judged:
    """Of some rows: events to append, rows to set aside (`row_no, piece_id, reason`), and counts of rows."""

    events: pl.DataFrame
    aside: pl.DataFrame
    taken: int = 0
    known: int = 0
    seeds: int = 0
    no_news: int = 0
    spoiled: int = 0
    unusable: int = 0


@dataclass(slots=True)
class Against:
    """What every group of rows of one file is held against. `inbox` shows the events as before the file."""

    inbox: Workspace
    kind: str
    digest: str
    today: date
    recorded_at: datetime
    exported: Exported
    seeds: pl.Series
    confidential: pl.DataFrame
    impossible: Mapping[str, pl.DataFrame]
    told: bool
    seen: npt.NDArray[np.bool_]


def compact(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in a third of the memory: repeated words as codes, empty columns as nothing."""
    empty = [c for c in _OFTEN_EMPTY if rows[c].null_count() == rows.height]
    coded = [c for c in _CODED if c not in empty]
    return rows.with_columns(pl.col(coded).cast(pl.Categorical), pl.col(empty).cast(pl.Null))


def judged(
    workspace: Workspace,
    slices: list[pl.DataFrame],
    kind: str,
    *,
    batches: Mapping[str, BatchOut],
    digest: str,
    today: date,
    recorded_at: datetime,
) -> Iterator[Judged]:
    """Judge the rows of one file, some slices at a time, in their order. Slices are given up as they are used."""
    manifest = workspace.manifest("events")
    parts = {**(workspace.inbox_parts or {}), "events": len(manifest.parts) if manifest else 0}
    inbox = replace(workspace, inbox_parts=parts)
    exported = Exported(inbox, [rows["piece_id"] for rows in slices])
    against = Against(
        inbox, kind, digest, today, recorded_at, exported,
        seeds(workspace, batches),
        confidential(workspace).collect() if kind == "ADDR" else pl.DataFrame(),
        {brought: _impossible(inbox, brought) for brought in BRINGS[kind] if brought != "moved"},
        _before(inbox, kind).select(pl.len()).collect().item() > 0,
        np.zeros(exported.count, dtype=np.bool_),
    )  # fmt: skip
    repeated = _repeated_returns(slices) if kind == "UAA" else None
    while slices:
        group, rows = [], 0
        while slices and rows < ROWS_AT_ONCE:
            group.append(slices.pop(0))
            rows += group[-1].height
        yield _group(against, _text(pl.concat(group, how="vertical_relaxed")), repeated)


def _text(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col(*_CODED, "address").cast(pl.String), pl.col("given_wave").cast(pl.Int64)
    )


def _impossible(workspace: Workspace, kind: str) -> pl.DataFrame:
    """Pieces of which something is known that rules this kind of news out."""
    told = workspace.scan("events").filter(
        pl.col("channel") == "mail",
        pl.col("person_id").is_not_null(),
        pl.col("kind").is_in(sorted(impossible_with(kind))),
    )
    return told.select("piece_id", impossible=pl.lit(value=True)).unique().collect()


def _repeated_returns(slices: list[pl.DataFrame]) -> pl.Series:
    """Rows of returns of which an earlier sound row of the file says the same piece, day and reason."""
    sound = [s.filter(pl.col("reason").is_null()) for s in slices]
    key = pl.concat_str(
        "piece_id", "dated_on", pl.col("detail").cast(pl.String), separator="|", ignore_nulls=True
    )
    names = pl.concat([s.select(ROW_NO, key=key) for s in sound], how="vertical_relaxed")
    return names.filter(~pl.col("key").is_first_distinct())[ROW_NO]


def _repeated_pieces(against: Against, places: Places, sound: npt.NDArray[np.bool_]) -> pl.Series:
    """Rows whose piece an earlier sound row of the file has named; places rise, and rows of one by row_no."""
    rows = np.flatnonzero((places >= 0) & sound)
    named = places[rows]
    repeated = np.zeros(len(places), dtype=np.bool_)
    repeated[rows] = against.seen[named]
    repeated[rows[1:][named[1:] == named[:-1]]] = True
    against.seen[named] = True
    return pl.Series(repeated)


def _group(against: Against, rows: pl.DataFrame, returns: pl.Series | None) -> Judged:
    """The rows in the order of the pieces that they speak of, so that memory is read in order."""
    places = against.exported.places(rows["piece_id"].fill_null(""))
    order = np.argsort(places, kind="stable")
    rows, places = rows[order], places[order]
    wide = pl.concat([rows, against.exported.rows(places)], how="horizontal")
    wide = wide.with_columns(
        seed=pl.col("piece_id").is_in(against.seeds.implode()).fill_null(value=False)
    )
    again = (
        _repeated_pieces(against, places, rows["reason"].is_null().to_numpy())
        if returns is None
        else rows[ROW_NO].is_in(returns.implode())
    )
    wide = wide.with_columns(_impossible_rows(against, wide), again.alias("again"))
    if against.kind == "ADDR":
        marked = against.confidential.with_columns(marked=pl.lit(value=True))
        wide = wide.join(marked, on="piece_id", how="left")
    return _counted(against, wide.with_columns(reason=_reason(against)))


def _counted(against: Against, wide: pl.DataFrame) -> Judged:
    """Every row is in exactly one of the counts."""
    sound = wide.filter(pl.col("reason").is_null() & ~pl.col("seed"))
    news = sound.filter(pl.col("news").is_not_null() | pl.col("held"))
    told = _told(against, _events(against, news))
    differs = told.filter(pl.col("contradicts"))
    said = told.filter(~pl.col("contradicts"))
    fresh = said.filter(pl.col("fresh"))
    taken = fresh[ROW_NO].n_unique()
    aside = wide.filter(pl.col("reason").is_not_null() & ~pl.col("seed"))
    return Judged(
        events=TABLES["events"].complete(fresh.filter(~pl.col("own"))),
        aside=pl.concat(
            [
                aside.select(ROW_NO, "piece_id", "reason"),
                differs.select(ROW_NO, "piece_id", reason=pl.lit("contradicts")),
            ]
        ).sort(ROW_NO),
        taken=taken,
        known=said[ROW_NO].n_unique() - taken,
        seeds=int(wide["seed"].sum()),
        no_news=sound.height - news.height,
        spoiled=int(news["spoiled"].sum()),
        unusable=int(news["unusable"].sum()),
    )


def _impossible_rows(against: Against, wide: pl.DataFrame) -> pl.Series:
    """Per row: whether something known of its piece rules its news out."""
    found = pl.zeros(wide.height, dtype=pl.Int8, eager=True) > 0
    for kind, pieces in against.impossible.items():
        if pieces.height:
            brings = (
                (wide["news"] == kind).fill_null(value=False) if kind != "held" else wide["held"]
            )
            found |= brings & wide["piece_id"].is_in(pieces["piece_id"].implode())
    return found.alias("impossible")


def _reason(against: Against) -> pl.Expr:
    """The first thing that is wrong with a row, its own faults before what is known."""
    day = pl.col("dated_on")
    given = pl.col("date_given")
    of_row = {
        "unknown_piece": pl.col("person_id").is_null() & ~pl.col("seed"),
        "batch_mismatch": pl.col("given_batch") != pl.col("batch_id"),
        "wrong_wave": pl.col("given_wave") != pl.col("wave"),
        "before_export": given & (day < pl.col("exported_on")),
        "after_today": given & (day > against.today),
        "impossible": pl.col("impossible"),
        "repeated": pl.col("again"),
    }
    if against.kind == "ADDR":
        secret = pl.col("confidential").fill_null(value=False) | pl.col("marked").is_not_null()
        of_row["no_ncoa"] = secret & (pl.col("news") == "moved")
    return pl.coalesce("reason", *(pl.when(bad).then(pl.lit(code)) for code, bad in of_row.items()))


def _events(against: Against, news: pl.DataFrame) -> pl.DataFrame:
    """One row per event that the rows tell, with its id: equal news has equal ids."""
    named = news.filter(pl.col("news").is_not_null()).with_columns(kind="news")
    waiting = news.filter(pl.col("held")).with_columns(
        kind=pl.lit("held"), address=pl.lit(None, pl.String)
    )
    every = pl.concat([named, waiting]) if waiting.height else named
    return every.with_columns(
        event_id=_ids(against.inbox, against.kind, every),
        channel=pl.lit("mail"),
        source_sha256=pl.lit(against.digest),
        recorded_at=pl.lit(against.recorded_at),
    )


def _ids(workspace: Workspace, kind: str, events: pl.DataFrame) -> pl.Series:
    """A piece is dropped once, so the drop bears the piece's own id, which is a keyed digest already.

    Minting would take 16 s for 13 million; ids that begin with what differs sort in a third of the time. Of a return the day and the reason are part of the news, of a move
    the address; the day of a look-up is not.
    """
    if kind == "DROP":
        return events["piece_id"] + "-dropped"
    said = ["kind", "piece_id"]
    told = {"returned": ["dated_on", "detail"], "moved": ["detail", "address"]}
    parts = [
        pl.when(pl.col("kind") == of).then(pl.concat_str(columns, separator="|", ignore_nulls=True))
        for of, columns in told.items()
    ]
    text = pl.concat_str(*said, pl.coalesce(*parts, pl.lit("")), separator="|")
    names = events.select(name=text)["name"]
    return workspace.keys.mint("event", names, length=_EVENT_ID_LENGTH)


def _told(against: Against, events: pl.DataFrame) -> pl.DataFrame:
    """Add `fresh` (no other file told it), `own` (this file's, by a call that was killed), `contradicts`.

    A second day or statement for the same drop contradicts the first: nothing says which is true.
    """
    if not against.told:
        no = pl.lit(value=False)
        return events.with_columns(own=no, fresh=pl.lit(value=True), contradicts=no)
    before = _before(against.inbox, against.kind)
    found = events.lazy().join(before, on="event_id", how="left").collect(engine="streaming")
    seen = pl.col("known_on").is_not_null()
    own = seen & (pl.col("known_from") == against.digest).fill_null(value=False)
    other = (pl.col("known_on") != pl.col("dated_on")) | (
        pl.col("known_detail") != pl.col("detail")
    )
    differs = other if against.kind == "DROP" else pl.lit(value=False)
    return found.with_columns(
        own=own, fresh=~seen | own, contradicts=(seen & ~own & differs).fill_null(value=False)
    )


def _before(inbox: Workspace, kind: str) -> pl.LazyFrame:
    """Events of the kinds that such a file brings, as known before it."""
    told = inbox.scan("events").filter(
        pl.col("kind").is_in(list(BRINGS[kind])), pl.col("channel") == "mail"
    )
    return told.select(
        "event_id", known_from="source_sha256", known_on="dated_on", known_detail="detail"
    )
