"""Files made to fill memory or time: each ends in one clear line or in counted rejects, and nothing is lost."""

import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.intake import IntakeSettings, readers, text
from matching.intake.checks import check
from matching.intake.content import Content
from matching.sources import LeakedSource

SOURCE = LeakedSource(path="x.csv", format="csv", columns={"record_id": "a"})


def put(tmp_path: Path, data: bytes) -> Content:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    return Content(path)


def problems(content: Content, source: LeakedSource = SOURCE) -> list[str]:
    return check(IntakeSettings(root=content.path.parent, leaked=(source,)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"x" * (3 << 20), "its first line is longer than 1 MiB"),
        (b"," * (3 << 20), "its first line is longer than 1 MiB"),
        (b'"' + b"x,\n" * (1 << 20), 'columns is there ("a")'),
        (b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n1\n", "longer than 1 MiB"),
        (b"," * 20_000 + b"\n1\n", "20,001 columns, more than 16,384"),
        (bytes(3 << 20), "holds nothing but NUL bytes"),
    ],
    ids=["one line", "delimiters", "one quote", "a million columns", "many columns", "NUL"],
)
def test_a_file_without_a_header_anybody_wrote_is_one_line(
    tmp_path: Path, data: bytes, says: str
) -> None:
    (said,) = problems(put(tmp_path, data))
    assert says in said
    assert "\n" not in said


def test_columns_without_names_are_counted_too(tmp_path: Path) -> None:
    source = SOURCE.model_copy(update={"header": False, "columns": {"record_id": "c0"}})
    (said,) = problems(put(tmp_path, b"," * 20_000 + b"\n1\n"), source)
    assert "20,001 columns" in said


@pytest.mark.parametrize(
    ("middle", "reasons"),
    [
        (b"x" * (5 << 20), {"too_long"}),
        (b"," * (5 << 20), {"too_long"}),
        (bytes(5 << 20), {"too_long", "nul_byte"}),
        (b'"' + b"x" * (5 << 20), {"too_long", "unclosed_quote", "bad_quote"}),
    ],
    ids=["letters", "delimiters", "NUL", "quote"],
)
def test_a_line_without_end_costs_no_row_before_or_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, middle: bytes, reasons: set[str]
) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 2 << 20)
    data = b"a,b\n" + b"1,2\n" * 100 + middle + b"\n" + b"3,4\n" * 100
    batches = list(readers.read(put(tmp_path, data), SOURCE))
    assert sum(batch.rows.height for batch in batches) == 200
    found = {reason for batch in batches for reason in batch.rejects["reason"]}
    assert found
    assert found <= reasons
    assert sum(batch.covered for batch in batches) == len(data)


def test_a_quote_that_never_closes_costs_its_own_line(tmp_path: Path) -> None:
    data = b"a,b\n" + b'1,"2\n' + b"3,4\n" * 500_000
    batches = list(readers.read(put(tmp_path, data), SOURCE))
    assert sum(batch.rows.height for batch in batches) == 500_000
    assert sum(batch.rejects.height for batch in batches) == 1


PROGRAM = """
import resource
from pathlib import Path
from matching.intake import readers
from matching.intake.content import Content
from matching.sources import LeakedSource

source = LeakedSource(path="x", format="csv", columns={"record_id": "a"})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rejects = 0
for batch in readers.read(Content(Path("x.csv.gz")), source):
    rejects += batch.rejects.height
print(rejects, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_line_larger_than_memory_may_be_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """300 MiB of one line, packed: pieces are let go as they are read."""
    piece = bytes(range(48, 122)) * 14_000 + os.urandom(6_000).hex().encode()
    with gzip.open(tmp_path / "x.csv.gz", "wb", 1) as stream:
        stream.write(b"a,b\n1,2\n")
        for _ in range(300):
            stream.write(piece)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    rejects, grown_mib = map(int, done.stdout.split())
    assert rejects > 0
    assert grown_mib < 200


def test_a_bomb_behind_a_csv_is_one_line(tmp_path: Path) -> None:
    content = put(tmp_path, gzip.compress(b"a,b\n1,2\n" + bytes(80 << 20), 9))
    with pytest.raises(OperatorError, match="as a zip bomb does"):
        content.sha256()
