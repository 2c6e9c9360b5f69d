"""The incident file that `affected init` writes: proposals as keys, evidence as comments, gaps as TODO.

What is sure is written as a key. What is likely is written as a comment `# ? key = value`, and its
column stands in `undecided`, so that nothing uncertain is ever applied by itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from matching.fields import CANONICAL_FIELDS
from matching.propose.also import people_beside
from matching.propose.grades import NAMING
from matching.propose.headers import concepts_of
from matching.propose.joins import Join
from matching.propose.survey import Found, Survey, Unread
from matching.propose.table import Grade, Proposal
from matching.sources import SEALED

__all__ = ["incident_text", "open_columns", "relative"]

TODO = "TODO"
BARE_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
HEAD = """\
# Written by `affected init` from delivered files. Complete it:
# - fill in what says TODO;
# - each line `# ?` is a likely meaning of a column: look at columns.csv and samples.csv, then take `# ? `
#   away, or leave the line a comment; take the column out of `undecided` either way.
# `affected check` names what is still open.

[incident]
id = "TODO"                  # short, lower case, e.g. northwind-2026-03
title = "TODO"               # name of the incident as people see it
breach_start = "TODO"        # first day of the breach, 2026-01-31 without quotes, or "unknown"
breach_end = "TODO"          # last day, or "unknown"
known_on = "TODO"            # day the business associate knew
what_happened = "TODO"       # one plain paragraph for letters

[business_associate]
name = "TODO"                # legal name of who lost the data
toll_free = "TODO"           # number of the call centre
email = "TODO"
website = "TODO"
address = ["TODO"]           # a line each
"""


def incident_text(survey: Survey, folder: Path, *, guessed: bool = False) -> str:
    """The whole file. `folder`: where it will lie; `guessed`: masters were told by their names."""
    lines = [HEAD]
    for found in survey.found:
        lines += [*_entry(found, folder, guessed=guessed), ""]
    for unread in survey.unread:
        lines += [*_unread(unread, folder), ""]
    lines += _roster(survey, folder)
    return "\n".join(lines).rstrip() + "\n"


def open_columns(found: Found) -> list[str]:
    """Columns that a person has to decide on, and the file itself where its side is a guess."""
    return [p.column for p in found.table.proposals if p.grade != "sure"]


def relative(path: Path, folder: Path) -> str:
    """As the incident file names it."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _entry(found: Found, folder: Path, *, guessed: bool) -> Iterator[str]:
    section = "masters" if found.master else "leaked"
    yield f"[[{section}]]"
    if found.master and guessed:
        yield "# ? taken for a patient master because of its name; else make it a [[leaked]] one"
    yield from (
        f"# {line}"
        for line in (*found.shape.evidence, *(f"? {doubt}" for doubt in found.shape.doubts))
    )
    yield f"path = {_text(_path(found, folder))}"
    if found.files[0].members:
        yield f"member = {_text('!'.join(found.files[0].members))}"
    for key, value in found.shape.source().items():
        if value or key in {"header", "quote"}:
            yield f"{key} = {_value(value)}"
    if found.part:
        yield f"{found.part_key} = {_text(found.part)}"
    yield from _date_order(found)
    yield from _to_complete(found)
    yield from _undecided(found)
    if found.personal or found.join:
        yield from _free_text(found, section)
        yield from _columns(found, section)
        yield from _unmapped(found, section)
        yield from _joins(found, section)
        yield from _also(found, section)


def _path(found: Found, folder: Path) -> str:
    path = found.files[0].path
    if len(found.files) == 1:
        return relative(path, folder)
    return (Path(relative(path.parent, folder)) / f"*{path.suffix}").as_posix()


def _date_order(found: Found) -> Iterator[str]:
    order = found.table.date_order
    if order:
        yield f"date_order = {_text(order)}  # {found.table.date_evidence}"
    elif found.table.date_evidence:
        yield f'# ? date_order = "mdy"  # {found.table.date_evidence}: look, then say mdy, dmy or ymd'


def _to_complete(found: Found) -> Iterator[str]:
    if found.master:
        mapped = found.table.columns("sure")
        if "entity_id" not in mapped:
            yield 'entity = "TODO"  # owner of the whole file as in the roster, or map entity_id below'
        return
    if _role(found):
        yield f'role = "{TODO}"  # likely {_role(found)}, by the name of the table; patient if not'
    yield 'secured = "TODO"  # no, encrypted_key_safe, encrypted_key_lost or unknown'
    yield 'received_from = "TODO"'
    yield 'received_on = "TODO"  # 2026-01-31, without quotes'
    yield 'evidence = "TODO"  # evidence number'


def _undecided(found: Found) -> Iterator[str]:
    if found.shape.format == "fixed":
        yield "# ? fields: say where each column stands, as in { last_name = [1, 20] }; then run init again or map them"
    elif not found.join and not NAMING & {p.field for p in found.table.proposals}:
        what = "names" if found.personal else "is about"
        yield f'# ? ignored = "no column {what} a person, as far as the sample shows"'
    waiting = open_columns(found)
    if waiting:
        yield f"undecided = [{', '.join(_text(name) for name in waiting)}]"


