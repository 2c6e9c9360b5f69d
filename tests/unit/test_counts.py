"""Three numbers: worked out by hand on a few people."""

from datetime import UTC, date, datetime
from types import MappingProxyType

import polars as pl
import pytest

from matching.owners.kinds import KINDS
from matching.tables import ELEMENT_KINDS, TABLES
from notify import counts


def person(name, *, affected="confirmed", group=None, orphan=True, in_text=False):
    return {
        "person_id": name, "affected": affected, "orphan": orphan, "deceased": False,
        "language": "en", "first_identified_on": date(2026, 1, 1),
        "mentions": int(affected == "confirmed" or in_text), "charts": int(affected == "possible" and not in_text),
        "merged_group": group or name,
    }  # fmt: skip


def fill(made, persons, owned=(), same=(), told=(), likely=(), kinds=MappingProxyType({})):
    """owned: (person, entity, status, p); same: (a, b, p); told: (person, p, other); likely: (person, entity, p).

    kinds: {(person, entity): kinds of data}.
    """
    made.write("persons", persons)
    made.write(
        "candidate_owners",
        [{"person_id": p, "entity_id": e, "share": share} for p, e, share in likely],
    )
    made.write(
        "ownership",
        [
            {"person_id": p, "entity_id": e, "status": s, "probability": q}
            | {"basis": basis[0] if basis else "x"}
            | {"kinds": sum(1 << KINDS.index(kind) for kind in kinds.get((p, e), ()))}
            for p, e, s, q, *basis in owned
        ],
    )
    made.write(
        "same_chances",
        [
            {"person_a": a, "person_b": b, "match_weight": 1.0, "probability": p}
            | {"kind": kind[0] if kind else "review"}
            for a, b, p, *kind in same
        ],
    )
    made.write(
        "affected",
        [
            {"person_id": a, "status": "possible", "via_mention_id": 1, "probability": p}
            | {"maybe_same_as": b}
            for a, p, b in told
        ],
    )
    counts.run(made.workspace, counts.CountsSettings())


def row(made, entity, state=None):
    found = [r for r in made.table("counts") if (r["entity_id"], r["state"]) == (entity, state)]
    return found[0] if found else None


def three(made, entity, state=None):
    found = row(made, entity, state)
    return found["confirmed"], pytest.approx(found["expected"], abs=1e-6), found["upper"]


def test_certain_people_have_no_interval(by_hand):
    made = by_hand()
    owned = [(name, "CE1", "confirmed", 1.0) for name in "AB"]
    fill(made, [person("A"), person("B")], owned)
    found = row(made, "CE1")
    assert (found["confirmed"], found["expected"], found["upper"]) == (2, 2.0, 2)
    assert (found["expected_low"], found["expected_high"]) == (2.0, 2.0)
    assert three(made, None) == (2, 2.0, 2)


def test_review_pair_of_certain_people(by_hand):
    made = by_hand()
    owned = [(name, "CE1", "confirmed", 1.0) for name in "AB"]
    fill(made, [person("A"), person("B", group="A")], owned, same=[("A", "B", 0.3)])
    assert three(made, "CE1") == (1, 1.7, 2)
    found = row(made, "CE1")
    assert 1 <= found["expected_low"] < 1.7 < found["expected_high"] <= 2


def test_cluster_is_counted_over_its_partitions(by_hand):
    """Five partitions: apart .7 x .8 x .9, three with one pair, all one .3 x .2 x .1; their sum is .908."""
    made = by_hand()
    people = [person("A"), person("B", group="A"), person("C", group="A")]
    owned = [(name, "CE1", "confirmed", 1.0) for name in "ABC"]
    fill(made, people, owned, same=[("A", "B", 0.3), ("B", "C", 0.2), ("A", "C", 0.1)])
    apart, pairs, one = 0.504, 0.216 + 0.126 + 0.056, 0.006
    assert three(made, "CE1") == (1, (3 * apart + 2 * pairs + one) / 0.908, 3)


