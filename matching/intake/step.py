"""The step: every delivered file once, in order, in parts of bounded size.

Rows first, side by side; then what free text in them says, one portion after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from matching.errors import OperatorError
from matching.intake import roster
from matching.intake.checks import check
from matching.intake.delivered import resolve
from matching.intake.inventory import TableRead, custody, inventory, skipped_members
from matching.intake.packed.streams import spilling_to
from matching.intake.reading import Reader
from matching.intake.settings import IntakeSettings
from matching.intake.spoken import SpokenReader
from matching.log import log_counts
from matching.passages import Names
from matching.standing import standing
from matching.store import Workspace

__all__ = ["run"]

_WITH_MODEL = {"auto": None, "model": True, "lists": False}


def run(workspace: Workspace, settings: IntakeSettings) -> None:
    """Read every delivered file. Raises OperatorError naming every problem before it writes."""
    problems = check(settings)
    if problems:
        raise OperatorError("; ".join(problems))
    known = roster.entities(settings)
    files = _files(workspace, settings)
    with workspace.scratch() as folder, spilling_to(folder):
        _read(workspace, settings, files, known["entity_id"])
    workspace.write("inventory", inventory(files, settings))
    workspace.write("custody", custody(files))
    workspace.write("skipped", skipped_members(files, settings))
    workspace.write("entities", known)
    workspace.write("delegation", roster.delegation(settings))
    workspace.write("suppressions", roster.suppressions(settings))
    log_counts(
        "intake",
        files=len(files),
        mentions=workspace.rows("leaked"),
        charts=workspace.rows("charts"),
        rejected=workspace.rows("rejects"),
    )


def _read(
    workspace: Workspace, settings: IntakeSettings, files: Sequence[TableRead], known: pl.Series
) -> None:
    """Write `leaked`, `charts`, `rejects` and `passages`; files learn what was counted of them."""
    decisions = _role_decisions(workspace)
    once = [file for file in files if file.repeats is None]
    rows = [file for file in once if not file.delivered.text]
    texts = [file for file in once if file.delivered.text]
    with (
        workspace.writer("leaked") as leaked,
        workspace.writer("charts") as charts,
        workspace.writer("rejects") as rejects,
        workspace.writer("passages") as passages,
    ):
        for side, writer in (("leaked", leaked), ("master", charts)):
            reader = Reader(settings, decisions, known, writer, rejects, files)
            reader.read([file for file in rows if file.delivered.side == side])
        if texts:
            names = Names(model=_WITH_MODEL[settings.text_names])
            SpokenReader(settings, decisions, known, leaked, rejects, files, passages, names).read(
                texts
            )


def _files(workspace: Workspace, settings: IntakeSettings) -> list[TableRead]:
    numbers = dict(workspace.read("files", ["file_sha256", "file_no"]).iter_rows())
    files: list[TableRead] = []
    first: dict[str, int] = {}
    for position, delivered in enumerate(resolve(settings)):
        digest = delivered.digest
        if digest not in numbers:
            raise OperatorError(
                f"{delivered.shown(settings.root)}: changed since the round started; run again"
            )
        files.append(TableRead(position, delivered, numbers[digest], first.get(digest)))
        first.setdefault(digest, position)
    return files


def _role_decisions(workspace: Workspace) -> pl.DataFrame:
    """The last word on the role of each row: left_file_sha256, row_no, role, value."""
    said = standing(workspace.read("decisions"), "role")
    return said.unique(
        ["left_file_sha256", "left_row_no", "left_role"], keep="last", maintain_order=True
    ).select("left_file_sha256", row_no="left_row_no", role="left_role", value="value")
