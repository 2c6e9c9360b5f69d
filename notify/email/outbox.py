"""The outbox: which e-mail is in which state, in SQLite beside the journal. Ids, states and counts only.

`outbox` (what the `batches` step planned) comes in; what a run of the sender did goes out as rows with a
state of `notify.email.states`. WAL with synchronous FULL: what is committed survives a power cut. One
sender at a time holds `send.lock`, so a row that an earlier run left `claimed` is free again, and one it
left `sending` is `uncertain`: at most one a connection and crash. `opened` notes the file's digest when the
sender lets go of it: whoever opens it next finds it as it was left, or does not open it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from matching.store import (
    CLOSED,
    Evidence,
    IntegrityError,
    OperatorError,
    TryAgainLater,
    Workspace,
    check_pages,
)
from notify.email.states import EVENT_OF, MAY_BECOME, SendState

__all__ = ["Change", "Due", "Outbox", "opened", "outbox_counts", "read", "uncertain_waiting"]

FILE = "outbox.sqlite"
SCHEMA = """
create table if not exists outbox (
    place integer primary key,
    mailpiece_id text not null unique,
    person_id text not null,
    entity_id text not null,
    channel text not null default 'email',
    notice_version integer not null,
    wave integer not null,
    state text not null default 'pending',
    reason text,
    tries integer not null default 0,
    first_try_at real,
    next_try_at real,
    changed_at real not null,
    run integer,
    noted integer not null default 0,
    unique (person_id, entity_id, channel, notice_version, wave)
);
create table if not exists runs (
    run integer primary key,
    started_at real not null,
    ended_at real,
    connections integer not null
);
create table if not exists days (day text primary key, attempts integer not null);
create table if not exists canaries (
    wave text not null,
    subject text not null,
    accepted integer not null,
    sent_at real not null
);
"""
ADD_SQL = """
insert or ignore into outbox (mailpiece_id, person_id, entity_id, notice_version, wave, changed_at)
values (?, ?, ?, ?, ?, ?)
"""
SENDING_SQL = """
update outbox set state = 'sending', run = ?, tries = tries + 1, changed_at = ?,
    first_try_at = coalesce(first_try_at, ?)