def test_review_pair_of_two_whom_a_guard_holds_elsewhere(by_hand):
    """The least number of people merges it, although the step people does not; pairs below stay out."""
    made = by_hand()
    owned = [(name, "CE1", "confirmed", 1.0) for name in "ABC"]
    same = [("A", "B", 0.5, "held"), ("B", "C", 0.2, "below")]
    fill(made, [person("A"), person("B"), person("C")], owned, same=same)
    assert three(made, "CE1") == (2, 2.3, 3)
    assert [r["confirmed"] for r in made.table("counts") if r["entity_id"] is None] == [2, 2]


def test_chart_that_may_be_a_certain_person(by_hand):
    """The chart's person exists beside the other only if the link is wrong, so it adds nothing."""
    made = by_hand()
    people = [person("A"), person("X", affected="possible", group="A")]
    owned = [("A", "CE1", "confirmed", 1.0), ("X", "CE1", "possible", 0.4)]
    fill(made, people, owned, same=[("A", "X", 0.4)], told=[("X", 0.4, "A")])
    assert three(made, "CE1") == (1, 1.0, 2)
    assert three(made, None) == (1, 1.0, 2)


def test_chart_of_somebody_whom_a_person_may_be(by_hand):
    """The entity of the chart has one more person only if the link is right."""
    made = by_hand()
    people = [person("A"), person("X", affected="possible", group="A")]
    owned = [
        ("A", "CE2", "confirmed", 1.0),
        ("A", "CE1", "possible", 0.4, "maybe_chart"),
        ("X", "CE1", "possible", 0.4, "linked_chart"),
    ]
    fill(made, people, owned, same=[("A", "X", 0.4)], told=[("X", 0.4, "A")])
    assert three(made, "CE1") == (0, 0.4, 2)
    assert three(made, "CE2") == (1, 1.0, 1)


def test_possible_entity_counts_by_its_probability(by_hand):
    made = by_hand()
    owned = [("A", "CE1", "possible", 0.5), ("A", "CE2", "possible", 0.5)]
    fill(made, [person("A")], owned)
    assert three(made, "CE1") == (0, 0.5, 1)
    assert three(made, None) == (1, 1.0, 1)


def test_pair_across_entities_is_taken_off_the_union_only(by_hand):
    made = by_hand()
    owned = [("A", "CE1", "confirmed", 1.0), ("B", "CE2", "confirmed", 1.0)]
    fill(made, [person("A"), person("B", group="A")], owned, same=[("A", "B", 0.3)])
    assert three(made, "CE1") == (1, 1.0, 1)
    assert three(made, None) == (1, 1.7, 2)


def test_unowned_is_a_row(by_hand):
    made = by_hand()
    fill(made, [person("A"), person("B")], [(p, "UNOWNED", "possible", 1.0) for p in "AB"])
    assert three(made, "UNOWNED") == (2, 2.0, 2)


@pytest.mark.parametrize("state", ["MD", None])
def test_unowned_people_are_spread_over_the_entities_of_their_state(by_hand, state):
    """Nine certain people at two entities, six at CE1; three unowned, of whom only the state is known, or nothing."""
    made = by_hand()
    names = [f"P{n:02}" for n in range(12)]
    living = {"state": state} if state else {}
    made.records(dict.fromkeys(names, living))
    made.write(
        "members",
        [
            {"person_id": n, "mention_id": made.ids[n], "record_id": n, "file_no": 1, "row_no": i}
            | {"side": "leaked"}
            for i, n in enumerate(names)
        ],
    )
    owned = [(n, "CE1" if i < 6 else "CE2", "confirmed", 1.0) for i, n in enumerate(names[:9])]
    owned += [(n, "UNOWNED", "possible", 1.0) for n in names[9:]]
    fill(made, [person(n) for n in names], owned)
    assert three(made, "UNOWNED") == (3, 3.0, 3)
    ones, twos = ((6, 8.0, 9), (3, 4.0, 6)) if state else ((6, 6.0, 6), (3, 3.0, 3))
    assert (three(made, "CE1"), three(made, "CE2")) == (ones, twos)
    assert (three(made, "CE1", state or "UNK"), three(made, "CE2", state or "UNK")) == (ones, twos)
    ends = row(made, "CE1")
    assert (ends["expected_low"], ends["expected_high"]) == ((6, 9) if state else (6, 6))