def _columns(found: Found, section: str) -> Iterator[str]:
    yield f"[{section}.columns]"
    by_field: dict[str, list[Proposal]] = {}
    for proposal in found.table.proposals:
        if proposal.field:
            by_field.setdefault(proposal.field, []).append(proposal)
    for name in (field for field in CANONICAL_FIELDS if field in by_field):
        proposals = by_field[name]
        grade = _lowest(proposals)
        grades: tuple[Grade, ...] = ("sure", "likely", "unknown")
        value = found.table.columns(*grades)[name]
        listed = _text(value) if isinstance(value, str) else f"[{', '.join(map(_text, value))}]"
        mark = "" if grade == "sure" else "# ? "
        yield f"{mark}{name} = {listed}  # {grade}: {_evidence(proposals)}"
    join = found.join
    if join is None:
        return
    for name, columns, grade in join.fields:
        listed = ", ".join(_text(f"{join.other}.{column}") for column in columns)
        value = listed if len(columns) == 1 else f"[{listed}]"
        mark = "" if grade == "sure" else "# ? "
        yield f"{mark}{name} = {value}  # {grade}: by the join below"


def _unmapped(found: Found, section: str) -> Iterator[str]:
    """Columns that are no field: what kind of data they hold, free text, and what is nothing."""
    rest = [proposal for proposal in found.table.proposals if not proposal.field]
    for proposal in rest:
        if proposal.target in {"extra", ""}:
            what = "not about a person" if proposal.target else "unknown"
            mark = "#" if proposal.grade == "sure" else "# ?"
            yield f"{mark} {_key(proposal.column)}: {what} ({proposal.grade}): {_evidence([proposal])}"
    kinds = [proposal for proposal in rest if proposal.target.startswith("kind:")]
    if section == "masters":
        return
    if kinds:
        yield "[leaked.kinds]"
    for proposal in kinds:
        mark = "" if proposal.grade == "sure" else "# ? "
        kind = _text(proposal.target.removeprefix("kind:"))
        yield f"{mark}{_key(proposal.column)} = {kind}  # {proposal.grade}: {_evidence([proposal])}"


def _free_text(found: Found, section: str) -> Iterator[str]:
    texts = [proposal for proposal in found.table.proposals if proposal.target == "text"]
    if section == "masters" or not texts:
        return
    sure = [_text(proposal.column) for proposal in texts if proposal.grade == "sure"]
    if sure:
        yield f"text = [{', '.join(sure)}]  # free text, searched for people"
    for proposal in texts:
        if proposal.grade != "sure":
            yield f"# ? text = [{_text(proposal.column)}]  # {proposal.grade}: {_evidence([proposal])}"


def _joins(found: Found, section: str) -> Iterator[str]:
    join: Join | None = found.join
    if join is None or section != "leaked":
        return
    mark = "" if join.grade == "sure" else "# ? "
    yield f"{mark}[[leaked.joins]]  # {join.grade}: {'; '.join(join.evidence)}"
    yield f"{mark}table = {_text(join.other)}"
    yield f"{mark}on = {{ {_key(join.column)} = {_text(join.key)} }}"


def _also(found: Found, section: str) -> Iterator[str]:
    """People beside the one of the row, always for a person to decide."""
    for other in people_beside(found.table.proposals) if section == "leaked" else ():
        columns = ", ".join(f"{field} = {_text(name)}" for field, name in other.columns.items())
        yield "# ? [[leaked.also]]  # likely: headers name another person of the row"
        yield f"# ? role = {_text(other.role)}"
        yield f"# ? columns = {{ {columns} }}"


def _role(found: Found) -> str:
    """What the name of the table or file says of its people; empty where it says nothing."""
    words = concepts_of(found.part or found.files[0].path.stem)[0]
    roles = {"provider": "provider", "user": "employee", "guardian": "guarantor"}
    return next((role for word, role in roles.items() if any(word in each for each in words)), "")


def _evidence(proposals: list[Proposal]) -> str:
    return " | ".join("; ".join(proposal.evidence) for proposal in proposals)


def _lowest(proposals: list[Proposal]) -> Grade:
    order: tuple[Grade, ...] = ("unknown", "likely", "sure")
    return min((proposal.grade for proposal in proposals), key=order.index)


def _unread(unread: Unread, folder: Path) -> Iterator[str]:
    section = "masters" if unread.master else "leaked"
    yield f"# This file could not be profiled: {' '.join(unread.why.split())}"
    yield f"[[{section}]]"
    yield f"path = {_text(relative(unread.content.path, folder))}"
    if unread.content.members:
        yield f"member = {_text('!'.join(unread.content.members))}"
    yield f"format = {_text(unread.shape.format or TODO)}"
    if unread.part:
        yield f"table = {_text(unread.part)}"
    if unread.shape.format == SEALED:
        yield 'secured = "TODO"  # encrypted_key_safe, encrypted_key_lost or unknown'
        yield 'evidence = "TODO"  # what shows that the key is safe'
        return
    yield 'ignored = "TODO"  # why nothing in it is about a person; else remove this and map its columns'


def _roster(survey: Survey, folder: Path) -> Iterator[str]:
    yield "[entities]"
    if survey.roster:
        yield f"path = {_text(relative(survey.roster, folder))}  # its columns are a roster's"
    else:
        yield 'path = "TODO"  # the roster: CSV with entity_id, legal_name and more, see docs'
    if survey.delegation:
        yield f"delegation = {_text(relative(survey.delegation, folder))}"


def _text(value: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for what JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if name and set(name) <= BARE_KEY else _text(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _text(str(value))
