"""Disks, databases, files and clocks that are not as they should be: each a named case with its check.

In: the undisturbed run, whose disk is put back to some moment. Out: what was not as it should be; nothing where all
is well. A command that meets the trouble says one line and gives its exit code; without it, the same call goes on
to the same tables.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.faulting.calls import Called, called
from benchmarks.faulting.disk import KINDS, Operation
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.states import described, differences, wrong
from flows.verify import verify
from matching.schema import Kind
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["CASES", "QUICK"]

Case = Callable[[Undisturbed], list[str]]


def unlike(ended: Called, code: int, words: str = "") -> list[str]:
    """The call should have ended so, in one line."""
    if ended.code != code or not ended.told_plainly() or words not in ended.said:
        return [f"ended with {ended.code}, not {code} '{words}': {ended.said.strip()[:300]}"]
    return []


def at(world: Undisturbed, name: str) -> int:
    """The number of a phase; its disk is put back."""
    number = next(n for n, phase in enumerate(world.phases) if phase.name == name)
    world.restore(number)
    return number


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file's bytes; what SQLite keeps for its readers is no content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".lock"} and not path.name.endswith("-shm")
    }


# --- the disk ---------------------------------------------------------------------------------------


def full_disk(world: Undisturbed) -> list[str]:
    """From some write on there is no space for anything, until somebody frees it."""
    return _everything_fails(world, errno.ENOSPC, {"open", "write", "mkdir", "commit"}, 75, "full")


def read_only_disk(world: Undisturbed) -> list[str]:
    """The disk was mounted again for reading only."""
    return _everything_fails(world, errno.EROFS, set(KINDS) - {"fsync", "lock", "spawn"}, 3, "")


def _everything_fails(
    world: Undisturbed, number: int, kinds: set[str], code: int, words: str
) -> list[str]:
    found = []
    for name in ("duties", "export", "record"):
        which = at(world, name)
        met = []

        def refuse(operation: Operation, met: list[Operation] = met) -> None:
            met.append(operation)
            if len(met) > 3 and operation.kind in kinds:
                if operation.kind == "commit":
                    raise _of_sqlite(number)
                raise OSError(number, os.strerror(number), operation.path)

        found += unlike(world.through(world.phases[which], refuse), code, words)
        found += [f"{name}: {each}" for each in world.again(which)]
    return found


def _of_sqlite(number: int) -> sqlite3.OperationalError:
    full = number == errno.ENOSPC
    error = sqlite3.OperationalError("database or disk is full" if full else "attempt to write a readonly database")  # fmt: skip
    error.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_READONLY"
    return error


# --- databases --------------------------------------------------------------------------------------


@contextmanager
def impatient() -> Iterator[None]:
    """SQLite waits a fifth of a second for a lock, not half a minute."""
    real = sqlite3.connect

    def connect(*given: Any, **named: Any) -> Any:
        return real(*given, **{**named, "timeout": 0.2})

    with mock.patch.object(sqlite3, "connect", connect):
        yield


def locked_journal(world: Undisturbed) -> list[str]:
    """Another program, a backup say, holds the journal and does not let go."""
    which = at(world, "duties")
    path = world.incident.workspace / "journal.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with impatient():
            found = unlike(called(world.phases[which].arguments), 75, "journal.sqlite: database is locked")  # fmt: skip
    return found + world.again(which)


def damaged_journal(world: Undisturbed) -> list[str]:
    """Its first page is overwritten, or it is cut: nothing is guessed."""
    found = []
    for damage in (
        lambda data: b"\xa5" * 100 + data[100:],
        lambda data: data[: len(data) // 2 - 7],
    ):
        which = at(world, "duties")
        path = world.incident.workspace / "journal.sqlite"
        with closing(sqlite3.connect(path)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        found += unlike(called(world.phases[which].arguments), 7, "journal.sqlite")
        path.write_bytes(whole)
        found += world.again(which)
    return found


# --- tables -----------------------------------------------------------------------------------------


def flipped_bit(world: Undisturbed) -> list[str]:
    """One bit of each table's first part: found by verify; what can be made again is."""
    return _damaged_tables(world, lambda data: data[:60] + bytes([data[60] ^ 4]) + data[61:])


def truncated_table(world: Undisturbed) -> list[str]:
    """Each table's first part loses its last byte."""
    return _damaged_tables(world, lambda data: data[:-1])


def _damaged_tables(world: Undisturbed, damage: Callable[[bytes], bytes]) -> list[str]:
    at(world, "release packets")
    root, found = world.incident.workspace, []
    for name, table in TABLES.items():
        manifest = Workspace.open(root).manifest(name)
        parts = [
            root / table.kind / name / part.file for part in (manifest.parts if manifest else ())
        ]
        if not parts:
            continue
        whole = parts[0].read_bytes()
        _rewritten(parts[0], damage(whole))
        seen = verify(root)
        if not any(parts[0].name in said for said in seen["damaged"]):
            found.append(f"{name}: verify did not find it")
        _rewritten(parts[0], whole)
    return found + wrong(world.incident)


