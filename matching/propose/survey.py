"""What was delivered, looked at together: masters first, since what they hold tells what leaked columns are.

In: delivered files and which of them are masters. Out: every table with its shape and proposals; samples
are kept for the masked sheets only. Bounded memory: two MiB of each table, and of masters up to
400,000 telling values a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.content import Content, members
from matching.intake.delivered import REST
from matching.intake.readers import FORMATS, ROW_NO, column_names, parts, sample
from matching.intake.roster import read_small
from matching.propose.dialect import ROWS_FOR_HEADER, WORKBOOKS, FileShape, shape_of, title_rows
from matching.propose.header_row import has_header
from matching.propose.joins import Join, proposed_joins
from matching.propose.overlap import NOTHING_KNOWN, KnownValues, from_mapped, from_roster, joined
from matching.propose.table import TableProposal, propose_table
from matching.sources import SEALED, LeakedSource

__all__ = ["Found", "Survey", "Unread", "survey"]

ROSTER_COLUMNS = frozenset(("entity_id", "legal_name"))
DELEGATION_COLUMNS = frozenset(("entity_id", "duty", "by"))
SMALL_BYTES = 16 << 20
GROUP_SAMPLES = 4
"""Files of one group looked at: shards of one table say the same."""
LINES_ABOVE_MAX = 100
COLUMNS_MAX = 2_000
"""Columns are weighed against each other: more would take memory by their square."""


@dataclass(frozen=True, slots=True)
class Found:
    """One table of one file, or of several of one kind (`files`), with what is proposed for it."""

    files: tuple[Content, ...]
    part: str
    shape: FileShape
    master: bool
    rows: pl.DataFrame
    table: TableProposal
    join: Join | None = None

    @property
    def part_key(self) -> str:
        """The key of the incident file that names its part."""
        return "sheet" if self.shape.format in WORKBOOKS else "table"

    @property
    def personal(self) -> bool:
        """Some column of it is, or may be, about a person."""
        harmless = {"extra", "record_id", ""}
        return any(p.target not in harmless for p in self.table.proposals)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or table that cannot be read yet, with why."""

    content: Content
    part: str
    shape: FileShape
    master: bool
    why: str


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that was delivered, in a fixed order."""

    found: tuple[Found, ...]
    unread: tuple[Unread, ...]
    roster: Path | None
    delegation: Path | None


def survey(
    paths: Sequence[Path], masters: frozenset[Path], *, roster: Path | None = None
) -> Survey:
    """Look at every file; `roster` is found among them where it is not given."""
    rosters, delegation, rest = _set_aside(paths, roster)
    known = _roster_known(rosters)
    unread: list[Unread] = []
    by_side: dict[bool, list[Found]] = {}
    for master in (True, False):
        chosen = [path for path in rest if (path in masters) is master]
        tables = list(_tables(chosen, master, unread))
        by_side[master] = [_proposed(group, known) for group in _grouped(tables)]
        if master:
            known = _with_masters(known, by_side[True])
    found = (*_with_joins(by_side[False]), *by_side[True])
    return Survey(found, tuple(unread), rosters, delegation)


def _set_aside(
    paths: Sequence[Path], roster: Path | None
) -> tuple[Path | None, Path | None, list[Path]]:
    """The roster and the delegations: tables of ours, known by their columns."""
    delegation, rest = None, []
    for path in paths:
        columns = _small_columns(path)
        if roster is None and columns >= ROSTER_COLUMNS:
            roster = path
        elif delegation is None and columns >= DELEGATION_COLUMNS:
            delegation = path
        elif path != roster:
            rest.append(path)
    return roster, delegation, rest


def _small_columns(path: Path) -> frozenset[str]:
    if path.suffix.lower() != ".csv" or path.stat().st_size > SMALL_BYTES:
        return frozenset()
    first = Content(path).head(4096).split(b"\n")[0].decode("utf-8", "replace")
    return frozenset(name.strip().strip('"').lstrip("\ufeff").lower() for name in first.split(","))


def _roster_known(path: Path | None) -> KnownValues:
    return from_roster(read_small(path)) if path else NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class _Table:
    content: Content
    part: str
    shape: FileShape
    master: bool
    rows: pl.DataFrame


def _tables(paths: Iterable[Path], master: bool, unread: list[Unread]) -> Iterable[_Table]:
    for path in paths:
        try:
            contents = list(members(path, ""))
        except OperatorError as error:
            unread.append(Unread(Content(path), "", FileShape(format=""), master, str(error)))
            continue
        for content in contents:
            yield from _tables_of(content, master, unread)


def _tables_of(content: Content, master: bool, unread: list[Unread]) -> Iterable[_Table]:
    if not content.head(1):
        unread.append(Unread(content, "", FileShape(format=""), master, "an empty file"))
        return
    shape = shape_of(content)
    if shape.format == SEALED:
        unread.append(Unread(content, "", shape, master, "; ".join(shape.evidence)))
        return
    if shape.format not in FORMATS:
        why = (
            f"format {shape.format} cannot be read yet"
            if shape.format
            else "; ".join(shape.evidence)
        )
        unread.append(Unread(content, "", shape, master, why or "of no known format"))
        return
    source = LeakedSource.model_validate({"path": content.path.name, **shape.source()})
    part = ""
    try:
        every = parts(content, source)
        for part in every:
            wide = len(column_names(content, source, part))
            if wide > COLUMNS_MAX:
                why = (
                    f"{wide} columns, more than {COLUMNS_MAX}: no table of people; look at the file"
                )
                unread.append(Unread(content, part, shape, master, why))
                continue
            own, source = _sheet_shape(content, source, part, shape)
            first = sample(content, source, part)
            rows = first.rows.drop(ROW_NO) if first else pl.DataFrame()
            own = replace(own, table=REST) if not part and len(every) > 1 else own
            yield _Table(content, part, own, master, rows)
    except OperatorError as error:
        unread.append(Unread(content, part, shape, master, str(error)))


def _sheet_shape(
    content: Content, source: LeakedSource, part: str, shape: FileShape
) -> tuple[FileShape, LeakedSource]:
    """Titles above the header of a sheet, and whether it has one."""
    source = source.model_copy(update={"skip_lines": 0, "header": True})
    if shape.format not in WORKBOOKS:
        return shape, LeakedSource.model_validate({"path": source.path, **shape.source()})
    bare = source.model_copy(update={"header": False})
    first = sample(content, bare, part)
    rows = first.rows.drop(ROW_NO).head(ROWS_FOR_HEADER) if first else pl.DataFrame()
    cells = [[(cell or "").strip() for cell in row] for row in rows.iter_rows()]  # a few hundred
    above = title_rows(cells, rows.width)
    header, told = has_header(cells[above:])
    skip = _lines_above(content, source, part, cells[above]) if above and header else above
    doubts = shape.doubts if header else (*shape.doubts, "no header row: columns are c0, c1 ...")
    more = (*((f"{skip} lines above the table",) if skip else ()), told)
    own = replace(
        shape, header=header, skip_lines=skip, evidence=(*shape.evidence, *more), doubts=doubts
    )
    return own, source.model_copy(update={"header": header, "skip_lines": skip})


def _lines_above(content: Content, source: LeakedSource, part: str, header: list[str]) -> int:
    """Lines to skip so that the header is this row: blank rows, which a sample leaves out, count too."""
    for lines in range(1, LINES_ABOVE_MAX):
        names = column_names(content, source.model_copy(update={"skip_lines": lines}), part)
        if names and names[0] == next((cell for cell in header if cell), None):
            return lines
    return 0


def _grouped(tables: Sequence[_Table]) -> list[list[_Table]]:
    """Files of one folder, kind and header are one entry of the incident file."""
    groups: dict[tuple[object, ...], list[_Table]] = {}
    for table in tables:
        path = table.content.path
        alone = (path,) if table.part or table.content.members else ()
        key = (path.parent, path.suffix, *alone, table.content.members, table.part,
               tuple(sorted(table.shape.source().items(), key=str)), tuple(table.rows.columns))  # fmt: skip
        groups.setdefault(key, []).append(table)
    found = []
    for group in groups.values():
        whole = _is_glob([table.content.path for table in group])
        found += [group] if whole else [[table] for table in group]
    return found


def _is_glob(paths: Sequence[Path]) -> bool:
    """They are all the files of their folder with that ending."""
    first = paths[0]
    same = {path for path in first.parent.glob(f"*{first.suffix}") if path.is_file()}
    return len(paths) > 1 and same == set(paths)


def _proposed(group: list[_Table], known: KnownValues) -> Found:
    first = group[0]
    rows = pl.concat([table.rows for table in group[:GROUP_SAMPLES]], how="vertical_relaxed")
    files = tuple(table.content for table in group)
    return Found(files, first.part, first.shape, first.master, rows, propose_table(rows, known))


def _with_masters(known: KnownValues, found: Sequence[Found]) -> KnownValues:
    for one in found:
        columns = {
            name: column
            for name, column in one.table.columns("sure", "likely").items()
            if isinstance(column, str)
        }
        known = joined(known, from_mapped(one.rows, columns))
    return known


def _with_joins(found: Sequence[Found]) -> list[Found]:
    """Tables of one file, with the join that gives each its people."""
    by_file: dict[Content, dict[str, Found]] = {}
    for one in found:
        by_file.setdefault(one.files[0], {})[one.part] = one
    result = []
    for one in found:
        tables = by_file[one.files[0]]
        joins = (
            proposed_joins({part: (each.rows, each.table) for part, each in tables.items()})
            if len(tables) > 1
            else []
        )
        join = next((join for join in joins if join.table == one.part), None)
        table = _with_key(one.table, join) if join else one.table
        result.append(Found(one.files, one.part, one.shape, one.master, one.rows, table, join))
    return result


def _with_key(table: TableProposal, join: Join) -> TableProposal:
    """The column that points to the other table is a key, and nothing of the person."""
    proposals = tuple(
        replace(
            each,
            target="extra",
            grade=join.grade,
            evidence=("the key of the join", *join.evidence),
            others=(),
        )
        if each.column == join.column
        else each
        for each in table.proposals
    )
    return replace(table, proposals=proposals)
