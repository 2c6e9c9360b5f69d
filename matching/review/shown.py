"""One pair as a reviewer sees it: both records side by side, what the model says, who else is in their persons.

Read by key from the large tables, so that a pair costs some 15 ms a table whatever their size; what was read is kept
for the pairs shown last. Values are whole here: who shows them masks them (`matching.review.masks`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import combinations
from threading import Lock
from typing import Any

import polars as pl

from matching.errors import OperatorError
from matching.link.settings import Matching
from matching.review.answers import Pair, pair_of
from matching.review.judged import Judge
from matching.review.lookup import Lookup
from matching.store import Workspace
from matching.tables import FILE_STEP

__all__ = ["Compared", "Member", "Record", "Showing", "Shown", "compared"]

_KEPT = 400
"""Pairs kept: those of the last hour, and the next."""
_MEMBERS_MAX = 12
"""Records listed of each person."""
_LINKS_MAX = 40
_GROUP_MAX = 60
"""Records of a group that is split or merged by hand: as many as fit a page."""
_ALIKE_FROM = 0.8
"""Share of letters in common order; one slip in a word of five letters is above it."""

FIELDS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # label, cleaned, delivered, comparison
    ("First name", "first_name", ("first_name",), "first_name"),
    ("Middle name", "middle_name", ("middle_name",), "middle_name"),
    ("Last name", "last_name", ("last_name",), "last_name"),
    ("Suffix", "suffix", ("suffix",), "suffix"),
    ("Full name", "", ("full_name",), ""),
    ("Previous last name", "", ("previous_last_name",), ""),
    ("Date of birth", "date_of_birth", ("date_of_birth",), "date_of_birth"),
    ("Birth order", "birth_order", ("birth_order",), "birth_order"),
    ("Sex", "sex", ("sex",), "sex"),
    ("SSN", "ssn", ("ssn",), "ssn"),
    ("Chart number", "mrn", ("mrn",), "mrn"),
    ("Member ID", "member_id", ("member_id",), ""),
    ("Street", "street", ("street", "street2"), ""),
    ("City", "city", ("city",), ""),
    ("State", "state", ("state",), ""),
    ("ZIP", "zip5", ("zip",), ""),
    ("Telephone", "phone", ("phone",), ""),
    ("Other telephone", "phone2", ("phone2",), ""),
    ("E-mail", "email", ("email",), ""),
    ("Guardian's first name", "guardian_first_name", ("guardian_first_name",), ""),
    ("Guardian's last name", "guardian_last_name", ("guardian_last_name",), ""),
    ("Practice as written", "", ("entity_hint",), ""),
)
"""What is compared side by side. A comparison's level says equal, alike or different where it speaks of one field."""
_DIFFERENT = frozenset({"different", "another name at one birth", "another child of one birth"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of both records. `mark`: equal, alike, different, or missing on one side or both."""

    name: str
    label: str
    given: tuple[str | None, str | None]
    cleaned: tuple[str | None, str | None]
    mark: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record comes from, and whose it is."""

    record: int
    side: str
    file_no: int
    row_no: int
    role: str
    entity: str
    person_id: str


@dataclass(frozen=True, slots=True)
class Member:
    """Another record of one of the two persons."""

    record: int
    person_id: str
    side: str
    entity: str
    name: str
    born: str
    flag: str


@dataclass(frozen=True)
class Shown:
    """A pair with all that is shown of it. `judged` as `Judge.of`; None where the pair was not kept."""

    pair: Pair
    ends: tuple[Record, Record]
    fields: tuple[Compared, ...]
    judged: dict[str, Any] | None
    words: str
    rest: tuple[Member, ...] = ()
    more: int = 0
    links: tuple[tuple[int, int, float, str], ...] = ()
    """Record, record, bits, band: kept pairs among all records of the two persons."""


@dataclass
class Showing:
    """Opens the tables once, then shows pairs. Safe for threads.

    `ahead` reads pairs beforehand, so that the next one is there when it is asked for.
    """

    workspace: Workspace
    matching: Matching
    _kept: OrderedDict[Pair, Future[Shown]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="shown")
        ways = {
            "leaked": "mention_id", "leaked_std": "mention_id", "charts": "chart_id",
            "charts_std": "chart_id", "identities": "mention_id", "pairs": "left",
            "members": "person_id",
        }  # fmt: skip
        self._tables = {name: Lookup(self.workspace, name, key) for name, key in ways.items()}
        self._judge = Judge.load(self.workspace, self.matching)
        self._entities = _entity_names(self.workspace)
        files = self.workspace.read("inventory", ["file_no", "side"]).unique()
        self._sides = dict(files.iter_rows())
        self._persons: dict[int, str] = {}

    def know(self, persons: Mapping[int, str]) -> None:
        """Whose each of these records is, so that it need not be searched for."""
        self._persons.update(persons)

    def ahead(self, pairs: Sequence[Pair]) -> None:
        """Begin to read these pairs in the background."""
        for pair in pairs:
            self._begin(pair)

    def pair(self, pair: Pair) -> Shown:
        """The pair, read now or before. Raises IntegrityError where a table changed."""
        return self._begin(pair).result()

    def close(self) -> None:
        """Give the threads back."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def group(self, persons: Sequence[str]) -> list[Member]:
        """Every record of these persons. Raises OperatorError where they are too many to be looked at one by one."""
        members = self._tables["members"].rows(list(persons))
        if members.height > _GROUP_MAX:
            raise OperatorError(
                f"{members.height} records: more than {_GROUP_MAX} are not decided one by one;"
                " look at the guards and the merge threshold"
            )
        self._persons.update(dict(members["mention_id", "person_id"].iter_rows()))
        cleaned = self._records(members["mention_id"].to_list(), std=True)
        return [self._member(row, cleaned) for row in members.iter_rows(named=True)]

    def person(self, record: int) -> str:
        """person_id of a record; empty where it is in none."""
        return self._persons_of([record])[record]

    def linked(self, records: Sequence[int]) -> set[Pair]:
        """Pairs of these records that a kept pair joins, or that were compared as one."""
        nodes = self._nodes(records)
        inside = sorted(set(nodes.values()))
        rows = self._tables["pairs"].rows(inside, ["left", "right"])
        joined = set(rows.filter(pl.col("right").is_in(inside)).iter_rows())
        return {
            pair_of(one, other) for one, other in combinations(sorted(set(records)), 2)
            if nodes[one] == nodes[other] or (nodes[one], nodes[other]) in joined
            or (nodes[other], nodes[one]) in joined
        }  # fmt: skip

    def _begin(self, pair: Pair) -> Future[Shown]:
        with self._lock:
            known = self._kept.get(pair)
            if known is not None and not (known.done() and known.exception()):
                self._kept.move_to_end(pair)
                return known
            begun = self._pool.submit(self._read, pair)
            self._kept[pair] = begun
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return begun

    def _read(self, pair: Pair) -> Shown:
        given = self._records(pair, std=False)
        cleaned = self._records(pair, std=True)
        persons = self._persons_of(pair)
        kept = self._kept_pair(pair)
        judged = self._judge.of(kept) if kept else None
        ends = tuple(self._end(record, given[record], persons) for record in pair)
        rest, more, links = self._rest(pair, persons)
        sides = [[source.get(record, {}) for record in pair] for source in (given, cleaned)]
        return Shown(
            pair, (ends[0], ends[1]), compared(sides[0], sides[1], judged), judged,
            self._words(pair, kept), rest, more, links,
        )  # fmt: skip

    def _records(self, records: Sequence[int], *, std: bool) -> dict[int, dict[str, Any]]:
        """Rows by id, as delivered or cleaned; a record that is excluded has no cleaned one."""
        found: dict[int, dict[str, Any]] = {}
        for side, table, key in (
            ("leaked", "leaked", "mention_id"),
            ("master", "charts", "chart_id"),
        ):
            ids = [record for record in records if self._side(record) == side]
            if ids:
                rows = self._tables[f"{table}_std" if std else table].rows(ids)
                found |= {row[key]: row for row in rows.iter_rows(named=True)}
        return found

    def _side(self, record: int) -> str:
        return str(self._sides.get(record // FILE_STEP, ""))

    def _end(self, record: int, row: Mapping[str, Any], persons: Mapping[int, str]) -> Record:
        side = self._side(record)
        return Record(
            record, side, row["file_no"], row["row_no"], row.get("role") or "chart",
            self._entities.get(row.get("entity_id") or "", row.get("entity_id") or ""),
            persons.get(record, ""),
        )  # fmt: skip

    def _persons_of(self, records: Sequence[int]) -> dict[int, str]:
        unknown = [record for record in records if record not in self._persons]
        if unknown:  # not of the queue: one look at the whole column
            rows = self.workspace.scan("members").filter(pl.col("mention_id").is_in(unknown))
            found = rows.select("mention_id", "person_id").collect(engine="streaming")
            self._persons.update(dict(found.iter_rows()))
        return {record: self._persons.get(record, "") for record in records}

    def _nodes(self, records: Sequence[int]) -> dict[int, int]:
        """The id under which each record was compared: its identity's, or its own."""
        rows = self._tables["identities"].rows(list(records), ["mention_id", "identity_id"])
        found = dict(rows.iter_rows())
        return {record: found.get(record, record) for record in records}

    def _kept_pair(self, pair: Pair) -> dict[str, Any] | None:
        nodes = self._nodes(pair)
        one, other = ({record, nodes[record]} for record in pair)
        rows = self._tables["pairs"].rows([*one, *other])
        rows = rows.filter(pl.col("right").is_in([*one, *other]))
        between = [
            row for row in rows.sort("match_weight", descending=True).iter_rows(named=True)
            if {row["left"], row["right"]} & one and {row["left"], row["right"]} & other
        ]  # fmt: skip
        return between[0] if between and not one & other else None

    def _words(self, pair: Pair, kept: Mapping[str, Any] | None) -> str:
        if kept is not None:
            return ""
        if len(set(self._nodes(pair).values())) == 1:
            return "All cleaned values of the two are the same: they were compared as one."
        floor = self.matching.floor_bits
        return f"No pair was kept: no blocking rule made it, or it weighs less than {floor:g} bits."

    def _rest(
        self, pair: Pair, persons: Mapping[int, str]
    ) -> tuple[tuple[Member, ...], int, tuple[tuple[int, int, float, str], ...]]:
        wanted = sorted({person for person in persons.values() if person})
        if not wanted:
            return (), 0, ()
        members = self._tables["members"].rows(wanted).with_columns(
            pl.col("mention_id").is_in(pair).alias("shown")
        )  # fmt: skip
        self._persons.update(dict(members["mention_id", "person_id"].iter_rows()))
        others = members.filter(~pl.col("shown"))
        few = others.filter(pl.int_range(pl.len()).over("person_id") < _MEMBERS_MAX)
        records = few["mention_id"].to_list()
        cleaned = self._records(records, std=True)
        rest = tuple(self._member(row, cleaned) for row in few.iter_rows(named=True))
        return rest, others.height - few.height, self._links([*pair, *records])

    def _member(self, row: Mapping[str, Any], cleaned: Mapping[int, Mapping[str, Any]]) -> Member:
        said = cleaned.get(row["mention_id"], {})
        name = " ".join(filter(None, (said.get("first_name"), said.get("last_name"))))
        entity = row["entity_id"] or ""
        return Member(
            row["mention_id"], row["person_id"], row["side"], self._entities.get(entity, entity),
            name, said.get("date_of_birth") or "", row["flag"] or "",
        )  # fmt: skip

    def _links(self, records: Sequence[int]) -> tuple[tuple[int, int, float, str], ...]:
        nodes = self._nodes(records)
        first: dict[int, int] = {}
        for record in records:
            first.setdefault(nodes[record], record)
        inside = list(first)
        rows = self._tables["pairs"].rows(inside, ["left", "right", "match_weight", "band"])
        rows = rows.filter(pl.col("right").is_in(inside), pl.col("left") != pl.col("right"))
        best = rows.sort("match_weight", "left", "right", descending=[True, False, False])
        return tuple(
            (first[left], first[right], weight, band)
            for left, right, weight, band in best.head(_LINKS_MAX).iter_rows()
        )


def compared(
    given: Sequence[Mapping[str, Any]],
    cleaned: Sequence[Mapping[str, Any]],
    judged: Mapping[str, Any] | None,
) -> tuple[Compared, ...]:
    """Every field that one of the two records has, marked by its comparison's level where there is one."""
    levels = {row["comparison"]: row for row in judged["levels"]} if judged else {}
    found = []
    for label, name, sources, comparison in FIELDS:
        raw = [_joined(row, sources) for row in given]
        clean = [_text(row.get(name)) if name else _text(_joined(row, sources)) for row in cleaned]
        if not name:
            clean = list(raw)
        if not any((*raw, *clean)):
            continue
        level = levels.get(comparison)
        mark = _mark(clean[0], clean[1], level)
        words = str(level["level"]) if level and mark in ("alike", "different") else ""
        found.append(
            Compared(name or sources[0], label, (raw[0], raw[1]), (clean[0], clean[1]), mark, words)
        )
    return tuple(found)


def _mark(one: str | None, other: str | None, level: Mapping[str, Any] | None) -> str:
    if level is not None and level["code"] and level["level"] not in _DIFFERENT:
        return "equal" if one == other else "alike"
    if one is None or other is None:
        return "missing"
    if one == other:
        return "equal"
    if level is not None and level["code"]:
        return "different"
    folded = one.upper(), other.upper()
    near = SequenceMatcher(None, *folded, autojunk=False).ratio() >= _ALIKE_FROM
    return "alike" if near else "different"


def _joined(row: Mapping[str, Any], sources: Sequence[str]) -> str | None:
    return ", ".join(text for name in sources if (text := _text(row.get(name)))) or None


def _text(value: object) -> str | None:
    return str(value) if value is not None and value != "" else None


def _entity_names(workspace: Workspace) -> dict[str, str]:
    rows = workspace.read("entities", ["entity_id", "print_name", "legal_name"])
    return {entity: shown or legal or entity for entity, shown, legal in rows.iter_rows()}
