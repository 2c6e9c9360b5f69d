"""Figures L, C and D find what is missing, doubled or done twice."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from matching.store import Workspace
from matching.tables import TABLES
from notify import notices
from notify.ledger import STATES, figure_c, figure_d, figure_l
from notify.ledger.states import LEDGER_MAY_BECOME
from notify.notices import NoticesSettings
from tests.notice_tables import AS_OF, INCIDENT, MAILING, NOW, build


@pytest.fixture
def planned(workspace: Workspace) -> Workspace:
    build(workspace, [{}, {"entity": "CE2"}, {"entity": "UNOWNED"}])
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))
    return workspace


def test_a_forgotten_pair_is_a_gap(planned: Workspace) -> None:
    assert figure_l(planned) == {"gaps": 0, "overlaps": 0}
    planned.write("ledger", planned.read("ledger").head(2))
    assert figure_l(planned) == {"gaps": 1, "overlaps": 0}


def test_an_unknown_state_is_a_gap(planned: Workspace) -> None:
    planned.write("ledger", planned.read("ledger").with_columns(state=pl.lit("lost")))
    assert figure_l(planned)["gaps"] == 3


def test_two_states_and_a_stranger_are_overlaps(planned: Workspace) -> None:
    ledger = planned.read("ledger")
    again = ledger.head(1).with_columns(state=pl.lit("mailed"))
    stranger = ledger.head(1).with_columns(person_id=pl.lit("P99999"))
    planned.write("ledger", pl.concat([ledger, again, stranger]))
    assert figure_l(planned) == {"gaps": 0, "overlaps": 2}


def test_an_empty_workspace_has_no_gaps(workspace: Workspace) -> None:
    assert figure_l(workspace) == {"gaps": 0, "overlaps": 0}
    assert figure_c(workspace) == 0
    assert figure_d(workspace) == 0


def _packet(entity: str, state: str) -> dict[str, Any]:
    return {"entity_id": entity, "state": state, "version": 1, "recipient_id": entity, "content": "x",
            "confirmed": 1, "possible": 0, "possible_unlisted": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("packets", "wrong"),
    [
        ([("CE1", "ready"), ("CE2", "sent")], 0),
        ([("CE1", "ready")], 1),
        ([("CE1", "ready"), ("CE1", "sent"), ("CE2", "sent")], 1),
        ([("CE1", "nowhere"), ("CE2", "sent")], 1),
    ],
)
def test_every_concerned_entity_is_in_one_state(
    planned: Workspace, packets: list[tuple[str, str]], wrong: int
) -> None:
    rows = pl.DataFrame([_packet(*packet) for packet in packets])
    planned.write("packets", TABLES["packets"].complete(rows))
    assert figure_c(planned) == wrong


def _event(number: int, **values: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "kind": "exported", "channel": "mail", "entity_id": "CE1",
            "person_id": "P00000", "piece_id": "M1", "batch_id": "B1", "notice_version": 1, "wave": 1,
            "dated_on": AS_OF, "recorded_at": NOW, **values}  # fmt: skip


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([{}, {"kind": "accepted"}], 0),
        ([{}, {"batch_id": "B2"}], 1),
        ([{}, {"batch_id": "B2", "wave": 2}], 0),
        ([{}, {"batch_id": "B2", "channel": "email"}], 0),
        ([{}, {"kind": "recalled"}, {"batch_id": "B2"}], 0),
        ([{}, {"kind": "destroyed"}, {"batch_id": "B2"}], 1),
        ([{}, {"piece_id": "M2"}], 1),
        ([{}, {"piece_id": "M2", "notice_version": 2}], 0),
        ([{"kind": "accepted", "channel": "email"}] * 2, 1),
        ([{"kind": "accepted", "channel": "email"}, {"kind": "bounced", "channel": "email"}], 0),
    ],
)
def test_handed_over_twice_is_found(
    workspace: Workspace, events: list[dict[str, Any]], wrong: int
) -> None:
    rows = [_event(number, **values) for number, values in enumerate(events)]
    workspace.append("events", TABLES["events"].complete(pl.DataFrame(rows)))
    assert figure_d(workspace) == wrong


@pytest.mark.parametrize(
    ("state", "kinds", "overlaps"),
    [
        ("queued", [], 0),
        ("queued", ["exported"], 1),
        ("queued", ["exported", "returned"], 0),
        ("queued", ["exported", "recalled"], 0),
        ("mailed", [], 1),
        ("mailed", ["exported"], 0),
        ("mailed", ["exported", "dropped"], 0),
        ("mailed", ["exported", "dropped", "returned"], 1),
        ("on_hold", ["exported", "returned"], 0),
    ],
)
def test_a_state_that_the_pieces_contradict_is_an_overlap(
    planned: Workspace, state: str, kinds: list[str], overlaps: int
) -> None:
    ledger = planned.read("ledger").with_columns(
        state=pl.when(pl.col("entity_id") == "CE1").then(pl.lit(state)).otherwise("state")
    )
    planned.write("ledger", ledger)
    for number, kind in enumerate(kinds):
        rows = pl.DataFrame([_event(number, kind=kind)])
        planned.append("events", TABLES["events"].complete(rows))
    assert figure_l(planned, events_read=True) == {"gaps": 0, "overlaps": overlaps}
    assert figure_l(planned) == {"gaps": 0, "overlaps": 0}


def test_the_declared_ways_are_between_the_states_of_figure_l() -> None:
    assert set(LEDGER_MAY_BECOME) == set(STATES)
    assert {state for ways in LEDGER_MAY_BECOME.values() for state in ways} <= set(STATES)
