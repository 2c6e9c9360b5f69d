"""What damaged workspace files did once: each is refused in one line now, or believed only as it was written."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from flows.journal import JOURNAL, Done, Journal
from flows.step_manifest import differences
from matching import ring
from matching.chain import HEAD, LOG
from matching.errors import IntegrityError
from matching.evidence import Evidence
from matching.manifest import Manifest, Part
from matching.opening import open_keys, read_identity
from matching.purged import signed
from matching.store import Workspace

DEEP = b"[" * 100_000
PART = Part("part-000000-abcd.parquet", 3, "7" * 64, "8" * 32)


def test_a_forged_last_line_of_the_log_does_not_make_another_output_the_recorded_one(
    workspace: Workspace,
) -> None:
    """Nothing but the next line was held against a line, so that the last one could say anything."""
    workspace.put_output("report.html", b"<p>12</p>", personal=False)
    log, said = workspace.root / LOG, workspace.out / "report.html"
    forged = hashlib.sha256(b"<p>99</p>").hexdigest()
    said.write_bytes(b"<p>99</p>")
    log.write_bytes(log.read_bytes().replace(hashlib.sha256(b"<p>12</p>").hexdigest().encode(), forged.encode()))  # fmt: skip
    opened = Workspace.open(workspace.root)
    with pytest.raises(IntegrityError, match=r"audit\.jsonl: does not end"):
        opened.get_output("report.html")


@pytest.mark.parametrize("how", ["shorter", "gone"])
def test_a_log_that_was_cut_off_knows_of_no_output(workspace: Workspace, how: str) -> None:
    workspace.put_output("report.html", b"<p>12</p>", personal=False)
    log = workspace.root / LOG
    if how == "gone":
        log.unlink()
    else:
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(IntegrityError, match=r"audit\.jsonl"):
        Workspace.open(workspace.root).get_output("report.html")


def _head(workspace: Workspace) -> object:
    (workspace.root / HEAD).write_bytes(DEEP)
    return Workspace.open(workspace.root)


def _identity(workspace: Workspace) -> object:
    (workspace.root / "workspace.json").write_bytes(DEEP)
    return read_identity(workspace.root)


def _log(workspace: Workspace) -> object:
    (workspace.root / LOG).write_bytes(DEEP + b"\n")
    return Evidence(workspace.root).outputs()


def _manifest(workspace: Workspace) -> object:
    branch = workspace.branch(workspace.root / "scratch" / "branch")
    folder = branch.root / "tables" / "identities"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(DEEP)
    return branch.manifest("identities")


@pytest.mark.parametrize("read", [_head, _identity, _log, _manifest])
def test_a_file_nested_without_end_is_damaged(
    workspace: Workspace, read: Callable[[Workspace], object]
) -> None:
    with pytest.raises(IntegrityError):
        read(workspace)


def test_evidence_nested_without_end_says_nothing(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "purge-all.json").write_bytes(DEEP)
    assert signed(workspace.keys, tmp_path / "purge-all.json") is None
    assert differences(workspace, DEEP, None, tables=[]) == ["damaged"]


def test_data_keys_with_a_seal_in_another_script_are_damaged(workspace: Workspace) -> None:
    """Digests are compared in constant time, which takes no letters but ASCII."""
    path = workspace.root / ring.FILE
    stored = {**json.loads(path.read_text()), "mac": "é"}
    path.write_text(ring._written({**stored, "sha256": ring._digest(stored)}))
    with pytest.raises(IntegrityError, match=r"keys\.json"):
        open_keys(workspace.root, workspace.identity)


@pytest.mark.parametrize(
    "body",
    [
        {"files": []},
        {"pending": [1]},
        {"size": -1},
        {"size": 1 << 70},
        {"lines": "2"},
        {"databases": {JOURNAL: None}},
    ],
)
def test_a_head_of_other_kinds_ends_no_reader_that_has_no_key(
    workspace: Workspace, body: dict[str, object]
) -> None:
    stored = json.loads((workspace.root / HEAD).read_text())
    stored["body"] |= body
    text = json.dumps(stored, sort_keys=True, separators=(",", ":")) + "\n"
    (workspace.root / HEAD).write_text(text)
    with pytest.raises(IntegrityError, match=r"audit\.head\.json"):
        Evidence(workspace.root).read("workspace.json")


def test_a_log_is_never_as_long_as_an_unsigned_head_says(workspace: Workspace) -> None:
    """As many bytes were asked for, which no machine has."""
    stored = json.loads((workspace.root / HEAD).read_text())
    stored["body"]["size"] = 1 << 50
    text = json.dumps(stored, sort_keys=True, separators=(",", ":")) + "\n"
    (workspace.root / HEAD).write_text(text)
    with pytest.raises(IntegrityError, match="damaged"):
        Workspace.open(workspace.root)
    Evidence(workspace.root).outputs()


@pytest.mark.parametrize(
    "change",
    [{"rows": "3"}, {"rows": -1}, {"rows": True}, {"file": "../x"}, {"file": ""}, {"file": "\ud800"}, {"rows_hash": "x"}, {"data_key": 7}],
)  # fmt: skip
def test_a_manifest_of_other_kinds_is_none(change: dict[str, object]) -> None:
    """A worker's folder has no log that its manifests are held against."""
    stored = asdict(Manifest("identities", 1, (PART,)))
    assert Manifest.from_json(stored).parts == (PART,)
    with pytest.raises(ValueError, match="no manifest"):
        Manifest.from_json({**stored, "parts": [{**asdict(PART), **change}]})


@pytest.mark.parametrize("text", ["null", "[]", "{}", "0"])
def test_a_manifest_that_says_nothing_is_no_empty_table(workspace: Workspace, text: str) -> None:
    branch = workspace.branch(workspace.root / "scratch" / "branch")
    folder = branch.root / "tables" / "identities"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(IntegrityError, match="damaged"):
        branch.manifest("identities")


def test_the_manifest_of_another_table_is_refused(workspace: Workspace) -> None:
    rows = pl.DataFrame({"mention_id": [1], "identity_id": [1]})
    workspace.write("identities", rows)
    branch = workspace.branch(workspace.root / "scratch" / "branch")
    workspace.lend("identities", branch)
    path = branch.root / "tables" / "identities" / "manifest.json"
    path.write_text(path.read_text().replace("identities", "members"))
    with pytest.raises(IntegrityError, match="damaged"):
        branch.manifest("identities")


def test_a_journal_left_open_with_a_row_that_is_none_of_ours_is_damaged(
    workspace: Workspace,
) -> None:
    """SQLite finds its pages whole; what stands in a row is ours to look at."""
    journal = Journal(workspace)
    journal.commit(Done("people", 3, "1" * 64, {"identities": "2" * 64}, 1.5, 1))
    with workspace.evidence.recording("note", database=JOURNAL, leave_open=True):
        connection = sqlite3.connect(workspace.root / JOURNAL)
        with connection:
            connection.execute("update steps set outputs = '{'")
        connection.close()
    with pytest.raises(IntegrityError, match=r"journal\.sqlite: a row"):
        journal.done("people")
