"""Whatever the bytes: rows are parsed or rejected, bytes are covered, and sound files agree with `csv`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.intake import text
from matching.intake.content import Content
from matching.intake.readers import read
from matching.intake.records import Dialect, find_records
from matching.sources import LeakedSource

CSV = Dialect(delimiter=ord(","), quote=ord('"'))
SOURCE = LeakedSource(path="x", format="csv")
BYTES = st.lists(
    st.sampled_from([b'"', b",", b"\n", b"\r\n", b"\r", b"a", b"\x00", "é".encode(), b"\xff"]),
    max_size=60,
).map(b"".join)
CELL = st.text(alphabet='ab",\n é', max_size=6)


@given(data=BYTES, columns=st.integers(0, 3))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_every_byte_is_in_one_record_or_a_line_break(data: bytes, columns: int) -> None:
    found = find_records(np.frombuffer(data, np.uint8), CSV, columns=columns, final=True)
    assert found.consumed == len(data)
    assert int((found.ends - found.starts).sum()) + found.breaks == len(data)
    assert (found.starts[1:] >= found.ends[:-1]).all()
    good = found.reasons == 0
    assert columns == 0 or (found.fields[good] == columns).all()


@given(data=BYTES)
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_rows_are_parsed_or_rejected(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y\n" + data)
    batches = list(read(Content(path), SOURCE))
    numbers = sorted(n for b in batches for n in (*b.rows["__row_no"], *b.rejects["row_no"]))
    assert numbers == list(range(len(numbers)))
    assert sum(b.covered for b in batches) == path.stat().st_size


@given(
    rows=st.lists(st.tuples(CELL, CELL), max_size=12),
    block=st.integers(8, 64),
    ends=st.sampled_from(["\n", "\r\n"]),
)
@settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_sound_file_reads_as_the_standard_library_reads_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, str]],
    block: int,
    ends: str,
) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows([("x", "y"), *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(written.getvalue().encode())
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    found = [row for b in read(Content(path), SOURCE) for row in b.rows.select("x", "y").rows()]
    assert found == [tuple(cell if cell.strip() else None for cell in row) for row in rows]
