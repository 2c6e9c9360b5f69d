"""What people answered: every act one append to the inbox, and what stands now kept in memory.

Another process may append at any time; its parts are read when the table's manifest has changed, and only those.
An act is one answer, or several that belong together (a person split, persons merged), and is undone as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from secrets import token_hex
from threading import RLock
from typing import Literal

import polars as pl

from matching.errors import OperatorError
from matching.people.decided import pairs_of
from matching.standing import WITHDRAWN, standing
from matching.store import Workspace
from matching.tables import FILE_STEP, ROLE_NUMBER, TABLES

__all__ = ["VALUES", "Answer", "Answers", "Pair", "Subject", "pair_of"]

Pair = tuple[int, int]
"""mention_id or chart_id of two records, the lower first."""
Subject = Literal["pair", "second"]
VALUES = ("match", "no", "unsure")
_ROLES = {number: role for role, number in ROLE_NUMBER.items()}
_ACT_DIGITS = 16
_NOTE_MAX = 500
_TICK = timedelta(microseconds=1)


def pair_of(one: int, other: int) -> Pair:
    """The two in order. Raises OperatorError where they are one record."""
    if one == other:
        raise OperatorError("a record cannot be compared with itself; name two")
    return (one, other) if one < other else (other, one)


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision on one pair, as it stands."""

    decision_id: str
    value: str
    by: str
    note: str
    recorded_at: datetime


@dataclass(frozen=True)
class _Folded:
    """What stands, from all rows read so far. One row a pair in each frame."""

    rows: pl.DataFrame
    files: pl.DataFrame

    @cached_property
    def pair(self) -> pl.DataFrame:
        return self._of("pair").unique(["low", "high"], keep="last", maintain_order=True)

    @cached_property
    def second(self) -> pl.DataFrame:
        """The last second answer of each reviewer on a pair."""
        return self._of("second").unique(["low", "high", "by"], keep="last", maintain_order=True)

    @cached_property
    def by_pair(self) -> Mapping[Pair, Answer]:
        columns = ("low", "high", "decision_id", "value", "by", "note", "recorded_at")
        rows = self.pair.select(columns).iter_rows()
        return {
            (low, high): Answer(one, value, by or "", note or "", at)
            for low, high, one, value, by, note, at in rows
        }

    @cached_property
    def acts(self) -> frozenset[str]:
        return frozenset(self.rows["decision_id"].str.head(_ACT_DIGITS))

    @cached_property
    def last_at(self) -> datetime:
        latest = self.rows["recorded_at"].max()
        return latest if isinstance(latest, datetime) else datetime.min.replace(tzinfo=UTC)

    def _of(self, subject: Subject) -> pl.DataFrame:
        return pairs_of(standing(self.rows, subject), self.files)


