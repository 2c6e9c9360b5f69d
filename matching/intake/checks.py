"""Every problem of the delivered files and the roster at once, one line each, with the fix.

Only what makes a file something else than the incident file says is a problem here; single bad
rows are rejects. Messages name files, keys, rows, columns and ids of entities, never a person's data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

import polars as pl

from matching.errors import OperatorError, printable
from matching.intake import roster, sql
from matching.intake.content import Content, members
from matching.intake.delivered import (
    REST,
    Delivered,
    contents,
    matches,
    named_part,
    resolve,
    wanted_parts,
)
from matching.intake.fixed import layout_problems
from matching.intake.joins import other_table
from matching.intake.kinds import NO_KIND
from matching.intake.mapping import mapped_columns
from matching.intake.packed.damage import refused
from matching.intake.readers import column_names, parts, sample
from matching.intake.roster_checks import roster_problems
from matching.intake.settings import IntakeSettings
from matching.intake.sniff import encoding_problem
from matching.intake.text import is_supported
from matching.sources import SEALED, TEXT_FORMATS, LeakedSource, MasterSource, Source, listed
from matching.tables import ELEMENT_KINDS

__all__ = ["check"]

DATES_WRONG_SHARE = 0.2
"""Slips swap day and month in a few per cent of rows; a wrong date_order spoils three in five."""
DATES_MIN = 5
NAMED = frozenset({"parquet", "sql", "json", "jsonl", "dbf", "mbox", "eml", "fixed"})
"""Formats whose columns have names for sure: what stands in the first row of others may be somebody's."""
_SAFE = "encrypted_key_safe"


def check(settings: IntakeSettings) -> list[str]:
    """Problems that would stop the run; empty where all is well."""
    known: frozenset[str] | None = None
    problems: list[str] = []
    try:
        problems += roster_problems(settings)
        known = roster.entity_ids(settings) if settings.entities is not None else None
    except OperatorError as error:
        problems.append(str(error))
    for key, sources in _sides(settings):
        for source in sources:
            problems += _source_problems(settings, key, source, known)
    with suppress(OperatorError):  # a glob that is none was named above
        problems += _twice(settings)
        problems += _unlisted(settings) if not problems else ()
    return [printable(line).replace("\n", "\\n") for line in problems]


def _sides(settings: IntakeSettings) -> Iterator[tuple[str, Sequence[Source]]]:
    yield "leaked", settings.leaked
    yield "masters", settings.masters


# --- delivered files ------------------------------------------------------------------------


def _source_problems(
    settings: IntakeSettings, key: str, source: Source, known: frozenset[str] | None
) -> Iterator[str]:
    where = f"[[{key}]] {source.path}"
    if isinstance(source, MasterSource):
        yield from _owner_problems(where, source, known)
    if not is_supported(source.encoding):
        yield f'{where}: encoding "{source.encoding}" is not read; use utf-8, utf-16, cp1252 or latin-1'
        return
    signs = [*_dialect_problems(where, source), *_entry_problems(where, source)]
    signs += layout_problems(where, source)
    if signs:
        yield from signs
        return
    try:
        found = list(contents(settings.root, source))
    except OperatorError as error:
        yield f"[[{key}]] {error}"
        return
    if not found:
        yield f"{where}: no file matches; correct the glob"
    for content in found:
        place = Delivered(source, content).shown(settings.root)
        yield from _file_problems(settings, f"[[{key}]] {place}", content, source)


def _owner_problems(
    where: str, source: MasterSource, known: frozenset[str] | None
) -> Iterator[str]:
    if not source.entity and "entity_id" not in source.columns:
        yield f'{where}: no owner; give entity = "..." or map entity_id'
    if source.entity and known is not None and source.entity not in known:
        yield f'{where}: entity "{source.entity}" is not in the roster; add it there or correct it'
    if source.entity and known is None:
        yield f'{where}: entity "{source.entity}" needs a roster; give [entities] path'


def _file_problems(
    settings: IntakeSettings, where: str, content: Content, source: Source
) -> Iterator[str]:
    unreadable = _refused(content, source) or _unreadable(content, source)
    if unreadable:
        yield f"{where}: {unreadable}"
        return
    try:
        found = wanted_parts(content, source)
        if not found:
            yield f"{where}: has no table or sheet {source.sheet or source.table}; correct it"
        for part in found:
            delivered = Delivered(source, content, part)
            yield from _part_problems(
                settings, f"{where}#{named_part(part)}" if part else where, delivered
            )
    except OperatorError as error:
        yield f"{where.partition(' ')[0]} {error}"