def test_unowned_person_counts_at_every_candidate(by_hand):
    """C may be a patient of CE1 or CE2, of no other: upper of both has it, expected its share."""
    made = by_hand()
    owned = [(n, e, "confirmed", 1.0) for n, e in (("A", "CE1"), ("B", "CE2"), ("D", "CE3"))]
    owned.append(("C", "UNOWNED", "possible", 1.0))
    likely = [("C", "CE1", 0.75), ("C", "CE2", 0.125)]
    kinds = {("C", "UNOWNED"): ["name", "ssn"], ("A", "CE1"): ["name"]}
    fill(made, [person(n) for n in "ABCD"], owned, likely=likely, kinds=kinds)
    assert three(made, "CE1") == (1, 1.75, 2)
    assert three(made, "CE2") == (1, 1.125, 2)
    assert three(made, "CE3") == (1, 1.0, 1)
    assert three(made, "UNOWNED") == (1, 1.0, 1)
    assert three(made, None) == (4, 4.0, 4)
    assert sets(made, "CE1")["UNK", "name|ssn"] == (0, 0.75, 1)


def test_unowned_that_may_be_an_owned_person_is_not_certain(by_hand):
    made = by_hand()
    owned = [("A", "CE1", "confirmed", 1.0), ("B", "UNOWNED", "possible", 1.0)]
    fill(made, [person("A"), person("B", group="A")], owned, same=[("A", "B", 0.3)])
    assert three(made, "UNOWNED") == (0, 0.7, 1)


def test_states_add_up_and_prefer_the_chart(by_hand):
    made = by_hand()
    made.records(
        {
            "a": {"state": "VA"},
            "b": {"state": "AE"},
            "c": {"country": "CA", "state": "ON"},
            "d": {},
            "e": {"state": "DC"},
        },
        {
            "x": {"state": "MD", "address_as_of": "2019-01-01"},
            "y": {"state": "PA", "address_as_of": "2021-01-01"},
            "z": {"state": "NJ"},
        },
    )
    owner = {"a": "a", "b": "b", "c": "c", "d": "d", "e": "e", "x": "a", "y": "a", "z": "a"}
    made.write(
        "members",
        [
            {"person_id": p, "mention_id": made.ids[m], "record_id": m, "file_no": 1, "row_no": 0}
            | {"side": "master" if m in "xyz" else "leaked"}
            for m, p in owner.items()
        ],
    )
    owned = [(p, "CE1", "confirmed", 1.0) for p in "abcde"]
    people = [person(p) for p in "abd"] + [person("c"), person("e", group="d")]
    fill(made, people, owned)
    got = {r["state"]: r["upper"] for r in made.table("counts") if r["entity_id"] == "CE1"}
    assert got == {None: 5, "PA": 1, "UNK": 2, "ZZ": 1, "DC": 1}
    sure = {r["state"]: r["confirmed"] for r in made.table("counts") if r["entity_id"] == "CE1"}
    assert sure == {None: 4, "PA": 1, "UNK": 1, "ZZ": 1, "DC": 1}


