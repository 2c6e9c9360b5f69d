"""`affected table`: one table in the clear, for people who may see it. Audited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.audit import audit
from flows.gates import check_by
from flows.places import check_place
from flows.rounds import latest, open_workspace
from matching.errors import OperatorError
from matching.store import replacing
from matching.tables import TABLES

__all__ = ["write_table"]


def write_table(root: Path, name: str, out: Path, *, by: str) -> dict[str, Any]:
    """Stream a table to Parquet or CSV (mode 0600) as the last complete round left it.

    Raises OperatorError for an unknown or unwritten table or who may not `reveal`, UsageError for
    another ending.
    """
    workspace = open_workspace(root)
    current = latest(root)
    if current is not None:
        check_by(workspace, current.incident, by, "reveal")
    if name not in TABLES:
        raise OperatorError(f"no table '{name}'; see docs/tables.md")
    if not workspace.has(name):
        raise OperatorError(f"table '{name}': not written yet; run `affected run` first")
    check_place(root, out, option="--out", endings=(".parquet", ".csv"))
    rows = workspace.scan(name)
    # before anybody sees it
    audit(workspace, "table", by=by, table=name, rows=workspace.rows(name))
    with replacing(out) as draft:
        rows.sink_parquet(draft) if out.suffix == ".parquet" else rows.sink_csv(draft)
    return {
        "schema": "affected.table/1",
        "table": name,
        "rows": workspace.rows(name),
        "out": str(out),
    }
