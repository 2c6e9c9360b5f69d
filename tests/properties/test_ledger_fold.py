"""The fold is a pure function of what is in the inbox: order, repetition and files of events decide nothing."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.store import Workspace
from matching.tables import TABLES
from notify.ledger import last_pieces, pieces
from notify.ledger.states import EMAIL_STATES, MAIL_STATES
from tests.return_files import EXPORTED_ON, event

KINDS = [("mail", kind) for kind in (*MAIL_STATES, "moved")] + [
    ("email", kind) for kind in EMAIL_STATES
]
STATES = {"mail": MAIL_STATES, "email": EMAIL_STATES}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of four pieces of two people, as an inbox may hold them: any kinds, days and details."""
    said = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3), st.sampled_from(KINDS), st.integers(0, 2), st.sampled_from(["A", "B", None])
            ),
            min_size=1,
            max_size=14,
            unique=True,
        )
    )  # fmt: skip
    return [
        event(
            n, f"{n}{channel}{kind}{day}{detail}", kind, channel=channel, detail=detail,
            piece_id=f"{channel}{n}", person_id=f"P{n // 2}", entity_id="CE1", wave=n % 2 + 1,
            dated_on=EXPORTED_ON + timedelta(days=day),
        )
        for n, (channel, kind), day, detail in said
    ]  # fmt: skip


def folded(parts: list[list[dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    """Rows of both folds of an inbox with these parts."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace, _ = Workspace.create(
            root / "ws", incident_id="test", synthetic=True, key_file=root / "key.json"
        )
        for rows in parts:
            if rows:
                frame = pl.DataFrame(rows, infer_schema_length=None)
                workspace.append("events", TABLES["events"].complete(frame))
        every = pieces(workspace).collect(), last_pieces(workspace).collect()
    one, last = (
        f.sort("person_id", "entity_id", "channel", "piece_id").rows(named=True) for f in every
    )
    return one, last


def by_hand(events: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Piece -> state, day, batch: the strongest kind, then the latest day. Written from the declaration alone."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in events:
        order = list(STATES[one["channel"]])
        if one["kind"] in order:
            key = (one["channel"], one["piece_id"])
            found[key] = max(found.get(key, (-1,)), (order.index(one["kind"]), one["dated_on"]))
    return {
        key: (STATES[key[0]][list(STATES[key[0]])[strength]].value, day)
        for key, (strength, day) in found.items()
    }


@settings(derandomize=True, max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=histories(), random=st.randoms(use_true_random=False), cut=st.integers(0, 14))
def test_order_repetition_and_split_of_events_give_equal_rows(
    events: list[dict[str, Any]], random: Any, cut: int
) -> None:
    rows, last = folded([events])
    shuffled = [*events, *random.sample(events, len(events) // 2)]
    random.shuffle(shuffled)
    assert folded([shuffled[:cut], shuffled[cut:]]) == (rows, last)
    assert {(r["channel"], r["piece_id"]): (r["state"], r["state_on"]) for r in rows} == by_hand(
        events
    )
    details = {(e["channel"], e["piece_id"], e["dated_on"], e["detail"]) for e in events}
    assert {(r["channel"], r["piece_id"], r["state_on"], r["detail"]) for r in rows} <= details
    exported = {e["piece_id"]: e["dated_on"] for e in sorted(events, key=lambda e: e["dated_on"], reverse=True)
                if e["kind"] == "exported" and e["channel"] == "mail"}  # fmt: skip
    assert {r["piece_id"]: r["exported_on"] for r in rows if r["exported_on"]} == exported


@settings(derandomize=True, max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=histories())
def test_the_piece_that_speaks_is_of_the_highest_wave_and_a_letter_before_an_email(
    events: list[dict[str, Any]],
) -> None:
    rows, last = folded([events])
    for row in last:
        mine = [
            r
            for r in rows
            if (r["person_id"], r["entity_id"]) == (row["person_id"], row["entity_id"])
        ]
        assert (row["wave"], row["channel"] == "mail") == max(
            (r["wave"], r["channel"] == "mail") for r in mine
        )
        assert row in mine
    assert len(last) == len({(r["person_id"], r["entity_id"]) for r in rows})
