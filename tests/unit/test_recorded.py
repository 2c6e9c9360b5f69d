"""Facts that people type: taken whole or not at all, once, and read by who needs them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.store import Workspace
from notify.answers import current_facts, current_holds, receipts
from notify.packets import release, run
from notify.recorded import Recorded, take
from tests import packet_tables as made

NOW = datetime(2026, 3, 25, 9, tzinfo=UTC)
HOLD = """
[[hold]]
kind = "law_enforcement_written"
entity_id = "CE1"
official = "A. Grey"
agency = "FBI Baltimore"
stated_on = 2026-03-22
until = 2026-04-22
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = made.workspace_of(tmp_path_factory.mktemp("recorded"))
    run(workspace, made.settings())
    release(workspace, made.settings(), entity="CE3", recorded_at=made.RELEASED_AT)
    return workspace.root


@pytest.fixture
def workspace(template: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(template, tmp_path / "ws")))


def recorded(workspace: Workspace, text: str, name: str = "facts.toml") -> Recorded:
    path = workspace.root.parent / name
    path.write_text(text)
    return take(workspace, path, by="R. Vance", latest=NOW.date(), recorded_at=NOW)


def refused(workspace: Workspace, text: str) -> list[str]:
    before = workspace.rows("facts")
    with pytest.raises(OperatorError) as error:
        recorded(workspace, text)
    assert workspace.rows("facts") == before
    return [line.partition("facts.toml: ")[2] for line in str(error.value).splitlines()]


def test_a_hold_stops_the_packets_of_its_entity_until_it_is_withdrawn(workspace: Workspace) -> None:
    done = recorded(workspace, HOLD)
    assert [hold.agency for hold in current_holds(workspace, ())] == ["FBI Baltimore"]
    day = date(2026, 3, 25)
    run(workspace, made.settings(as_of=day))
    states = dict(workspace.read("packets").select("entity_id", "reason").iter_rows())
    assert (states["CE1"], states["CE2"]) == ("law_enforcement_written", None)
    undo = f'[[withdrawal]]\nsupersedes = "{done.fact_ids[0]}"\ndated_on = {day}\nreason = "typed twice"\n'
    recorded(workspace, undo, "undo.toml")
    assert current_holds(workspace, ()) == ()


def test_a_file_counts_once(workspace: Workspace) -> None:
    first = recorded(workspace, HOLD)
    again = recorded(workspace, HOLD)
    assert (first.fact_ids, first.before, again.before) == (again.fact_ids, False, True)
    assert workspace.rows("facts") == 1


def test_a_later_fact_takes_the_place_of_the_one_it_names(workspace: Workspace) -> None:
    first = recorded(workspace, HOLD)
    longer = HOLD.replace(
        "until = 2026-04-22", f'until = 2026-05-22\nsupersedes = "{first.fact_ids[0]}"'
    )
    recorded(workspace, longer, "longer.toml")
    assert [hold.until for hold in current_holds(workspace, ())] == [date(2026, 5, 22)]


def test_an_acknowledged_packet_counts_as_received(workspace: Workspace) -> None:
    recorded(
        workspace,
        '[[acknowledgement]]\nof = "packet"\nentity_id = "CE3"\nversion = 1\ndated_on = 2026-03-23\n',
    )
    assert dict(receipts(workspace).iter_rows()) == {"CE3": date(2026, 3, 23)}


def test_filings_and_risk_are_kept_in_the_words_that_their_readers_know(
    workspace: Workspace,
) -> None:
    document = {
        "filing": [{"of": "state", "jurisdiction": "MD", "entity_id": "CE1", "number": 612,
                    "tracking_no": "MD-77", "dated_on": "2026-03-24"}],
        "risk": {"decision": "notify", "factor3": "copied", "factor3_evidence": "E-9", "dated_on": "2026-03-24"},
    }  # fmt: skip
    recorded(workspace, json.dumps(document), "facts.json")
    filing = json.loads(current_facts(workspace, "filing")["value"][0])
    assert filing == {
        "of": "state",
        "recipient": "state_ag",
        "jurisdiction": "MD",
        "number": 612,
        "tracking_no": "MD-77",
    }
    risk = json.loads(current_facts(workspace, "risk")["value"][0])
    assert risk == {"decision": "notify", "factor3": "copied", "factor3_evidence": "E-9"}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[[rumour]]\nof = 1\n", ["rumour: no such list; one of hold, filing, acknowledgement, risk, withdrawal"]),
        ("", ["nothing in it; give lists such as [[hold]]"]),
        (HOLD + 'colour = "red"\n', ["hold 1: colour: unknown key; remove it"]),
        (HOLD.replace("official", "officer"), ["hold 1: official: missing; add it", "hold 1: officer: unknown key; remove it"]),
        (HOLD.replace("until = 2026-04-22", "until = 2026-03-01"),
         ["hold 1: until (2026-03-01) is before stated_on (2026-03-22); correct one of them"]),
        (HOLD.replace("CE1", "CE9"), ["hold 1: entity_id CE9 is not in the roster"]),
        (HOLD.replace("stated_on = 2026-03-22", "stated_on = 2026-03-26"), ["hold 1: dated_on 2026-03-26 is after 2026-03-25"]),
        (HOLD + 'supersedes = "nowhere"\n', ["hold 1: supersedes nowhere: no such fact"]),
        ('[[acknowledgement]]\nof = "packet"\nentity_id = "CE1"\nversion = 1\ndated_on = 2026-03-23\n',
         ["acknowledgement 1: version 1 was not released to CE1"]),
        ('[[acknowledgement]]\nof = "packet"\nentity_id = "CE3"\nversion = 1\ndated_on = 2026-03-01\n',
         ["acknowledgement 1: dated_on 2026-03-01 is before the packet was released (2026-03-20)"]),
        ('[[filing]]\nof = "state"\ndated_on = 2026-03-23\n', ["filing 1: of a state needs jurisdiction, its two letters"]),
        ('[[risk]]\nfactor2 = "a stranger"\ndated_on = 2026-03-23\n',
         ["risk 1: factor2_evidence is missing; a factor is demonstrated (164.402)"]),
        (HOLD.replace("CE1", "CE9") + '[[risk]]\ndated_on = 2026-03-23\n',
         ["risk 1: gives neither a factor nor a decision", "hold 1: entity_id CE9 is not in the roster"]),
    ],
)  # fmt: skip
def test_every_problem_is_named_at_once_and_nothing_is_taken(
    workspace: Workspace, text: str, problems: list[str]
) -> None:
    assert refused(workspace, text) == problems


def test_a_fact_is_superseded_once_and_by_its_own_kind(workspace: Workspace) -> None:
    fact = recorded(workspace, HOLD).fact_ids[0]
    risk = f'[[risk]]\ndecision = "notify"\ndated_on = 2026-03-23\nsupersedes = "{fact}"\n'
    assert refused(workspace, risk) == [f"risk 1: supersedes {fact}: that is a hold, not a risk"]
    undo = f'[[withdrawal]]\nsupersedes = "{fact}"\ndated_on = 2026-03-23\nreason = "wrong"\n'
    assert refused(workspace, undo + undo) == [
        f"withdrawal 2: supersedes {fact}: superseded already"
    ]
