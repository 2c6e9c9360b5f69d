"""Values of people: cleaned, searched for people, profiled. Many texts make one frame; rows must not mix."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from matching.fields import CANONICAL_FIELDS
from matching.given import clean_records
from matching.intake.pieces import ROW_NO
from matching.passages import Names, people_said
from matching.propose.table import propose_table
from tests.fuzz.engine import CANARIES, Mutator
from tests.fuzz.oracle import Target

__all__ = ["TARGETS"]

APART = "\x1f"
NUMBERS = count()
NAMES = Names(model=False)
FIELDS = tuple(field for field in CANONICAL_FIELDS if field not in {"ssn", "elements"})
"""A column of SSNs is judged as a whole, so that rows of it are not independent; it has a sample of its own."""
TOKENS = (
    b" ", b"-", b"'", b".", b",", b"/", b"Jr", b"III", b"c/o ", b"PO Box ", b"Apt ", b"#", b"Estate of ", b"02/30/1990", b"1900-01-01",
    b"00000", b"+1 (", b")", b"@", b"x99", b"\xc3\xa9", b"\xcc\x81", b"\xe2\x80\x99", b"\xe2\x80\x8b", b"\xd7\x90", b"\xe6\x9d\x8e", b"Dr. ", b"O'",
    b"van der ", b"0", b"9" * 12, b"\t", b"\n", b"\r", b"DOB", b"SSN ", b"MRN: ", b"&", b"&amp;", b"<b>", b"(", b"|",
)  # fmt: skip
VALUES = (
    "Wrenquist", "Zoë", "O'Neil-Smith Jr.", "Maria de los Ángeles", "02/03/1990", "1990-02-03", "19900203", "Feb 3, 1990", "3.2.90",
    "(410) 555-0134 x9", "+1-410-555-0134", "410.555.0134", "zoe@example.com", "12 Main St Apt 4", "PO Box 77", "20701-1234", "MD", "Maryland",
    "Saint Mary's", "F", "female", "es-MX", "SMITH, JOHN Q III", "Mr. John & Mrs. Ann Lee", "12-34-5678", "true", "MED12345", "CE-1", "USA",
)  # fmt: skip
TEXTS = (
    b"Maria Wrenquist (DOB 3/4/1980), SSN 943-55-0187, cell (410) 555-0134. Son Diego Lopez dob 1/2/2015, MRN 00123",
    b"Robert Hall called. Bob wants a crown; Mr. Hall pays. zoe@example.com, 12 Main St, Springfield MD 20701",
    b"<p>Patient: <b>Zo\xc3\xab O'Neil</b></p>\nId 4417 1234 5678 9113 | born 1990-02-03\tref. Dr. Smith",
    b'{"name": "Ann Lee", "phone": "410-555-0134", "note": "call\\nback"}',
)


def _texts(data: Sequence[bytes]) -> list[str]:
    return [one.decode("utf-8", "replace") for one in data]


def _frame(texts: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """Each text in another column, so that every cleaner meets every kind of value."""
    given: dict[str, list[str | None]] = {name: [None] * len(texts) for name in columns}
    for row, text in enumerate(texts):
        for place, value in enumerate(text.split(APART)):
            given[columns[(row * 7 + place) % len(columns)]][row] = value
    return pl.DataFrame(given, schema=dict.fromkeys(columns, pl.String))


def _cleaned(data: Sequence[bytes], folder: Path) -> int:
    """As many rows as came, in their order, and each as it would be alone."""
    frame = _frame(_texts(data), FIELDS)
    whole = clean_records(frame)
    assert whole.height == frame.height
    half = frame.height // 2
    if half:
        parts = pl.concat([clean_records(frame[half:]), clean_records(frame[:half])])
        again = pl.concat([parts[frame.height - half :], parts[: frame.height - half]])
        assert again.equals(whole), "a row cleaned among others is another"
    return 0


def _numbers(data: Sequence[bytes], folder: Path) -> int:
    frame = pl.DataFrame({"ssn": _texts(data)})
    assert clean_records(frame).height == frame.height
    return 0


def _said(data: Sequence[bytes], folder: Path) -> int:
    """Every person stands in a row that is there; a text gives the same among others as alone."""
    texts = _texts(data)
    numbers = list(range(len(texts)))
    rows = pl.DataFrame(
        {ROW_NO: numbers, "notes": texts}, schema={ROW_NO: pl.Int64, "notes": pl.String}
    )
    found = people_said(rows, ["notes"], names=NAMES)
    half = len(texts) // 2 if next(NUMBERS) % 5 == 0 else 0
    parts = (
        [people_said(some, ["notes"], names=NAMES).people for some in (rows[:half], rows[half:])]
        if half
        else []
    )
    for frame in (found.people,):
        assert frame[ROW_NO].is_in(numbers).all()
        assert not parts or _sorted(pl.concat(parts)) == _sorted(frame), (
            "a text read among others is another"
        )
    return 0


def _sorted(frame: pl.DataFrame) -> list[Any]:
    return sorted(map(repr, frame.rows()))


def _proposed(data: Sequence[bytes], folder: Path) -> int:
    """Texts as a table of five columns with hostile names: proposals for each, evidence without a value."""
    texts = _texts(data)
    columns = list(dict.fromkeys(f"{text[:30]}#{number}" for number, text in enumerate(texts[:5])))
    table = propose_table(_frame(texts, columns))
    assert [proposal.column for proposal in table.proposals] == columns
    told = " ".join(
        " ".join(map(str, proposal.evidence)) for proposal in table.proposals if proposal.column
    )
    assert CANARIES[1] not in told
    return 0


SAMPLES = [value.encode() for value in VALUES] + [
    APART.join(VALUES[at : at + 4]).encode() for at in range(0, 24, 4)
]
TARGETS = (
    Target("values", Mutator(SAMPLES, TOKENS, text=False), _cleaned, batch=2000),
    Target("numbers", Mutator([b"943-55-0187", b"943550187", b"000-00-0000", b"xxx-xx-0187"], TOKENS, text=False), _numbers, batch=1000),
    Target("passages", Mutator(TEXTS, TOKENS, text=False), _said, batch=2000),
    Target("profiles", Mutator(SAMPLES, TOKENS, text=False), _proposed, batch=500),
)  # fmt: skip