def test_where_the_post_found_people_is_where_they_live(by_hand):
    made = by_hand()
    names = "ABCD"
    made.write(
        "charts_std",
        [{"chart_id": n, "state": "PA", "address_as_of": on, "confidential": False, "deceased": False}
         for n, on in enumerate([None, date(2026, 2, 1), date(2024, 1, 1), date(2024, 1, 1)])],
    )  # fmt: skip
    made.write(
        "members",
        [{"person_id": name, "mention_id": n, "side": "master", "record_id": f"r{n}", "entity_id": "CE1",
          "file_no": 1, "row_no": n} for n, name in enumerate(names)],
    )  # fmt: skip
    address = '{"delivery_line": "5 ELM ST", "city": "X", "state": "%s", "zip5": "21113"}'
    moved = [("A", "MD", 5), ("B", "MD", 5), ("C", "MD", 5), ("C", "VA", 7), ("D", "AE", 5)]
    events = [
        {"event_id": f"e{n}", "kind": "moved", "channel": "mail", "person_id": name, "entity_id": "CE1",
         "piece_id": name, "batch_id": "B", "notice_version": 1, "wave": 1, "dated_on": date(2025, 1, day),
         "address": address % state, "recorded_at": datetime(2026, 1, 1, tzinfo=UTC)}
        for n, (name, state, day) in enumerate(moved)
    ]  # fmt: skip
    made.workspace.append("events", TABLES["events"].complete(pl.DataFrame(events)))
    fill(
        made, [person(name) for name in names], [(name, "CE1", "confirmed", 1.0) for name in names]
    )
    states = {r["state"]: r["confirmed"] for r in made.table("counts") if r["entity_id"] == "CE1"}
    assert states == {None: 4, "MD": 1, "PA": 1, "VA": 1, "UNK": 1}


def test_bridge_adds_up(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "t": {"exclusion": "test"}, "s": {"exclusion": "employee"}})
    files = [
        {"position": 0, "side": "leaked", "file_no": 1, "rows": 5, "parsed": 4, "rejected": 1},
        {"position": 1, "side": "leaked", "file_no": 1, "rows": 5, "parsed": 4, "rejected": 1}
        | {"repeats": 0},
        {"position": 2, "side": "master", "file_no": 2, "rows": 9, "parsed": 9, "rejected": 0},
    ]
    empty = {
        "path": "f",
        "content": "f",
        "guessed": 0,
        "date_order": "mdy",
        "file_sha256": "0",
        "bytes": 1,
        "format": "csv",
        "secured": "no",
    }
    made.write("inventory", [row | empty | {"columns": "a", "unmapped": ""} for row in files])
    made.write("rejects", [{"file_no": 1, "row_no": 4, "reason": "short"}])
    fill(made, [person("A")], [("A", "UNOWNED", "possible", 1.0)])
    bridge = made.workspace.read("bridge")
    assert bridge["position"].to_list() == list(range(bridge.height))
    total, subtotals = 0, ("mentions", "mentions included", "different identities")
    for line in bridge.iter_rows(named=True):
        if line["line"] in (*subtotals, "people confirmed"):
            assert line["rows"] == total, line["line"]
        elif not line["line"].startswith(("people", "of these")):
            total += line["rows"]
    regimes = dict(
        bridge.filter(pl.col("line") == "mentions excluded").select("reason", "regime").rows()
    )
    assert regimes == {"employee": "HIPAA", "test": None}
    assert set(bridge.columns) == set(TABLES["bridge"].columns)


def test_people_at_several_entities_explain_the_sum(by_hand):
    made = by_hand()
    owned = [
        ("A", "CE1", "confirmed", 1.0),
        ("A", "CE2", "confirmed", 1.0),
        ("B", "CE1", "confirmed", 1.0),
        ("B", "CE2", "possible", 0.5),
        ("C", "UNOWNED", "possible", 1.0),
        ("X", "CE2", "possible", 0.4),
    ]
    people = [person("A"), person("B"), person("C"), person("X", affected="possible")]
    fill(made, people, owned, told=[("X", 0.4, "A")])
    assert made.table("overlap") == [
        {"entities": 0, "confirmed": 1, "upper": 1},
        {"entities": 1, "confirmed": 1, "upper": 1},
        {"entities": 2, "confirmed": 1, "upper": 2},
    ]
    union, entities = row(made, None), [row(made, e) for e in ("CE1", "CE2")]
    for number in ("confirmed", "upper"):
        at = sum(r["entities"] * r[number] for r in made.table("overlap"))
        assert at == sum(r[number] for r in entities)
        people = sum(r[number] for r in made.table("overlap"))
        assert people == union[number]


def many(count, **kinds):
    return [person(f"P{n:04}", **kinds) for n in range(count)]