where place = ? and state = 'claimed'
"""
DUE_SQL = """
select place, mailpiece_id, wave, tries, coalesce(first_try_at, 0) from outbox
where state in ('pending', 'temporary') and coalesce(next_try_at, 0) <= ?
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A row's new state. `next_try_at` and the times of the table are seconds since 1970, UTC."""

    place: int
    state: SendState
    reason: str | None = None
    next_try_at: float | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A row that may be sent now."""

    place: int
    mailpiece_id: str
    wave: int
    tries: int
    first_try_at: float


class Outbox:
    """Opened by the one who holds `send.lock`; calls come from one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: in memory, for a dry run."""
        self._name = path.name if path else FILE
        with self._told():
            self._db = sqlite3.connect(
                path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.executescript(SCHEMA)
        self.run = 0

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _operators(self._name, error) from None

    @contextmanager
    def _committed(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block ends; nothing of it where the block raises."""
        with self._told():
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise

    def check(self) -> None:
        """Raise IntegrityError where pages do not fit together: after a sender was killed."""
        with self._told():
            check_pages(self._db, self._name)

    def close(self) -> None:
        """Let go of the file, with everything in it and nothing beside it."""
        with suppress(sqlite3.DatabaseError):  # what is committed is safe beside it, too
            self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()

    # --- a run ----------------------------------------------------------------------------------

    def begin(self, *, now: float, connections: int) -> dict[str, int]:
        """Begin a run: what a dead run left `claimed` is free again, what it left `sending` is uncertain.

        Gives how many of each.
        """
        with self._committed() as db:
            lost = self._move(db, SendState.SENDING, SendState.UNCERTAIN, "crash", now)
            freed = self._move(db, SendState.CLAIMED, SendState.PENDING, None, now)
            cursor = db.execute(
                "insert into runs (started_at, connections) values (?, ?)", (now, connections)
            )
            self.run = int(cursor.lastrowid or 0)
        return {"uncertain": lost, "claimed": freed}

    def end(self, *, now: float) -> None:
        """End the run; what it still holds is free again. A row left `sending` makes it a crash."""
        with self._committed() as db:
            self._move(db, SendState.CLAIMED, SendState.PENDING, None, now)
            db.execute(
                "update runs set ended_at = ? where run = ?"
                " and not exists (select 1 from outbox where state = 'sending')",
                (now, self.run),
            )

    def fill(self, approved: pl.DataFrame, planned: pl.Series, *, now: float) -> int:
        """Add rows that are planned and approved and new, in their order; gives how many.

        `planned`: every mailpiece_id that is planned. What was skipped and is planned is looked at again;
        what is open and no longer planned is skipped. Rows in any other state stay as they are.
        """
        columns = ["mailpiece_id", "person_id", "entity_id", "notice_version", "wave"]
        with self._committed() as db:
            before = db.total_changes
            db.executemany(ADD_SQL, ((*row, now) for row in approved.select(columns).iter_rows()))
            added = db.total_changes - before
            db.execute("create temp table planned (id text primary key) without rowid")
            db.executemany("insert into planned values (?)", ((each,) for each in planned))
            db.execute(
                "update outbox set state = 'pending', reason = null, changed_at = ? where state = 'skipped'"
                " and mailpiece_id in (select id from planned)",
                (now,),
            )
            db.execute(
                "update outbox set state = 'skipped', reason = 'not_planned', changed_at = ?"
                " where state in ('pending', 'temporary')"
                " and mailpiece_id not in (select id from planned)",
                (now,),
            )
            db.execute("drop table planned")
        return added

    def due(self, waves: Iterable[int], *, now: float) -> list[Due]:
        """Rows of these waves that may be sent now, in no order."""
        wanted = frozenset(waves)
        with self._told():
            rows = self._db.execute(DUE_SQL, (now,))
            return [Due(*row) for row in rows if row[2] in wanted]

    def claim(self, places: Sequence[int], *, now: float) -> None:
        """Take rows in hand, for this run only."""
        with self._committed() as db:
            db.executemany(
                "update outbox set state = 'claimed', run = ?, changed_at = ?"
                " where place = ? and state in ('pending', 'temporary')",
                ((self.run, now, place) for place in places),
            )

    def exchange(
        self, changes: Sequence[Change], sending: Sequence[int], *, now: float, day: str = ""
    ) -> None:
        """Commit what became of rows and mark others `sending`, all or nothing, on disk on return.

        Raises AssertionError where a row may not take that step: then nothing was committed.
        """
        with self._committed() as db:
            for change in changes:
                self._change(db, change, now)
            for place in sending:
                marked = db.execute(SENDING_SQL, (self.run, now, now, place)).rowcount
                assert marked == 1, f"row {place} was not claimed"
            if sending:
                db.execute(
                    "insert into days values (?, ?) on conflict (day)"
                    " do update set attempts = attempts + excluded.attempts",
                    (day, len(sending)),
                )

    def _change(self, db: sqlite3.Connection, change: Change, now: float) -> None:
        sql, before = _CHANGE[change.state]
        values = (change.reason, change.next_try_at, now, now, change.place, *before)
        assert db.execute(sql, values).rowcount == 1, f"row {change.place}: not to {change.state}"

    def _move(
        self,
        db: sqlite3.Connection,
        old: SendState,
        new: SendState,
        reason: str | None,
        now: float,
    ) -> int:
        assert new in MAY_BECOME[old]
        return db.execute(
            "update outbox set state = ?, reason = ?, changed_at = ?, noted = 0 where state = ?",
            (new, reason, now, old),
        ).rowcount

    # --- what is uncertain ------------------------------------------------------------------------

    def replace_uncertain(self, *, changed_before: float, now: float) -> int:
        """Give up waiting for rows that are uncertain since before that moment; gives how many."""
        with self._committed() as db:
            return db.execute(
                "update outbox set state = 'uncertain_replaced', changed_at = ?, noted = 0"
                " where state = 'uncertain' and changed_at <= ?",
                (now, changed_before),
            ).rowcount

    def uncertain(self) -> list[tuple[int, str]]:
        """`place, mailpiece_id` of rows whose answer was lost."""
        with self._told():
            return list(
                self._db.execute("select place, mailpiece_id from outbox where state = 'uncertain'")
            )

    # --- what the ledger is told --------------------------------------------------------------------

    def unnoted(self) -> pl.DataFrame:
        """Rows whose state no event told yet, with `place, kind` and what an event says."""
        kinds = ", ".join(f"'{state}'" for state in EVENT_OF)
        columns = "place, mailpiece_id, person_id, entity_id, notice_version, wave, state, reason"
        with self._told():
            rows = self._db.execute(
                f"select {columns} from outbox where noted = 0 and state in ({kinds})"
            ).fetchall()
        types = [pl.Int64, *[pl.String] * 3, pl.Int32, pl.Int32, pl.String, pl.String]
        names = dict(zip(columns.split(", "), types, strict=True))
        frame = pl.DataFrame(rows, schema=names, orient="row")
        return frame.with_columns(
            kind=pl.col("state").replace_strict(dict(EVENT_OF), return_dtype=pl.String)
        )

    def note(self, places: Iterable[int]) -> None:
        """The events of these rows are in the inbox."""
        with self._committed() as db:
            db.executemany(
                "update outbox set noted = 1 where place = ?", ((place,) for place in places)
            )

    # --- figures --------------------------------------------------------------------------------------

    def counts(self, wave: int | None = None) -> dict[str, int]:
        """Rows a state, every state there is."""
        with self._told():
            found = dict(
                self._db.execute(
                    "select state, count(*) from outbox where ?1 is null or wave = ?1 group by state",
                    (wave,),
                ).fetchall()
            )
        return {str(state): int(found.get(state, 0)) for state in SendState}

    def reasons(self, state: SendState) -> dict[str, int]:
        """Rows a reason in one state."""
        with self._told():
            rows = self._db.execute(
                "select coalesce(reason, ''), count(*) from outbox where state = ? group by 1 order by 1",
                (state,),
            ).fetchall()
        return {str(reason): int(count) for reason, count in rows}

    def not_sent(self) -> pl.DataFrame:
        """Rows that the relay did not take, with state and reason: ids only, in order of their piece."""
        columns = "mailpiece_id, person_id, entity_id, wave, state, reason"
        with self._told():
            rows = self._db.execute(
                f"select {columns} from outbox where state <> 'accepted' order by mailpiece_id"
            ).fetchall()
        names = columns.split(", ")
        types = {name: pl.Int32 if name == "wave" else pl.String for name in names}
        return pl.DataFrame(rows, schema=types, orient="row")

    def next_try_at(self) -> float | None:
        """When the next row that was refused for now may be tried."""
        with self._told():
            found = self._db.execute(
                "select min(next_try_at) from outbox where state = 'temporary'"
            ).fetchone()
        return float(found[0]) if found[0] is not None else None

    def days(self) -> dict[str, int]:
        """Messages tried by day."""
        with self._told():
            return dict(self._db.execute("select day, attempts from days").fetchall())

    def crashes(self) -> tuple[int, int]:
        """Earlier runs that did not end by themselves, and the connections they had open together."""
        with self._told():
            found = self._db.execute(
                "select count(*), coalesce(sum(connections), 0) from runs"
                " where ended_at is null and run <> ?",
                (self.run,),
            ).fetchone()
        return int(found[0]), int(found[1])

    # --- canaries ---------------------------------------------------------------------------------------

    def note_canary(self, wave: str, subject: str, *, accepted: int, now: float) -> None:
        """Mail to ourselves went out with the text that this digest stands for."""
        with self._committed() as db:
            db.execute("insert into canaries values (?, ?, ?, ?)", (wave, subject, accepted, now))

    def canary_accepted(self, wave: str, subject: str) -> bool:
        """The relay took a canary of exactly this wave."""
        with self._told():
            found = self._db.execute(
                "select max(accepted) from canaries where wave = ? and subject = ?", (wave, subject)
            ).fetchone()
        return bool(found[0])


