"""Who may do what: roles, two people, files that others can read, tables in clear, scratch, keys by command."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pyrage
import pytest

from flows.run import run_round
from flows.signals import ending_in_order
from matching import scratch
from matching.openers import IDENTITY_FILE
from matching.store import Workspace
from tests.flow.hand_made import Call, HandMade, _ran_once, call, done, incident
from tests.flow.recorded import as_real, own_key_file, rounds_as

__all__ = ["_ran_once", "call", "done", "incident"]


def acts(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "evidence/audit.jsonl").read_text().splitlines()]


def gate(call: Call, root: Path, name: str) -> dict[str, Any]:
    found = json.loads(call("status", root, "--json").out)
    return next(each for each in found["gates"] if each["gate"] == name)


# --- people -----------------------------------------------------------------------------------


def test_letters_and_sending_need_two_different_people(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = done.folder / "ws"
    as_real(monkeypatch, SECOND=["approve", "send"])
    closed = gate(call, root, "letters")
    assert (closed["open"], closed["by"], closed["people_missing"]) == (False, ["LEAD"], 1)
    assert closed["may_approve"] == ["SECOND"]
    said = call("export", root)
    assert (said.code, len(said.lines)) == (5, 1)
    assert "LEAD approved, somebody else must too" in said.err
    again = call("approve", root, "letters", "--by", "LEAD")
    assert "closed until 1 more do: SECOND" in again.out
    assert call("export", root).code == 5, "one person twice is one person"
    assert call("approve", root, "letters", "--by", "VIEWER").code == 3
    assert call("approve", root, "letters", "--by", "SECOND").code == 0
    assert gate(call, root, "letters")["open"]
    batch = next(
        g for g in json.loads(call("status", root, "--json").out)["gates"] if "send:" in g["gate"]
    )
    assert call("approve", root, batch["gate"], "--by", "LEAD").code == 0
    said = call("export", root, "--json")
    assert (said.code, json.loads(said.out)["batches"]) == (5, 0), "one name sends nothing"
    assert gate(call, root, "thresholds")["open"], "one is enough to look at numbers"


def test_two_names_that_one_key_opened_are_told(
    call: Call, done: HandMade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = done.folder / "ws"
    own_key_file(monkeypatch, root, tmp_path)
    one = pyrage.x25519.Identity.generate()
    secret = tmp_path / "one.txt"
    secret.touch(mode=0o600)
    secret.write_text(str(one))
    assert call("keys", root, "add", "R. Vance", "--recipient", one.to_public()).code == 0
    monkeypatch.setenv(IDENTITY_FILE, str(secret))
    as_real(monkeypatch, SECOND=["approve"])
    for name in ("LEAD", "SECOND"):
        assert call("approve", root, "letters", "--by", name).code == 0
    said = call("verify", root, "--json")
    assert said.code == 0
    told = json.loads(said.out)["told"]
    assert told == ["gate letters: LEAD and SECOND approved with the key of R. Vance; ask them"]


def test_a_right_that_was_taken_away_counts_no_more(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = done.folder / "ws"
    with monkeypatch.context() as patch:
        as_real(patch, SECOND=["approve"])
        assert call("approve", root, "letters", "--by", "SECOND").code == 0
        assert gate(call, root, "letters")["open"]
    as_real(monkeypatch, SECOND=["reveal"])
    closed = gate(call, root, "letters")
    assert (closed["open"], closed["by"]) == (False, ["LEAD"])
    assert call("export", root).code == 5


@pytest.mark.parametrize("command", ["export", "packets", "filings"])
def test_what_was_typed_since_the_round_is_run_before_anything_leaves(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A hold, a right, counsel's word: the plan knows nothing of it."""
    root = done.folder / "ws"
    rounds_as(monkeypatch, incident_file=str(done.file))
    done.add(
        '[[holds]]\nkind = "court"\nofficial = "Judge"\nagency = "Court"\nstated_on = 2026-03-10\n'
    )
    said = call(command, root)
    assert (said.code, len(said.lines)) == (3, 1)
    assert "changed since round 1; `affected run` first" in said.err
    assert not (root / "out" / {"export": "batches"}.get(command, command)).exists()


def test_a_made_up_incident_needs_one(call: Call, done: HandMade) -> None:
    assert gate(call, done.folder / "ws", "letters")["open"]


