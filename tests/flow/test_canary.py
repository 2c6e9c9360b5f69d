"""No person's data anywhere but in encrypted tables and the closed files meant to carry it.

Every field of a real (not synthetic) incident bears a value that occurs nowhere else: in rows that match, in rows
of nothing but such values, in rows that cannot be read, in unmapped columns, in free text, in a CE's answer. Then everything
is searched: what was printed, logs, journal, Prefect's database, the report, released files, file names, scratch, the
temporary folder, titles and environments of processes, and what remains after each step raises with them in its message.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pysequoia
import pytest

from flows.steps import STEPS
from matching.store import Workspace
from matching.tables import TABLES
from tests.batch_tables import vendor_key
from tests.canaries import canaries, csv_of, hits, variants, watched_processes
from tests.flow.hand_made import TOML

ROOT = Path(__file__).parents[2]
PLAIN = {
    "role": "patient", "sex": "F", "state": "MD", "country": "", "language": "en", "alternate_state": "MD",
    "alternate_street": "", "alternate_city": "", "alternate_zip": "", "representative_state": "MD", "deceased_on": "",
    "suffix": "JR", "confidential_address": "", "alt_format": "", "full_name": "", "city": "BALTIMORE", "email_consent_on": "",
}  # fmt: skip
"""Where a row needs sense to be mailed, it has that instead."""
NOTE = "Called {first_name} {last_name}, SSN {ssn}, phone {phone}, {email}, chart {mrn}"
SHARED = ("first_name", "last_name", "ssn", "phone")
"""What the leaked row and the chart agree on, so that they are one person."""
DRIVER = """
import sys
from pathlib import Path
import flows.step_settings
flows.step_settings.configs_folder = lambda: Path("configs").resolve()
import flows.cli
from matching.errors import OperatorError
from matching.store import Workspace
for line in Path("commands").read_text().splitlines():
    batches = Workspace.open(Path("ws")).read("batches")["batch_id"] if "{batch}" in line else [""]
    for batch in batches:
        print("$", line.format(batch=batch), file=sys.stderr, flush=True)
        try:
            flows.cli.app(line.format(batch=batch).split(), standalone_mode=False)
        except OperatorError as error:
            print(error, file=sys.stderr)
flows.cli.leave(0)
"""
RAISING = """
import sys
from dataclasses import replace
from pathlib import Path
import flows.cli, flows.run, flows.steps
MESSAGE = Path("message").read_text()
STEPS = flows.run.STEPS
def raising(workspace, settings):
    raise ValueError(MESSAGE)
def run_with(broken, engine):
    flows.run.STEPS = flows.steps.STEPS = tuple(replace(s, run=raising) if s.name == broken else s for s in STEPS)
    try:
        flows.cli.app(f"run incident.toml --workspace ws --approve-all LEAD --engine {engine}".split(), standalone_mode=False)
    except Exception as error:
        flows.cli._tell_bug(error)
for step in STEPS:
    run_with(step.name, "local")
    if step.name == "people":
        run_with(step.name, "prefect")
flows.cli.leave(0)
"""
COMMANDS = """\
check incident.toml
run incident.toml --workspace ws
approve ws thresholds --by LEAD
approve ws owners --by LEAD
run incident.toml --workspace ws --engine local
packets ws
letters ws
approve ws letters --by LEAD
approve ws letters --by SECOND
run incident.toml --workspace ws --engine local
approve ws send:{batch} --by LEAD
approve ws send:{batch} --by SECOND
export ws
status ws
verify ws
"""


def incident(folder: Path) -> dict[str, str]:
    """Write it; gives what was planted where."""
    folder.mkdir()
    sides = {side: canaries(side) for side in "LMNK"}
    both = {**sides["L"], **PLAIN}
    row = {**both, "unmapped": "ZQUNMAPPED", "note": NOTE.format(**sides["N"])}
    strange = {**sides["K"], "unmapped": "ZQUNMAPPED"}
    leaked = csv_of([{**row, "entity_id": "CE001"}, {**strange, "entity_id": "CE002"}])
    columns = leaked.partition("\n")[0].split(",")
    mapped = [f'{name} = "{name}"' for name in columns if name not in {"unmapped", "note"}]
    leaked += ",".join([*sides["K"].values(), *["one too many"] * 9]) + "\n"
    chart = {**sides["M"], **PLAIN, **{k: both[k] for k in SHARED}}
    (folder / "leaked.csv").write_text(leaked)
    (folder / "charts.csv").write_text(csv_of([{**chart, "entity_id": "CE001"}]))
    (folder / "entities.csv").write_text(
        "entity_id,legal_name,state\nCE001,One PLLC,MD\nCE002,Two PLLC,MD\n"
    )
    (folder / "delegation.csv").write_text(
        "entity_id,duty,by\nCE001,individual,ba\nCE002,individual,ba\n"
    )
    head, rest = TOML.replace("synthetic = true", "synthetic = false").split("[leaked.columns]")
    people = (
        'LEAD = ["review", "approve", "send", "reveal", "purge"]\nSECOND = ["approve", "send"]\n'
    )
    (folder / "incident.toml").write_text(
        head + 'text = ["note"]\n[leaked.columns]\n' + "\n".join(mapped)
        + '\n[[masters]]\npath = "charts.csv"\nformat = "csv"\n[masters.columns]\n' + "\n".join(mapped)
        + "\n[entities]" + rest.split("[entities]")[1].split("[people]")[0] + "[people]\n" + people
    )  # fmt: skip
    return {
        **{f"L.{k}": v for k, v in sides["L"].items() if k not in PLAIN},
        **{f"M.{k}": v for k, v in sides["M"].items() if k not in {*PLAIN, *SHARED}},
        **{f"K.{k}": v for k, v in sides["K"].items()},
        **{f"N.{k}": v for k, v in sides["N"].items() if v in row["note"]},
        "unmapped": "ZQUNMAPPED",
    }


def configs(folder: Path) -> None:
    """The program's own, with a vendor who has a key, as a real batch needs."""
    shutil.copytree(ROOT / "configs", folder)
    _, armor = vendor_key()
    pinned = pysequoia.Cert.from_bytes(armor.encode()).fingerprint
    (folder / "vendors" / "plain.toml").write_text(
        f"name = 'plain'\n[openpgp]\nkey = '''{armor}'''\nfingerprint = '{pinned}'\n"
        "[[seeds]]\nname = 'MAILROOM SEED ONE'\n"
    )


