"""The one way to a DuckDB connection: in memory, nothing fetched, nothing spilled but where it is told to."""

from __future__ import annotations

from pathlib import Path

import duckdb

__all__ = ["in_memory"]


def in_memory(
    *, threads: int | None = None, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A private connection. `spill`: a scratch folder; without it a query too big for memory fails.

    DuckDB's own default is a plain folder `.tmp` where the program was started, and to fetch missing extensions.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "temp_directory": str(spill or ""),
    }
    if threads is not None:
        config["threads"] = threads
    return duckdb.connect(":memory:", config=config)
