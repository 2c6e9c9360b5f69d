"""People at every threshold, summed from what merges change, equal people counted by sets at that threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.tuning.changes import (
    STEPS_PER_BIT,
    Cells,
    Counted,
    base_of,
    cells_of,
    counted,
)
from matching.tuning.clusters import clusters_of
from matching.tuning.links import Links
from matching.tuning.speakers import (
    DOUBTFUL,
    FENCED,
    ROW,
    SETTLED,
    SURE,
    UNION,
    Speakers,
)

ENTITIES, STATES, LOWEST = 4, 3, -30


@dataclass(frozen=True)
class Small:
    """An incident of a few records."""

    links: Links
    speakers: Speakers
    first_chart: int
    records: int


@st.composite
def incidents(draw: st.DrawFn) -> Small:
    mentions = draw(st.integers(1, 5))
    charts = draw(st.integers(0, 5))
    size = mentions + charts
    owners = [
        sorted(draw(st.sets(st.integers(1, ENTITIES - 1), max_size=2))) for _ in range(mentions)
    ]
    sure = [len(named) == 1 and draw(st.booleans()) for named in owners]
    flags = [
        (SETTLED if sure[n] else 0)
        | (FENCED if sure[n] and draw(st.booleans()) else 0)
        | (DOUBTFUL if draw(st.integers(0, 5)) == 0 else 0)
        for n in range(mentions)
    ]
    says = [ROW | SURE if sure[n] else ROW for n in range(mentions) for _ in owners[n]]
    pairs = [(a, b) for a in range(size) for b in range(a + 1, size)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    tenths = draw(
        st.lists(st.integers(LOWEST, 199), min_size=len(chosen), max_size=len(chosen), unique=True)
    )
    held = draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
    ends = np.array(chosen, np.int32).reshape(-1, 2)
    links = Links(
        ends[:, 0], ends[:, 1], np.array(tenths, float) / STEPS_PER_BIT,
        np.zeros(len(chosen), np.int32), np.array(held, bool), np.zeros(1, np.int64),
    )  # fmt: skip
    speakers = Speakers(
        np.cumsum([0, *map(len, owners)]).astype(np.int32),
        np.array([e for named in owners for e in named], np.int32),
        np.array(says, np.uint8),
        np.array(flags, np.uint8),
        np.array(draw(st.lists(st.integers(-1, ENTITIES - 1).filter(lambda e: e != UNION),
                               min_size=charts, max_size=charts)), np.int32),
        np.array(draw(st.lists(st.integers(0, STATES - 1), min_size=size, max_size=size)), np.uint8),
        tuple(map(str, range(ENTITIES))),
        tuple(map(str, range(STATES))),
    )  # fmt: skip
    return Small(links, speakers, mentions, size)


def counted_of(links: Links, small: Small) -> tuple[Counted, Cells]:
    clusters = clusters_of(links, small.speakers, first_chart=small.first_chart)
    cells = cells_of(clusters, small.speakers)
    base = base_of(small.speakers, cells)
    found = counted(clusters, clusters.links, cells, base, lowest=LOWEST, include_at_bits=3.0)
    return found, cells


def groups(small: Small, tenths: int) -> list[set[int]]:
    """Records in people, merging at this threshold; what a guard holds does not merge."""
    of = {n: {n} for n in range(small.records)}
    for left, right, weight, held in zip(
        small.links.left, small.links.right, small.links.weight, small.links.held, strict=True
    ):
        if not held and round(weight * STEPS_PER_BIT) >= tenths and of[left] is not of[right]:
            both = of[left] | of[right]
            for node in both:
                of[node] = both
    return [g for n, g in of.items() if n == min(g)]


def named(small: Small, mention: int) -> dict[int, int]:
    """Entity -> what the row says; the union, too."""
    s = small.speakers
    doubtful = bool(s.flags[mention] & DOUBTFUL)
    span = range(s.start[mention], s.start[mention + 1])
    said = {int(s.entity[k]): ROW if doubtful else int(s.says[k]) for k in span}
    return {UNION: ROW if doubtful else ROW | SURE, **said}


def by_sets(small: Small, tenths: int) -> tuple[dict[int, int], dict[int, int]]:
    """(people, confirmed) by entity, over all states."""
    people, confirmed = dict.fromkeys(range(ENTITIES), 0), dict.fromkeys(range(ENTITIES), 0)
    s = small.speakers
    for group in groups(small, tenths):
        mentions = [n for n in group if n < small.first_chart]
        if not mentions:
            continue
        charts = {int(s.chart_entity[n - small.first_chart]) for n in group - set(mentions)} - {-1}
        rows = [named(small, n) for n in mentions]
        sure = {e for row in rows for e, said in row.items() if said & SURE}
        named_ = {e for row in rows for e in row}
        fenced = all(s.flags[n] & FENCED for n in mentions)
        settled = all(s.flags[n] & SETTLED for n in mentions)
        agreed = bool(charts & (sure - {UNION}))
        open_ = not fenced and not (settled and agreed)
        for entity in named_ | (charts if open_ else set()):
            people[entity] += 1
        for entity in sure:
            confirmed[entity] += 1
    return people, confirmed


@given(incidents(), st.integers(LOWEST, 200))
@settings(deadline=None, max_examples=400)
def test_people_at_a_threshold_are_those_counted_by_sets(small: Small, tenths: int) -> None:
    found, cells = counted_of(small.links, small)
    step = found.step(tenths / STEPS_PER_BIT)
    people, confirmed = by_sets(small, tenths)
    below = found.step(-1000)
    sure = found.confirmed(step, below) - found.attributed.sums(np.ones(len(found.merges)))
    for wanted, numbers in ((people, found.people(step)), (confirmed, sure)):
        totals = np.bincount(cells.entity, numbers, minlength=ENTITIES).astype(int)
        assert dict(enumerate(totals.tolist())) == wanted


@given(incidents())
@settings(deadline=None, max_examples=200)
def test_nobody_is_counted_below_zero_in_any_state(small: Small) -> None:
    found, _ = counted_of(small.links, small)
    for step in range(0, len(found.merges), 7):
        assert (found.people(step) >= 0).all()
        assert (found.confirmed(step, len(found.merges) - 1) >= 0).all()
        assert (found.in_review(0, step) >= 0).all()


@given(incidents(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_links_in_another_order_give_the_same_numbers(small: Small, random: object) -> None:
    order = np.arange(len(small.links))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = Links(
        *(getattr(small.links, name)[order] for name in ("left", "right", "weight", "pattern", "held")),
        small.links.vectors,
    )  # fmt: skip
    made = []
    for links in (small.links, turned):
        found, _ = counted_of(links, small)
        made.append(found)
    one, other = made
    assert np.array_equal(one.merges, other.merges)
    for name in ("upper", "between", "certain", "attributed"):
        for part in ("starts", "step", "change"):
            assert np.array_equal(getattr(getattr(one, name), part), getattr(getattr(other, name), part)), name  # fmt: skip


def test_a_threshold_between_two_tenths_counts_as_the_next() -> None:
    small = Links(*(np.empty(0, t) for t in (np.int32, np.int32, float, np.int32, bool)), np.zeros(1, np.int64))  # fmt: skip
    speakers = Speakers(
        np.zeros(2, np.int32), np.empty(0, np.int32), np.empty(0, np.uint8), np.zeros(1, np.uint8),
        np.empty(0, np.int32), np.zeros(1, np.uint8), ("", "A"), ("UNK",),
    )  # fmt: skip
    found, _ = counted_of(small, Small(small, speakers, 1, 1))
    assert found.step(5.0) == 80
    assert found.step(5.01) == 81
    assert found.step(1000.0) == len(found.merges) - 1
    assert found.people(0).sum() == 1
