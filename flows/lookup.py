"""`affected lookup`: may this caller be told something, and what? Audited; no index of names is ever made.

Callers come on standard input, a line each, `full name; date of birth; ZIP`: never on the command line, where the
shell's history and other users would see them. What comes back names covered entities and kinds of data.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import polars as pl

import notify.callcentre
from flows import step_settings
from flows.audit import audit
from flows.gates import check_by
from flows.rounds import open_round
from flows.settings import configs_folder
from matching.callers import find_callers
from matching.errors import OperatorError, UsageError

__all__ = ["look_up", "lookup_text", "read_callers"]

MOST_CALLERS = 1000
"""Callers of one look: their pairs with records of equal dates are held at one time."""
_PARTS = 3


def read_callers(stream: IO[str]) -> pl.DataFrame:
    """`full_name, date_of_birth, zip` of each line. Raises UsageError by the line's number, never by its text."""
    lines = [line.strip() for line in stream if line.strip()]
    if not 0 < len(lines) <= MOST_CALLERS:
        raise UsageError(
            f"lookup: give 1 to {MOST_CALLERS} lines on standard input: full name; date of birth; ZIP"
        )
    rows = []
    for number, line in enumerate(lines, 1):
        parts = [part.strip() or None for part in line.split(";")]
        if not 2 <= len(parts) <= _PARTS:
            raise UsageError(f"lookup: line {number}: write full name; date of birth; ZIP")
        rows.append((parts + [None] * _PARTS)[:_PARTS])
    schema = dict.fromkeys(("full_name", "date_of_birth", "zip"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def look_up(root: Path, callers: pl.DataFrame, *, reference: str = "", by: str) -> dict[str, Any]:
    """The document of `affected lookup` (`affected.lookup/1`), one answer a caller, in their order.

    Raises OperatorError where who asks may not `reveal` or the round has no notices yet, UsageError for a
    reference number with several callers.
    """
    workspace, current = open_round(root)
    check_by(workspace, current.incident, by, "reveal")
    if not workspace.has("ledger"):
        raise OperatorError(f"workspace {root}: no notices yet; run until the step notices")
    if reference and callers.height != 1:
        raise UsageError("lookup: --ref is about one caller; give one line")
    found = find_callers(workspace, callers)
    settings = step_settings.batches(current.incident)
    texts = notify.callcentre.load_texts(configs_folder() / "callcentre")
    plain = reference.replace(" ", "").replace("-", "").upper()
    answers = notify.callcentre.answers(
        replace(workspace, inbox_parts=None),
        settings,
        texts,
        found,
        callers=callers.height,
        reference=plain,
    )
    for answer in answers:  # before anybody sees it
        audit(workspace, "lookup", by=by, outcome=answer["outcome"], persons=" ".join(answer["persons"]))  # fmt: skip
    return {
        "schema": "affected.lookup/1",
        "incident": workspace.incident_id,
        "round": current.number,
        "answers": answers,
    }


def lookup_text(document: dict[str, Any]) -> str:
    """What to ask and to say, caller by caller."""
    blocks = []
    for number, answer in enumerate(document["answers"], 1):
        lines = [f"caller {number}: {answer['outcome']}", f"  ask first: {answer['ask_first']}", f"  {answer['say']}"]  # fmt: skip
        lines += [f"  ({answer['whom']})"] if answer["whom"] else []
        lines += [f"  {each['say']}" for each in answer["entities"] if each["how"] != "silent"]
        lines += [f"  - {each['question']}\n    {each['answer']}" for each in answer["faq"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
