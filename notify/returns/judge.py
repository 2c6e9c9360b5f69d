"""Which rows of a returned file are news, known or impossible: rows of ADDR, DROP and UAA against the inbox.

Columns in, columns out; nothing is written. Memory: the typed rows of the file (about 100 bytes each) and, of
`ROWS_AT_ONCE` rows, what was exported for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.ledger.states import impossible_with
from notify.returns.known import BatchOut, confidential, exported, seeds
from notify.returns.pieces import BRINGS
from notify.returns.reading import ROW_NO

__all__ = ["ROWS_AT_ONCE", "Judged", "compact", "judged"]

ROWS_AT_ONCE = 3_500_000
"""Rows joined with the exported pieces at a time, 1 GB; every time reads these columns of all of them."""
_EVENT_ID_LENGTH = 25
_REPEATED = "repeated"
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


@dataclass(frozen=True, slots=True)
class Against:
    """What every group of rows of one file is held against."""

    workspace: Workspace
    kind: str
    digest: str
    today: date
    recorded_at: datetime
    seeds: pl.DataFrame
    confidential: pl.DataFrame
    impossible: Mapping[str, pl.DataFrame] = field(default_factory=dict)


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
    against = Against(
        workspace, kind, digest, today, recorded_at,
        pl.DataFrame({"piece_id": seeds(workspace, batches), "seed": True}, schema_overrides={"seed": pl.Boolean}),
        confidential(workspace).collect() if kind == "ADDR" else pl.DataFrame(),
        {brought: _impossible(workspace, brought) for brought in BRINGS[kind] if brought != "moved"},
    )  # fmt: skip
    first = _first_of_kind(slices, kind)
    while slices:
        group, rows = [], 0
        while slices and rows < ROWS_AT_ONCE:
            group.append(slices.pop(0))
            rows += group[-1].height
        yield _group(against, _text(pl.concat(group, how="vertical_relaxed")), first)


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


def _first_of_kind(slices: list[pl.DataFrame], kind: str) -> pl.Series:
    """By row_no: whether no earlier sound row of the file says the same."""
    sound = [s.filter(pl.col("reason").is_null()) for s in slices]
    key = pl.col("piece_id")
    if kind == "UAA":
        key = pl.concat_str("piece_id", "dated_on", pl.col("detail").cast(pl.String), separator="|", ignore_nulls=True)  # fmt: skip
    names = pl.concat([s.select(ROW_NO, key=key) for s in sound], how="vertical_relaxed")
    if names["key"].n_unique() == names.height:
        return pl.Series(ROW_NO, [], dtype=pl.Int64)
    return names.filter(~pl.col("key").is_first_distinct())[ROW_NO]


def _group(against: Against, rows: pl.DataFrame, repeated: pl.Series) -> Judged:
    wide = _with_exported(against.workspace, rows).join(against.seeds, on="piece_id", how="left")
    if against.kind == "ADDR":
        marked = against.confidential.with_columns(marked=pl.lit(value=True))
        wide = wide.join(marked, on="piece_id", how="left")
    wide = wide.with_columns(_impossible_rows(against, wide))
    wide = wide.with_columns(
        reason=_reason(against, repeated), seed=pl.col("seed").fill_null(value=False)
    )
    sound = wide.filter(pl.col("reason").is_null() & ~pl.col("seed"))
    news = sound.filter(pl.col("news").is_not_null() | pl.col("held"))
    told = _told(against, _events(against, news))
    against_other = told.filter(pl.col("contradicts")).select(
        ROW_NO, "piece_id", reason=pl.lit("contradicts")
    )
    said = told.filter(~pl.col("contradicts"))
    fresh_rows = said.filter(pl.col("fresh")).select(ROW_NO).unique()
    new = said.filter(pl.col("fresh") & ~pl.col("own")).select(list(TABLES["events"].columns))
    aside = wide.filter(pl.col("reason").is_not_null() & ~pl.col("seed")).select(
        ROW_NO, "piece_id", "reason"
    )
    return Judged(
        events=TABLES["events"].complete(new),
        aside=pl.concat([aside, against_other]).sort(ROW_NO),
        taken=fresh_rows.height,
        known=said[ROW_NO].n_unique() - fresh_rows.height,
        seeds=int(wide["seed"].sum()),
        no_news=sound.height - news.height,
        spoiled=int(news["spoiled"].sum()),
        unusable=int(news["unusable"].sum()),
    )


def _with_exported(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with whose piece it is; a piece that was handed over twice is the later time's."""
    sent = exported(workspace)
    wide = rows.lazy().join(sent, on="piece_id", how="left").collect(engine="streaming")
    if wide.height > rows.height:
        wide = wide.sort("exported_on", "batch_id").unique(ROW_NO, keep="last")
    return wide


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


def _reason(against: Against, repeated: pl.Series) -> pl.Expr:
    """The first thing that is wrong with a row, its own faults before what is known."""
    day = pl.col("dated_on")
    given = pl.col("date_given")
    of_row = {
        "unknown_piece": pl.col("person_id").is_null() & pl.col("seed").is_null(),
        "batch_mismatch": pl.col("given_batch") != pl.col("batch_id"),
        "wrong_wave": pl.col("given_wave") != pl.col("wave"),
        "before_export": given & (day < pl.col("exported_on")),
        "after_today": given & (day > against.today),
        "impossible": pl.col("impossible"),
    }
    if against.kind == "ADDR":
        secret = pl.col("confidential").fill_null(value=False) | pl.col("marked").is_not_null()
        of_row["no_ncoa"] = secret & (pl.col("news") == "moved")
    if len(repeated):
        of_row[_REPEATED] = pl.col(ROW_NO).is_in(repeated.implode())
    return pl.coalesce("reason", *(pl.when(bad).then(pl.lit(code)) for code, bad in of_row.items()))


def _events(against: Against, news: pl.DataFrame) -> pl.DataFrame:
    """One row per event that the rows tell, with its id: equal news has equal ids."""
    named = news.filter(pl.col("news").is_not_null()).with_columns(kind="news")
    waiting = news.filter(pl.col("held")).with_columns(
        kind=pl.lit("held"), address=pl.lit(None, pl.String)
    )
    every = pl.concat([named, waiting]) if waiting.height else named
    return every.with_columns(
        event_id=_ids(against.workspace, against.kind, every),
        channel=pl.lit("mail"),
        source_sha256=pl.lit(against.digest),
        recorded_at=pl.lit(against.recorded_at),
    )


def _ids(workspace: Workspace, kind: str, events: pl.DataFrame) -> pl.Series:
    """A piece is dropped once, so the drop bears the piece's own id, which is a keyed digest already.

    Minting would take 16 s for 13 million. Of a return the day and the reason are part of the news, of a move
    the address; the day of a look-up is not.
    """
    if kind == "DROP":
        return "dropped-" + events["piece_id"]
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
    kinds = list(BRINGS[against.kind])
    before = (
        against.workspace.scan("events")
        .filter(pl.col("kind").is_in(kinds), pl.col("channel") == "mail")
        .select("event_id", known_from="source_sha256", known_on="dated_on", known_detail="detail")
    )
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
