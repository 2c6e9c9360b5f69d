"""CSV, TSV, fixed width and records as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matching.intake.records import Dialect, find_records
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import Target
from tests.fuzz.targets.tables import behind, both, source

__all__ = ["TARGETS"]

HEAD = b"id,name,born,ssn,note"
ROWS = (
    b'1,"Wrenquist, Zo\xc3\xab",1980-01-02,943-55-0187,ok',
    b'2,O\'Neil,02/03/1990,,"he said ""no"""',
    b'3,\xc3\x96zil,,943550187,"two\nlines"',
    b'4,,"",NULL,\\N',
)
TOKENS = (
    b'"', b'""', b'","', b'"\n', b'\r\n', b'\r', b",", b",,", b"\t", b"\\", b'\\"', b"\x00", b"\xff", b"\n\n", b"\\N",
    b"'", HEAD, b'\n"', b"\xc3", b"\xe9", b"\x93", b"\xef\xbb\xbf", b" ", b"\x1a",
)  # fmt: skip
FIELDS = {"name": [1, 10], "born": [11, 8], "zip": [20, 5]}
FIXED = (
    b"Wrenquist 19800102 01234",
    b"Zo\xc3\xab       19900203 20701",
    b"Mu\xcc\x88ller   \t        00501",
)


def _records(data: Sequence[bytes], folder: Path) -> int:
    """Every byte stands in one record or line break, whatever the dialect; blocks lose nothing."""
    for number, one in enumerate(data):
        dialect = DIALECTS[number % len(DIALECTS)]
        columns = number % 4
        block = np.frombuffer(one, np.uint8)
        found = find_records(block, dialect, columns=columns, final=True)
        if found.starts.size == len(one) // 8 + 64:
            continue  # denser bytes take several calls
        assert found.consumed == len(one)
        assert int((found.ends - found.starts).sum()) + found.breaks == len(one)
        assert (found.starts[1:] >= found.ends[:-1]).all()
        assert columns == 0 or (found.fields[found.reasons == 0] == columns).all()
        half = find_records(block[: len(one) // 2], dialect, columns=columns, final=False)
        assert (half.starts == found.starts[: half.starts.size]).all()
        assert (half.ends == found.ends[: half.ends.size]).all()
        assert (half.reasons == found.reasons[: half.reasons.size]).all()
    return 0


DIALECTS = (
    Dialect(delimiter=ord(","), quote=ord('"')),
    Dialect(delimiter=ord(","), quote=ord('"'), escape=ord("\\")),
    Dialect(delimiter=ord("\t")),
    Dialect(delimiter=ord(";"), quote=ord("'")),
    Dialect(delimiter=ord("|"), escape=ord("\\")),
)

TARGETS = (
    Target("records", Mutator(ROWS, TOKENS, text=False), _records, batch=200),
    *both(
        "csv",
        [b"\n".join((HEAD, *ROWS)) + b"\n", HEAD + b"\r\n" + ROWS[0] + b"\r\n" + ROWS[3]],
        ROWS,
        TOKENS,
        [
            source("csv"),
            source("csv", encoding="mixed"),
            source("csv", escape="\\"),
            source("csv", header=False, skip_lines=1),
            source("csv", encoding="cp1252", quote=""),
            source("csv", encoding="utf-16"),
        ],
        behind(HEAD + b"\n"),
    ),
    *both(
        "tsv",
        [b"\n".join((HEAD, *ROWS)).replace(b",", b"\t")],
        [row.replace(b",", b"\t") for row in ROWS],
        TOKENS,
        [source("tsv"), source("tsv", quote=""), source("tsv", encoding="utf-16-le"), source("tsv", quote="'")],
        behind(HEAD.replace(b",", b"\t") + b"\r\n", b"\r\n"),
    ),
    *both(
        "fixed",
        [b"\n".join(FIXED) + b"\n", b"".join(FIXED)],
        FIXED,
        (b"\n", b"\r", b"\x85", b"\x15", b"\x00", b" " * 24, b"\xc3", b"\xff", b"\xc2\x85", b"\x1a"),
        [
            source("fixed", fields=FIELDS),
            source("fixed", fields=FIELDS, record_length=24),
            source("fixed", fields=FIELDS, encoding="cp037"),
            source("fixed", fields=FIELDS, encoding="mixed"),
            source("fixed", fields=FIELDS, encoding="utf-16-be", record_length=24),
        ],
        behind(b""),
    ),
)  # fmt: skip
