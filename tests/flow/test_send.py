"""`affected send` as people call it: gates, canary, exit codes, stop, and a sender killed again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from errno import ENOSPC
from pathlib import Path

import polars as pl
import pytest

from benchmarks.email import kills
from benchmarks.email_incident import Served, build
from flows import gates
from flows.release import export_batches
from flows.rounds import open_round, save
from flows.send import exit_code, progress, send
from flows.status import status
from flows.verify import exit_code as verify_code
from flows.verify import verify
from matching.errors import ApprovalMissing
from matching.store import Workspace
from notify.email.outbox import opened

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AFFECTED_KEYS", str(tmp_path / "keys"))
    made = Served(tmp_path)
    yield made
    made.close()


@pytest.fixture
def planned(tmp_path: Path, served: Served) -> Path:
    return build(tmp_path / "incident", 200, port=served.port, ca_file=served.certificate.pem, connections=2)  # fmt: skip


def run(root: Path, *options: str) -> tuple[int, dict]:
    command = [sys.executable, "-m", "flows", "send", str(root), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "" or done.returncode, "quiet where nobody looks"
    return done.returncode, json.loads(done.stdout) if done.stdout else {"said": done.stderr}


def configured(root: Path, **email: object) -> None:
    """The round's `[email]` with other values."""
    _, current = open_round(root)
    config = {**current.config, "email": {**current.config["email"], **email}}
    from dataclasses import replace

    save(Workspace.open(root), replace(current, config=config))


def test_an_approved_wave_is_sent_once_and_a_changed_one_waits(
    planned: Path, served: Served
) -> None:
    code, document = run(planned)
    assert (code, document["states"]["accepted"], document["due"]) == (0, 200, 200)
    assert document["schema"] == "affected.send/1"
    assert len(set(served.ids())) == served.got == 200
    workspace, _ = open_round(planned)
    figures = verify(planned)
    assert (figures["U"], figures["D"], figures["I"]) == (0, 0, 0)
    assert (
        len(workspace.evidence.entries()) == workspace.evidence.head().lines
    )  # followed to its end
    listed = {gate["gate"]: gate["open"] for gate in status(planned)["gates"]}
    assert listed["send:EMAIL-1"]
    assert {"of": "outbox", "state": "accepted", "people": 200} in status(planned)["waiting"]
    workspace.write("outbox", workspace.read("outbox").head(150))
    again = send(planned)
    assert again["waiting"] == ["EMAIL-1"]
    assert exit_code(again) == 5
    assert served.got == 200


def test_nothing_is_sent_before_its_approval_and_the_pace_needs_none(
    planned: Path, served: Served
) -> None:
    configured(planned, reply_to="other@northwind.example")
    with pytest.raises(ApprovalMissing, match="send:EMAIL-1"):
        send(planned)
    configured(planned, reply_to="", rate=500.0)
    document = send(planned)
    assert document["states"]["accepted"] == 200
    assert document["rate_per_s"] < 600
    assert document["waiting"] == []


def test_a_canary_opens_the_way(planned: Path, served: Served) -> None:
    configured(planned, canary=["ours@northwind.example"])
    workspace, current = open_round(planned)
    gates.approve(workspace, current, "send:EMAIL-1", by="LEAD")
    with pytest.raises(ApprovalMissing, match="no canary"):
        send(planned)
    assert send(planned, canary=True)["canary"] == {"EMAIL-1": 1}
    assert len(served.log.read_text().splitlines()) == 1
    assert send(planned)["states"]["accepted"] == 200


def test_uncertain_sends_show_in_exit_codes_and_figure_u(planned: Path, served: Served) -> None:
    assert send(planned)["states"]["uncertain"] == 0
    with opened(Workspace.open(planned)) as outbox:
        outbox._db.execute("update outbox set state = 'uncertain' where place = 1")
    code, _ = run(planned)
    assert code == 6
    figures = verify(planned)
    assert figures["U"] == 1
    assert verify_code({**figures, "R": 0, "P": 0, "C": 0, "L": {}}) == 6


def test_a_dry_run_needs_no_approval_and_sends_nothing(planned: Path, served: Served) -> None:
    configured(planned, reply_to="other@northwind.example")
    code, document = run(planned, "--dry-run")
    assert (code, document["dry_run"]["messages"], document["dry_run"]["malformed"]) == (0, 200, 0)
    assert served.got == 0
    assert Workspace.open(planned).rows("events") == 0


def test_a_dry_run_whose_disk_is_full_says_so(
    planned: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Path:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(Workspace, "put_output", full)
    with pytest.raises(OSError, match="No space left"):
        send(planned, dry_run=True)
    assert not list((planned / "scratch").iterdir())
    assert served.got == 0


def test_stop_reaches_a_sender_in_time(planned: Path, served: Served) -> None:
    configured(planned, rate=20.0)
    command = [sys.executable, "-m", "flows", "send", str(planned), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as sender:
        while not served.got:
            assert sender.poll() is None
        assert send(planned, stop=True)["stopping"]
        out, _ = sender.communicate(timeout=30)
    document = json.loads(out)
    assert document["stopped"]
    assert document["states"]["pending"] > 0
    assert document["states"]["uncertain"] == 0
    assert send(planned, stop=True)["stopping"] is False
    listed = pl.read_csv(document["not_sent"])
    assert listed["state"].unique().to_list() == ["pending"]
    assert listed.height == document["states"]["pending"]


def test_export_leaves_waves_of_email_alone(planned: Path) -> None:
    workspace, current = open_round(planned)
    gates.approve(workspace, current, "letters", by="LEAD")
    document = export_batches(planned)
    assert document["waiting"] == []


def test_killed_at_random_moments_nobody_gets_it_twice() -> None:
    found = kills(600, 4, 3, seed=7)
    assert found["kills"] == 3
    assert found["sent_twice"] == found["unaccounted"] == found["arrived_unknown"] == 0
    assert found["accepted_that_did_not_arrive"] == found["arrived_in_other_states"] == 0
    assert found["uncertain"] <= found["uncertain_at_most"] <= 3 * 4
    assert found["events"] == dict(
        Counter(accepted=found["accepted"]) + Counter(uncertain=found["uncertain"])
    )
    assert found["U"] == found["uncertain"]
    assert found["D"] == 0


def test_progress_says_rate_and_what_is_left() -> None:
    assert progress({"accepted": 50, "temporary": 10, "claimed": 5}, 120, 6.0) == (
        "60 of 120, 10/s, 0:06 left; temporary 10"
    )
    assert progress({}, 120, 0.0) == "0 of 120, 0/s"
