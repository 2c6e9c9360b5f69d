"""Records of JSON as a frame: objects flattened, lists joined, what has no place kept as JSON text.

Memory: a block, its tokens (some twice its size) and the frame; a frame has at most CELLS_MAX cells, since
fewer paths get a column where there are more rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from matching.intake.json_files.names import names_of, register
from matching.intake.json_files.tokens import (
    FOLDED,
    JSON_REASONS,
    KEYED,
    OF_REST,
    Tokens,
    tokens_of,
)
from matching.intake.json_files.values import values
from matching.intake.pieces import ROW_NO, Batch
from matching.intake.records import Records
from matching.intake.undecodable import MIXED, recoded, with_undecodable

__all__ = ["Found", "columns_found", "parsed"]

CELLS_MAX = 48_000_000
PATHS_MIN, PATHS_MAX = 256, 4096
"""Columns of one block. The widest real exports, FHIR resources, have some 500."""
_UNDECODABLE = JSON_REASONS.index("undecodable_bytes")
_CUT, _LAST = JSON_REASONS.index("unclosed_record"), JSON_REASONS.index("truncated_last_row")

_Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Found:
    """Records found in `data`, good ones and bad: `offsets` in the file, `first_row` the number of the first.

    `keyed`: records stand under keys; `cut`: the file ends within the last one, if it does not close;
    `guessed`: records of a file of mixed encodings that were not all UTF-8.
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
    encoding: str = "utf-8"
    guessed: int = 0


def parsed(found: Found, wanted: Collection[str]) -> Batch:
    """Rows, rejects and covered bytes. `wanted`: names of mapped columns, which always have room."""
    found, reasons = _decodable(found)
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
    return Batch(pl.DataFrame([*columns, numbers]), rejects, found.covered, found.guessed + guessed)


def columns_found(found: Found, wanted: Collection[str]) -> list[str]:
    """Names of the columns, without their values."""
    found, reasons = _decodable(found)
    tokens = _tokens(found, reasons, wanted)
    names = names_of(tokens)
    return [names[path] for path in _leaves(tokens)]


def _tokens(found: Found, reasons: Any, wanted: Collection[str]) -> Tokens:
    rows = max(found.starts.size, 1)
    tokens = Tokens(int(found.data.size), min(max(CELLS_MAX // rows, PATHS_MIN), PATHS_MAX))
    tokens.kind[KEYED] = found.keyed
    register(tokens, sorted(wanted))
    tokens = tokens_of(found.data, found.starts, found.ends, reasons, tokens)
    if found.cut and reasons.size and reasons[-1] == _CUT:
        reasons[-1] = _LAST
    return tokens


def _decodable(found: Found) -> tuple[Found, Any]:
    """The same with good records in UTF-8, and reasons of its own: a piece may be parsed twice."""
    reasons, data = found.reasons.copy(), found.data
    if data.tobytes().isascii():
        return found, reasons
    no_fields = np.zeros(reasons.size, np.int32)
    records = Records(found.starts, found.ends, no_fields, np.zeros_like(reasons), data.size, 0)
    if found.encoding == MIXED:
        data, records, guessed = recoded(data, records)
        return replace(
            found, data=data, starts=records.starts, ends=records.ends, guessed=guessed
        ), reasons
    marked = with_undecodable(data, records).reasons != 0
    reasons[marked & (reasons == 0)] = _UNDECODABLE
    return found, reasons


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
    names, leaves = names_of(tokens), _leaves(tokens)
    columns: dict[str, pl.Series] = {}
    halves = np.zeros(tokens.records, np.uint8)
    chosen, number = np.arange(tokens.count, dtype=np.int32), 1
    while chosen.size or number == 1:
        paths = leaves if number == 1 else np.unique(tokens.path[chosen]).tolist()
        texts, chosen, half = values(found.data, tokens, chosen, paths)
        halves |= half
        for path, text in zip(paths, texts, strict=True):
            _put(columns, names[path], number, _wrapped(text, path, tokens))
        number += 1
    return [text.alias(name) for name, text in columns.items()], int(halves.sum())


def _wrapped(text: pl.Series, path: int, tokens: Tokens) -> pl.Series:
    """JSON texts of several values as one array or object."""
    if path == FOLDED:
        return "{" + text + "}"
    return "[" + text + "]" if path > KEYED and tokens.kind[path] == OF_REST else text


def _put(columns: dict[str, pl.Series], name: str, number: int, text: pl.Series) -> None:
    """The value of a key that a row has for the `number`th time; where it has one there already, for the next."""
    while True:
        own = name if number == 1 else f"{name}#{number}"
        before = columns.get(own)
        if before is None:
            columns[own] = text
            return
        taken = before.is_not_null()
        columns[own] = before.zip_with(taken, text)
        text = text.set(~taken, None)
        if text.null_count() == text.len():
            return
        number += 1
