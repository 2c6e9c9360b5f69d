"""`affected returns` of returned mail: into the inbox as events of the pieces that came back.

Files of mail come in. `events` (bounced, complained), `return_files` and `quarantine` go out; delays, auto-replies
and deliveries are counted, nothing more. A file taken before adds nothing, nor does news that another file
brought; a mail that came before the word that its piece was sent is tried again when its file is given again.
Nothing of a mail is kept but ids, codes and days: no address, no subject. One bad mail never stops the rest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from matching.store import OperatorError, Workspace, locked, sha256_file
from matching.tables import TABLES
from notify.bounces.claims import claimed, piece_of
from notify.bounces.kinds import FINAL, Finding, Kind
from notify.bounces.reading import Notice, read
from notify.bounces.sources import is_mail, mail_files, mails_in
from notify.email import verp

__all__ = ["BouncesTaken", "take"]

MAILS_AT_ONCE = 20_000
"""Reports whose news is held before it is appended: 20 MB."""
_ORDER = (*FINAL, Kind.COMPLAINT, Kind.DELAYED, Kind.AUTO_REPLY, Kind.SUCCESS, Kind.RELAYED, Kind.REPORT,
          Kind.UNRECOGNISED)  # fmt: skip
"""Of several sayings about one piece the first counts: whom the mail may not have reached is told again."""
_EVENTS = {**dict.fromkeys(FINAL, "bounced"), Kind.COMPLAINT: "complained"}
_LATER = "unknown_piece"
"""The reason that may pass: the sender records what it sent when its batch ends."""
_GENERAL = {Kind.HARD: "5.0.0", Kind.SOFT: "4.0.0", Kind.POLICY: "5.7.0"}


@dataclass(slots=True)
class BouncesTaken:
    """What came of the files given: counts. `before`: files taken earlier, not read again."""

    files: int = 0
    before: int = 0
    mails: int = 0
    bounced: int = 0
    complained: int = 0
    known: int = 0
    quarantined: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class _News(NamedTuple):
    """One report of one mail: all that is kept of it."""

    file_sha256: str
    row_no: int
    event: str | None
    piece_id: str | None
    detail: str | None
    told_on: date | None
    reason: str


_SCHEMA = {
    "file_sha256": pl.String, "row_no": pl.Int64, "event": pl.String, "piece_id": pl.String, "detail": pl.String,
    "told_on": pl.Date, "reason": pl.String,
}  # fmt: skip


def take(
    workspace: Workspace, path: Path, *, by: str, today: date, recorded_at: datetime
) -> BouncesTaken:
    """Append what the mails of a file, an mbox, a folder or a Maildir say; the next round reads it.

    Raises OperatorError where there is no such file. Two at once wait for each other.
    """
    files = mail_files(path)
    with locked(workspace.root / "bounces.lock", wait=True):
        intake = _Intake(workspace, by, today, recorded_at)
        for file in files:
            intake.file(file, alone=file == path)
        intake.flush()
    return intake.taken


class _Intake:
    """Files one after another; news is appended MAILS_AT_ONCE, a file's own row after all its news."""

    def __init__(self, workspace: Workspace, by: str, today: date, recorded_at: datetime) -> None:
        self.workspace, self.by, self.today, self.recorded_at = workspace, by, today, recorded_at
        self.taken = BouncesTaken()
        self.believed = partial(verp.mailpiece_of, workspace.keys)
        self.news: list[_News] = []
        self.rows: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = {}
        files = workspace.scan("return_files").filter(pl.col("kind") == "BOUNCE")
        waiting = workspace.scan("quarantine").filter(pl.col("reason") == _LATER)
        self.before = set(files.select("file_sha256").collect().to_series())
        self.again = set(waiting.select("file_sha256").unique().collect().to_series())

    def file(self, path: Path, *, alone: bool) -> None:
        """One file; of a folder, what is no mail or cannot be read is counted and left alone."""
        try:
            aside = not alone and not is_mail(path)
            digest = sha256_file(path)
        except OSError:
            self._unreadable(path, alone=alone)
            return
        if aside:
            self.taken.reasons["not_a_mail"] += 1
        elif digest in self.rows or (digest in self.before and digest not in self.again):
            self.taken.before += 1
        else:
            self._read(path, digest, alone=alone)

    def _read(self, path: Path, digest: str, *, alone: bool) -> None:
        rows, mails = 0, mails_in(path)
        while True:
            try:
                data = next(mails, None)
            except OSError:
                self._unreadable(path, alone=alone)
                return
            if data is None:
                break
            self.taken.mails += 1
            for news in _news_of(data, digest, rows, self):
                rows += 1
                self.news.append(news)
            if len(self.news) >= MAILS_AT_ONCE:
                self._append_news()
        self.taken.files += 1
        self.rows[digest] = rows
        if len(self.rows) >= MAILS_AT_ONCE:
            self.flush()

    def _unreadable(self, path: Path, *, alone: bool) -> None:
        """Its digest is not noted, so that it is read when it is given again."""
        if alone:
            raise OperatorError(f"{path}: cannot be read; check its permissions") from None
        self.taken.reasons["unreadable_file"] += 1

    def flush(self) -> None:
        """Append everything held: events, quarantine, and last the files they came from."""
        self._append_news()
        new = [digest for digest in self.rows if digest not in self.before]
        counts = [self.counts.get(digest, Counter()) for digest in new]
        frame = pl.DataFrame(
            {
                "file_sha256": new,
                "kind": ["BOUNCE"] * len(new),
                "rows": [self.rows[digest] for digest in new],
                **{name: [c[name] for c in counts] for name in ("taken", "known", "quarantined")},
                "by": [self.by] * len(new),
            },
            schema_overrides={"file_sha256": pl.String, "kind": pl.String, "by": pl.String},
        )
        stamped = frame.with_columns(recorded_at=_stamp(self.recorded_at))
        self.workspace.append("return_files", TABLES["return_files"].complete(stamped))
        self.before |= set(self.rows)
        self.again -= set(self.rows)
        self.rows, self.counts = {}, {}

    def _append_news(self) -> None:
        if not self.news:
            return
        news = pl.DataFrame(self.news, schema=_SCHEMA, orient="row")
        self.news = []
        judged = _judged(self.workspace, news, self.today)
        events = judged.filter((pl.col("reason") == "") & pl.col("event").is_not_null())
        fresh = self._append_events(events)
        aside = self._append_quarantine(judged.filter(pl.col("reason") != ""))
        for name, frame in (
            ("taken", fresh),
            ("known", events.join(fresh, on=["file_sha256", "row_no"], how="anti")),
            ("quarantined", aside),
        ):
            for digest, count in frame.group_by("file_sha256").len().iter_rows():
                self.counts.setdefault(digest, Counter())[name] += count

    def _append_events(self, found: pl.DataFrame) -> pl.DataFrame:
        """The news that no file has brought before, appended; of two that say the same the first that was read."""
        ids = found["event_id"].implode()
        known = self.workspace.scan("events").filter(pl.col("event_id").is_in(ids))
        fresh = found.unique("event_id", keep="first", maintain_order=True).join(
            known.select("event_id").collect(), on="event_id", how="anti"
        )
        events = fresh.select(
            "event_id", "entity_id", "person_id", "piece_id", "batch_id", "notice_version", "wave", "detail",
            kind=pl.col("event"), channel=pl.lit("email"), dated_on=pl.col("told_on"),
            source_sha256=pl.col("file_sha256"), recorded_at=_stamp(self.recorded_at),
        )  # fmt: skip
        self.workspace.append("events", TABLES["events"].complete(events))
        for kind, count in events.group_by("kind").len().iter_rows():
            setattr(self.taken, kind, getattr(self.taken, kind) + count)
        self.taken.known += found.height - fresh.height
        return fresh

    def _append_quarantine(self, found: pl.DataFrame) -> pl.DataFrame:
        key = ["file_sha256", "row_no"]
        files = found["file_sha256"].unique().implode()
        before = self.workspace.scan("quarantine").filter(pl.col("file_sha256").is_in(files))
        aside = found.join(before.select(key).collect(), on=key, how="anti")
        rows = aside.select(*key, "piece_id", "reason", recorded_at=_stamp(self.recorded_at))
        self.workspace.append("quarantine", TABLES["quarantine"].complete(rows))
        self.taken.quarantined += aside.height
        self.taken.reasons.update(aside["reason"].to_list())
        return aside


