"""The command line: one document on stdout, the rest on stderr, and the exit code of the contract."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import flows.demo
import flows.run
from flows.steps import STEPS
from matching.keyfile import load_or_make
from matching.store import Workspace, locked
from tests.flow.hand_made import Call, HandMade, Said, _ran_once, call, done, hand_made, incident

__all__ = ["_ran_once", "call", "done", "incident"]

RUN_KEYS = [
    "schema",
    "workspace",
    "engine",
    "round",
    "seconds",
    "peak_rss_gib",
    "peak_disk_gib",
    "steps",
    "leaked_rows",
    "leaked_rejected",
    "mentions",
    "mentions_distinct",
    "charts",
    "persons",
    "review_pairs",
    "entities_with_persons",
    "duties",
    "notices",
    "stopped_at",
]
FIGURES = {"R", "P", "L", "C", "D", "U", "I"}


def document(said: Said, command: str) -> dict[str, Any]:
    """The one document on stdout."""
    found = json.loads(said.out)
    assert found["schema"] == f"affected.{command}/1"
    return dict(found)


def one_line(said: Said, code: int, *parts: str) -> None:
    """One line on stderr that begins as every error does and says all of `parts`."""
    assert said.out == ""
    assert len(said.lines) == 1, said.err
    assert said.lines[0].startswith("affected: ")
    for part in parts:
        assert part in said.lines[0]
    assert said.code == code


# --- documents ------------------------------------------------------------------------------


def test_run_prints_its_document(call: Call, incident: HandMade) -> None:
    root = incident.folder / "ws"
    said = call(
        "run", incident.file, "--workspace", root, "--engine", "local",
        "--approve-all", "LEAD", "--json",
    )  # fmt: skip
    assert said.code == 0
    found = document(said, "run")
    assert set(RUN_KEYS) <= set(found)
    assert {"name", "seconds", "skipped", "rows"} <= set(found["steps"][0])
    assert set(found["persons"]) == {"confirmed", "expected", "upper", "orphans"}
    assert set(found["notices"]) == {"mail", "email", "substitute", "waiting_ce", "none"}
    assert (found["leaked_rows"], found["charts"], found["persons"]["orphans"]) == (12, 10, 2)
    assert found["engine"] == "local"
    assert "key file made" in said.err or said.err == ""


def test_run_stopped_at_a_gate_prints_its_document_and_exits_5(
    call: Call, incident: HandMade
) -> None:
    said = call("run", incident.file, "--engine", "local", "--json")
    assert said.code == 5
    assert document(said, "run")["stopped_at"] == "thresholds"
    assert "affected approve" in said.err
    assert (incident.folder / "hand-made" / "workspace.json").exists(), "the default workspace"


def test_verify_prints_every_figure(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    found = document(call("verify", root, "--json"), "verify")
    assert set(found) >= FIGURES
    assert set(found["L"]) == {"gaps", "overlaps"}
    assert "T" not in found
    again = call("verify", root, "--against", root, "--json")
    assert again.code == 0
    assert document(again, "verify")["T"] == []


def test_verify_tells_a_difference_from_damage(call: Call, done: HandMade) -> None:
    root, other = done.folder / "ws", done.folder / "other"
    shutil.copytree(root, other)
    workspace = Workspace.open(other)
    workspace.write("duties", workspace.read("duties")[1:])
    said = call("verify", root, "--against", other, "--json")
    assert (said.code, document(said, "verify")["T"]) == (4, ["duties"])
    next((root / "tables" / "duties").glob("part-*.parquet")).unlink()
    said = call("verify", root, "--json")
    assert (said.code, document(said, "verify")["I"]) == (7, 1)


def test_check_prints_its_document_also_where_something_is_wrong(
    call: Call, incident: HandMade
) -> None:
    sound = call("check", incident.file, "--json")
    assert sound.code == 0
    found = document(sound, "check")
    assert found["problems"] == []
    assert set(found["forecast"]) == {"rows", "disk_gib", "disk_free_gib", "memory_gib"}
    incident.edit('"leaked.csv"', '"gone.csv"')
    said = call("check", incident.file, "--json")
    assert (said.code, said.err) == (3, "")
    assert document(said, "check")["problems"] == [
        "[[leaked]] gone.csv: no such file; correct path"
    ]


def test_demo_prints_the_runs_document_and_where_to_look(
    call: Call, tmp_path: Path, keys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.demo, "run_round", partial(flows.run.run_round, engine="local"))
    monkeypatch.setattr(flows.demo, "rehearse", lambda folder, **_: hand_made(folder))
    said = call("demo", "--people", 200, "--workspace", tmp_path / "demo", "--json")
    assert said.code == 0, said.err
    found = document(said, "demo")
    assert set(found) >= {*RUN_KEYS, "paths"}
    assert all(Path(path).is_file() for path in found["paths"].values())
    assert set(found["paths"]) == {"report", "letter", "packet", "batch"}
    said = call("demo", "--people", 300, "--workspace", tmp_path / "demo")
    one_line(said, 3, "holds another incident", "--workspace")


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("status", ()),
        ("packets", ()),
        ("letters", ()),
        ("table", ("counts", "--out", "counts.csv")),
        ("purge", ("--scratch",)),
        ("approve", ("owners", "--by", "LEAD")),
    ],
)
def test_other_commands_print_one_document(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch, command: str, more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(done.folder)
    said = call(command, "ws", *more, "--json")
    assert (said.code, said.err) == (0, "")
    document(said, command)


def test_export_names_what_waits_and_then_exports(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    said = call("export", root, "--json")
    (batch,) = document(said, "export")["waiting"]
    assert said.code == 5
    assert batch in said.err
    assert call("approve", root, f"send:{batch}", "--by", "LEAD").code == 0
    said = call("export", root, "--json")
    assert said.code == 0
    assert (root / "out" / "batches" / batch / ".done").exists()
    assert document(said, "export")["pieces"] > 0
    assert call("verify", root).code == 0
    (root / "out" / "batches" / batch / "MAIL_v1.csv").unlink()
    assert call("verify", root).code == 7


def test_decisions_are_taken_or_refused_by_row(call: Call, done: HandMade) -> None:
    file, root = done.folder / "d.csv", done.folder / "ws"
    header = "left_record_id,right_record_id,value\n"
    file.write_text(header + "L1,L2,no\n")
    said = call("decide", root, file, "--by", "LEAD", "--json")
    assert document(said, "decide")["decisions"] == 1
    one_line(call("decide", root, file, "--by", "VIEWER"), 3, "VIEWER may not review")
    file.write_text(header + "L1,L3,perhaps\nL1,L999,match\n")
    said = call("decide", root, file, "--by", "LEAD")
    one_line(said, 3, str(file), "rows 1: value must be", "rows 2: right record not found")
    one_line(call("decide", root, done.folder / "no.csv", "--by", "LEAD"), 3, "no.csv")
    assert Workspace.open(root).rows("decisions") == 1


# --- wrong calls ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--until", "matching"), 2, ("no step 'matching'", "intake, standardise")),
        (("--engine", "spark"), 2, ("--engine spark", "prefect, local")),
        (("--approve-all", "NOBODY"), 3, ("[people]: NOBODY may not approve", "incident file")),
        (("--as-of", "2026-01-01"), 3, ("incident.as_of", "before known_on")),
    ],
)
def test_a_wrong_option_makes_nothing(
    call: Call, incident: HandMade, options: tuple[str, ...], code: int, says: tuple[str, ...]
) -> None:
    said = call("run", incident.file, "--workspace", incident.folder / "ws", *options)
    one_line(said, code, *says)
    assert not (incident.folder / "ws").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("approve", "ws", "threshold", "--by", "LEAD"), 2, "one of thresholds, owners, letters"),
        (("approve", "ws", "owners", "--by", "NOBODY"), 3, "NOBODY may not approve"),
        (("approve", "ws", "owners", "--by", "VIEWER"), 3, "VIEWER may not approve"),
        (("approve", "ws", "send:BNONE", "--by", "LEAD"), 3, "no such batch"),
        (("table", "ws", "countz", "--out", "x.csv"), 3, "no table 'countz'"),
        (("table", "ws", "counts", "--out", "x.xlsx"), 2, "must end in .parquet or .csv"),
        (("table", "ws", "counts", "--out", "no/x.csv"), 2, "--out no/x.csv"),
        (("table", "ws", "counts", "--out", "folder.csv"), 2, "--out folder.csv"),
        (("table", "ws", "events", "--out", "x.csv"), 3, "not written yet"),
        (("packets", "ws", "--entity", "CE999"), 3, "CE999"),
        (("letters", "ws", "--person", "X"), 2, "both --person and --entity"),
        (("letters", "ws", "--entity", "CE001"), 2, "both --person and --entity"),
        (("letters", "ws", "--person", "X", "--entity", "CE001"), 3, "person X"),
        (("purge", "ws"), 2, "--scratch"),
        (("verify", "ws", "--against", "none"), 3, "workspace none"),
        (("check", "no.toml"), 3, "no.toml: not found"),
    ],
)
def test_what_does_not_exist_is_named(
    call: Call, done: HandMade, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(done.folder)
    Path("folder.csv").mkdir()
    one_line(call(*arguments), code, says)
    assert not Path("x.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("ron",), ("run",), ("approve", "ws", "owners"), ("run", "x", "--as-of", "5/3")],
)
def test_usage_exits_2(call: Call, arguments: tuple[str, ...]) -> None:
    assert call(*arguments).code == 2


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("verify",),
    ("approve", "owners", "--by", "LEAD"),
    ("table", "counts", "--out", "x.csv"),
    ("packets",),
    ("letters",),
    ("export",),
    ("purge", "--scratch"),
    ("decide", "x.csv", "--by", "LEAD"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_folder_that_is_no_workspace_stays_as_it_is(
    call: Call, tmp_path: Path, command: tuple[str, ...]
) -> None:
    name, *more = command
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    one_line(call(name, tmp_path / "empty", *more), 3, "no workspace.json; run `affected run`")
    assert list((tmp_path / "empty").iterdir()) == []
    one_line(call(name, tmp_path / "none", *more), 3, f"workspace {tmp_path}/none")
    assert not (tmp_path / "none").exists()
    one_line(call(name, tmp_path / "file", *more), 3, "no folder; name the one that")


# --- workspaces that are not this incident's, or not whole -----------------------------------


def test_a_folder_with_other_things_in_it_is_no_workspace(call: Call, incident: HandMade) -> None:
    before = sorted(incident.folder.iterdir())
    said = call("run", incident.file, "--workspace", incident.folder, "--engine", "local")
    one_line(said, 3, "not empty and no workspace; name another --workspace")
    assert sorted(incident.folder.iterdir()) == before
    said = call("run", incident.file, "--workspace", incident.folder / "leaked.csv")
    one_line(said, 3, "no folder; name another --workspace")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"hand-made"', '"another"', "of incident 'hand-made', not 'another'"),
        ("synthetic = true", "synthetic = false", "made with synthetic = true"),
    ],
)
def test_a_workspace_of_another_incident_is_refused(
    call: Call, done: HandMade, keys_folder: Path, old: str, new: str, says: str
) -> None:
    done.edit(old, new)
    said = call("run", done.file, "--workspace", done.folder / "ws", "--engine", "local")
    one_line(said, 3, says)
    assert not (keys_folder / "another.json").exists()


def test_a_second_run_exits_75(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    with locked(root / "run.lock"):
        said = call("run", done.file, "--workspace", root, "--engine", "local")
        one_line(said, 75, "another command is running here")
        assert call("status", root).code == 0, "readers need no lock"


def test_what_is_being_sent_is_not_sent_twice_at_once(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    with locked(root / "send.lock"):
        for command in ("packets", "export"):
            one_line(call(command, root), 75, "another command is running here")


def spoil_key(done: HandMade, change: Callable[[Path], object]) -> Path:
    """Give the workspace its own key file and change that."""
    opened = Workspace.open(done.folder / "ws")
    identity = opened.identity
    own = done.folder / "key.json"
    own.write_bytes(Path(identity["key_file"]).read_bytes())
    named = json.dumps({**identity, "key_file": str(own)}).encode()
    opened.evidence.put("workspace", {"workspace.json": named})
    change(own)
    return done.folder / "ws"


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Path.unlink, "not found; put the incident's key there"),
        (lambda path: path.write_text("{"), "damaged; restore it from its backup"),
        (lambda path: path.write_text("[]"), "damaged; restore it from its backup"),
        (_as_folder, "is a folder; put the key there"),
        (
            lambda path: (path.unlink(), load_or_make(path, incident_id="x", synthetic=False)),
            "the key of another workspace",
        ),
    ],
)
def test_a_key_that_does_not_open(
    call: Call, done: HandMade, change: Callable[[Path], object], says: str
) -> None:
    root = spoil_key(done, change)
    held = (done.folder / "key.json").exists()
    one_line(call("status", root), 3, "key.json", says)
    one_line(call("run", done.file, "--workspace", root, "--engine", "local"), 3, says)
    assert (done.folder / "key.json").exists() == held, "no new key takes the place of a lost one"


def test_a_key_file_inside_the_workspace_is_refused(call: Call, incident: HandMade) -> None:
    incident.add('[security]\nkey_file = "hand-made/key.json"\n')
    one_line(call("run", incident.file), 3, "key.json", "lies inside the workspace")
    assert not (incident.folder / "hand-made").exists()


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]"])
@pytest.mark.parametrize("file", ["workspace.json", "runs/1.json", "evidence/audit.head.json"])
def test_a_damaged_file_of_the_frame_exits_7(
    call: Call, done: HandMade, file: str, text: str
) -> None:
    (done.folder / "ws" / file).write_text(text)
    one_line(call("status", done.folder / "ws"), 7, Path(file).name, "damaged")


def test_a_damaged_journal_exits_7(call: Call, done: HandMade) -> None:
    (done.folder / "ws" / "journal.sqlite").write_bytes(b"no database" * 500)
    root = done.folder / "ws"
    one_line(call("status", root), 7, "journal.sqlite", "restore it from a copy")
    said = call("verify", root, "--json")
    assert (said.code, document(said, "verify")["I"]) == (7, 1)


def test_a_released_file_that_changed_exits_7(call: Call, done: HandMade) -> None:
    root = done.folder / "ws"
    assert call("packets", root).code == 0
    assert call("verify", root).code == 0
    next((root / "out" / "packets").rglob("individuals.csv")).write_text("changed")
    said = call("verify", root, "--json")
    found = document(said, "verify")
    assert (said.code, found["I"]) == (7, 1)
    assert found["damaged"][0].endswith("individuals.csv: changed since released")


def test_a_damaged_table_is_made_again(call: Call, done: HandMade) -> None:
    """What steps wrote can be recomputed, and equal inputs give equal content."""
    root = done.folder / "ws"
    before = document(call("status", root, "--json"), "status")["content_digests"]
    next((root / "tables" / "persons").glob("part-*.parquet")).unlink()
    part = next((root / "tables" / "counts").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    assert call("verify", root).code == 7
    said = call("run", done.file, "--workspace", root, "--engine", "local", "--json")
    assert said.code == 0, said.err
    steps = document(said, "run")["steps"]
    assert [s["name"] for s in steps if not s["skipped"]] == ["people", "counts", "report"]
    assert document(call("status", root, "--json"), "status")["content_digests"] == before
    assert call("verify", root).code == 0


def test_before_the_first_round_there_is_nothing_to_show(call: Call, done: HandMade) -> None:
    opened = Workspace.open(done.folder / "ws")
    with opened.evidence.recording("as before", files={"runs/1.json": ""}):
        (opened.root / "runs" / "1.json").unlink()
    for command in ("status", "verify", "packets", "export", "letters"):
        one_line(call(command, done.folder / "ws"), 3, "no round yet; run `affected run` first")


# --- what the operating system refuses -------------------------------------------------------


def refusing(number: int) -> Callable[..., None]:
    """A write that the system refuses."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "refused by the system", "some/file")

    return refuse


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (errno.ENOSPC, 75, "the disk is full; free space and run again"),
        (errno.EDQUOT, 75, "the disk is full; free space and run again"),
        (errno.EROFS, 3, "some/file: Read-only file system; give this user the right to it"),
        (errno.EACCES, 3, "some/file: Permission denied; give this user the right to it"),
    ],
)
@pytest.mark.parametrize("where", ["a step", "the frame"])
def test_a_full_or_read_only_disk(
    call: Call, incident: HandMade, monkeypatch: pytest.MonkeyPatch,
    number: int, code: int, says: str, where: str,
) -> None:  # fmt: skip
    root = incident.folder / "ws"
    with monkeypatch.context() as patch:
        if where == "a step":
            first, second, *rest = STEPS
            steps = (first, replace(second, run=refusing(number)), *rest)
            patch.setattr("flows.steps.STEPS", steps)
            patch.setattr("flows.run.STEPS", steps)
        else:
            patch.setattr(Workspace, "purge_scratch", refusing(number))
        said = call("run", incident.file, "--workspace", root, "--engine", "local")
    assert says in said.lines[-1]
    assert said.code == code


def test_a_disk_full_in_the_middle_loses_nothing(
    call: Call, incident: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = incident.folder / "ws"
    options = ("run", incident.file, "--workspace", root, "--engine", "local", "--until", "people")
    put = Workspace.put_part

    def full(self: Workspace, name: str, file: str, rows: Any) -> Any:
        if name == "charts_std":
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(self, name, file, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "put_part", full)
        said = call(*options)
    assert (said.code, said.lines[-1]) == (
        75,
        "affected: the disk is full; free space and run again",
    )
    said = call(*options, "--json")
    assert said.code == 0
    found = document(said, "run")
    assert [s["skipped"] for s in found["steps"]] == [True, False, False, False, False]
    assert found["round"] == 1
    assert Workspace.open(root).rows("persons") == 12
