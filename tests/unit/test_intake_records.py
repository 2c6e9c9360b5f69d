"""Record boundaries in raw bytes: reasons, offsets, and that a bad row costs itself only."""

from __future__ import annotations

import numpy as np
import pytest

from matching.intake.records import REASONS, Dialect, find_records

CSV = Dialect(delimiter=ord(","), quote=ord('"'))
ESCAPED = Dialect(delimiter=ord(","), quote=ord('"'), escape=ord("\\"))

CASES = [
    ("plain", CSV, b"a,b\nc,d\n", [(b"a,b", ""), (b"c,d", "")]),
    ("windows line ends", CSV, b"a,b\r\nc,d\r\n", [(b"a,b", ""), (b"c,d", "")]),
    ("old mac line ends", CSV, b"a,b\rc,d\r", [(b"a,b", ""), (b"c,d", "")]),
    ("blank lines are no rows", CSV, b"\na,b\n\n\nc,d", [(b"a,b", ""), (b"c,d", "")]),
    ("line break in quotes", CSV, b'a,"x\ny"\nc,d\n', [(b'a,"x\ny"', ""), (b"c,d", "")]),
    ("doubled quotes", CSV, b'a,"x "" y"\n', [(b'a,"x "" y"', "")]),
    ("escaped quote", ESCAPED, b'a,"x \\" y"\n', [(b'a,"x \\" y"', "")]),
    ("delimiter in quotes", CSV, b'"a,b",c\n', [(b'"a,b",c', "")]),
    ("quote within a word is text", CSV, b'5" pipe,d\nc,d\n', [(b'5" pipe,d', ""), (b"c,d", "")]),
    ("short", CSV, b"a\nc,d\n", [(b"a", "short_row"), (b"c,d", "")]),
    ("long", CSV, b"a,b,c\nc,d\n", [(b"a,b,c", "long_row"), (b"c,d", "")]),
    ("cut off at the end", CSV, b"c,d\na", [(b"c,d", ""), (b"a", "truncated_last_row")]),
    ("nul", CSV, b"a,\x00\nc,d\n", [(b"a,\x00", "nul_byte"), (b"c,d", "")]),
    ("text after quotes", CSV, b'"a"x,b\nc,d\n', [(b'"a"x,b', "bad_quote"), (b"c,d", "")]),
    (
        "unclosed, the next quote opens a field",
        CSV,
        b'a,"b\nc,d\ne,"f"\n',
        [(b'a,"b', "unclosed_quote"), (b"c,d", ""), (b'e,"f"', "")],
    ),
    (
        "unclosed to the end",
        CSV,
        b'a,"b\nc,d\ne,f',
        [(b'a,"b', "unclosed_quote"), (b"c,d", ""), (b"e,f", "")],
    ),
    (
        "closes by chance with too few fields",
        CSV,
        b'a,b,"c\nd,e,f"\n',
        [(b'a,b,"c', "unclosed_quote"), (b'd,e,f"', "long_row")],
    ),
]


@pytest.mark.parametrize(
    ("dialect", "data", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_records(dialect: Dialect, data: bytes, expected: list[tuple[bytes, str]]) -> None:
    found = find_records(np.frombuffer(data, np.uint8), dialect, columns=2, final=True)
    pieces = [
        (data[start:end], REASONS[reason])
        for start, end, reason in zip(found.starts, found.ends, found.reasons, strict=True)
    ]
    assert pieces == expected
    assert int((found.ends - found.starts).sum()) + found.breaks == len(data)
    assert found.consumed == len(data)


def test_a_record_that_the_block_cuts_off_is_left() -> None:
    data = b'a,b\nc,"d\n'
    found = find_records(np.frombuffer(data, np.uint8), CSV, columns=2, final=False)
    assert found.starts.size == 1
    assert found.consumed == 4


def test_an_endless_quote_costs_one_line() -> None:
    data = b'a,"b\n' + b"c,d\n" * 400_000
    found = find_records(np.frombuffer(data, np.uint8), CSV, columns=2, final=True)
    first = find_records(np.frombuffer(data, np.uint8), CSV, columns=2, final=False)
    assert REASONS[found.reasons[0]] == REASONS[first.reasons[0]] == "unclosed_quote"
    assert not found.reasons[1:].any()
