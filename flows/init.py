"""`affected init`: delivered files profiled, their columns proposed, an incident file to complete.

Writes DIR/incident.toml, columns.csv (evidence) and samples.csv (shapes); never over an incident file
that is there. Nothing uncertain is applied: `affected check` refuses the file until a person decided.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from flows.init_text import incident_text, open_columns, relative
from matching.errors import OperatorError
from matching.files import replacing
from matching.intake.packed.zips import way_shown
from matching.propose.sheets import COLUMN_SHEET, SAMPLE_SHEET, column_rows, sample_rows
from matching.propose.survey import Found, Survey, survey

__all__ = ["init_incident", "init_text"]

INCIDENT = "incident.toml"
OURS = frozenset((INCIDENT, "columns.csv", "samples.csv"))
_MASTER = re.compile(r"(?i)(?:^|[^a-z])(?:masters?|mpi|charts?)(?:[^a-z]|$)")
_SIGNS = frozenset("*?[")


def init_incident(
    folder: Path, files: Sequence[str], *, masters: Sequence[str] = (), roster: Path | None = None
) -> dict[str, Any]:
    """The document of `affected init` (`affected.init/1`).

    `files`: files, folders and globs; `masters`: globs of those that are patient masters; without
    any, files are taken for masters by their name, which is said and must be confirmed.
    """
    target = folder / INCIDENT
    if target.exists():
        raise OperatorError(f"{target}: is there already; name another folder or move it away")
    if roster is not None and not roster.is_file():
        raise OperatorError(f"{roster}: no such file; correct --entities")
    paths = _paths(files, folder)
    extra = _paths(masters, folder) if masters else []
    chosen = frozenset(extra) or frozenset(path for path in paths if _named_master(path, paths))
    found = survey(sorted({*paths, *extra}), chosen, roster=roster)
    if not found.found and not found.unread:
        raise OperatorError(
            f"{' '.join(files)}: no file to profile; name leaked files or their folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    guessed = bool(chosen) and not masters
    text = incident_text(found, folder, guessed=guessed)
    tomllib.loads(text)  # our bug, not the operator's, where it is none
    _write(folder / "columns.csv", _sheet(COLUMN_SHEET, _column_rows(found, folder)))
    _write(folder / "samples.csv", _sheet(SAMPLE_SHEET, _sample_rows(found, folder)))
    _write(target, text)
    return _document(target, found, folder, guessed=guessed)


def _paths(files: Sequence[str], folder: Path) -> list[Path]:
    """Files that the arguments mean, sorted; what init itself wrote is none of them."""
    found: set[Path] = set()
    for name in files:
        path = Path(name)
        if path.is_dir():
            matched = [
                each for each in path.rglob("*") if each.is_file() and not _hidden(each, path)
            ]
        elif path.is_file():
            matched = [path]
        elif _SIGNS & set(name):
            matched = _globbed(path)
        else:
            matched = []
        if not matched:
            raise OperatorError(f"{name}: no such file; name files, folders or globs that exist")
        found |= {each for each in matched if not (each.parent == folder and each.name in OURS)}
    return sorted(found)


def _globbed(pattern: Path) -> list[Path]:
    base = Path(pattern.anchor or ".")
    rest = str(pattern.relative_to(base)) if pattern.anchor else str(pattern)
    try:
        return [path for path in base.glob(rest) if path.is_file()]
    except ValueError:
        raise OperatorError(
            f"{pattern}: no sound glob; let ** stand alone between slashes"
        ) from None


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _named_master(path: Path, paths: Sequence[Path]) -> bool:
    """Its name or its folder's says so, and not every file's does."""
    return bool(_MASTER.search(f"{path.parent.name}/{path.stem}")) and not all(
        _MASTER.search(f"{each.parent.name}/{each.stem}") for each in paths
    )


def _column_rows(found: Survey, folder: Path) -> Iterable[dict[str, str]]:
    for one in found.found:
        yield from column_rows(_shown(one, folder), one.part, one.table)


def _sample_rows(found: Survey, folder: Path) -> Iterable[dict[str, str]]:
    for one in found.found:
        yield from sample_rows(_shown(one, folder), one.part, one.rows, one.table)


def _shown(one: Found, folder: Path) -> str:
    first = one.files[0]
    more = f" and {len(one.files) - 1} more" if len(one.files) > 1 else ""
    return way_shown(relative(first.path, folder), first.members) + more


def _sheet(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> str:
    sheet = StringIO()
    writer = csv.DictWriter(sheet, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sheet.getvalue()


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _document(target: Path, found: Survey, folder: Path, *, guessed: bool) -> dict[str, Any]:
    return {
        "schema": "affected.init/1",
        "incident": str(target),
        "columns_sheet": str(target.with_name("columns.csv")),
        "samples_sheet": str(target.with_name("samples.csv")),
        "roster": relative(found.roster, folder) if found.roster else None,
        "masters_guessed": guessed,
        "tables": [_table_document(one, folder) for one in found.found],
        "unread": [
            {
                "path": relative(each.content.path, folder),
                "member": "!".join(each.content.members),
                "table": each.part,
                "format": each.shape.format,
                "why": each.why,
            }
            for each in found.unread
        ],
        "undecided": sum(len(open_columns(one)) for one in found.found),
    }


def _table_document(one: Found, folder: Path) -> dict[str, Any]:
    return {
        "side": "master" if one.master else "leaked",
        "path": relative(one.files[0].path, folder),
        "files": len(one.files),
        "member": "!".join(one.files[0].members),
        "table": one.part,
        **one.shape.source(),
        "dialect_evidence": [*one.shape.evidence, *one.shape.doubts],
        "date_order": one.table.date_order,
        "rows_sampled": one.rows.height,
        "join": _join_document(one),
        "columns": [
            {
                "column": proposal.column,
                "proposal": proposal.target,
                "field": proposal.field,
                "grade": proposal.grade,
                "bits": proposal.bits,
                "evidence": list(proposal.evidence),
                "other_meanings": list(proposal.others),
            }
            for proposal in one.table.proposals
        ],
    }


def _join_document(one: Found) -> dict[str, Any] | None:
    if one.join is None:
        return None
    return {"table": one.join.other, "on": {one.join.column: one.join.key}, "grade": one.join.grade}


def init_text(document: dict[str, Any]) -> str:
    """What a person reads in the terminal: tables, what was proposed, what is next."""
    lines = []
    for table in document["tables"]:
        grades = [column["grade"] for column in table["columns"]]
        place = "!".join(filter(None, (table["path"], table["member"])))
        name = f"{place}#{table['table']}" if table["table"] else place
        lines.append(
            f"  {table['side']:<6} {name}: {table['format']}, {len(grades)} columns:"
            f" {grades.count('sure')} sure, {grades.count('likely')} likely, {grades.count('unknown')} unknown"
        )
    lines += [f"  unread {each['path']}: {each['why']}" for each in document["unread"]]
    lines.append(
        f"{document['incident']}: complete it; {document['undecided']} columns wait for a decision"
    )
    return "\n".join(lines)
