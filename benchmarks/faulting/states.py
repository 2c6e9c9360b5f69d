"""What a workspace holds, in words that two runs can be compared by: digests, states, names; no times, no rows.

In: an incident that ran as far as some moment. Out: `described`, a mapping; two runs that reached the same moment
must give equal ones. `wrong` names what must never be there at all, whatever happened: drafts, leftovers in
scratch, a figure that is not zero, a broken audit log.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.faulting.incident import Incident
from flows.verify import verify
from matching.files import rows_hash, sha256_file
from matching.schema import Kind
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["copied", "described", "differences", "wrong"]

_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")
_TIMED = re.compile(
    r"report\.html|README\.txt|notice_letter\.pdf|delivery\.json|.*manifest\.(json|sig)|.*\.done|not_sent\.csv|.*\.(zip|aes|eml)|RECALL\.(json|sig)"
)
"""Released files that bear the moment of their release, a random nonce, or the head of the audit log, which has a line
more after an interruption: only their presence is compared."""
_SENDING = ("events", "registry")
"""Tables in which a send whose answer was lost is told otherwise."""


def copied(source: Path, target: Path) -> None:
    """The same folder once more; parts are never changed in place, so they are linked."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, copy_function=_copy, symlinks=True)


def _copy(source: str, target: str) -> None:
    path = Path(source)
    if path.suffix == ".parquet" and not path.name.startswith("."):
        Path(target).hardlink_to(path)
    else:
        shutil.copy2(source, target)


def described(incident: Incident) -> dict[str, Any]:
    """Everything that must be equal: tables, what the journal says, released files."""
    root = incident.workspace
    if not (root / "workspace.json").exists():
        return {}
    workspace = Workspace.open(root)
    return {
        "tables": {name: _table(workspace, name) for name in TABLES if workspace.has(name)},
        "journal": _journal(root),
        "outbox": _outbox(root),
        "files": _files(root / "out"),
    }


def _table(workspace: Workspace, name: str) -> str:
    """Content, without the moments at which rows of the inbox were taken."""
    if TABLES[name].kind is not Kind.INBOX:
        return str(workspace.digest(name))
    rows = workspace.read(name)
    kept = [c for c, dtype in rows.schema.items() if dtype != pl.Datetime and c != "recorded_at"]
    return rows_hash(rows.select(kept))


def _journal(root: Path) -> dict[str, Any]:
    if not (root / "journal.sqlite").exists():
        return {}
    with closing(sqlite3.connect(root / "journal.sqlite")) as db:
        return {
            "steps": db.execute("select step, version, outputs from steps order by 1").fetchall(),
            "approvals": db.execute("select gate, subject, by from approvals order by 1, 2, 3").fetchall(),
            "exports": db.execute("select batch, state, content from exports order by 1").fetchall(),
        }  # fmt: skip


def _outbox(root: Path) -> dict[str, int]:
    if not (root / "outbox.sqlite").exists():
        return {}
    with closing(sqlite3.connect(root / "outbox.sqlite")) as db:
        if not db.execute("select 1 from sqlite_master where name = 'outbox'").fetchall():
            return {}
        return dict(db.execute("select state, count(*) from outbox group by 1"))


def _files(out: Path) -> dict[str, str]:
    paths = (path for path in out.rglob("*") if path.is_file() and not _DRAFT.fullmatch(path.name))
    return {
        path.relative_to(out).as_posix(): "" if _TIMED.fullmatch(path.name) else sha256_file(path)
        for path in paths
    }


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names of what differs: `tables/pairs`, `files/packets/CE001/v1/cover.pdf`."""
    differing = []
    for part in sorted(expected.keys() | found.keys()):
        want, have = expected.get(part, {}), found.get(part, {})
        names = sorted(want.keys() | have.keys())
        differing += [f"{part}/{name}" for name in names if want.get(name) != have.get(name)]
    return differing


def lost_answers(expected: dict[str, Any], found: dict[str, Any], *, connections: int) -> list[str]:
    """As `differences`, where up to so many answers of the relay were lost and are uncertain."""
    uncertain = found["outbox"].get("uncertain", 0)
    if not uncertain:
        return differences(expected, found)
    everyone = sum(expected["outbox"].values())
    allowed = {"files/email/not_sent.csv", "outbox/accepted", "outbox/uncertain"}
    allowed |= {f"tables/{name}" for name in _SENDING}
    rest = [name for name in differences(expected, found) if name not in allowed]
    if sum(found["outbox"].values()) != everyone or uncertain > connections:
        rest.append(f"outbox/{uncertain} uncertain")
    return rest


def wrong(incident: Incident) -> list[str]:
    """What must never be there after a command that ended well."""
    root, found = incident.workspace, []
    found += [f"draft {_named(path, incident)}" for path in incident.live.rglob(".*") if _DRAFT.fullmatch(path.name)]  # fmt: skip
    found += [f"scratch {path.name}" for path in (root / "scratch").glob("*")]
    found += [f"temporary {path.name}" for path in (incident.live / "tmp").glob("*")]
    if not list((root / "runs").glob("*.json")):
        return found
    figures = verify(root)
    zero = {name: figures.get(name) for name in ("I", "R", "P", "C", "D", "ledger_identities")}
    zero |= {f"L {name}": value for name, value in figures.get("L", {}).items()}
    found += [f"figure {name} = {value}" for name, value in zero.items() if value]
    return [*found, *figures["damaged"], *(f"unrecorded {name}" for name in figures["unrecorded"])]


def _named(path: Path, incident: Incident) -> str:
    """The place without the random end of its name."""
    return path.relative_to(incident.live).with_suffix("").as_posix()
