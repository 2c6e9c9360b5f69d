"""Which pair is asked next: the one whose answer is worth most.

First pairs that hold a legal line open (`open_questions`), then the sample that narrows the intervals (in its own
order, which says nothing of the weights), then the rest of the review band, the most doubtful first. A share of what
one reviewer decided is shown to another as if nobody had: those second looks say how far reviewers agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

import polars as pl

from matching.people.decided import Decided, read_decided
from matching.review.answers import Answers, Pair, pair_of
from matching.reviewed import sample
from matching.store import Workspace

__all__ = ["LEASE_S", "SECOND_SHARE", "Asked", "Line", "Queue", "gather", "second_look"]

LEASE_S = 600.0
"""A pair is one reviewer's for as long: nobody thinks longer without another key."""
SECOND_SHARE = 0.1
"""Share of decided pairs that a second reviewer sees."""
_EVERY = 5
"""Every fifth pair shown may be a second look: not so often that reviewers wait for them."""
_BAND_MAX = 5_000
"""Pairs of the review band in the queue: more than anybody does in a day; the next load has others."""
_QUESTIONS_MAX = 2_000
_SCALE = 2.0**64


@dataclass(frozen=True, slots=True)
class Line:
    """A legal line that an answer moves: an entity, in a state (empty: all), at least so many people."""

    entity_id: str
    state: str
    at_least: int
    lines: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One pair and why it is asked: line, interval, band, second; again (the reviewer chose it) or adjudicate."""

    pair: Pair
    why: str
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class _Lease:
    by: str
    until: float


def second_look(pair: Pair, *, share: float = SECOND_SHARE) -> bool:
    """The pair is one that a second reviewer sees: always the same, whoever asks."""
    digest = hashlib.sha256(f"second:{pair[0]}:{pair[1]}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * _SCALE


@dataclass(frozen=True, slots=True)
class Gathered:
    """Every pair worth asking, best first, and whose records they are."""

    asked: tuple[Asked, ...]
    persons: Mapping[int, str]


def gather(workspace: Workspace, *, sample_size: int = 400) -> Gathered:
    """Read what there is to ask. Some seconds where pairs are tens of millions: in the background."""
    decided = read_decided(workspace)
    known = _known(decided)
    seen: dict[Pair, Asked] = {}
    for asked in _all(workspace, sample_size):
        if asked.pair not in known:
            seen.setdefault(asked.pair, asked)
    records = pl.Series([record for pair in seen for record in pair], dtype=pl.Int64)
    rows = workspace.scan("members").filter(pl.col("mention_id").is_in(records.implode()))
    found = rows.select("mention_id", "person_id").collect(engine="streaming")
    return Gathered(tuple(seen.values()), dict(found.iter_rows()))


def _known(decided: Decided) -> set[Pair]:
    rows = (decided.match, decided.no, decided.unsure)
    return {(low, high) for pairs in rows for low, high in pairs.tolist()}


def _all(workspace: Workspace, sample_size: int) -> Iterator[Asked]:
    yield from _of_lines(workspace)
    for one, other in sample(workspace, sample_size)["left", "right"].iter_rows():
        yield Asked(pair_of(one, other), "interval")
    yield from _of_band(workspace)


def _of_lines(workspace: Workspace) -> Iterator[Asked]:
    """Pairs behind the questions on which legal lines hang, by the best link between the two persons."""
    if not workspace.has("open_questions"):
        return
    ends = ["person_id", "other_id"]
    questions = (
        workspace.scan("open_questions")
        .filter(pl.col("question") == "same_person")
        .sort("position").head(_QUESTIONS_MAX)
        .with_columns(
            person_a=pl.min_horizontal(ends), person_b=pl.max_horizontal(ends)
        )
        .collect()
    )  # fmt: skip
    links = workspace.scan("maybe_same").select("person_a", "person_b", "member_a", "member_b")
    people = ["person_a", "person_b"]
    found = links.join(questions.lazy().select(people).unique(), on=people, how="semi").collect()
    rows = questions.join(found, on=people, how="left", maintain_order="left")
    missing = rows.filter(pl.col("member_a").is_null()).select(people).unique()
    other = _best_between(workspace, missing)
    rows = rows.join(other, on=people, how="left", maintain_order="left", suffix="_kept")
    for row in rows.iter_rows(named=True):
        one = row["member_a"] or row["member_a_kept"]
        two = row["member_b"] or row["member_b_kept"]
        if one is not None and two is not None and one != two:
            line = Line(row["entity_id"], row["state"] or "", row["at_least"], row["lines"])
            yield Asked(pair_of(one, two), "line", line)


def _best_between(workspace: Workspace, people: pl.DataFrame) -> pl.DataFrame:
    """person_a, person_b, member_a, member_b: the strongest kept pair of two persons whom no review link joins."""
    names = ["person_a", "person_b", "member_a", "member_b"]
    if people.is_empty():
        schema = {name: pl.Int64() if "member" in name else pl.String() for name in names}
        return pl.DataFrame(schema=schema)
    wanted = pl.concat([people["person_a"], people["person_b"]]).unique()
    members = (
        workspace.scan("members").filter(pl.col("person_id").is_in(wanted.implode()))
        .select("mention_id", "person_id").collect(engine="streaming")
    )  # fmt: skip
    groups = workspace.scan("identities").filter(
        pl.col("mention_id").is_in(members["mention_id"].implode())
    )
    nodes = members.join(groups.collect(engine="streaming"), on="mention_id", how="left").select(
        "person_id", node=pl.coalesce("identity_id", "mention_id"), record="mention_id"
    )
    inside = nodes["node"].unique().implode()
    kept = workspace.scan("pairs").filter(
        pl.col("left").is_in(inside), pl.col("right").is_in(inside)
    )
    pairs = kept.select("left", "right", "match_weight").collect(engine="streaming")
    both = pairs.join(nodes, left_on="left", right_on="node").join(
        nodes, left_on="right", right_on="node", suffix="_other"
    )
    turned = pl.col("person_id") > pl.col("person_id_other")
    ends = {
        "person_a": pl.when(turned).then("person_id_other").otherwise("person_id"),
        "person_b": pl.when(turned).then("person_id").otherwise("person_id_other"),
        "member_a": pl.when(turned).then("record_other").otherwise("record"),
        "member_b": pl.when(turned).then("record").otherwise("record_other"),
    }
    rows = both.select("match_weight", **ends).join(people, on=["person_a", "person_b"], how="semi")
    order = ["match_weight", "member_a", "member_b"]
    best = rows.sort(order, descending=[True, False, False])
    return best.unique(["person_a", "person_b"], keep="first", maintain_order=True).select(names)


def _of_band(workspace: Workspace) -> Iterator[Asked]:
    """The review band by doubt: a coin's toss first."""
    doubt = (pl.col("probability") - 0.5).abs()
    rows = (
        workspace.scan("pairs").filter(pl.col("band") == "review", pl.col("left") != pl.col("right"))
        .select("left", "right", doubt=doubt)
        .bottom_k(_BAND_MAX, by=["doubt", "left", "right"])
        .collect(engine="streaming")
        .sort("doubt", "left", "right")
    )  # fmt: skip
    for one, other in rows["left", "right"].iter_rows():
        yield Asked(pair_of(one, other), "band")


