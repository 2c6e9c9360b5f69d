"""Mail out and mail back until nobody is left to write to: each person told, or known why not, and nobody twice."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from flows import gates
from flows.inbox import take_returns
from flows.release import export_batches, release_packets
from flows.rounds import open_round
from flows.run import run_round
from flows.verify import exit_code, verify
from matching.store import Workspace
from tests.flow.conftest import Ran
from tests.vendor import Vendor

DAY = date(2026, 3, 20)
SETTLED = {
    "mailed", "substitute", "deceased_without_representative", "excluded", "on_hold", "unowned", "waiting_ce",
    "ce_notifies", "no_longer", "queued",
}  # fmt: skip


def export_all(root: Path, by: str) -> list[Path]:
    workspace, current = open_round(root)
    batches = workspace.read("batches")["batch_id"].to_list()
    for batch in batches:
        gates.approve(workspace, current, f"send:{batch}", by=by)
    export_batches(root)
    return [root / "out" / "batches" / batch for batch in batches]


def test_rounds_of_mail_end_with_everyone_in_one_state(
    own: Ran, approver: str, tmp_path: Path
) -> None:
    root, vendor = own.workspace, Vendor(tmp_path, seed=7)
    release_packets(root)
    day, waves = DAY, []
    while batches := export_all(root, approver):
        workspace, _ = open_round(root)
        waves.append(workspace.read("pieces").filter(is_seed="N")["wave"].unique().to_list())
        day += timedelta(days=30)
        files = [
            file for batch in batches for file in vendor.takes(batch, on=day - timedelta(days=28))
        ]
        said = take_returns(root, files[::-1], by=approver)  # the last first: order is no matter
        assert said["ledger_identities"] == 0
        assert [file["quarantined"] for file in said["files"]] == [0] * len(files)
        again = take_returns(root, files, by=approver)
        assert [file["events"] for file in again["files"]] == [0] * len(files)
        run_round(own.incident, workspace=root, engine="local", as_of=day, approve_as=approver)
        figures = verify(root)
        assert exit_code(figures) == 0, figures
    assert waves == [["1"], ["2"], ["3"]]
    _nobody_twice(root, vendor)
    _each_settled(root)


def _nobody_twice(root: Path, vendor: Vendor) -> None:
    workspace, _ = open_round(root)
    told = Counter(row["mailpiece_id"] for row in vendor.mailed)
    assert max(told.values()) == 1
    events = workspace.read("events")
    back = set(events.filter(kind="returned")["piece_id"])
    reached: Counter[str] = Counter()
    for row in vendor.mailed:
        reached[row["reference_no"]] += row["mailpiece_id"] not in back
    assert max(reached.values()) == 1, "who was reached got no second letter"
    lines = {row["mailpiece_id"]: (row["delivery_line"], row["zip5"]) for row in vendor.mailed}
    for row in vendor.mailed:
        if row["remail_of"] in lines and _code(events, row["remail_of"]) != "TMP":
            assert lines[row["mailpiece_id"]] != lines[row["remail_of"]], "an address is used up"


def _code(events: pl.DataFrame, piece: str) -> str:
    return str(events.filter(piece_id=piece, kind="returned")["detail"][0])


def _each_settled(root: Path) -> None:
    workspace: Workspace = open_round(root)[0]
    ledger = workspace.read("ledger")
    assert set(ledger["state"]) <= SETTLED
    queued = ledger.filter(state="queued")
    assert set(queued["reason"]) <= {"agreed_to_email"}, "only e-mail is still to be sent"
    unreached = ledger.filter(pl.col("state") == "substitute").group_by("entity_id").len()
    counted = workspace.read("substitutes").select(
        "entity_id", len=pl.col("people").cast(pl.UInt32)
    )
    assert counted.equals(unreached.sort("entity_id"))