@pytest.mark.parametrize(
    ("sure", "doubtful", "open_"), [(499, 1, True), (500, 1, False), (498, 1, False)]
)
def test_line_of_an_entity_that_an_answer_could_flip(by_hand, sure, doubtful, open_):
    """500 individuals of one entity: open from 499 certain people and one possible on."""
    made = by_hand()
    people = many(sure + doubtful)
    owned = [
        (p["person_id"], "CE1", "confirmed" if n < sure else "possible", 1.0 if n < sure else 0.25)
        for n, p in enumerate(people)
    ]
    fill(made, people, owned)
    lines = [r for r in made.table("open_lines") if r["state"] is None]
    assert [(r["entity_id"], r["at_least"]) for r in lines] == ([("CE1", 500)] if open_ else [])
    asked = [r for r in made.table("open_questions") if r["state"] is None]
    assert [(r["question"], r["person_id"], r["probability"]) for r in asked] == (
        [("whose", "P0499", 0.25)] if open_ else []
    )


def test_lines_of_a_state_and_people_of_unknown_residence(by_hand):
    """More than 500 residents: 500 and one of whom nobody knows where; 500 is reached, 501 is open."""
    made = by_hand()
    made.records({f"r{n}": {"state": "MD"} if n < 500 else {} for n in range(501)})
    people = many(501)
    made.write(
        "members",
        [
            {"person_id": p["person_id"], "mention_id": made.ids[f"r{n}"], "record_id": f"r{n}"}
            | {"file_no": 1, "row_no": n, "side": "leaked"}
            for n, p in enumerate(people)
        ],
    )
    fill(made, people, [(p["person_id"], "CE1", "confirmed", 1.0) for p in people])
    (line,) = made.table("open_lines")
    assert (line["state"], line["at_least"], line["unknown"], line["chance"]) == ("MD", 501, 1, 0.0)
    (asked,) = made.table("open_questions")
    assert (asked["question"], asked["person_id"], asked["state"]) == ("residence", "P0500", "MD")


def test_questions_come_by_the_least_settled_line_and_doubt(by_hand):
    """Two links at CE1, of which the even one moves more; CE2 is nearly settled; CE3 is not open."""
    made = by_hand()
    ones, twos = many(501), [person(f"Q{n:04}") for n in range(500)]
    ones[1]["merged_group"], ones[3]["merged_group"] = "P0000", "P0002"
    twos[1]["merged_group"] = "Q0000"
    owned = [(p["person_id"], "CE1", "confirmed", 1.0) for p in ones]
    owned += [(p["person_id"], "CE2", "confirmed", 1.0) for p in twos]
    owned += [(p["person_id"], "CE3", "confirmed", 1.0) for p in ones[:9]]
    same = [("P0000", "P0001", 0.9), ("P0002", "P0003", 0.5), ("Q0000", "Q0001", 0.99)]
    fill(made, ones + twos, owned, same=same)
    national = [r for r in made.table("open_lines") if r["state"] is None]
    assert [r["entity_id"] for r in national] == ["CE1", "CE2"]
    asked = made.table("open_questions")
    assert [(r["person_id"], r["other_id"]) for r in asked] == [
        ("P0002", "P0003"),
        ("P0000", "P0001"),
        ("Q0000", "Q0001"),
    ]
    assert all(r["question"] == "same_person" for r in asked)


def test_what_a_round_changed_is_noted_once(by_hand):
    made = by_hand()
    fill(made, [person("A")], [("A", "CE1", "confirmed", 1.0)])
    assert counts.note_changes(made.workspace, number=1) == 4
    assert counts.note_changes(made.workspace, number=1) == 0
    fill(made, [person("A"), person("B")], [(p, "CE2", "confirmed", 1.0) for p in "AB"])
    assert counts.note_changes(made.workspace, number=2) == 6
    assert counts.note_changes(made.workspace, number=3) == 0
    second = {
        r["entity_id"]: (r["confirmed_before"], r["confirmed"])
        for r in made.table("count_changes")
        if r["round"] == 2 and r["state"] is None
    }
    assert second == {"CE1": (1, 0), "CE2": (None, 2), None: (1, 2)}


