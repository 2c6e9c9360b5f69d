"""Figure I of `affected verify`: every durable file is the one that the audit log names last.

A workspace comes in; names of what is damaged go out, and what is merely to be told: acts that were killed
half-way, databases that are open, files that nobody recorded. A kill is never damage.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag

from flows.audit import approved_with_one_key, is_head
from flows.journal import JOURNAL, Journal, step_manifest
from flows.step_manifest import differences
from flows.steps import REPORT, STEPS
from matching.chain import HEAD, INTERRUPTED, LOG
from matching.errors import IntegrityError, OperatorError
from matching.evidence import OPEN, Entry, check_pages
from matching.files import LINKED
from matching.opening import open_keys
from matching.purged import signed
from matching.ring import FILE as RING
from matching.store import COMPLETE, NOTE, Part, Workspace
from matching.tables import TABLES

__all__ = ["Findings", "durable_files", "look"]

NOT_DURABLE = frozenset({"logs", "scratch", "prefect"})
"""Folders of no consequence: emptied, or told by nobody."""
_PASSING = re.compile(r"(^|/)(\.lock|[^/]+\.lock|send\.stop|[^/]+-(wal|shm)|\.[^/]+\.[0-9a-f]{8})$")
"""Locks, the sign to stop, what SQLite has beside a file, drafts of a write that was killed."""
_OTHERWISE_KNOWN = ("tables/", "inbox/", "reference/", RING, "evidence/purge-")
"""Parts by their manifests; what is sealed by itself."""
_OUTBOX = "outbox.sqlite"
_LOOKS = 5
"""Times that damage is looked at again while another command writes."""
_PRINTED = re.compile(rb'data-audit-head="([0-9a-f]{64})"')
_IN_BATCH = re.compile(r"^out/batches/[^/]+/")
_TABLE_OF = re.compile(r"^(?:tables|inbox|reference)/(\w+)/manifest\.json$")


@dataclass(slots=True)
class Findings:
    """`damaged`: files that are missing, changed or put back. `told`: what a kill left, and what is open.

    `unrecorded`: files that the log does not have, left by a release that was killed.
    """

    damaged: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)

    def try_(self, look: Any, *given: Any) -> Any:
        """Call; note damage instead of raising it."""
        try:
            return look(*given)
        except OperatorError as error:
            self.damaged.append(str(error))
            return None


def look(
    workspace: Workspace, *, gone: Collection[str] = (), printed: Collection[str] = ()
) -> Findings:
    """Look at every durable file. `gone`: tables that were taken away on purpose, beside those the log says.

    `printed`: heads of the audit log as they stand on paper; each must be that of a line.
    """
    for _ in range(_LOOKS):
        head = workspace.evidence.head(fresh=True)
        found = _look(workspace, gone, printed)
        if not found.damaged or workspace.evidence.head(fresh=True) == head:
            break  # else another command wrote meanwhile
    return found


def _look(workspace: Workspace, gone: Collection[str], printed: Collection[str]) -> Findings:
    found = Findings()
    entries: list[Entry] = found.try_(workspace.evidence.entries) or []
    missing = frozenset(gone) | _dropped(entries) | workspace.purged
    _files(workspace, found, missing)
    _sealed_by_themselves(workspace, found)
    _links(workspace, found)
    complete = Workspace(workspace.root, workspace.identity, workspace.keys, complete=True)
    for name in TABLES:
        if name not in missing:
            _parts(workspace, complete, name, found)
    if entries:
        _outputs(workspace, found)
        _journal(workspace, entries, found)
        _steps(workspace, entries, found, missing)
        _heads(workspace, entries, found, printed)
    _outbox(workspace, found)
    _told(workspace, entries, found)
    found.damaged = list(dict.fromkeys(found.damaged))
    return found


def durable_files(workspace: Workspace) -> Iterator[str]:
    """Every file of the workspace that must not change, relative to it, in order."""
    for path in sorted(workspace.root.rglob("*")):
        name = path.relative_to(workspace.root).as_posix()
        if path.is_file() and name.split("/")[0] not in NOT_DURABLE and not _PASSING.search(name):
            yield name


def _sealed_by_themselves(workspace: Workspace, found: Findings) -> None:
    """What the log does not name: the data keys, closed by the store key, and signed certificates of purging."""
    found.try_(open_keys, workspace.root, workspace.identity)
    for path in sorted(workspace.root.glob("evidence/purge-*.json")):
        if signed(workspace.keys, path) is None:
            found.damaged.append(
                f"evidence/{path.name}: not as it was signed; restore it from a copy"
            )


def _links(workspace: Workspace, found: Findings) -> None:
    """Names that lead out of the workspace: what stands there is not what is looked at."""
    for path in sorted(workspace.root.rglob("*")):
        name = path.relative_to(workspace.root).as_posix()
        if path.is_symlink() and name.split("/")[0] not in NOT_DURABLE:
            found.damaged.append(f"{name}: {LINKED}")


def _dropped(entries: list[Entry]) -> frozenset[str]:
    """Tables that an act took away and none wrote again."""
    last: dict[str, bool] = {}
    for entry in entries:
        for name, digest in entry.get("files", {}).items():
            of_table = _TABLE_OF.match(name)
            if of_table:
                last[of_table.group(1)] = digest is None
    return frozenset(name for name, dropped in last.items() if dropped)


def _files(workspace: Workspace, found: Findings, gone: Collection[str]) -> None:
    """What the head names: manifests, rounds, steps; and nothing of these kinds beside."""
    there: set[str] = set(workspace.evidence.head().files)
    for pattern in ("*/*/manifest.json", "runs/*.json", "evidence/steps/*", COMPLETE):
        paths = (
            path.relative_to(workspace.root).as_posix() for path in workspace.root.glob(pattern)
        )
        there |= {name for name in paths if name.split("/")[0] not in {*NOT_DURABLE, "out"}}
    for name in sorted(there):
        of_table = _TABLE_OF.match(name)
        if not (of_table and of_table.group(1) in gone):
            found.try_(workspace.evidence.read, name)


def _parts(workspace: Workspace, complete: Workspace, name: str, found: Findings) -> None:
    """Parts of the table as it is and as readers see it, and the notes beside them."""
    parts: dict[str, Part] = {}
    for seen in (workspace, complete):
        try:
            manifest = seen.manifest(name)
        except IntegrityError:
            continue  # told among the files
        parts |= {part.file: part for part in (manifest.parts if manifest else ())}
    for part in parts.values():
        found.try_(workspace.check_part, name, part)
    for note in sorted((workspace.root / TABLES[name].kind / name).glob(f"part-*{NOTE}")):
        noted = found.try_(workspace.read_note, name, note)
        part_there = note.with_name(note.name.removesuffix(NOTE)).exists()
        if noted and part_there and noted[0].file not in parts:
            found.try_(workspace.check_part, name, noted[0])


def _outputs(workspace: Workspace, found: Findings) -> None:
    for name, digest in sorted(workspace.evidence.outputs().items()):
        if digest and not workspace.evidence.intact(name):
            try:
                workspace.evidence.read(name)
            except IntegrityError:
                found.damaged.append(f"{name}: changed since released")


def _journal(workspace: Workspace, entries: list[Entry], found: Findings) -> None:
    """Every row is of an act of the log, and every such act has its row, as it was."""
    rows = found.try_(Journal(workspace).rows)
    if rows is None:
        return
    wanted: dict[str, list[str]] = {}
    for entry in _acts_on_rows(entries):
        before = wanted.get(entry["row"], [""]) if entry["unsure"] else []
        wanted[entry["row"]] = [*before, entry["content"]]
    for name in sorted({*rows, *wanted}):
        if rows.get(name, "") not in wanted.get(name, [""]):
            table = name.split("/")[0]
            found.damaged.append(
                f"{JOURNAL}: a row of {table} is not as the audit log says; restore it from a copy"
            )


def _acts_on_rows(entries: list[Entry]) -> list[Entry]:
    """Acts on rows of the journal; `unsure`: killed, so that nobody knows whether the row was written."""
    killed = {entry["interrupted"] for entry in entries if entry["act"] == INTERRUPTED}
    return [
        {**entry, "unsure": entry["pending"] or entry["line"] in killed}
        for entry in entries
        if "row" in entry
    ]


def _steps(
    workspace: Workspace, entries: list[Entry], found: Findings, gone: Collection[str]
) -> None:
    """Each step's signed manifest against the journal and the tables, but those written again since."""
    last: dict[str, int] = {}
    for entry in entries:
        last |= dict.fromkeys(entry.get("files", {}), entry["line"])
    unsure = {entry["row"]: entry["unsure"] for entry in _acts_on_rows(entries)}
    journal = Journal(workspace)
    for step in (*STEPS, REPORT):
        name = step_manifest(step.name)
        try:
            data, done = workspace.evidence.read(name), journal.done(step.name)
        except OperatorError:
            continue  # told among the files
        if data is None:
            continue
        if unsure.get(f"steps/{step.name}"):
            done = None
        ended = last.get(name, 0)
        tables = [each for each in step.writes if each not in gone]
        again = [
            each
            for each in tables
            if last.get(f"{TABLES[each].kind}/{each}/manifest.json", 0) > ended
        ]
        if again:
            found.told.append(f"step {step.name}: begun again and not finished; run again")
        same = [each for each in tables if each not in again]
        wrong = differences(workspace, data, done, tables=same)
        found.damaged += [f"{name}: {each}; restore it from a copy" for each in wrong]