def _rewritten(path: Path, data: bytes) -> None:
    """Another file of the same name: the snapshot's is linked."""
    path.unlink()
    path.write_bytes(data)


def damage_heals(world: Undisturbed) -> list[str]:
    """A step's damaged table is made again; one that came from the world is not, and is refused."""
    at(world, "release packets")
    root = world.incident.workspace
    (part,) = sorted((root / "tables" / "duties").glob("part-*.parquet"))[:1]
    whole = part.read_bytes()
    _rewritten(part, whole[: len(whole) // 2])
    found = unlike(called(["packets", str(root)]), 7, "bytes changed")
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    found += world.again(number)
    (kept,) = sorted((root / "inbox" / "files").glob("part-*.parquet"))[:1]
    whole = kept.read_bytes()
    _rewritten(kept, bytes([whole[0] ^ 1]) + whole[1:])
    found += unlike(called(world.phases[0].arguments), 7, "bytes changed")
    _rewritten(kept, whole)
    return found + world.again(number)


# --- clocks -----------------------------------------------------------------------------------------


class _Clock:
    """What `datetime.now` and `time.time` say; each look moves it on by `step`."""

    def __init__(self, start: datetime, step: timedelta = timedelta(0)) -> None:
        self.at, self.step = start, step

    def look(self) -> datetime:
        self.at += self.step
        return self.at

    def stamp(self) -> float:
        return self.look().timestamp()


@contextmanager
def clock(start: datetime, step: timedelta = timedelta(0), zone: str = "") -> Iterator[_Clock]:
    """The whole program lives by this clock, in this time zone."""
    shown = _Clock(start, step)

    class Fake(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            seen = shown.look()
            return seen.astimezone(tz) if tz else seen.astimezone().replace(tzinfo=None)

    import sys

    ours = [m for name, m in sys.modules.items() if name.partition(".")[0] in {"flows", "notify", "matching"}]  # fmt: skip
    before = os.environ.get("TZ")
    patches = [mock.patch.object(m, "datetime", Fake) for m in ours if getattr(m, "datetime", None) is datetime]  # fmt: skip
    patches.append(mock.patch.object(time, "time", shown.stamp))
    for patch in patches:
        patch.start()
    if zone:
        os.environ["TZ"] = zone
        time.tzset()
    try:
        yield shown
    finally:
        for patch in patches:
            patch.stop()
        if zone:
            os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
            time.tzset()


def clock_goes_back_within(world: Undisturbed) -> list[str]:
    """Each look at the clock is an hour earlier than the one before, in a step and in every release."""
    found = []
    for name in ("duties", "release packets", "export", "send", "record"):
        which = at(world, name)
        with clock(datetime(2026, 3, 21, 12, tzinfo=UTC), timedelta(hours=-1)):
            found += [f"{name}: {each}" for each in world.again(which)]
    return found


def clock_goes_back_between(world: Undisturbed) -> list[str]:
    """The machine's clock is set back by a month between a release and the next call of it."""
    found = []
    for name in ("release packets", "export", "send"):
        which = at(world, name)
        with clock(datetime(2026, 4, 21, 12, tzinfo=UTC)):
            found += [f"{name}: {each}" for each in world.again(which)]
        with clock(datetime(2026, 3, 21, 12, tzinfo=UTC)):
            found += [f"{name} again: {each}" for each in world.again(which)]
    return found


def _dated(world: Undisturbed, changed: dict[str, str]) -> Path:
    """The incident with other dates, beside the first; `""` takes a line away."""
    path = world.incident.file.with_name("dated.toml")
    text = world.incident.file.read_text()
    for key, value in changed.items():
        line = f"{key} = {value}\n" if value else ""
        text = re.sub(rf"^{key} = .*\n", line, text, count=1, flags=re.MULTILINE)
    path.write_text(text)
    return path


def _ran_dated(world: Undisturbed, incident: Path, until: str = "") -> Called:
    arguments = list(world.phases[0].arguments)
    arguments[1] = str(incident)
    return called([*arguments, *(["--until", until] if until else [])])


def _as_of(world: Undisturbed) -> str:
    from flows.rounds import latest

    current = latest(world.incident.workspace)
    return str(current.incident.as_of) if current else ""


def resumed_on_another_day(world: Undisturbed) -> list[str]:
    """A round without `as_of` that stops and goes on after the clock went back a day keeps its day."""
    world.restore(0)
    incident = _dated(world, {"as_of": ""})
    with clock(datetime(2026, 3, 20, 17, tzinfo=UTC), zone="America/New_York"):
        first = _ran_dated(world, incident, "counts")
    with clock(datetime(2026, 3, 19, 17, tzinfo=UTC), zone="America/New_York"):
        second = _ran_dated(world, incident)
    found = [f"ended with {c.code}: {c.said[:300]}" for c in (first, second) if not c.well]
    if _as_of(world) != "2026-03-20":
        found.append(f"as_of became {_as_of(world)}")
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    expected = world.phases[number].expected
    same = differences({"t": expected["tables"]}, {"t": described(world.incident)["tables"]})
    return found + same + wrong(world.incident)


def daylight_saving_nights(world: Undisturbed) -> list[str]:
    """The hour that does not exist, and the one that comes twice: the day is the wall's, the clocks count days."""
    nights = {
        datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC): "2026-03-08",  # 01:59:59, then 03:00
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC): "2026-03-08",
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC): "2026-11-01",  # 01:30, the first time
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC): "2026-11-01",
        datetime(2026, 11, 1, 3, 59, tzinfo=UTC): "2026-10-31",  # 23:59 the evening before
    }
    from flows.rounds import today

    found = []
    for moment, day in nights.items():
        with clock(moment, zone="America/New_York"):
            if str(today()) != day:
                found.append(f"{moment}: {today()}, not {day}")
    world.restore(0)
    incident = _dated(world, {"as_of": "", "known_on": "2026-03-01", "should_have_known_on": "", "should_have_known_reason": ""})  # fmt: skip
    with clock(datetime(2026, 3, 8, 7, 0, tzinfo=UTC), zone="America/New_York"):
        ended = _ran_dated(world, incident)
    found += [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    return found + _due(world, "2026-04-30") + wrong(world.incident)


def leap_day(world: Undisturbed) -> list[str]:
    """Known and looked at on 29 February 2028: sixty days later is 29 April."""
    world.restore(0)
    dates = {"as_of": "2028-02-29", "known_on": "2028-02-29", "should_have_known_on": "", "should_have_known_reason": ""}  # fmt: skip
    with clock(datetime(2028, 2, 29, 23, 59, tzinfo=UTC)):
        ended = _ran_dated(world, _dated(world, dates | {"planned_mail_on": "2028-03-10"}))
    found = [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    return found + _due(world, "2028-04-29") + wrong(world.incident)


def _due(world: Undisturbed, day: str) -> list[str]:
    """Individual notice is due that day somewhere."""
    duties = Workspace.open(world.incident.workspace).read("duties")
    days = {str(found) for found in duties["due_on"].drop_nulls()}
    return [] if day in days else [f"nothing is due on {day}: {sorted(days)[:5]}"]


def fewer_workers(world: Undisturbed) -> list[str]:
    """One thread makes what two make."""
    world.restore(0)
    arguments = list(world.phases[0].arguments)
    arguments[arguments.index("--workers") + 1] = "1"
    ended = called(arguments)
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    found = [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    step_tables = {n: d for n, d in world.phases[number].expected["tables"].items() if TABLES[n].kind is Kind.STEP}  # fmt: skip
    made = {n: d for n, d in described(world.incident)["tables"].items() if n in step_tables}
    return found + differences({"t": step_tables}, {"t": made})


def another_order(world: Undisturbed) -> list[str]:
    """The same rows delivered in another order: the same people, counts and duties."""
    import shutil

    from tests.flow.test_order import partition, shuffle_rows

    at(world, "release packets")
    one = Workspace.open(world.incident.workspace)
    before = (partition(one), one.digest("counts"), one.digest("duties"), one.digest("leaked"))
    source = world.incident.folder / "shuffled"
    shutil.copytree(world.incident.file.parent, source, dirs_exist_ok=True)
    shuffle_rows(source)
    world.restore(0)
    arguments = list(world.phases[0].arguments)
    arguments[1] = str(source / "incident.toml")
    ended = called(arguments)
    other = Workspace.open(world.incident.workspace)
    after = (partition(other), other.digest("counts"), other.digest("duties"), other.digest("leaked"))  # fmt: skip
    names = ("people", "counts", "duties")
    found = [n for n, a, b in zip(names, before, after, strict=False) if a != b]
    found += [] if before[3] != after[3] else ["the rows did not move"]
    return found + ([] if ended.well else [f"ended with {ended.code}"])


QUICK: dict[str, Case] = {
    "full disk": full_disk,
    "read-only disk": read_only_disk,
    "journal locked": locked_journal,
    "journal damaged": damaged_journal,
    "one bit flipped in each table": flipped_bit,
    "each table truncated": truncated_table,
    "clock goes back between calls": clock_goes_back_between,
}
"""Under three seconds each."""
CASES: dict[str, Case] = {
    **QUICK,
    "clock goes back within calls": clock_goes_back_within,
    "a damaged table is made again": damage_heals,
    "resumed on another day": resumed_on_another_day,
    "daylight saving nights": daylight_saving_nights,
    "leap day": leap_day,
    "another worker count": fewer_workers,
    "another order of rows": another_order,
}
