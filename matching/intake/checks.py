"""Every problem of the delivered files and the roster at once, one line each, with the fix.

Only what makes a file something else than the incident file says is a problem here; single bad
rows are rejects. Messages name files, keys, rows, columns and ids of entities, never a person's data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import polars as pl

from matching.errors import OperatorError
from matching.intake import roster
from matching.intake.content import Content
from matching.intake.delivered import Delivered, contents, matches, wanted_parts
from matching.intake.mapping import mapped_columns
from matching.intake.readers import column_names, sample
from matching.intake.settings import IntakeSettings
from matching.intake.sniff import encoding_problem
from matching.intake.text import is_supported
from matching.sources import TEXT_FORMATS, MasterSource, Source
from matching.succession import circles

__all__ = ["check"]

DATES_WRONG_SHARE = 0.2
"""Slips swap day and month in a few per cent of rows; a wrong date_order spoils three in five."""
DATES_MIN = 5
_SMALL_DATES = ("client_from", "client_to", "known_on", "received_on", "successor_on", "signed_on")


def check(settings: IntakeSettings) -> list[str]:
    """Problems that would stop the run; empty where all is well."""
    known: frozenset[str] | None = None
    problems: list[str] = []
    try:
        problems += _roster_problems(settings)
        known = roster.entity_ids(settings) if settings.entities is not None else None
    except OperatorError as error:
        problems.append(str(error))
    for key, sources in (("leaked", settings.leaked), ("masters", settings.masters)):
        for source in sources:
            problems += _source_problems(settings, key, source, known)
    with suppress(OperatorError):  # a glob that is none was named above
        problems += _twice(settings)
    return problems


# --- delivered files ------------------------------------------------------------------------


def _source_problems(
    settings: IntakeSettings, key: str, source: Source, known: frozenset[str] | None
) -> Iterator[str]:
    where = f"[[{key}]] {source.path}"
    if isinstance(source, MasterSource):
        yield from _owner_problems(where, source, known)
    if source.undecided:
        yield (
            f"{where}: undecided: {_listed(list(source.undecided))}; map each or leave it unmapped,"
            " then empty this list"
        )
    if not is_supported(source.encoding):
        yield f'{where}: encoding "{source.encoding}" is not read; use utf-8, utf-16, cp1252 or latin-1'
        return
    signs = list(_dialect_problems(where, source))
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
        yield from _file_problems(f"[[{key}]] {place}", content, source)


def _owner_problems(
    where: str, source: MasterSource, known: frozenset[str] | None
) -> Iterator[str]:
    if not source.entity and "entity_id" not in source.columns:
        yield f'{where}: no owner; give entity = "..." or map entity_id'
    if source.entity and known is not None and source.entity not in known:
        yield f'{where}: entity "{source.entity}" is not in the roster; add it there or correct it'
    if source.entity and known is None:
        yield f'{where}: entity "{source.entity}" needs a roster; give [entities] path'


def _file_problems(where: str, content: Content, source: Source) -> Iterator[str]:
    unreadable = _unreadable(content, source)
    if unreadable:
        yield f"{where}: {unreadable}"
        return
    try:
        found = wanted_parts(content, source)
        if not found:
            yield f"{where}: has no table or sheet {source.sheet or source.table}; correct it"
        for part in found:
            yield from _part_problems(f"{where}#{part}" if part else where, content, source, part)
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
    if not content.head(1):
        return "empty file; remove it from the incident file or deliver it again"
    return encoding_problem(content, source.encoding) if source.format in TEXT_FORMATS else None


def _part_problems(where: str, content: Content, source: Source, part: str) -> Iterator[str]:
    names = column_names(content, source, part)
    if source.ignored:
        return
    yield from _column_problems(where, names, source)
    yield from _date_problems(where, content, source, part, names)


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
    missing = sorted(mapped_columns(source) - set(names))
    if len(missing) > 1 and missing == sorted(mapped_columns(source)):
        yield (
            f"{where}: none of the mapped columns is there;"
            f" correct format, delimiter or columns; it has {_listed(names)}"
        )
        return
    for field, columns in source.columns.items():
        wanted = {columns} if isinstance(columns, str) else set(columns)
        for name in sorted(wanted & set(missing)):
            yield f'{where}: columns.{field}: no column "{name}"; it has {_listed(names)}'
    if not source.columns:
        yield f"{where}: columns: nothing is mapped; map at least a name or a number"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") or "no columns at all"


def _date_problems(
    where: str, content: Content, source: Source, part: str, names: list[str]
) -> Iterator[str]:
    """A file whose birth dates contradict its date_order; only its first rows are looked at."""
    column = source.columns.get("date_of_birth")
    if not isinstance(column, str) or column not in names or source.date_order == "ymd":
        return
    first = sample(content, source, part)
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


# --- roster, delegation, suppressions -------------------------------------------------------


def _roster_problems(settings: IntakeSettings) -> Iterator[str]:
    known: frozenset[str] | None = None
    if settings.entities is not None:
        frame = roster.read_small(settings.root / settings.entities)
        yield from _entity_rows(settings.entities, frame)
        known = frozenset(frame["entity_id"].drop_nulls()) if "entity_id" in frame.columns else None
    if settings.delegation is not None:
        yield from _delegation_rows(settings, known)
    for entry in settings.suppressions:
        columns = roster.read_small(settings.root / entry.path).columns
        if not {"record_id", "person_id"} & set(columns):
            yield (
                f'[[suppressions]] {entry.path}: no column "record_id" or "person_id";'
                f" it has {', '.join(columns)}"
            )


def _entity_rows(name: str, frame: pl.DataFrame) -> Iterator[str]:
    missing = [column for column in ("entity_id", "legal_name") if column not in frame.columns]
    for column in missing:
        yield f'{name}: no column "{column}"; add it'
    if missing:
        return
    for column in ("entity_id", "legal_name"):
        yield from _rows(name, frame, pl.col(column).is_null(), f"{column} is empty; fill it in")
    yield from _rows(
        name,
        frame,
        pl.col("entity_id").is_duplicated() & pl.col("entity_id").is_not_null(),
        "entity_id occurs twice; keep one",
    )
    yield from _rows(
        name, frame, pl.col("entity_id") == "UNOWNED", "entity_id UNOWNED is reserved; rename it"
    )
    known = frame["entity_id"].drop_nulls().implode()
    for column in ("parent_id", "successor_id"):
        if column in frame.columns:
            unknown = pl.col(column).is_not_null() & ~pl.col(column).is_in(known)
            yield from _rows(
                name,
                frame,
                unknown,
                f"{column} is not in the roster; add that entity or correct it",
            )
            yield from _circle_problems(name, frame, column)
    if {"client_from", "client_to"} <= set(frame.columns):
        yield from _rows(
            name,
            frame,
            _small_date("client_to") < _small_date("client_from"),
            "client_to is before client_from; correct one of them",
        )
    yield from _cell_problems(name, frame)


def _circle_problems(name: str, frame: pl.DataFrame, column: str) -> Iterator[str]:
    """One line for all circles: nobody would be the last owner."""
    ways = frame.select("entity_id", column).drop_nulls().unique("entity_id", keep="first")
    found = circles(dict(ways.iter_rows()))
    if found:
        shown = "; ".join(" > ".join([*circle, circle[0]]) for circle in found)
        yield f"{name}: {column} goes in circles: {shown}; correct one row of each"


def _delegation_rows(settings: IntakeSettings, known: frozenset[str] | None) -> Iterator[str]:
    name = settings.delegation or ""
    frame = roster.read_small(settings.root / name)
    missing = [column for column in ("entity_id", "duty", "by") if column not in frame.columns]
    for column in missing:
        yield f'{name}: no column "{column}"; add it'
    if missing:
        return
    for column in ("entity_id", "duty"):
        yield from _rows(name, frame, pl.col(column).is_null(), f"{column} is empty; fill it in")
    if known is not None:
        stranger = ~pl.col("entity_id").is_in(list(known))
        yield from _rows(
            name, frame, stranger, "entity_id is not in the roster; add it there or correct it"
        )
    yield from _rows(
        name,
        frame,
        pl.struct("entity_id", "duty").is_duplicated(),
        "entity_id and duty occur twice; keep one",
    )
    yield from _cell_problems(name, frame)


def _cell_problems(name: str, frame: pl.DataFrame) -> Iterator[str]:
    for column, words in roster.WORDS.items():
        if column in frame.columns:
            bad = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(words))
            yield from _rows(
                name, frame, bad, f"{column} must be {', '.join(words[:-1])} or {words[-1]}"
            )
    for column in _SMALL_DATES:
        if column in frame.columns:
            bad = pl.col(column).is_not_null() & _small_date(column).is_null()
            yield from _rows(name, frame, bad, f"{column} is no date; write yyyy-mm-dd")
    if "baa_days" in frame.columns:
        bad = pl.col("baa_days").is_not_null() & ~pl.col("baa_days").str.contains(r"^\d{1,4}$")
        yield from _rows(name, frame, bad, "baa_days is no whole number of days; correct it")


def _small_date(column: str) -> pl.Expr:
    return pl.col(column).str.to_date("%Y-%m-%d", strict=False)


def _rows(name: str, frame: pl.DataFrame, bad: pl.Expr, says: str) -> Iterator[str]:
    """One line for all rows with the same fault; rows as an editor counts them, header 1."""
    numbers = (
        frame.with_row_index("row", offset=2).filter(bad.fill_null(value=False))["row"].to_list()
    )
    if numbers:
        listed = ", ".join(str(number) for number in numbers[:5]) + (
            " ..." if len(numbers) > 5 else ""
        )
        yield f"{name}: row {listed}: {says}"