def test_nothing_is_noted_before_counts(by_hand):
    assert counts.note_changes(by_hand().workspace, number=1) == 0


def sets(made, entity):
    return {
        (r["state"], r["elements"]): (
            r["confirmed"],
            pytest.approx(r["expected"], abs=1e-6),
            r["upper"],
        )
        for r in made.table("element_counts")
        if r["entity_id"] == entity
    }


def test_people_by_their_kinds_of_data_at_each_entity(by_hand):
    made = by_hand()
    kinds = {("A", "CE1"): ["name", "ssn"], ("A", "CE2"): ["name"], ("B", "CE1"): ["ssn", "name"]}
    owned = [
        ("A", "CE1", "confirmed", 1.0), ("A", "CE2", "possible", 0.25), ("B", "CE1", "confirmed", 1.0),
        ("C", "CE1", "confirmed", 1.0),
    ]  # fmt: skip
    fill(made, [person(name) for name in "ABC"], owned, kinds=kinds)
    assert sets(made, "CE1") == {("UNK", "name|ssn"): (2, 2.0, 2), ("UNK", ""): (1, 1.0, 1)}
    assert sets(made, "CE2") == {("UNK", "name"): (0, 0.25, 1)}


def test_merged_people_hold_together_what_each_does(by_hand):
    made = by_hand()
    kinds = {("A", "CE1"): ["name", "ssn"], ("B", "CE1"): ["contact", "name"]}
    owned = [(name, "CE1", "confirmed", 1.0) for name in "AB"]
    fill(made, [person("A"), person("B", group="A")], owned, same=[("A", "B", 0.3)], kinds=kinds)
    # one person at least, who then has all three; expected takes the pair off what both have
    assert sets(made, "CE1") == {
        ("UNK", "contact|name|ssn"): (1, 0.0, 0),
        ("UNK", "name|ssn"): (0, 1.0, 1),
        ("UNK", "contact|name"): (0, 1.0, 1),
        ("UNK", "name"): (0, 0.0, 0),
    }


def test_a_pair_with_the_same_kinds_is_taken_off(by_hand):
    made = by_hand()
    kinds = {("A", "CE1"): ["name", "ssn"], ("B", "CE1"): ["name", "ssn"]}
    owned = [(name, "CE1", "confirmed", 1.0) for name in "AB"]
    fill(made, [person("A"), person("B", group="A")], owned, same=[("A", "B", 0.3)], kinds=kinds)
    assert sets(made, "CE1") == {("UNK", "name|ssn"): (1, 1.7, 2)}


def test_kinds_of_data_add_up_to_the_counts(by_hand):
    made = by_hand()
    people = [person(f"P{n:02}") for n in range(40)]
    owned = [
        (p["person_id"], entity, "confirmed" if n % 3 else "possible", 1.0 if n % 3 else 0.5)
        for n, p in enumerate(people)
        for entity in (("CE1", "CE2") if n % 2 else ("CE1",))
    ]
    held = {(p, e): ["name", ("ssn", "mrn", "photo")[hash_of(p + e)]] for p, e, _, _ in owned}
    fill(made, people, owned, kinds=held)
    for entity in ("CE1", "CE2"):
        found = list(sets(made, entity).values())
        whole = three(made, entity, "UNK")
        assert sum(f[0] for f in found) == whole[0]
        assert sum(f[2] for f in found) == whole[2]
        assert sum(f[1].expected for f in found) == whole[1]


def hash_of(text):
    return sum(map(ord, text)) % 3


def test_element_kinds_are_those_that_owners_find():
    assert ELEMENT_KINDS == KINDS


def test_whom_only_free_text_names_counts_half_and_in_upper(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    fill(
        made,
        [person("A"), person("B", affected="possible", in_text=True)],
        [("A", "CE1", "confirmed", 1.0), ("B", "CE1", "possible", 1.0)],
    )
    (row,) = [r for r in made.table("counts") if r["entity_id"] == "CE1" and r["state"] is None]
    assert (row["confirmed"], row["upper"]) == (1, 2)
    assert row["expected"] == pytest.approx(1.5)
