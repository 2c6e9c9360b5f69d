"""JSON lines: one object a line, its top-level keys as columns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import duckdb
import numpy as np
import polars as pl

from matching.intake.blocks import Block, blanks_null, blocks, texts
from matching.intake.content import Content
from matching.intake.pieces import ROW_NO, START, Batch, Piece, Position
from matching.intake.records import REASONS
from matching.sources import Source

__all__ = ["JsonLines", "parsed_json"]

SAMPLE_BYTES = 2 << 20
"""The first of a file: enough to see its keys."""


class JsonLines:
    """One object a line."""

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """One table."""
        return ("",)

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Keys of the first lines; of many more where a mapped one is not among them."""
        wanted = {
            name
            for columns in source.columns.values()
            for name in ((columns,) if isinstance(columns, str) else columns)
        }
        names: list[str] = []
        for size in (SAMPLE_BYTES, None):
            first = next(self.pieces(content, source, part, size=size), None)
            names = [] if first is None else [n for n in first.parse().rows.columns if n != ROW_NO]
            if wanted <= set(names):
                break
        return names

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Blocks of whole lines."""
        for block in blocks(content, source, None, start=start, size=size):
            yield Piece(block.end, partial(_batch, block))


def _batch(block: Block) -> Batch:
    rows = parsed_json(block)  # marks rejects, too
    return Batch(rows, block.rejects(), block.covered, block.guessed)


_BAD_JSON = REASONS.index("bad_json")
VALID_SQL = """
select case when json_valid(line) then json_type(line) = 'OBJECT' else false end as good
from lines
"""
"""`and` would not do: DuckDB may take the type of a line that is no JSON, and its error quotes the line."""
KEYS_SQL = """
select distinct unnest(json_keys(line)) as key
from lines
order by key
"""
VALUES_SQL = """
select json_extract_string(line, $paths) as found
from lines
"""


def parsed_json(block: Block) -> pl.DataFrame:
    """Top-level keys as columns; nested values stay JSON text. Marks bad lines in the block."""
    reasons, lines = block.records.reasons, texts(block)
    with duckdb.connect() as connection:
        good = _asked(connection, VALID_SQL, lines)["good"]
        reasons[np.flatnonzero(reasons == 0)[~good.to_numpy()]] = _BAD_JSON
        kept = lines.filter(good)
        keys: list[str] = _asked(connection, KEYS_SQL, kept)["key"].to_list()
        if not keys:
            return pl.DataFrame(block.row_numbers())
        paths = {"paths": [_json_path(key) for key in keys]}
        found = _asked(connection, VALUES_SQL, kept, paths)["found"]
    frame = pl.DataFrame(found.list.to_struct(fields=keys).struct.unnest())
    return frame.with_columns(blanks_null(), block.row_numbers())


def _asked(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    lines: pl.Series,
    params: dict[str, list[str]] | None = None,
) -> pl.DataFrame:
    connection.register("lines", pl.DataFrame({"line": lines}).to_arrow())
    try:
        return pl.DataFrame(connection.sql(query, params=params).pl())
    except duckdb.Error as error:  # its text may quote a line
        raise AssertionError(f"DuckDB could not read JSON lines: {type(error).__name__}") from None


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'