def _news_of(data: bytes, digest: str, first: int, intake: _Intake) -> Iterator[_News]:
    """What one mail says, a row a report; what our own reading cannot bear is set aside, not raised."""
    try:
        notices = read(data)
    except Exception:  # noqa: BLE001  one mail of a hundred thousand must not keep the others from being told
        intake.taken.kinds[Kind.UNRECOGNISED] += 1
        yield _News(digest, first, None, None, None, None, "unreadable")
        return
    for number, notice in enumerate(notices, first):
        finding = min(notice.findings, key=lambda found: _ORDER.index(found.kind))
        intake.taken.kinds[finding.kind] += 1
        yield _one_news(notice, finding, digest, number, intake)


def _one_news(notice: Notice, finding: Finding, digest: str, number: int, intake: _Intake) -> _News:
    piece, reason = piece_of(notice.claims, intake.believed)
    event = _EVENTS.get(finding.kind)
    if finding.kind is Kind.UNRECOGNISED:
        reason = "unrecognised"
    elif event is None:
        reason = ""
    shown = piece or claimed(notice.claims)
    return _News(digest, number, event, shown, _detail(finding), _utc_day(notice.date), reason)


def _detail(finding: Finding) -> str | None:
    """The status code as an event bears it: 5.7.x on policy and on nothing else, so that who sends can tell."""
    if finding.kind not in _GENERAL:
        return None
    status = finding.status or _GENERAL[finding.kind]
    if (finding.kind is Kind.POLICY) != status.startswith("5.7."):
        return _GENERAL[finding.kind]
    return status


