"""Records of JSON as a frame: objects flattened, lists joined, what has no place kept as JSON text.

Memory: a block, its tokens (some twice its size) and the frame; a frame has at most CELLS_MAX cells, since
fewer paths get a column where there are more rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from matching.intake.json_names import names_of, register
from matching.intake.json_tokens import (
    FOLDED,
    JSON_REASONS,
    KEYED,
    OF_REST,
    Tokens,
    tokens_of,
)
from matching.intake.json_values import by_path, column
from matching.intake.pieces import ROW_NO, Batch
from matching.intake.undecodable import mark_undecodable

__all__ = ["Found", "columns_found", "parsed"]

CELLS_MAX = 128_000_000
PATHS_MIN, PATHS_MAX = 256, 4096
"""Columns of one block. The widest real exports, FHIR resources, have some 500."""
_UNDECODABLE = JSON_REASONS.index("undecodable_bytes")
_CUT, _LAST = JSON_REASONS.index("unclosed_record"), JSON_REASONS.index("truncated_last_row")

_Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Found:
    """Records found in `data`, good ones and bad: `offsets` in the file, `first_row` the number of the first.

    `keyed`: records stand under keys; `cut`: the file ends within the last one, if it does not close.
    """

    data: np.ndarray[Any, np.dtype[np.uint8]]
    starts: _Ints
    ends: _Ints
    offsets: _Ints
    reasons: np.ndarray[Any, np.dtype[np.uint8]]
    first_row: int
    covered: int
    keyed: bool = False
    cut: bool = False


def parsed(found: Found, wanted: Collection[str]) -> Batch:
    """Rows, rejects and covered bytes. `wanted`: names of mapped columns, which always have room."""
    reasons = found.reasons.copy()  # a piece may be parsed twice
    tokens = _tokens(found, reasons, wanted)
    numbers = pl.Series(ROW_NO, found.first_row + np.flatnonzero(reasons == 0), pl.Int64)
    columns, guessed = _columns(found, tokens)
    bad = np.flatnonzero(reasons)
    rejects = pl.DataFrame(
        {
            "row_no": found.first_row + bad,
            "offset": found.offsets[bad],
            "reason": pl.Series(JSON_REASONS).gather(reasons[bad]),
        },
        schema={"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String},
    )
    return Batch(pl.DataFrame([*columns, numbers]), rejects, found.covered, guessed)


def columns_found(found: Found, wanted: Collection[str]) -> list[str]:
    """Names of the columns, without their values."""
    tokens = _tokens(found, found.reasons.copy(), wanted)
    names = names_of(tokens)
    return [names[path] for path in _leaves(tokens)]


def _tokens(found: Found, reasons: Any, wanted: Collection[str]) -> Tokens:
    _mark_undecodable(found, reasons)
    rows = max(found.starts.size, 1)
    tokens = Tokens(int(found.data.size), min(max(CELLS_MAX // rows, PATHS_MIN), PATHS_MAX))
    tokens.kind[KEYED] = found.keyed
    register(tokens, sorted(wanted))
    tokens = tokens_of(found.data, found.starts, found.ends, reasons, tokens)
    if found.cut and reasons.size and reasons[-1] == _CUT:
        reasons[-1] = _LAST
    return tokens


def _mark_undecodable(found: Found, reasons: Any) -> None:
    try:
        whole = found.data.tobytes()
        if not whole.isascii():
            whole.decode("utf-8")
    except UnicodeDecodeError:
        marked = np.zeros_like(reasons)
        mark_undecodable(found.data, found.starts, found.ends, marked)
        reasons[(marked != 0) & (reasons == 0)] = _UNDECODABLE


def _leaves(tokens: Tokens) -> list[int]:
    """Paths with values, and those that were always null and never held anything else."""
    paths = int(tokens.used[0])
    counts = np.bincount(tokens.path[: tokens.count], minlength=paths)
    parents = set(tokens.parent[3:paths].tolist())
    return [
        path
        for path in range(1, paths)
        if counts[path] or (tokens.seen[path] and path not in parents and path != FOLDED)
    ]


def _columns(found: Found, tokens: Tokens) -> tuple[list[pl.Series], int]:
    """The columns, and how many rows have a character that is none."""
    height, names, count = tokens.records, names_of(tokens), tokens.count
    order, first = by_path(tokens.path[:count], len(names))
    columns: dict[str, pl.Series] = {}
    halves = np.zeros(height, np.uint8)
    for path in _leaves(tokens):
        chosen, name, number = order[first[path] : first[path + 1]], names[path], 1
        while True:
            text, chosen, half = column(
                found.data, chosen, tokens.row, tokens.start, tokens.end, tokens.value, height
            )
            halves |= half
            text = _wrapped(text, path, tokens)
            own = name if number == 1 else f"{name}#{number}"
            columns[own] = text if own not in columns else _either(columns, own, text)
            if not chosen.size:
                break
            number += 1
    return [text.alias(name) for name, text in columns.items()], int(halves.sum())


def _wrapped(text: pl.Series, path: int, tokens: Tokens) -> pl.Series:
    """JSON texts of several values as one array or object."""
    if path == FOLDED:
        return "{" + text + "}"
    return "[" + text + "]" if path > KEYED and tokens.kind[path] == OF_REST else text


def _either(columns: dict[str, pl.Series], name: str, other: pl.Series) -> pl.Series:
    """Two spellings of one key, with escapes and without: where a row has both, the second is `name#2`."""
    own = columns[name]
    both = own.is_not_null() & other.is_not_null()
    if both.any():
        second = other.set(~both, None)
        columns[f"{name}#2"] = columns.get(f"{name}#2", second).fill_null(second)
    return own.zip_with(own.is_not_null(), other)
