"""The step as a whole: rows in another order give the same people, and everybody is somebody."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from matching import people
from matching.store import Workspace
from tests.by_hand import ByHand

MENTIONS, CHARTS = tuple("abcdef"), tuple("uvwxyz")
SETTINGS = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))
ALL_PAIRS = [
    (one, other)
    for place, one in enumerate(MENTIONS + CHARTS)
    for other in (MENTIONS + CHARTS)[place + 1 :]
]


@st.composite
def incidents(draw):
    """Pairs with weights that all differ: where weights tie, numbers decide."""
    pairs = draw(st.lists(st.sampled_from(ALL_PAIRS), unique=True, min_size=1, max_size=14))
    weights = draw(
        st.lists(st.integers(-40, 240), unique=True, min_size=len(pairs), max_size=len(pairs))
    )
    decided = draw(st.lists(st.sampled_from(ALL_PAIRS), unique=True, max_size=3))
    values = [draw(st.sampled_from(["match", "no", "unsure"])) for _ in decided]
    order = draw(st.permutations(MENTIONS)), draw(st.permutations(CHARTS))
    scored = [(*pair, weight / 10 + 0.05) for pair, weight in zip(pairs, weights, strict=True)]
    return scored, [(*pair, v) for pair, v in zip(decided, values, strict=True)], order


def outcome(folder, pairs, decided, mentions, charts):
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="order", synthetic=True, key_file=folder / "key.json"
    )
    made = ByHand(workspace)
    made.records({m: {} for m in mentions}, {c: {"entity_id": "CE1"} for c in charts})
    made.pairs(pairs)
    if decided:
        made.decide(*decided)
    people.run(workspace, SETTINGS)
    return made


def merged(made):
    group = {row["person_id"]: row["merged_group"] for row in made.table("persons")}
    found = {}
    for row in made.table("members"):
        found.setdefault(group[row["person_id"]], set()).update(made.names([row["mention_id"]]))
    return {frozenset(names) for names in found.values()}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(incidents())
def test_order_of_rows_does_not_matter_and_nobody_is_lost(incident):
    pairs, decided, (mentions, charts) = incident
    results = []
    for first, second in ((MENTIONS, CHARTS), (mentions, charts)):
        with TemporaryDirectory() as folder:
            made = outcome(Path(folder), pairs, decided, first, second)
            results.append((made.persons(), merged(made)))
            names = [name for group in made.persons() for name in group]
            assert len(names) == len(set(names))
            assert set(MENTIONS) <= set(names)
            for one, other, value in decided:
                if value != "match" and one in names and other in names:
                    assert made.person_of(one) != made.person_of(other)
            told = {row["person_id"] for row in made.table("affected")}
            possible = [r for r in made.table("persons") if r["affected"] == "possible"]
            assert {row["person_id"] for row in possible} == told
    assert results[0] == results[1]