def surroundings(folder: Path) -> dict[str, str]:
    """A place of their own for keys and temporary files; Prefect says all it can."""
    (folder / "tmp").mkdir()
    return {
        **os.environ, "TMPDIR": str(folder / "tmp"), "AFFECTED_KEYS": str(folder / "keys"),
        "PREFECT_LOGGING_LEVEL": "DEBUG", "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def called(folder: Path, script: str) -> dict[str, bytes]:
    """All that it said, and titles and environments of its processes."""
    (folder / "driver.py").write_text(script)
    command = [sys.executable, str(folder / "driver.py")]
    with watched_processes() as processes:
        done = subprocess.run(
            command, cwd=folder / "i", env=surroundings(folder), capture_output=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return {"stdout": done.stdout, "stderr": done.stderr, "shown": b"\n".join(processes)}


def test_in_a_whole_incident_under_prefect(tmp_path: Path) -> None:
    planted = incident(tmp_path / "i")
    assert len(planted) > 120
    configs(tmp_path / "i" / "configs")
    (tmp_path / "i" / "commands").write_text(COMMANDS)
    said = called(tmp_path, DRIVER)
    workspace = tmp_path / "i" / "ws"
    carried(workspace, planted, tmp_path / "keys")
    assert hits(planted, [workspace, tmp_path / "tmp", tmp_path / "keys"], said) == []


def carried(root: Path, planted: dict[str, str], keys: Path) -> None:
    """The canaries went all the way: into tables, a letter's row and a released batch."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AFFECTED_KEYS", str(keys))
        workspace = Workspace.open(root)
        inside = {name: repr(workspace.read(name).rows()).encode() for name in TABLES}
    assert workspace.rows("rejects") == 1
    assert workspace.rows("passages") > 0
    shown = b"".join(inside.values())
    missing = {
        name
        for name, value in planted.items()
        if not any(form in shown for form in variants(value))
    }
    assert {name for name in missing if not name.startswith("N.")} <= {"K.role", "unmapped"}
    assert b"ZQLLASTNAME" in inside["pieces"]
    assert list(root.glob("out/batches/*/*.pgp"))
    assert list(root.glob("out/packets/CE001/v1/individuals.csv.enc"))
    assert (root / "prefect").is_dir()


def test_in_the_message_of_every_step_that_raises(tmp_path: Path) -> None:
    planted = incident(tmp_path / "i")
    file = tmp_path / "i" / "incident.toml"
    file.write_text(file.read_text().replace("synthetic = false", "synthetic = true"))
    (tmp_path / "i" / "message").write_text("\n".join(planted.values()))
    said = called(tmp_path, RAISING)
    (tmp_path / "i" / "message").unlink()
    assert said["stderr"].count(b"internal error StepFailed") == len(STEPS) + 1
    workspace = tmp_path / "i" / "ws"
    sinks = [workspace / name for name in ("logs", "prefect", "runs", "evidence", "scratch")]
    sinks += [workspace / "journal.sqlite", tmp_path / "tmp"]
    assert hits(planted, sinks, said) == []


def test_the_search_would_find_a_leak(tmp_path: Path) -> None:
    planted = {"name": "ZQLFIRSTNAME", "ssn": "537-74-9186", "born": "1977-11-29"}
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.log").write_text("could not parse zqlfirstname, 537749186")
    (tmp_path / "logs" / "zqlfirstname.txt").write_text("")
    found = hits(planted, [tmp_path / "logs"], {"stdout": b"born 11/29/1977"})
    assert {place for _, place in found} == {
        "stdout",
        "name of logs/zqlfirstname.txt",
        "logs/run.log",
    }
    assert ("ssn", "logs/run.log") in found