def _heads(
    workspace: Workspace, entries: list[Entry], found: Findings, printed: Collection[str]
) -> None:
    """Heads on paper and in what was released: a log cut off, or put back to an older state, lacks them."""
    known = {entry["hash"] for entry in entries}
    for head in printed:
        if not is_head(head, known):
            found.damaged.append(
                f"{LOG}: has no line with the printed head {head}; cut off or put back"
            )
    for name, head in _released_heads(workspace):
        if head not in known:
            found.damaged.append(f"{LOG}: lacks the head that {name} bears; cut off or put back")


def _released_heads(workspace: Workspace) -> Iterator[tuple[str, str]]:
    for path in sorted(workspace.out.glob("*/*/**/manifest.json*")):
        name = path.relative_to(workspace.out).as_posix().removesuffix(".enc")
        try:
            said = json.loads(workspace.get_output(name))
            head = {**said.get("made_from", {}), **said}.get("audit_log")
        except (OperatorError, OSError, InvalidTag, ValueError, AttributeError, TypeError):
            continue  # told among the outputs
        if head:
            yield f"out/{name}", str(head["head"])
    report = workspace.out / "report.html"
    bears = _PRINTED.search(report.read_bytes()) if report.is_file() else None
    if bears:
        yield "out/report.html", bears.group(1).decode()