def _unreadable(content: Content, source: Source) -> str | None:
    """Why the bytes cannot be read at all, with the fix."""
    path = content.path
    if path.is_dir():
        return f"a folder; name its files, or a glob such as {source.path.rstrip('/')}/*.csv"
    if not path.is_file():
        return "no such file; correct path"
    if not os.access(path, os.R_OK):
        return "may not be read; give this user the right to"
    if source.format == SEALED:
        return None
    if not content.head(1):
        return "empty file; remove it from the incident file or deliver it again"
    return _wrong_encoding(content, source) if source.format in TEXT_FORMATS else None


def _wrong_encoding(content: Content, source: Source) -> str | None:
    """Of a dump by its rows: pictures in it are no text and no reason to refuse it."""
    if source.format == "sql":
        return sql.encoding_problem(content, source)
    return encoding_problem(content, source.encoding)


def _refused(content: Content, source: Source) -> str | None:
    """Why bytes that are there are nothing for this format."""
    if source.format == SEALED:
        return None
    there = content.path.is_file() and os.access(content.path, os.R_OK)
    return refused(content, source) if there else None


def _part_problems(settings: IntakeSettings, where: str, delivered: Delivered) -> Iterator[str]:
    source = delivered.source
    names = column_names(delivered.content, source, delivered.part)
    if source.ignored or delivered.is_sealed:
        return
    yield from _column_problems(where, names + _joined_names(settings, delivered, names), source)
    yield from _date_problems(where, delivered, names)


def _joined_names(settings: IntakeSettings, delivered: Delivered, names: list[str]) -> list[str]:
    """Columns that rows take over by key. Raises OperatorError where a join cannot be."""
    source = delivered.source
    more: list[str] = []
    for join in source.joins if isinstance(source, LeakedSource) else ():
        other = other_table(delivered, join, resolve(settings))
        there = column_names(other.content, other.source, other.part)
        lacking = [name for name in join.on if name not in {*names, *more}]
        lacking += [name for name in join.on.values() if name not in there]
        if lacking:
            raise OperatorError(
                f"{delivered.shown(settings.root)}: joins.on: no column {', '.join(lacking)}; correct it"
            )
        more += [f"{join.table}.{name}" for name in there]
    return more


def _entry_problems(where: str, source: Source) -> Iterator[str]:
    """What an entry says that cannot be, whatever is in its files."""
    if source.undecided:
        yield f"{where}: undecided: say what {', '.join(source.undecided)} are, then empty the list"
    if source.format == SEALED and source.secured == "no":
        yield f"{where}: secured: a sealed file is encrypted; say whether its key is safe, lost or unknown"
    safe = [name for name, state in source.secured_columns.items() if state == _SAFE]
    if (source.secured == _SAFE or safe) and not source.evidence:
        yield f"{where}: evidence: a key that is safe needs its proof; give the evidence number"
    if isinstance(source, LeakedSource):
        yield from _kind_problems(where, source)
        roles = [other.role for other in source.also]
        roles += ["guarantor"] if "guardian_first_name" in source.columns else []
        for role in sorted({role for role in roles if roles.count(role) > 1}):
            yield f"{where}: also: two people of role {role}; keep one, or map guardian_first_name only"


def _kind_problems(where: str, source: LeakedSource) -> Iterator[str]:
    known = {*ELEMENT_KINDS, NO_KIND}
    for name, kinds in source.kinds.items():
        strange = sorted(set(kinds.split("|")) - known)
        if strange:
            yield f"{where}: kinds.{name}: no kind {', '.join(strange)}; one of {', '.join(sorted(known))}"


_VALUE = re.compile(r"\d{4}|\d[-/.() ]\d|@")
"""A number of somebody, a date, an address of e-mail."""


def _dialect_problems(where: str, source: Source) -> Iterator[str]:
    """Signs that cannot part the fields of a file, whatever is in it."""
    signs = {"delimiter": source.delimiter or ",", "quote": source.quote, "escape": source.escape}
    for key, sign in signs.items():
        if not sign.isascii() or sign in {"\n", "\r", "\0"}:
            yield f"{where}: {key}: must be one ASCII character; correct it"
    for key in ("quote", "escape"):
        if signs[key] and signs[key] == signs["delimiter"]:
            yield f"{where}: {key} and delimiter are the same character; correct one of them"