@contextmanager
def opened(workspace: Workspace) -> Iterator[Outbox]:
    """The workspace's outbox, to be written to; the caller holds `send.lock`.

    Raises IntegrityError where the file is not as the last sender left it.
    """
    with workspace.database(FILE) as state:
        outbox = Outbox(workspace.root / FILE)
        try:
            if state != CLOSED:
                outbox.check()
            yield outbox
        finally:
            outbox.close()


@contextmanager
def read(root: Path) -> Iterator[Outbox | None]:
    """The outbox to look at, also while a sender writes to it; None where there is none."""
    Evidence(root).database(FILE)
    outbox = Outbox(root / FILE) if (root / FILE).exists() else None
    try:
        yield outbox
    finally:
        if outbox is not None:
            outbox.close()


def uncertain_waiting(root: Path) -> int:
    """Figure U: uncertain sends that still wait, for news or for the letter; 0 without an outbox."""
    return outbox_counts(root).get(SendState.UNCERTAIN, 0)


def outbox_counts(root: Path) -> dict[str, int]:
    """Rows a state; empty without an outbox."""
    with read(root) as outbox:
        return outbox.counts() if outbox is not None else {}


def _changes() -> dict[SendState, tuple[str, tuple[str, ...]]]:
    """State -> the statement that brings a row there from where it may come."""
    made = {}
    for state in SendState:
        before = tuple(str(old) for old, new in MAY_BECOME.items() if state in new)
        places = ", ".join("?" for _ in before)
        sql = (
            f"update outbox set state = '{state}', reason = ?, next_try_at = ?, changed_at = ?,"
            " first_try_at = coalesce(first_try_at, ?), noted = 0"
            f" where place = ? and state in ({places})"
        )
        made[state] = (sql, before)
    return made


_CHANGE = _changes()


def _operators(name: str, error: sqlite3.DatabaseError) -> OperatorError:
    """Damage, a missing right, or a disk that is full or a lock that is held: each has its own fix."""
    code = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return OperatorError(f"{name}: {error}; give this user the right to write it")
    if code.startswith(("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR")):
        return TryAgainLater(f"{name}: {error}; free space or wait, then call again")
    return IntegrityError(f"{name}: {error}; restore it from a copy")
