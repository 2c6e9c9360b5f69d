"""A person's evidence: it stands alone, every change of it is found, and the log says who took it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from flows.bundle import write_bundle
from flows.rounds import open_round
from matching.errors import OperatorError, UsageError
from notify.batches import lines_of, path_of
from notify.batches.lines import folded, root_of


@pytest.fixture(scope="module")
def person(demo: Path) -> str:
    workspace, _ = open_round(demo)
    return (
        workspace.scan("pieces")
        .filter(pl.col("person_id").is_not_null())
        .collect()["person_id"]
        .min()
    )


def unpacked(demo: Path, person: str, folder: Path) -> Path:
    write_bundle(demo, person, folder / "one.zip", by="LEAD")
    with zipfile.ZipFile(folder / "one.zip") as archive:
        archive.extractall(folder / "one")
    return folder / "one"


def checked(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", folder / "check_bundle.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_bundle_stands_alone_and_says_why_whose_what_and_when(demo, person, tmp_path) -> None:
    folder = unpacked(demo, person, tmp_path)
    assert checked(folder)[0] == 0
    assert "WRONG" not in checked(folder)[1]
    said = json.loads((folder / "bundle.json").read_text())
    assert {row["side"] for row in said["rows"]} >= {"leaked"}
    assert all(row["file_sha256"] and row["path"] for row in said["rows"])
    assert all(each["kinds"] and each["state"] for each in said["entities"])
    assert said["letters"]
    assert all(each["line"] and each["letter"] for each in said["letters"])
    assert all(
        (folder / each["letter"]).read_bytes().startswith(b"%PDF") for each in said["letters"]
    )
    page = (folder / "statement.html").read_text()
    assert said["letters"][0]["piece_id"] in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("name", ["bundle.json", "statement.html", "manifest.json", "line.json"])
def test_every_changed_file_is_found(demo, person, tmp_path, name) -> None:
    folder = unpacked(demo, person, tmp_path)
    (path, *_) = sorted(folder.rglob(f"*{name}"))
    path.write_bytes(path.read_bytes().replace(b"2026", b"2027", 1) + b" ")
    code, said = checked(folder)
    assert code == 1
    assert path.name in said


def test_a_line_of_another_file_proves_nothing(demo, person, tmp_path) -> None:
    """Whoever signs a forged list of digests still cannot make a line lead to the signed root."""
    folder = unpacked(demo, person, tmp_path)
    (path, *_) = sorted(folder.glob("letters/*.line.json"))
    line = json.loads(path.read_text())
    path.write_text(json.dumps({**line, "line": line["line"].replace('"en"', '"es"', 1)}))
    assert "does not lead to the manifest's root" in checked(folder)[1]


def test_where_it_goes_and_what_the_audit_log_says(demo, person, tmp_path) -> None:
    with pytest.raises(UsageError, match="zip"):
        write_bundle(demo, person, tmp_path / "one.pdf", by="LEAD")
    with pytest.raises(UsageError, match="inside the workspace"):
        write_bundle(demo, person, demo / "out" / "one.zip", by="LEAD")
    with pytest.raises(OperatorError, match="no person or record"):
        write_bundle(demo, "NOBODYNOBODY00", tmp_path / "one.zip", by="LEAD")
    assert not (tmp_path / "one.zip").exists()
    write_bundle(demo, person, tmp_path / "one.zip", by="LEAD")
    assert (tmp_path / "one.zip").stat().st_mode & 0o077 == 0
    last = json.loads((demo / "evidence" / "audit.jsonl").read_text().splitlines()[-1])
    assert (last["act"], last["by"], last["person"]) == ("bundle", "LEAD", person)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
def test_each_line_leads_to_the_root_and_no_other_does(count: int) -> None:
    lines = lines_of(b"".join(b"line %d\r\n" % n for n in range(count)), b"\r\n")
    assert len(lines) == count
    root = root_of(lines)
    for at, line in enumerate(lines):
        path = path_of(lines, at)
        assert folded(line, path) == root
        assert folded(line + b"x", path) != root