def _column_problems(where: str, names: list[str], source: Source) -> Iterator[str]:
    if mapped_columns(source) and not mapped_columns(source) & set(names):
        told = _listed(names) if source.format in NAMED else _columns(len(names))
        named = _listed([f'"{name}"' for name in sorted(mapped_columns(source))])
        yield (
            f"{where}: none of the mapped columns is there ({named});"
            f" correct format, delimiter, header or columns; it has {told}"
        )
        return
    for key, columns in _named_columns(source):
        for name in sorted(columns - set(names)):
            yield f'{where}: {key}: no column "{name}"; it has {_listed(names)}'
    if not mapped_columns(source) and not (isinstance(source, LeakedSource) and source.text):
        yield f"{where}: columns: nothing is mapped; map at least a name or a number"


def _named_columns(source: Source) -> Iterator[tuple[str, set[str]]]:
    """Keys of the entry with the source columns that they name."""
    for field, columns in source.columns.items():
        yield f"columns.{field}", set(listed(columns))
    if isinstance(source, LeakedSource):
        for other in source.also:
            for field, columns in other.columns.items():
                yield f"also.columns.{field}", set(listed(columns))
        yield "kinds", set(source.kinds)
        yield "text", set(source.text)


def _columns(count: int) -> str:
    return "one column" if count == 1 else f"{count} columns"


def _listed(names: list[str]) -> str:
    """Names of columns, but for those that are values of somebody: keys of JSON, a first row that is no header."""
    shown = [name for name in names if not _VALUE.search(name)]
    hidden = len(names) - len(shown)
    told = ", ".join(shown[:12]) + (" ..." if len(shown) > 12 else "")
    like_values = f"{_columns(hidden)} whose name looks like a value" if hidden else ""
    return " and ".join(filter(None, (told, like_values))) or "no columns at all"


def _date_problems(where: str, delivered: Delivered, names: list[str]) -> Iterator[str]:
    """A file whose birth dates contradict its date_order; only its first rows are looked at."""
    source = delivered.source
    column = source.columns.get("date_of_birth")
    if not isinstance(column, str) or column not in names or source.date_order == "ymd":
        return
    first = sample(delivered.content, source, delivered.part)
    if first is None:
        return
    parts = pl.col(column).str.extract_groups(r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}")
    pairs = first.rows.select(
        first=parts.struct.field("1").cast(pl.Int32),
        second=parts.struct.field("2").cast(pl.Int32),
    ).drop_nulls()
    over = {"mdy": int((pairs["first"] > 12).sum()), "dmy": int((pairs["second"] > 12).sum())}
    other = "dmy" if source.date_order == "mdy" else "mdy"
    wrong, right = over[source.date_order], over[other]
    if wrong >= DATES_MIN and wrong > DATES_WRONG_SHARE * pairs.height and right < wrong / 4:
        yield (
            f'{where}: date_order = "{source.date_order}" is impossible for {wrong} of {pairs.height}'
            f' birth dates; use "{other}"'
        )


def _twice(settings: IntakeSettings) -> Iterator[str]:
    sides = [
        {path.resolve() for source in sources for path in matches(settings.root, source.path)}
        for sources in (settings.leaked, settings.masters)
    ]
    for path in sorted(sides[0] & sides[1]):
        place = Delivered(settings.masters[0], Content(path)).shown(settings.root.resolve())
        yield f"[[masters]] {place}: also listed under [[leaked]]; a file is one or the other"


def _unlisted(settings: IntakeSettings) -> Iterator[str]:
    """Tables and members that no entry reads or ignores, and tables that two entries read."""
    listed = resolve(settings)
    by_place: dict[tuple[Content, str], list[Delivered]] = {}
    for delivered in listed:
        by_place.setdefault((delivered.content, delivered.part), []).append(delivered)
    for (_, part), entries in by_place.items():
        if part and len({entry.source.model_dump_json() for entry in entries}) > 1:
            yield f"{entries[0].shown(settings.root)}: read by two entries; keep one, with also for others"
    for content, source in {one.content: one.source for one in listed}.items():
        for part in parts(content, source):
            if (content, part) not in by_place:
                place = Delivered(source, content, part or REST).shown(settings.root)
                yield f'{place}: no entry reads it; map it, or say ignored = "why"'
    yield from _unlisted_members(settings, listed)


def _unlisted_members(settings: IntakeSettings, listed: Sequence[Delivered]) -> Iterator[str]:
    read = {delivered.content for delivered in listed}
    for path in sorted({content.path for content in read if content.members}):
        for content in members(path, ""):
            if content not in read:
                place = Delivered(listed[0].source, content).shown(settings.root)
                yield f'{place}: no entry reads it; map it, or say ignored = "why"'