class Answers:
    """Answers of all reviewers. Safe for threads; other processes may append meanwhile.

    Several people who answer one pair: all is kept, the last counts.
    """

    def __init__(
        self, workspace: Workspace, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._workspace, self._now = workspace, now
        self._lock = RLock()
        self._parts = 0
        self._stamp: tuple[int, int, int] | None = None
        self._places = _places(workspace)
        files = workspace.read("files", ["file_no", "file_sha256"])
        self._folded = _Folded(TABLES["decisions"].empty(), files)
        self.refresh()

    # --- what stands ------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Read what others appended since; says whether there was anything."""
        with self._lock:
            stamp = self._workspace.stamp("decisions")
            if stamp == self._stamp:
                return False
            parts = self._workspace.lazy_parts("decisions", start=self._parts)
            self._stamp = stamp
            if parts:
                self._take(pl.concat(pl.collect_all([rows for _, rows in parts])), len(parts))
            return bool(parts)

    def on(self, pair: Pair) -> Answer | None:
        """The decision that stands on a pair; None where nobody decided, or took it back."""
        return self._folded.by_pair.get(pair)

    def decided(self) -> Mapping[Pair, Answer]:
        """Every pair on which a decision stands. Do not change it."""
        return self._folded.by_pair

    def pairs(self) -> pl.DataFrame:
        """Decisions on pairs that stand, one row a pair: as the table, with `left_id`, `right_id`, `low` and `high`."""
        return self._folded.pair

    def seconds(self) -> pl.DataFrame:
        """Second answers that stand, one row a pair and reviewer: low, high, value, note, by, recorded_at ..."""
        return self._folded.second

    def rows(self) -> pl.DataFrame:
        """Every decision ever appended, also those that stand no more."""
        return self._folded.rows

    # --- answering --------------------------------------------------------------------------

    def answer(
        self,
        pair: Pair,
        value: str,
        *,
        by: str,
        note: str = "",
        once: str = "",
        subject: Subject = "pair",
    ) -> str:
        """Append one answer, in place of what stands on the pair; gives its act's id.

        `once`: a form's one-time number. The same form again appends nothing and gives the same id.
        """
        return self.answer_all([(pair, value)], by=by, note=note, once=once, subject=subject)

    def answer_all(
        self,
        answers: Sequence[tuple[Pair, str]],
        *,
        by: str,
        note: str = "",
        once: str = "",
        subject: Subject = "pair",
    ) -> str:
        """Several answers as one act: all are there or none. Raises OperatorError where one is no answer."""
        answers = [(pair_of(*pair), value) for pair, value in answers]
        self._refuse_bad(answers, by=by, note=note)
        with self._lock:
            self.refresh()
            act = _act(by, once)
            if act in self._folded.acts:
                return act
            before = self._before(subject, by)
            rows = [
                self._row(f"{act}-{place}", pair, subject)
                | {"value": value, "note": note or None, "supersedes": before.get(pair)}
                for place, (pair, value) in enumerate(answers)
            ]
            self._append(rows, by)
            return act

    def name_practice(
        self, record: int, value: str, *, by: str, note: str = "", once: str = "",
        supersedes: str | None = None,
    ) -> str:  # fmt: skip
        """Say whose the practice's name on a record is: an entity id, or none; gives the act's id.

        It holds for all rows of that name and place. `supersedes`: the decision_id that stood on it.
        """
        if not by or not value or len(note) > _NOTE_MAX:
            raise OperatorError(f"a decision needs a name and an entity; a note has up to {_NOTE_MAX} characters")  # fmt: skip
        with self._lock:
            self.refresh()
            act = _act(by, once)
            if act not in self._folded.acts:
                place = {f"left_{part}": said for part, said in self._place(record).items()}
                row = {"decision_id": f"{act}-0", "subject": "practice", "value": value} | place
                self._append([row | {"note": note or None, "supersedes": supersedes}], by)
            return act

    def undo(self, *, by: str, once: str = "") -> list[Pair]:
        """Take back the reviewer's own last act on pairs: what stood before stands again. Gives its pairs.

        Raises OperatorError where there is none, or where somebody has decided on one of its pairs since.
        """
        with self._lock:
            self.refresh()
            act = _act(by, once)
            rows = self._folded.rows
            if act in self._folded.acts:
                return _pairs(pairs_of(_of_act(rows, act), self._folded.files))
            last = self._last_act(by)
            back = [
                {name: row[name] for name in _PLACE} | {"decision_id": f"{act}-{place}"}
                | {"value": WITHDRAWN, "note": None, "supersedes": row["decision_id"]}
                for place, row in enumerate(last.iter_rows(named=True))
            ]  # fmt: skip
            self._append(back, by)
            return _pairs(pairs_of(last, self._folded.files))

    # --- inside -----------------------------------------------------------------------------

    def _take(self, rows: pl.DataFrame, parts: int) -> None:
        files = self._folded.files
        self._parts += parts
        self._folded = _Folded(pl.concat([self._folded.rows, rows]), files)

    def _append(self, rows: list[dict[str, object]], by: str) -> None:
        at = max(self._now(), self._folded.last_at + _TICK)  # a clock may go back
        frame = pl.DataFrame([row | {"by": by, "recorded_at": at} for row in rows])
        whole = TABLES["decisions"].complete(frame)
        count = self._workspace.append("decisions", whole)
        if count == self._parts + 1:
            stamp = self._workspace.stamp("decisions")
            self._take(whole, 1)
            self._stamp = stamp if self._is_ours(count) else None
        else:
            self._stamp = None
            self.refresh()

    def _is_ours(self, count: int) -> bool:
        """Nobody appended between our append and the look at the manifest's file."""
        manifest = self._workspace.manifest("decisions")
        return manifest is not None and len(manifest.parts) == count

    def _before(self, subject: Subject, by: str) -> dict[Pair, str]:
        """decision_id in whose place an answer comes: what stands; of second answers the reviewer's own."""
        if subject == "pair":
            return {pair: found.decision_id for pair, found in self._folded.by_pair.items()}
        own = self._folded.second.filter(pl.col("by") == by)
        return {
            (low, high): one for low, high, one in own["low", "high", "decision_id"].iter_rows()
        }

    def _last_act(self, by: str) -> pl.DataFrame:
        rows = self._folded.rows
        back = rows.filter(pl.col("value") == WITHDRAWN)["supersedes"].drop_nulls()
        alive = rows.filter(
            pl.col("subject").is_in(["pair", "second"]),
            pl.col("value") != WITHDRAWN,
            ~pl.col("decision_id").is_in(back.implode()),
        )
        here = pl.col("decision_id").str.slice(_ACT_DIGITS, 1) == "-"
        own = alive.filter(pl.col("by") == by, here).sort("recorded_at", "decision_id")
        if own.is_empty():
            raise OperatorError("nothing to undo: no answer of yours stands")
        last = _of_act(own, str(own["decision_id"][-1])[:_ACT_DIGITS])
        if alive["supersedes"].is_in(last["decision_id"].implode()).any():
            raise OperatorError("somebody has decided on this pair since: decide again instead")
        return last

    def _row(self, decision_id: str, pair: Pair, subject: Subject) -> dict[str, object]:
        ends = {
            f"{side}_{part}": value
            for side, record in zip(("left", "right"), pair, strict=True)
            for part, value in self._place(record).items()
        }
        return {"decision_id": decision_id, "subject": subject, **ends}

    def _place(self, record: int) -> dict[str, object]:
        file_no, rest = divmod(record, FILE_STEP)
        digest, side = self._places[file_no]
        role = "chart" if side == "master" else _ROLES[rest % 8]
        return {"file_sha256": digest, "row_no": rest // 8, "role": role}

    def _refuse_bad(self, answers: Sequence[tuple[Pair, str]], *, by: str, note: str) -> None:
        if not by:
            raise OperatorError("an answer needs a name: who decides")
        if len(note) > _NOTE_MAX:
            raise OperatorError(f"a note may have {_NOTE_MAX} characters; shorten it")
        if not answers or len({pair for pair, _ in answers}) < len(answers):
            raise OperatorError("an act needs pairs, each of them once")
        for pair, value in answers:
            if value not in VALUES:
                raise OperatorError(f"an answer is one of {', '.join(VALUES)}")
            if any(record // FILE_STEP not in self._places for record in pair):
                raise OperatorError("no such record: open the pair again")


_PLACE = ("subject", *(f"{s}_{p}" for s in ("left", "right") for p in ("file_sha256", "row_no", "role")))  # fmt: skip


def _act(by: str, once: str) -> str:
    """Of a form always the same; else a new one."""
    if not once:
        return token_hex(_ACT_DIGITS // 2)
    return hashlib.sha256(f"{by}\x00{once}".encode()).hexdigest()[:_ACT_DIGITS]


def _of_act(rows: pl.DataFrame, act: str) -> pl.DataFrame:
    return rows.filter(pl.col("decision_id").str.starts_with(act))


def _pairs(rows: pl.DataFrame) -> list[Pair]:
    return [(low, high) for low, high in rows["low", "high"].iter_rows()]


def _places(workspace: Workspace) -> dict[int, tuple[str, str]]:
    """By file_no: SHA-256 of the delivered table, and its side."""
    rows = workspace.read("inventory", ["file_no", "file_sha256", "side"])
    return {number: (digest, side) for number, digest, side in rows.iter_rows()}
