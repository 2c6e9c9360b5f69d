"""Identities, the page of reconciliation, and one person's proof, on a batch that came back in part."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.store import Workspace
from matching.tables import TABLES
from notify.ledger import (
    broken_identities,
    history,
    identities,
    open_questions,
    reconciliation,
    told_words,
)
from tests.return_files import BATCH, DIGEST, EXPORTED_ON, TODAY, Mailed, event, mailed


@pytest.fixture
def out(workspace: Workspace, tmp_path: Path) -> Mailed:
    return mailed(workspace, tmp_path)


def append(workspace: Workspace, *events: dict[str, Any]) -> None:
    frame = pl.DataFrame(list(events), infer_schema_length=None)
    workspace.append("events", TABLES["events"].complete(frame))


def test_every_piece_is_in_one_place_after_every_file(out: Mailed) -> None:
    assert broken_identities(out.workspace) == 0
    append(
        out.workspace,
        event(0, "r", "rejected"),
        event(1, "s", "suppressed"),
        event(2, "c", "recalled"),
    )
    for kind, rows in (
        ("ADDR", [{"piece": 3, "action": "held"}]),
        ("UAA", [{"piece": n} for n in (4, 5, 6)]),
        ("DROP", [{"piece": n} for n in range(4, 15)]),
    ):
        out.take(kind, rows)
        assert broken_identities(out.workspace) == 0
    append(
        out.workspace, event(4, "again", "exported", wave=2, piece_id="again", batch_id="BATCH2")
    )
    ledger = [
        {"person_id": "P00005", "entity_id": "CE2", "state": "substitute", "reason": "returned"}
    ]
    out.workspace.write("ledger", TABLES["ledger"].complete(pl.DataFrame(ledger)))
    first, second = identities(out.workspace).to_dicts()
    assert first == {
        "batch_id": BATCH, "wave": 1, "exported": 20, "rejected": 1, "suppressed": 1, "mailed": 11, "held": 1,
        "recalled": 1, "waiting": 5, "uaa_open": 1, "remailed": 1, "substitute": 1, "presumed_delivered": 8,
        "repeated": 0, "manifest": 20, "difference": 0,
    }  # fmt: skip
    assert (second["batch_id"], second["wave"], second["waiting"]) == ("BATCH2", 2, 1)


@pytest.mark.parametrize(
    ("values", "difference"),
    [
        ({"event_id": "twice", "kind": "exported"}, 3),
        ({"event_id": "new", "kind": "exported", "piece_id": "another"}, 1),
        ({"event_id": "lost", "kind": "dropped", "piece_id": "never handed over"}, 1),
    ],
    ids=["handed over twice", "one more than the manifest", "mailed but never handed over"],
)
def test_a_piece_in_no_place_or_in_two_is_a_difference(
    out: Mailed, values: dict[str, Any], difference: int
) -> None:
    append(out.workspace, event(0, **values))
    assert broken_identities(out.workspace) == difference


def test_what_the_vendor_owes_an_answer_on(out: Mailed) -> None:
    def asked(today: date) -> list[tuple[str, int]]:
        return [(q["question"], q["pieces"]) for q in open_questions(out.workspace, today=today)]

    assert asked(EXPORTED_ON + timedelta(days=1)) == []
    assert asked(EXPORTED_ON + timedelta(days=2)) == [("no_ack", 20)]
    assert asked(EXPORTED_ON + timedelta(days=8)) == [("no_ack", 20), ("no_drop", 20)]
    out.take("ACK", [{"rows_rejected": 2}])
    out.take("DROP", [{"piece": n} for n in range(15)])
    assert asked(EXPORTED_ON + timedelta(days=7)) == [("rows_rejected", 2)]
    assert asked(TODAY) == [("drop_incomplete", 5), ("rows_rejected", 2)]


def test_the_page_has_counts_and_no_person(out: Mailed) -> None:
    out.take("ACK", [{}])
    out.take("DROP", [{"piece": n} for n in range(15)] + [{"mailpiece_id": "NOBODY"}])
    out.take("UAA", [{"piece": 0}, {"piece": 1, "nixie_class": "DEC"}, {"mailpiece_id": out.seed}])
    append(out.workspace, event(1, "mail", "bounced", channel="email", piece_id="E1"))
    page = reconciliation(out.workspace, today=TODAY).page
    for line in (
        f"| {BATCH} | 1 | 2026-04-01 | 22/0 | 20 |", f"| {BATCH} | ANK | 1 |", f"| {BATCH} | DEC | 1 |",
        f"| {BATCH} | drop_incomplete | 61 | 5 |", "| DROP | unknown_piece | 1 |", "| UAA | 1 | 3 | 2 | 0 | 0 | 1 |",
        "| bounced | 1 |",
    ):  # fmt: skip
        assert line in page
    events = out.workspace.read("events")
    people = {
        *events["person_id"].drop_nulls(),
        *events.filter(kind="exported")["piece_id"],
        "NOBODY",
    }
    assert not [name for name in people if name in page]


def test_was_this_person_told(out: Mailed) -> None:
    out.take("DROP", [{"piece": 0}, {"piece": 1}])
    out.take("UAA", [{"piece": 1}])
    said = history(out.workspace, "P00001")
    assert [row["kind"] for row in said] == ["exported", "dropped", "returned"]
    assert said[0]["proof"] == f"mail file {DIGEST} of the batch's manifest"
    files = out.workspace.read("return_files").sort("kind")["file_sha256"].to_list()
    assert [row["proof"] for row in said[1:]] == [f"returned file {digest}" for digest in files]
    assert "postage statement PS3600-1" in said[1]["words"]
    told = f"CE0: told by letter on 2026-04-03: postage statement PS3600-1 (piece {out.piece(0)}, wave 1)"
    assert told_words(out.workspace, "P00000") == [told]
    (back,) = told_words(out.workspace, "P00001")
    assert "not told: the letter is returned since 2026-05-04" in back
    (waits,) = told_words(out.workspace, "P00002")
    assert "that it was mailed is not confirmed" in waits


def test_a_later_wave_speaks_and_the_ledger_where_nothing_was_sent(out: Mailed) -> None:
    out.take("UAA", [{"piece": 1}])
    again = event(1, "again", "exported", wave=2, piece_id="again", batch_id="BATCH2")
    append(
        out.workspace, again, event(1, "drop", "dropped", wave=2, piece_id="again", detail="PS2")
    )
    ledger = [
        {"person_id": "P00001", "entity_id": "CE9", "state": "waiting_ce", "reason": "undecided"}
    ]
    out.workspace.write("ledger", TABLES["ledger"].complete(pl.DataFrame(ledger)))
    first, second = told_words(out.workspace, "P00001")
    assert first.startswith("CE1: told by letter")
    assert "wave 2" in first
    assert second == "CE9: nothing was sent; the ledger says waiting_ce"


def test_a_person_of_whom_nothing_is_known_has_no_history(out: Mailed) -> None:
    assert history(out.workspace, "nobody") == []
    assert told_words(out.workspace, "nobody") == []
