"""Any JSON reads as `json` reads it; any bytes are rows or rejects and all covered, however they are cut."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.json_files.names import quoted
from matching.intake.readers import ROW_NO, START, _pieces, parts
from matching.sources import LeakedSource

KEYS = st.text(alphabet='ab."1[]#$ é\\', max_size=4)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(alphabet='x" {}[],:\\é\n😀', max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=8)
SIGNS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b'"id":1', b"1", b"null", b"\\", b"\n", b" ", b"\x00", b"\xff", b'{"id":2}', b'{"rows":[{"dob":3}]}']  # fmt: skip
BYTES = st.lists(st.sampled_from(SIGNS), max_size=40).map(b"".join)
NUMBERS = count()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def flat(value: Any, name: str, into: dict[str, list[str]]) -> None:
    """What the columns of a record should be, said in Python."""
    if isinstance(value, dict):
        for key, inner in value.items():
            flat(inner, f"{name}.{quoted(key)}" if name else quoted(key), into)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            flat(inner, f"{name}.{number}" if isinstance(inner, dict | list) else name, into)
    elif value not in {None, ""}:
        said = value if isinstance(value, str) else json.dumps(value)
        into.setdefault(name, []).append(said)


def expected(record: dict[str, Any]) -> dict[str, str]:
    into: dict[str, list[str]] = {}
    flat(record, "", into)
    joined = {name: "|".join(values) for name, values in into.items()}
    return {name: value for name, value in joined.items() if value.strip()}


def read_in(path: Path, format_: str, size: int, table: str) -> tuple[list[Any], list[Any], int]:
    """Rows, rejects and covered bytes of all parts, read in blocks of `size`."""
    entry = LeakedSource.model_validate({"path": "x", "format": format_, "table": table})
    content = Content(path)
    rows: list[Any] = []
    rejects: list[Any] = []
    covered = 0
    for part in parts(content, entry):
        numbers: list[int] = []
        for piece in _pieces(content, entry, part, START, size=size):
            batch = piece.parse()
            covered += batch.covered
            numbers += [*batch.rows[ROW_NO], *batch.rejects["row_no"]]
            rejects += [(part, *row) for row in batch.rejects.rows()]
            rows += [
                (part, {name: value for name, value in row.items() if value is not None})
                for row in batch.rows.iter_rows(named=True)
            ]
        assert sorted(numbers) == list(range(len(numbers)))
    return rows, rejects, covered


@given(
    records=RECORDS,
    size=st.sampled_from([5, 64, 1 << 20]),
    format_=st.sampled_from(["json", "jsonl"]),
    indent=st.sampled_from([None, 2]),
    ascii_=st.booleans(),
)
@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=QUIET)
def test_sound_json_reads_as_the_standard_library_reads_it(
    tmp_path: Path, records: list[Any], size: int, format_: str, indent: int | None, ascii_: bool
) -> None:
    path = tmp_path / f"{next(NUMBERS)}.json"
    if format_ == "jsonl":
        texts = [json.dumps(record, ensure_ascii=ascii_) for record in records]
        path.write_text("\n".join(texts), encoding="utf-8", newline="")
    else:
        path.write_text(json.dumps(records, indent=indent, ensure_ascii=ascii_), encoding="utf-8")
    if not path.stat().st_size:
        return
    table = "$" if format_ == "json" else ""
    rows, rejects, covered = read_in(path, format_, size, table)
    assert [{k: v for k, v in row.items() if k != ROW_NO} for _, row in rows] == [
        expected(record) for record in records
    ]
    assert rejects == []
    assert covered == path.stat().st_size


@given(data=BYTES, size=st.integers(1, 40), format_=st.sampled_from(["json", "jsonl"]))
@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=QUIET)
def test_any_bytes_are_rows_or_rejects_and_covered(
    tmp_path: Path, data: bytes, size: int, format_: str
) -> None:
    path = tmp_path / f"{next(NUMBERS)}.json"
    path.write_bytes(data)
    if not data:
        return
    for table in ("", "rows", "$") if format_ == "json" else ("",):
        try:
            at_once = read_in(path, format_, 1 << 20, table)
        except OperatorError:
            continue
        in_blocks = read_in(path, format_, size, table)
        assert at_once[2] == len(data)
        assert in_blocks == at_once