@dataclass
class Queue:
    """Hands pairs out, to each reviewer others. What was skipped comes again when all else is done.

    Leases are kept in memory: after a restart a pair that somebody looks at may be shown to somebody else, and both
    answers are kept (`Answers`).
    """

    answers: Answers
    gathered: Gathered
    share: float = SECOND_SHARE
    clock: Callable[[], float] = monotonic
    _leases: dict[Pair, _Lease] = field(default_factory=dict)
    _skipped: dict[str, dict[Pair, None]] = field(default_factory=dict)
    _shown: dict[str, int] = field(default_factory=dict)
    _now: dict[str, Asked] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def current(self, by: str) -> Asked | None:
        """The pair that this reviewer has before them: the same until it is answered or skipped; None where all is done."""
        with self._lock:
            held = self._now.get(by)
            if held is not None and self._open(held, by):
                self._lease(held.pair, by)
                return held
            return self._advance(by)

    def held(self, by: str) -> Asked | None:
        """What was shown to this reviewer last and is not answered yet."""
        return self._now.get(by)

    def answered(self, by: str, pair: Pair) -> None:
        """The reviewer has answered the pair: it is nobody's any more."""
        with self._lock:
            self._leases.pop(pair, None)
            if (held := self._now.get(by)) and held.pair == pair:
                del self._now[by]

    def skip(self, by: str, pair: Pair) -> None:
        """Show it to this reviewer again only when all else is done."""
        with self._lock:
            self._skipped.setdefault(by, {})[pair] = None
            self._leases.pop(pair, None)
            if (held := self._now.get(by)) and held.pair == pair:
                del self._now[by]

    def show(self, by: str, asked: Asked) -> None:
        """Put one pair before a reviewer: after an undo, or because they chose it."""
        with self._lock:
            self._skipped.get(by, {}).pop(asked.pair, None)
            self._now[by] = asked
            self._lease(asked.pair, by)

    def coming(self, by: str, count: int) -> list[Pair]:
        """What this reviewer will probably see next, to be read beforehand. Leases nothing."""
        with self._lock:
            found: list[Pair] = []
            for asked in self._waiting(by):
                found.append(asked.pair)
                if len(found) == count:
                    break
            return found + [asked.pair for asked in self._seconds(by)[:1]]

    def find(self, pair: Pair) -> Asked | None:
        """The entry of a pair in the queue."""
        return next((asked for asked in self.gathered.asked if asked.pair == pair), None)

    def left(self) -> dict[str, int]:
        """How many pairs wait, by why they are asked."""
        decided = self.answers.decided()
        counted = {"line": 0, "interval": 0, "band": 0}
        for asked in self.gathered.asked:
            counted[asked.why] += asked.pair not in decided
        return counted

    def seconds_waiting(self, by: str) -> int:
        """Second looks that wait for this reviewer or anybody but the first."""
        with self._lock:
            return len(self._seconds(by))

    def is_second(self, pair: Pair, by: str) -> bool:
        """An answer of this reviewer on the pair is a second one: somebody else decided it, and nobody looked again."""
        found = self.answers.on(pair)
        looked = self.answers.seconds().filter(pl.col("low") == pair[0], pl.col("high") == pair[1])
        mine = looked.filter(pl.col("by") == by).height
        return (
            found is not None and found.by != by and second_look(pair, share=self.share)
            and (not looked.height or bool(mine))
        )  # fmt: skip

    # --- inside -----------------------------------------------------------------------------

    def _advance(self, by: str) -> Asked | None:
        number = self._shown.get(by, 0) + 1
        seconds = self._seconds(by)
        found = seconds[0] if seconds and number % _EVERY == 0 else None
        found = found or next(self._waiting(by), None) or (seconds[0] if seconds else None)
        found = found or self._skipped_before(by)
        if found is None:
            self._now.pop(by, None)
            return None
        self._shown[by] = number
        self._now[by] = found
        self._lease(found.pair, by)
        return found

    def _waiting(self, by: str) -> Iterator[Asked]:
        decided, skipped = self.answers.decided(), self._skipped.get(by, {})
        for asked in self.gathered.asked:
            open_still = asked.pair not in decided and asked.pair not in skipped
            if open_still and self._free(asked.pair, by):
                yield asked

    def _skipped_before(self, by: str) -> Asked | None:
        decided = self.answers.decided()
        for pair in list(self._skipped.get(by, {})):
            del self._skipped[by][pair]
            if pair not in decided and self._free(pair, by):
                return self.find(pair) or Asked(pair, "band")
        return None

    def _seconds(self, by: str) -> list[Asked]:
        """Pairs that another decided, that are in the sample of second looks, and that nobody saw again."""
        looked = set(self.answers.seconds()["low", "high"].iter_rows())
        skipped = self._skipped.get(by, {})
        return [
            Asked(pair, "second")
            for pair, found in self.answers.decided().items()
            if found.by != by and found.by and pair not in looked and pair not in skipped
            and second_look(pair, share=self.share) and self._free(pair, by)
        ]  # fmt: skip

    def _open(self, asked: Asked, by: str) -> bool:
        """Nobody else answered meanwhile, and it is still this reviewer's."""
        if not self._free(asked.pair, by):
            return False
        if asked.why in ("second", "adjudicate", "again"):
            return True
        return asked.pair not in self.answers.decided()

    def _free(self, pair: Pair, by: str) -> bool:
        lease = self._leases.get(pair)
        return lease is None or lease.by == by or lease.until <= self.clock()

    def _lease(self, pair: Pair, by: str) -> None:
        self._leases[pair] = _Lease(by, self.clock() + LEASE_S)