def test_values_are_shown_to_whom_may_reveal_and_the_log_says_who(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = done.folder / "ws", done.folder / "persons.csv"
    as_real(monkeypatch, SECOND=["approve", "send"])
    for name in ("NOBODY", "SECOND"):
        said = call("table", root, "persons", "--out", out, "--by", name)
        assert (said.code, len(said.lines)) == (3, 1)
        assert f"{name} may not reveal" in said.err
    assert call("table", root, "persons", "--out", out).code == 3, "a login is no person"
    zipped = done.folder / "one.zip"
    said = call("explain", root, "ANYBODY", "--bundle", zipped, "--by", "SECOND")
    assert (said.code, len(said.lines)) == (3, 1)
    assert "SECOND may not reveal" in said.err
    assert not out.exists()
    assert not zipped.exists()
    assert call("table", root, "persons", "--out", out, "--by", "VIEWER").code == 0
    last = acts(root)[-1]
    assert (last["act"], last["by"], last["opened_by"]) == ("table", "VIEWER", "")


def test_a_reading_is_in_the_log_before_it_is_on_disk(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = done.folder / "ws", done.folder / "persons.csv"

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.table.replacing", killed)
    call("table", root, "persons", "--out", out, "--by", "LEAD")
    assert (acts(root)[-1]["act"], acts(root)[-1]["by"]) == ("table", "LEAD")


def test_whoever_asks_about_a_person_is_in_the_log(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    for asked in (("L3",), ("C3", "L3")):
        said = call("explain", root, *asked, "--json")
        assert said.code == 0
        told = json.loads(said.out)
        line = acts(root)[-1]
        assert (line["act"], line["kind"]) == ("explain", told["kind"])
        assert line["persons"] == " ".join(told.get("persons") or [told["person_id"]])
        assert "L3" not in json.dumps(line), "a source's own id may be a chart number"


def test_no_table_is_written_into_the_workspace(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    part = next((root / "tables" / "counts").glob("part-*.parquet"))
    before = part.read_bytes()
    for out in (part, root / "out" / "persons.csv"):
        said = call("table", root, "persons", "--out", out)
        assert (said.code, len(said.lines)) == (2, 1)
        assert "inside the workspace" in said.err
    assert part.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["tables", "out", "journal.sqlite", "keys.json", "tables/persons", "runs/1.json"]
)
def test_what_lies_elsewhere_is_found_and_refused(call: Call, done: HandMade, name: str) -> None:
    root = done.folder / "ws"
    (root / name).rename(done.folder / "elsewhere")
    (root / name).symlink_to(done.folder / "elsewhere")
    for command in (("verify", root), ("table", root, "persons", "--out", root.parent / "p.csv")):
        said = call(*command)
        assert said.code == 7
        assert f"{name}" in said.err + said.out
        assert "a link to elsewhere" in said.err + said.out


def test_keys_by_command(
    call: Call, done: HandMade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = done.folder / "ws"
    own_key_file(monkeypatch, root, tmp_path)
    one, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    secret = tmp_path / "one.txt"
    secret.touch(mode=0o600)
    secret.write_text(str(one))
    assert "IN CLEAR" in call("keys", root).out
    (tmp_path / "one.pub").write_text(f"# R. Vance\n{one.to_public()}\n")
    said = call("keys", root, "add", "R. Vance", "--recipient-file", tmp_path / "one.pub")
    assert said.code == 0, said.err
    locked_out = call("status", root)
    assert (locked_out.code, len(locked_out.lines)) == (3, 1)
    assert "closed to all but R. Vance" in locked_out.err
    monkeypatch.setenv(IDENTITY_FILE, str(secret))
    assert call("keys", root, "add", "J. Okafor", "--recipient", other.to_public()).code == 0
    listed = json.loads(call("keys", root, "--json").out)
    assert [p["name"] for p in listed["people"]] == ["R. Vance", "J. Okafor"]
    assert (listed["wrapped"], listed["opened_by"]) == (True, "R. Vance")
    assert call("keys", root, "remove", "J. Okafor", "--by", "LEAD").code == 0
    assert call("keys", root, "rotate").code == 0
    listed = json.loads(call("keys", root, "--json").out)
    assert listed["generations"] == {"working": 3, "evidence": 3}
    assert call("keys", root, "remove", "R. Vance").code == 3
    assert call("table", root, "persons", "--out", tmp_path / "p.csv").code == 0
    done_here = [(a["act"], a["opened_by"]) for a in acts(root)[-5:]]
    assert done_here == [
        ("keys add", ""),
        ("keys add", "R. Vance"),
        ("keys remove", "R. Vance"),
        ("keys rotate", "R. Vance"),
        ("table", "R. Vance"),
    ]
    again = call(
        "run",
        done.file,
        "--workspace",
        root,
        "--engine",
        "local",
        "--approve-all",
        "LEAD",
        "--json",
    )
    assert again.code == 0, again.err
    assert all(step["skipped"] for step in json.loads(again.out)["steps"][:-1])
    printed = call("keys", root).out + call("keys", root, "--json").out
    assert "AGE-SECRET" not in printed


def test_people_of_the_file_do_not_stand_beside_a_key_in_clear(call: Call, done: HandMade) -> None:
    someone = pyrage.x25519.Identity.generate().to_public()
    done.add(f'[security]\nrecipients = ["R. Vance {someone}"]\n')
    said = call("run", done.file, "--workspace", done.folder / "ws", "--engine", "local")
    assert (said.code, len(said.lines)) == (3, 1)
    assert "is in clear; `affected keys" in said.err


@pytest.mark.parametrize("entry", ["age1x", "R. Vance", "R. Vance age1x", ""])
def test_an_entry_that_names_nobody_is_refused(call: Call, incident: HandMade, entry: str) -> None:
    incident.add(f'[security]\nrecipients = ["{entry}"]\n')
    said = call("check", incident.file)
    assert said.code == 3
    assert "security.recipients" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("throw",), 2, "no 'throw'"),
        (("add",), 2, "name one person"),
        (("rotate", "X"), 2, "rotate nobody"),
        (("add", "X"), 2, "give --recipient"),
        (("add", "X", "--recipient", "age1nonsense"), 3, "no age recipient"),
        (("add", "X", "--passphrase-file", "none"), 3, "not found"),
        (("remove", "X"), 3, "no X in"),
        (("remove", "X", "--recipient", "age1x"), 2, "the rest none"),
    ],
)
def test_a_wrong_call_of_keys_is_one_line(
    call: Call, done: HandMade, arguments: tuple[str, ...], code: int, says: str
) -> None:
    said = call("keys", done.folder / "ws", *arguments)
    assert (said.code, len(said.lines), said.out) == (code, 1, "")
    assert says in said.err


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        (".", "chmod 700"),
        ("journal.sqlite", "chmod 600"),
        ("keys.json", "chmod 600"),
        ("workspace.json", "chmod 600"),
        ("outbox.sqlite", "chmod 600"),
        ("key file", "chmod 600"),
    ],
)
def test_what_others_can_read_is_refused_with_the_fix(
    call: Call,
    done: HandMade,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fix: str,
) -> None:
    root = done.folder / "ws"
    own = own_key_file(monkeypatch, root, tmp_path)
    path = own if name == "key file" else root / name
    if not path.exists():
        path.touch()
    path.chmod(path.stat().st_mode | stat.S_IRGRP)
    said = call("status", root)
    assert (said.code, len(said.lines)) == (3, 1)
    assert f"others can read it; {fix}" in said.err
    path.chmod(path.stat().st_mode & ~0o077)
    assert "others can read it" not in call("status", root).err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_another_users_is_refused(call: Call, done: HandMade) -> None:
    os.chown(done.folder / "ws", 12345, -1)
    said = call("status", done.folder / "ws")
    assert (said.code, len(said.lines)) == (3, 1)
    assert "of another user; chown it" in said.err


