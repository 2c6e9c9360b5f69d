"""Vendor files by the command: taken, verified, explained, and read by the next round."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import gates
from flows.cli import app
from flows.inbox import take_returns
from flows.release import export_batches
from flows.rounds import open_round
from flows.verify import exit_code, verify
from matching.errors import OperatorError
from matching.store import Workspace
from tests.flow.conftest import Ran
from tests.return_files import csv_text


@pytest.fixture
def exported(own: Ran, approver: str) -> Workspace:
    workspace, current = open_round(own.workspace)
    for batch in workspace.read("batches")["batch_id"]:
        gates.approve(workspace, current, f"send:{batch}", by=approver)
    export_batches(own.workspace)
    return workspace


def _files(workspace: Workspace, folder: Path) -> tuple[list[Path], list[str]]:
    """An acknowledgement of every batch, a drop of all pieces and one return; and the pieces, seeds too."""
    day = str(workspace.read("events")["dated_on"][0])
    acks, pieces = [], []
    for batch in sorted((workspace.out / "batches").iterdir()):
        manifest = json.loads(workspace.get_output(f"batches/{batch.name}/manifest.json"))
        mail = workspace.get_output(f"batches/{batch.name}/MAIL_v1.csv").decode()
        rows = list(csv.DictReader(io.StringIO(mail)))
        pieces += [row["mailpiece_id"] for row in rows if row["is_seed"] == "N"]
        acks += [
            {"sha256": manifest["mail_sha256"], "rows_read": len(rows), "letter_version": version,
             "letter_count": count, "received_at": day}
            for version, count in manifest["by_letter_version"].items()
        ]  # fmt: skip
    drops = [{"mailpiece_id": piece, "drop_date": day} for piece in pieces]
    texts = {
        "ACK": csv_text("ACK", acks),
        "DROP": csv_text("DROP", drops),
        "UAA": csv_text("UAA", [{"mailpiece_id": pieces[0], "event_date": day}]),
    }
    paths = [folder / f"{name}.csv" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return paths, pieces


def test_files_of_a_vendor_are_taken_verified_and_explained(
    exported: Workspace, tmp_path: Path
) -> None:
    root = exported.root
    exported.inbox_parts = None
    paths, pieces = _files(exported, tmp_path)
    ran = CliRunner().invoke(app, ["returns", str(root), *map(str, paths), "--by", "V", "--json"])
    assert ran.exit_code == 0, ran.output
    document = json.loads(ran.stdout)
    assert (document["schema"], document["ledger_identities"]) == ("affected.returns/1", 0)
    assert [file["taken"] for file in document["files"]] == [
        file["rows"] for file in document["files"]
    ]
    assert document["open_questions"] == []
    assert "presumed delivered" in Path(document["reconciliation"]).read_text()
    found = verify(root)
    assert exit_code(found) == 0, found
    person = exported.read("events").filter(kind="returned")["person_id"][0]
    said = CliRunner().invoke(app, ["explain", str(root), person]).stdout
    assert "not told: the letter is returned" in said
    assert f"letter {pieces[0]}: handed to the post, postage statement PS3600-1" in said


def test_a_refused_file_leaves_those_before_it_in(exported: Workspace, tmp_path: Path) -> None:
    exported.inbox_parts = None
    (ack, drop, back), _ = _files(exported, tmp_path)
    drop.write_text(drop.read_text()[:-9])
    with pytest.raises(OperatorError, match="no end"):
        take_returns(exported.root, [ack, drop, back], by="V")
    kinds = exported.read("return_files")["kind"].to_list()
    assert kinds == ["ACK"]
    assert (exported.out / "mail" / "reconciliation.md").exists()
