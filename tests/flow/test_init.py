"""`affected init`: an incident file that nobody can run before a person decided."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import polars as pl
import pytest

from flows.check import check_incident
from flows.init import init_incident
from matching.errors import OperatorError


@pytest.fixture(scope="module")
def made(
    rehearsal: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("init") / "incident"
    names = ("leak", "masters", "entities.csv", "delegation.csv")
    return folder, init_incident(folder, [str(rehearsal / name) for name in names])


def _name(table: dict[str, str]) -> str:
    name = Path(table["path"]).name
    return {"charts-1.parquet": "*.parquet", "waitlist.tsv": "*.tsv"}.get(name, name)


def test_proposals_say_what_the_rehearsal_says(
    made: tuple[Path, dict[str, object]], rehearsal: Path
) -> None:
    truth = {
        (Path(entry["path"]).name.replace("waitlist.tsv", "*.tsv"), column): field
        for section in ("leaked", "masters")
        for entry in tomllib.loads((rehearsal / "incident.toml").read_text())[section]
        for field, columns in entry["columns"].items()
        for column in ([columns] if isinstance(columns, str) else columns)
    }
    tables = made[1]["tables"]
    assert isinstance(tables, list)
    wrong = [
        (table["path"], column["column"])
        for table in tables
        for column in table["columns"]
        if column["grade"] == "sure"
        and column["field"] != truth.get((_name(table), column["column"]), "")
    ]
    assert wrong == []
    assert {table["side"] for table in tables} == {"leaked", "master"}
    assert made[1]["roster"]


def test_check_refuses_until_everything_is_decided(made: tuple[Path, dict[str, object]]) -> None:
    problems = "\n".join(check_incident(made[0] / "incident.toml")["problems"])
    assert "incident.id: still TODO; fill it in" in problems
    assert "undecided: " in problems


def test_a_completed_file_is_sound(made: tuple[Path, dict[str, object]]) -> None:
    text = (made[0] / "incident.toml").read_text()
    for key, value in {"id": '"made-up"', "known_on": "2026-03-05", "received_on": "2026-03-05",
                       "secured": '"no"', "breach_start": '"unknown"', "breach_end": '"unknown"'}.items():  # fmt: skip
        text = re.sub(rf'(?m)^{key} = "TODO"', f"{key} = {value}", text)
    text = text.replace("TODO", "said")
    text = re.sub(r"(?m)^undecided = .*$", "", text)
    text = re.sub(
        r"(?m)^# \? ", "", text.replace("# ? taken", "# taken").replace("# ? ignored", "# ignored")
    )
    text = re.sub(r"(?m)^sent_on: .*$", "", text)
    done = made[0] / "done.toml"
    done.write_text(text)
    assert check_incident(done)["problems"] == []


def test_no_value_of_a_person_is_written(
    made: tuple[Path, dict[str, object]], rehearsal: Path
) -> None:
    masters = pl.concat(
        [pl.read_parquet(path) for path in (rehearsal / "masters").glob("*.parquet")]
    )
    values = {
        value
        for name in ("last", "email", "addr1", "phone", "chart_no")
        for value in masters[name].drop_nulls().cast(pl.String)
        if len(value) > 5
    }
    written = "\n".join(path.read_text() for path in made[0].iterdir() if path.name != "done.toml")
    words = set(re.findall(r"[\w@.'-]+", written)) | {json.dumps(made[1])}
    assert not words & values


def test_an_incident_file_is_never_overwritten(
    made: tuple[Path, dict[str, object]], rehearsal: Path
) -> None:
    before = (made[0] / "incident.toml").read_bytes()
    with pytest.raises(OperatorError, match="is there already"):
        init_incident(made[0], [str(rehearsal / "leak")])
    assert (made[0] / "incident.toml").read_bytes() == before


def test_the_same_files_give_the_same_file(
    made: tuple[Path, dict[str, object]], rehearsal: Path, tmp_path: Path
) -> None:
    names = ("delegation.csv", "entities.csv", "masters", "leak")
    folder = made[0].parent / "again"
    init_incident(folder, [str(rehearsal / name) for name in names])
    assert (folder / "incident.toml").read_text() == (made[0] / "incident.toml").read_text()
    assert (folder / "samples.csv").read_text() == (made[0] / "samples.csv").read_text()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "list.csv").write_text("fname,lname\nAnn,Lee\n")
    document = init_incident(tmp_path / "out", [str(tmp_path / "*.*")])
    assert {Path(each["path"]).name for each in document["unread"]} == {"scan.pdf", "empty.csv"}
    text = (tmp_path / "out" / "incident.toml").read_text()
    assert text.count('ignored = "TODO"') == 2


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no such file; name files, folders or globs"):
        init_incident(tmp_path / "out", [str(tmp_path / "nothing.csv")])