def test_a_folder_above_that_others_can_write_is_a_warning(call: Call, done: HandMade) -> None:
    done.folder.chmod(0o707)
    said = call("status", done.folder / "ws")
    assert said.code == 0
    assert f"others can write in {done.folder}; chmod o-w it" in said.err
    assert len(said.lines) == 1


def test_what_a_process_makes_is_its_owners_alone(done: HandMade) -> None:
    found = {
        p.stat().st_mode & 0o077 for p in [done.folder / "ws", *(done.folder / "ws").rglob("*")]
    }
    assert found == {0}


# --- without encryption -------------------------------------------------------------------------


def test_without_encryption_all_is_the_same_and_every_command_says_so(
    call: Call, incident: HandMade, done: HandMade
) -> None:
    incident.add('[security]\nencryption = "none"\n')
    root = incident.folder / "plain"
    options = ("--workspace", root, "--engine", "local", "--approve-all", "LEAD", "--json")
    said = call("run", incident.file, *options)
    assert said.code == 0, said.err
    part = next((root / "tables" / "leaked").glob("part-*.parquet"))
    assert pl.read_parquet(part).height == 12
    plain, closed = Workspace.open(root), Workspace.open(done.folder / "ws")
    for name in ("leaked", "pairs", "persons", "counts", "pieces"):
        assert plain.digest(name) == closed.digest(name)
    for command in (("status", root), ("table", root, "counts", "--out", root.parent / "c.csv")):
        said = call(*command)
        assert (said.code, len(said.lines)) == (0, 1)
        assert "WITHOUT ENCRYPTION" in said.err
    assert "WITHOUT ENCRYPTION" in call("status", root).out
    incident.edit('encryption = "none"', 'encryption = "aes-256"')
    refused = call("run", incident.file, *options)
    assert (refused.code, "was made with 'none'" in refused.err) == (3, True)


