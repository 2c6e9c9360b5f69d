"""Filings of a finished round: gates, no person's data, the next round, and the command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

import notify.filings.drafts as drafts_module
import notify.seal
from flows.release import release_filings, release_packets
from flows.rounds import open_round
from flows.run import run_round
from flows.verify import exit_code, verify
from matching.errors import ApprovalMissing
from matching.store import Workspace
from tests.flow.conftest import Ran
from tests.flow.hand_made import Call, HandMade, _ran_once, call, done

__all__ = ["_ran_once", "call", "done"]

CONFIGS = Path(__file__).parents[2] / "configs"
OWN_WORDS = ("legal_name", "print_name", "aliases", "contact_name", "street", "city", "custodian", "email",
             "basis", "website", "return_address")  # fmt: skip
"""Columns of the roster: practices are named for people and stand in streets, too."""


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{4,}", text.upper()))


def texts_below(folder: Path) -> str:
    return "\n".join(p.read_text() for p in sorted(folder.rglob("*")) if p.is_file())


def allowed(workspace: Workspace, incident: Path) -> set[str]:
    """Words that may stand in a filing although someone bears them as a name."""
    entities = workspace.read("entities")
    roster = entities.select(pl.col(name) for name in OWN_WORDS if name in entities.columns)
    told = [incident.read_text(), *(p.read_text() for p in (CONFIGS / "filings").glob("*.toml"))]
    told += [(CONFIGS / "letters" / "elements.toml").read_text()]
    told += [Path(str(notify.seal.__file__)).read_text()]
    told += [Path(str(drafts_module.__file__)).with_name(f"{name}.py").read_text()
             for name in ("hhs", "risk", "roster", "sheet", "settings", "drafts", "fields", "numbers", "owed")]  # fmt: skip
    cells = [str(cell) for row in roster.iter_rows() for cell in row if cell]
    return words(" ".join([*told, *cells]))


def test_no_persons_data_of_the_incident_is_in_any_filing(
    own: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        drafts_module, "pdf", lambda document, *_, **__: drafts_module.markdown(document).encode()
    )
    workspace, _ = open_round(own.workspace)
    duties = workspace.read("duties").with_columns(
        performed_by=pl.lit("ba"),
        crosses=pl.when(pl.col("crosses") == "no").then(pl.lit("upper")).otherwise("crosses"),
        status=pl.when(pl.col("status") == "not_required")
        .then(pl.lit("planned"))
        .otherwise("status"),
    )
    workspace.write("duties", duties)  # every duty there could be, all ours
    document = release_filings(own.workspace)
    assert {"hhs", "hhs_annual", "media", "risk", "roster"} <= document["by_kind"].keys()
    said = texts_below(own.workspace / "out" / "filings")
    people = pl.concat(
        [workspace.read(f"{side}_std", ["first_name", "last_name", "date_of_birth", "street"])
         for side in ("leaked", "charts")]
    )  # fmt: skip
    known = allowed(workspace, own.incident)
    names = words(" ".join(people["last_name"].drop_nulls())) - known
    assert len(names) > 50, "the search must have something to look for"
    assert words(said) & names == set()
    births = {str(day) for day in people["date_of_birth"].drop_nulls()}
    assert {day for day in births if len(day) >= 8 and day in said} == set()
    streets = set(people["street"].drop_nulls()) - set(
        workspace.read("entities")["street"].to_list()
    )
    upper = said.upper()
    assert [street for street in streets if len(street) > 6 and street.upper() in upper] == []


def test_filings_wait_for_their_gates(own: Ran) -> None:
    workspace, _ = open_round(own.workspace)
    workspace.write("ownership", workspace.read("ownership")[1:])
    with pytest.raises(ApprovalMissing):
        release_filings(own.workspace)
    assert not (own.workspace / "out" / "filings").exists()


def test_released_once_and_the_next_round_adds_only_news(own: Ran, approver: str) -> None:
    release_packets(own.workspace)
    first = release_filings(own.workspace)
    folder = own.workspace / "out" / "filings"
    assert first["released"] >= 2
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    again = release_filings(own.workspace)
    assert (again["released"], again["unchanged"]) == (0, first["released"])
    run_round(own.incident, workspace=own.workspace, engine="local", approve_as=approver)
    release_filings(own.workspace)
    assert {p: p.read_bytes() for p in before} == before
    seal = json.loads((folder / "risk" / "v1" / "manifest.json").read_text())["made_from"]
    gates = {approval["gate"]: approval["by"] for approval in seal["approvals"]}
    assert gates == {"thresholds": [approver], "owners": [approver]}
    assert len(seal["rules_sha256"]) == 64
    figures = verify(own.workspace)
    assert exit_code(figures) == 0, figures


def test_the_command_prints_its_document(call: Call, done: HandMade) -> None:
    said = call("filings", done.folder / "ws", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["schema"] == "affected.filings/1"
    assert found["by_kind"]["risk"] == {"ready": 1}
    assert (Path(found["folder"]) / "roster" / "v1" / "roster.csv").is_file()
    told = call("filings", done.folder / "ws")
    assert "0 filings written" in told.out
    wrong = call("filings", done.folder / "ws", "--entity", "CE999")
    assert (wrong.code, len(wrong.lines)) == (3, 1)


def test_the_command_exits_5_without_approval(call: Call, done: HandMade) -> None:
    workspace = Workspace.open(done.folder / "ws")
    workspace.write("ownership", workspace.read("ownership")[1:])
    assert call("filings", done.folder / "ws").code == 5