def _outbox(workspace: Workspace, found: Findings) -> None:
    state = found.try_(workspace.evidence.database, _OUTBOX)
    path = workspace.root / _OUTBOX
    if state is None or not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=30)
        try:
            found.try_(check_pages, connection, _OUTBOX)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        found.damaged.append(f"{_OUTBOX}: {error}; restore it from a copy")


def _told(workspace: Workspace, entries: list[Entry], found: Findings) -> None:
    head = workspace.evidence.head()
    if head.pending:
        found.told.append("an act is under way or was killed; the next command says which")
    for name, digest in sorted(head.databases.items()):
        if digest == "":
            found.told.append(f"{name}: {OPEN}; written to now, or its writer was killed")
    found.told += approved_with_one_key(entries)
    halves = sum(entry["act"] == INTERRUPTED for entry in entries)
    if halves:
        found.told.append(f"{halves} acts were killed half-way, as the log says")
    known = {LOG, HEAD, *head.files, *head.databases}
    known |= (
        {name for name, digest in workspace.evidence.outputs().items() if digest}
        if entries
        else set()
    )
    for name in durable_files(workspace):
        if name in known or name.startswith(_OTHERWISE_KNOWN):
            continue
        if (batch := _IN_BATCH.match(name)) and f"{batch.group()}.done" in known:
            found.damaged.append(f"{name}: put there after the batch was released; remove it")
        else:
            found.unrecorded.append(name)