def test_without_encryption_is_for_made_up_people_only(call: Call, incident: HandMade) -> None:
    incident.add('[security]\nencryption = "none"\n')
    incident.edit("synthetic = true", "synthetic = false")
    said = call("run", incident.file, "--engine", "local")
    assert (said.code, len(said.lines)) == (3, 1)
    assert "security.encryption: none only where incident.synthetic = true" in said.err


def test_a_part_that_says_it_is_in_clear_is_not_read_where_all_are_closed(done: HandMade) -> None:
    """Else whoever can write the folder puts rows of their own in a table's place."""
    root = done.folder / "ws"
    manifest = root / "tables" / "counts" / "manifest.json"
    said = json.loads(manifest.read_text())
    rows = Workspace.open(root).read("counts")
    for part in said["parts"]:
        part["data_key"] = "none"
        rows.write_parquet(root / "tables" / "counts" / part["file"])
    from matching.store import sha256_file

    for part in said["parts"]:
        part["file_sha256"] = sha256_file(root / "tables" / "counts" / part["file"])
    manifest.write_text(json.dumps(said))
    with pytest.raises(Exception, match=r"not there|damaged"):
        Workspace.open(root).read("counts")


# --- scratch ----------------------------------------------------------------------------------


def test_scratch_in_memory_leaves_nothing_and_says_so(
    incident: HandMade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "shm")
    (tmp_path / "shm").mkdir()
    incident.add('[security]\nscratch = "memory"\n')
    used: list[Path] = []
    folder_of = scratch.scratch_folder

    def noted(*arguments: Any) -> Path:
        used.append(folder_of(*arguments))
        assert used[-1].stat().st_mode & 0o777 == 0o700
        return used[-1]

    monkeypatch.setattr("matching.store.scratch_folder", noted)
    root = incident.folder / "ws"
    document = run_round(incident.file, workspace=root, engine="local", until="intake")
    assert document["scratch"] == {"in": "memory", "left": 0}
    assert {path.parent for path in used} == {tmp_path / "shm"}
    assert list((tmp_path / "shm").iterdir()) == []


def test_without_memory_scratch_goes_to_disk_and_a_line_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from matching.log import forget_said

    forget_said()
    monkeypatch.setattr(scratch, "MEMORY", workspace.root / "nothing")
    workspace.scratch_in = "memory"
    with workspace.scratch() as folder:
        assert folder.parent == workspace.root / "scratch"
    assert "scratch goes to disk" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_scratch_is_emptied_at_start_failure_and_signal(
    incident: HandMade, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    root = incident.folder / "ws"
    seen: list[list[str]] = []

    def step(path: Path, *_: Any) -> dict[str, Any]:
        workspace = Workspace.open(path)
        seen.append(workspace.scratch_entries())
        (path / "scratch" / "spilled").write_text("ROW")
        os.kill(os.getpid(), number)
        raise AssertionError("went on")

    for _ in range(2):
        monkeypatch.setattr("flows.run._engine", lambda *_: step)
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            run_round(incident.file, workspace=root, engine="local")
        assert Workspace.open(root).scratch_entries() == []
        (root / "scratch" / "left by kill -9").mkdir()
    assert seen == [[], []]
    with ending_in_order():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
