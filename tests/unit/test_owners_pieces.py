"""Owners in pieces: any cut gives the same, finished parts stand, and no alike name is missed."""

from datetime import date

import duckdb
import numpy as np
import polars as pl
import pytest

from matching import owners, people, person_numbers
from matching.owners import order, rows, slices
from matching.owners import people as owned_people
from matching.owners.practice_names import named_by_text, practice_roster
from matching.tables import TABLES

TABLES_OUT = ("row_owners", "ownership", "elements")
TOWNS = ("AUSTIN", "DALLAS", "WACO")
WORDS = ("BRIGHT", "SMILE", "DENTAL", "CARE", "FAMILY", "OAK", "RIVER", "KIDS", "PEARL")


def practices(count=60, seed=3):
    rng = np.random.default_rng(seed)
    names = [
        " ".join(rng.choice(WORDS, int(rng.integers(2, 4)), replace=False)) for _ in range(count)
    ]
    roster = pl.DataFrame(
        {
            "entity_id": [f"CE{n:03d}" for n in range(count)],
            "kind": "covered_entity",
            "legal_name": [f"{name}, LLC" for name in names],
            "print_name": names,
            "city": rng.choice(TOWNS, count),
            "state": rng.choice(["TX", "OK"], count),
            "status": "open",
            "agency": "agent",
            "tenant_ids": [f"T{n}" for n in range(count)],
        }
    )
    return TABLES["entities"].complete(roster)


def slipped(names, seed=5):
    """Each name with a letter dropped, doubled or swapped, and sometimes its town."""
    rng = np.random.default_rng(seed)
    texts = []
    for name in names:
        place, how = int(rng.integers(0, len(name) - 1)), int(rng.integers(0, 4))
        one, two, rest = name[:place], name[place : place + 2], name[place + 2 :]
        made = (name, one + two[1:] + rest, one + two[0] + two + rest, one + two[::-1] + rest)[how]
        texts.append(made + ("" if how % 2 else f" {TOWNS[place % 3]}"))
    return texts


@pytest.fixture
def incident(by_hand):
    """Rows that say little or much, twins on rows, shared numbers, charts, links of every band."""
    made, roster = by_hand(), practices()
    made.workspace.write("entities", roster)
    rng = np.random.default_rng(7)
    hints = slipped(roster["print_name"].to_list())
    leaked, charts, pairs = {}, {}, []
    for n in range(60):
        said = ({"tenant_id": f"T{n}"}, {"entity_hint": hints[n], "state": "TX"}, {})[n % 3]
        leaked[f"a{n}"] = said | {"last_name": f"L{n % 7}", "mrn": str(n % 40), "elements": "dob"}
        charts[f"x{n}"] = {
            "entity_id": f"CE{n % 9:03d}",
            "mrn": str(n % 50),
            "last_name": f"L{n % 7}",
        }
        pairs.append((f"a{n}", f"x{int(rng.integers(0, 60))}", float(rng.integers(0, 30))))
        pairs.append((f"a{n}", f"x{n}", float(rng.integers(0, 30))))
    made.records(leaked, charts, [("a1", "a4"), ("a9", "a10", "a30")])
    made.pairs(
        list({pair[:2]: pair for pair in pairs if pair[0] not in {"a4", "a10", "a30"}}.values())
    )
    settings = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))
    people.run(made.workspace, settings)
    return made


def run(made):
    owners.run(
        made.workspace, owners.OwnersSettings(attribute_at_bits=8, presumed_entities=("CE001",))
    )
    return {name: made.workspace.digest(name) for name in TABLES_OUT}


def test_any_cut_gives_the_same(incident, monkeypatch):
    whole = run(incident)
    assert {row["basis"] for row in incident.table("ownership")} >= {"tenant_id", "linked_chart"}
    for module, name, size in (
        (slices, "_SLICE_MENTIONS", 7),
        (owned_people, "_PERSONS", 5),
        (person_numbers, "_BATCH_ROWS", 11),
        (rows, "_VERSION", 0),  # or the finished parts would stand
    ):
        monkeypatch.setattr(module, name, size)
    assert run(incident) == whole
    assert len(incident.workspace.manifest("row_owners").parts) == 9


def test_finished_rows_stand_while_decisions_change(incident, monkeypatch):
    whole = run(incident)

    def never(*_: object) -> None:
        raise AssertionError("climbed again")

    monkeypatch.setattr(rows, "_evidence", never)
    assert run(incident) == whole
    incident.write("identities", incident.table("identities")[1:])
    with pytest.raises(AssertionError, match="climbed again"):
        run(incident)


def test_names_with_too_few_shared_letters_are_never_alike():
    roster = practices(200, seed=11)
    texts = pl.DataFrame({"entity_hint": slipped(roster["print_name"].to_list()), "state": "TX"})
    texts = texts.unique()
    found = named_by_text(texts, practice_roster(roster))
    with duckdb.connect() as con:
        con.register("texts", texts.to_arrow())
        con.register("roster", roster.filter(pl.col("state") == "TX").to_arrow())
        best = con.sql("""
            select entity_hint, max(jaro_winkler_similarity(entity_hint, print_name)) as best
            from texts, roster
            group by all
            having best >= 0.92
        """).pl()
    assert best.height > 50
    assert set(best["entity_hint"]) <= set(found["entity_hint"])


def test_a_row_that_is_not_there_is_our_bug():
    held = pl.Series("held", [8, 16, 24])
    assert order.place_in(held, pl.Series("wanted", [24, 8])).tolist() == [2, 0]
    for missing in (9, 32):
        with pytest.raises(AssertionError, match="wanted"):
            order.place_in(held, pl.Series("wanted", [missing]))


def test_nobody_leaked_and_nobody_known(by_hand):
    made = by_hand()
    made.workspace.write("entities", practices(2))
    made.records({})
    made.pairs([])
    settings = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))
    people.run(made.workspace, settings)
    run(made)
    assert [made.table(name) for name in TABLES_OUT] == [[], [], []]
