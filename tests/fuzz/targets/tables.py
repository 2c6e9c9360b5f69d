"""Delivered tables: every row is parsed or rejected, every byte covered, and pieces give what the whole gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl

from matching.errors import OperatorError
from matching.intake.checks import check
from matching.intake.content import Content
from matching.intake.pieces import ROW_NO, START
from matching.intake.readers import _pieces, column_names, parts
from matching.intake.settings import IntakeSettings
from matching.intake.sql import windows
from matching.sources import TEXT_FORMATS, LeakedSource
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import FILES, Check, Target, clean, refusal

__all__ = ["outcome", "read_as", "source"]

CHECK_EVERY = 16
"""Files that `affected check` looks at, too."""
PIECES_EVERY = 8
"""Files read in small pieces, too."""
SIZES = (1, 7, 64, 211)
"""Bytes of a piece: within characters, within fields, within records."""
PIECES_MAX = 60
"""A long file in pieces of a byte would take minutes."""
NUMBERS = count()
ALL_OF_ONE = frozenset({"csv", "tsv", "fixed", "sql", "dbf", "parquet", "mbox", "eml"})
"""Formats of which every row has the columns that `column_names` gives."""


def source(form: str, **more: Any) -> LeakedSource:
    """An entry of the incident file."""
    return LeakedSource.model_validate({"path": "x", "format": form, **more})


def read_as(
    path: Path, entry: LeakedSource, size: int | None = None
) -> tuple[list[Any], list[Any], int]:
    """Rows, rejects and covered bytes of all parts; the numbers of rows and rejects are those from 0 on."""
    content = Content(path)
    rows: list[Any] = []
    rejects: list[Any] = []
    covered = 0
    for part in parts(content, entry):
        names = column_names(content, entry, part)
        assert len(set(names)) == len(names), "two columns of one name"
        numbers: list[int] = []
        for piece in _pieces(content, entry, part, START, size=size):
            batch = piece.parse()
            covered += batch.covered
            if entry.format in ALL_OF_ONE:
                assert batch.rows.columns == [*names, ROW_NO]
            texts = {name for name, dtype in batch.rows.schema.items() if dtype == pl.String}
            assert texts == set(batch.rows.columns) - {ROW_NO}, "a value that is no text"
            numbers += [*batch.rows[ROW_NO], *batch.rejects["row_no"]]
            rejects += [(part, *row) for row in batch.rejects.rows()]
            rows += [
                (part, {name: value for name, value in row.items() if value is not None})
                for row in batch.rows.iter_rows(named=True)
            ]
        assert len(set(numbers)) == len(numbers), "a row number twice"
        if entry.format in TEXT_FORMATS:
            assert sorted(numbers) == list(range(len(numbers))), "a row neither parsed nor rejected"
    return rows, rejects, covered


def outcome(path: Path, entry: LeakedSource, size: int | None = None) -> object:
    """What became of a file: all of it, or that it was refused in a clean line."""
    windows._kept.clear()
    size_before = path.stat().st_size
    try:
        found = read_as(path, entry, size)
    except OperatorError as error:
        refusal(error)
        return None
    if entry.format in TEXT_FORMATS:
        assert found[2] == size_before, f"{found[2]} of {size_before} bytes covered"
        assert all(0 <= offset <= size_before for _, _, offset, _ in found[1])
    return found


def one_file(data: bytes, folder: Path, entries: Sequence[LeakedSource], suffix: str) -> int:
    """A file, read as one of the entries; now and then in pieces, and looked at by `affected check`.

    Which of these follows from its bytes, so that a case alone is what it was among others.
    """
    number = crc32(data)
    entry = entries[number // (CHECK_EVERY * len(SIZES)) % len(entries)]
    path = folder / f"{next(NUMBERS)}{suffix}"
    path.write_bytes(data)
    try:
        whole = outcome(path, entry)
        if whole is not None and number % PIECES_EVERY == 0:
            size = max(SIZES[number // PIECES_EVERY % len(SIZES)], len(data) // PIECES_MAX)
            assert outcome(path, entry, size) == whole, f"pieces of {size} bytes give other rows"
        if number % CHECK_EVERY == 0:
            named = entry.model_copy(update={"path": path.name})
            for said in check(IntakeSettings(root=folder, leaked=(named,))):
                assert "\n" not in said
                clean(said)
        return int(whole is None)
    finally:
        path.unlink()


def files(
    data: Sequence[bytes], folder: Path, *, entries: Sequence[LeakedSource], suffix: str
) -> int:
    """Each input is a file of its own."""
    return sum(one_file(one, folder, entries, suffix) for one in data)


def rows_of_one(
    data: Sequence[bytes],
    folder: Path,
    *,
    entries: Sequence[LeakedSource],
    join: Callable[[Sequence[bytes]], bytes],
    suffix: str = "",
) -> int:
    """Each input is a row of one file: what one breaks shows in the numbers and bytes of all."""
    return one_file(join(data), folder, entries, suffix)


def behind(
    head: bytes, end: bytes = b"\n", tail: bytes = b""
) -> Callable[[Sequence[bytes]], bytes]:
    """Rows one after the other below a header."""
    return lambda rows: head + b"".join(row + end for row in rows) + tail


def both(
    name: str,
    samples: Sequence[bytes],
    rows: Sequence[bytes],
    tokens: Sequence[bytes],
    entries: Sequence[LeakedSource],
    join: Callable[[Sequence[bytes]], bytes],
) -> Iterator[Target]:
    """A format as mutated files, and as files of mutated rows."""
    yield Target(
        f"{name} files",
        Mutator(samples, tokens),
        partial(files, entries=entries, suffix=""),
        in_test=FILES,
    )
    check_rows: Check = partial(rows_of_one, entries=entries, join=join)
    yield Target(f"{name} rows", Mutator(rows, tokens, text=False), check_rows, batch=ROWS_OF_ONE)


ROWS_OF_ONE = 40