def _utc_day(text: str) -> date | None:
    try:
        at = parsedate_to_datetime(text[:100])
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).date()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _judged(workspace: Workspace, news: pl.DataFrame, today: date) -> pl.DataFrame:
    """With whom each piece was for, its event's id and day; a reason where it can be no news of its piece."""
    sent = _sent(workspace, news["piece_id"].drop_nulls().unique())
    tells = (pl.col("reason") == "") & pl.col("event").is_not_null()
    possible = pl.col("told_on").is_between(pl.col("sent_on"), pl.lit(today))
    ids = [
        _event_id(*row) if row[1] else None
        for row in news.select("piece_id", "event", "detail").iter_rows()
    ]
    news = news.with_columns(event_id=pl.Series(ids, dtype=pl.String))
    return news.join(sent, on="piece_id", how="left", maintain_order="left").with_columns(
        reason=pl.when(tells & pl.col("sent").is_null())
        .then(pl.lit(_LATER))
        .when(tells & ~pl.col("sent"))
        .then(pl.lit("refused_before"))
        .otherwise("reason"),
        told_on=pl.when(possible).then("told_on").otherwise(pl.lit(today)),
    )


def _sent(workspace: Workspace, pieces: pl.Series) -> pl.DataFrame:
    """One row a piece the relay heard of: whom it was for, `sent_on`, and `sent`: false where it was refused."""
    sent = pl.col("kind") != "refused"
    return (
        workspace.scan("events")
        .filter(
            pl.col("channel") == "email",
            pl.col("kind").is_in(["accepted", "uncertain", "refused"]),
            pl.col("piece_id").is_in(pieces.implode()),
        )
        .sort("dated_on", "event_id")
        .group_by("piece_id")
        .agg(
            pl.col("entity_id", "person_id", "batch_id", "notice_version", "wave").first(),
            sent_on=pl.col("dated_on").min(),
            sent=sent.any(),
        )
        .collect()
    )


def _event_id(piece_id: str | None, event: str, detail: str | None) -> str:
    return hashlib.sha256(f"bounce|{piece_id}|{event}|{detail or ''}".encode()).hexdigest()[:24]


def _stamp(at: datetime) -> pl.Expr:
    return pl.lit(at).dt.cast_time_unit("us")
