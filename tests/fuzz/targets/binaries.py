"""Parquet, DBF with memos, workbooks, and archives in archives."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import struct
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import polars as pl

from matching.errors import OperatorError
from matching.intake import dbf as dbf_reader
from matching.intake import memo
from matching.intake.content import Content, EncryptedMember, members, skipped
from matching.intake.packed.limits import COLUMNS_MAX
from matching.intake.workbooks import workbook, worker
from tests.archive_bytes import tarred, zipped, zstd
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import CASES, FILES, Check, Target, clean, refusal
from tests.fuzz.targets.tables import ROWS_OF_ONE, files, one_file, outcome, rows_of_one, source
from tests.workbooks import DATE, cell, ods, row, xlsx

__all__ = ["TARGETS"]

NUMBERS = count()
CSV = b"id,name\n1,Wrenquist\n2,\xc3\x96zil\n" + b"".join(
    b"%d,x%d\n" % (n, n * 7919) for n in range(60)
)


# --- DBF ---------------------------------------------------------------------------------------


def dbf(*, memo: bool) -> bytes:
    fields = [("NAME", "C", 12), ("DOB", "D", 8), ("N", "N", 5), ("OK", "L", 1)]
    fields += [("NOTE", "M", 10), ("PIC", "I", 4), ("AT", "T", 8)] if memo else []
    width = 1 + sum(length for _, _, length in fields)
    rows = [
        b" Wrenquist   19800102   12T",
        b"*Zo\xeb         20010203  1.5?",
        b" \xd6zil        00000000     F",
    ]
    if memo:
        more = [
            b"         1" + struct.pack("<iii", 7, 2_451_545, 1),
            b"         2" + bytes(12),
            b" " * 10 + b"\xff" * 12,
        ]
        rows = [one + other for one, other in zip(rows, more, strict=True)]
    head = struct.pack(
        "<BBBBIHH", 0xF5 if memo else 3, 99, 1, 1, len(rows), 33 + 32 * len(fields), width
    )
    head += bytes(17) + bytes([3, 0, 0])
    for name, kind, length in fields:
        head += (
            name.encode().ljust(11, b"\0") + kind.encode() + bytes(4) + bytes([length]) + bytes(15)
        )
    return head + b"\r" + b"".join(rows) + b"\x1a"


def memos() -> bytes:
    head = struct.pack(">IHH", 3, 0, 64).ljust(512, b"\0")
    return (
        head[:64]
        + struct.pack(">II", 1, 9)
        + b"Wrenquist".ljust(56, b"\0")
        + struct.pack(">II", 1, 4)
        + b"note"
        + head[144:]
    )


def _with_memo(data: Sequence[bytes], folder: Path) -> int:
    """The table and its memo file, mutated together: one input is both, one behind the other."""
    refused = 0
    for one in data:
        number = next(NUMBERS)
        table, beside = folder / f"t{number}.dbf", folder / f"t{number}.fpt"
        cut = one.find(_SPLIT)
        table.write_bytes(one[:cut] if cut >= 0 else one)
        beside.write_bytes(one[cut + len(_SPLIT) :] if cut >= 0 else MEMOS)
        refused += outcome(table, source("dbf")) is None
        table.unlink()
        beside.unlink()
    return refused


def _memo_rows(data: Sequence[bytes], folder: Path) -> int:
    """Each input is a row and its memo, one behind the other, in one table with one memo file."""
    width, block = len(MEMO_ROWS[0].split(_SPLIT)[0]), 64
    rows, texts = [], bytearray(512)
    for one in data:
        row, _, memo = one.partition(_SPLIT)
        rows.append(row.replace(_PLACE, b"%10d" % (len(texts) // block))[:width].ljust(width))
        texts += memo.ljust(-len(memo) % block + len(memo), b"\0")
    number = next(NUMBERS)
    table, beside = folder / f"m{number}.dbf", folder / f"m{number}.fpt"
    head = dbf(memo=True)
    first = int.from_bytes(head[8:10], "little")
    table.write_bytes(
        head[:4] + len(rows).to_bytes(4, "little") + head[8:first] + b"".join(rows) + b"\x1a"
    )
    beside.write_bytes(struct.pack(">IHH", 3, 0, block) + texts[8:])
    try:
        refused = (
            _memos_repeated(table)
            if crc32(texts) % 8 == 0
            else outcome(table, source("dbf")) is None
        )
    finally:
        table.unlink()
        beside.unlink()
    return int(refused)


def _memos_repeated(table: Path) -> bool:
    """As if its rows named far more than its memo file has; pieces say the same."""
    with mock.patch.object(memo, "FREE_BYTES", 0), mock.patch.object(memo, "REPEATED_MAX", 0):
        dbf_reader._owners.cache_clear()
        whole = outcome(table, source("dbf"))
        assert outcome(table, source("dbf"), 211) == whole, "pieces give other memos"
        dbf_reader._owners.cache_clear()
        return whole is None


_SPLIT = b"<<memo>>"
_PLACE = b"<<block>>"
MEMOS = memos()
MEMO_ROWS = [
    row.replace(b"         1", _PLACE, 1).replace(b"         2", _PLACE, 1) + _SPLIT + text
    for row, text in zip(
        [dbf(memo=True)[at : at + 49] for at in (257, 306, 355)],
        [
            struct.pack(">II", 1, 9) + b"Wrenquist",
            struct.pack(">II", 1, 70) + b"note " * 14,
            struct.pack(">II", 0, 0),
        ],
        strict=True,
    )
]


# --- Parquet -----------------------------------------------------------------------------------


def parquet(**how: Any) -> bytes:
    sink = io.BytesIO()
    frame = pl.DataFrame(
        {"id": [1, 2, 3], "name": ["Wrenquist", "Özil", None], "at": [1.5, None, -0.0],
         "tags": [["a"], [], None], "home": [{"zip": "01234"}, {"zip": None}, None]}
    ).with_columns(day=pl.Series(["1980-01-02", None, "2001-02-03"]).str.to_date(), raw=pl.Series([b"a", b"\xff", None]))  # fmt: skip
    frame.write_parquet(sink, **how)
    return sink.getvalue()


# --- workbooks ---------------------------------------------------------------------------------


class _NoProcess:
    """The worker's answer, made here: the parser in it may fail as it likes, what it hands over is tried."""

    def __init__(self, book: int, out: int) -> None:
        self.book, self.out = book, out

    def __enter__(self) -> _NoProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def kill(self) -> None: ...


def _answered(asked: _NoProcess) -> dict[str, Any]:
    try:
        found = list(worker._sheets(asked.book, asked.out, COLUMNS_MAX))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return {"error": "unreadable"}
    answer: dict[str, Any] = json.loads(json.dumps({"sheets": found}))
    return answer


@contextmanager
def _in_process() -> Iterator[None]:
    with (
        mock.patch.object(workbook, "_started", _NoProcess),
        mock.patch.object(workbook, "_answer", _answered),
    ):
        yield


def _books(data: Sequence[bytes], folder: Path, *, form: str) -> int:
    """Inputs are the XML of one part, or a whole workbook."""
    with _in_process():
        return sum(one_file(_book(one), folder, [source(form)], f".{form}") for one in data)


def _book(one: bytes) -> bytes:
    """A workbook of the mutated part; XML is told by its first sign."""
    if one.startswith(b"PK"):
        return one
    if b"office:" in one or b"table:" in one:
        one = _MANY.sub(b"repeated='999", one)
        return zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": one, "META-INF/manifest.xml": b"<m/>"})  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        parts: dict[str, bytes | str] = {name: book.read(name) for name in book.namelist()}
    which = "xl/sharedStrings.xml" if b"<sst" in one else "xl/workbook.xml" if b"<sheets>" in one else "xl/styles.xml" if b"styleSheet" in one else "xl/worksheets/sheet1.xml"  # fmt: skip
    return zipped({**parts, which: one})


_MANY = re.compile(rb"repeated='\d{4,}")
"""What more of them cost is the worker's process to bear; `benchmarks.hostile` has it."""
ROWS = (
    row("id", "name", "born") + row(1, "Wrenquist", cell(32874, style=DATE)) + row(2.5, "Özil", "")
)
MERGED = '<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'
BOOK = xlsx({"Seen": ROWS, "Hidden": ROWS}, states={"Hidden": "hidden"}, after=MERGED)
ODS_ROWS = (
    "<table:table-row><table:table-cell office:value-type='string'><text:p>id</text:p></table:table-cell></table:table-row>"
    "<table:table-row table:number-rows-repeated='3'><table:table-cell table:number-columns-repeated='2'"
    " office:value-type='float' office:value='1.5'><text:p>1.5</text:p></table:table-cell></table:table-row>"
)


def _part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return book.read(name)


XML_TOKENS = (
    b"<row>", b"</row>", b"<c>", b'<c r="XFD1048576">', b"</c>", b"<v>", b"</v>", b"<is><t>", b"&amp;", b"&#0;", b"&x;",
    b"<!DOCTYPE a>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b'ref="A1:A9"', b't="s"', b't="e"', b's="9"', b"<v>-1</v>",
    b'r="A0"', b'r="ZZZZ9"', b"table:number-rows-repeated='9999'", b"table:number-columns-repeated='99'", b"/>", b"<", b'"',
)  # fmt: skip


# --- archives ----------------------------------------------------------------------------------


def _archives(data: Sequence[bytes], folder: Path) -> int:
    """Members are listed, hashed and read; what is damaged is said, nothing is unpacked to a name."""
    refused = 0
    for one in data:
        path = folder / f"a{next(NUMBERS)}"
        path.write_bytes(one)
        try:
            for left in skipped(path):
                assert left.reason
            for content in list(members(path, ""))[:4]:
                _member(content)
        except (OperatorError, EncryptedMember) as error:
            refusal(error if isinstance(error, OperatorError) else OperatorError("encrypted"))
            refused += 1
        finally:
            path.unlink()
        assert not any(folder.iterdir()), "a file was left behind"
    return refused


def _member(content: Content) -> None:
    clean(content.name[:200])
    size, digest = content.size(), content.sha256()
    assert len(digest) == 64
    with content.open() as stream:
        first = stream.read(16)
        rest = 0
        while piece := stream.read(1 << 16):
            rest += len(piece)
    assert content.head(16) == first, "the first bytes differ from those of the whole"
    assert size == len(first) + rest, "the size differs from the bytes"
    if size:
        assert content.damage() is None or content.damage()


ZSTD = zstd(CSV)
OTHERS = 8_000
"""Archives that are tried without zstd among them: of each damaged stream Arrow keeps 3 MB of address space."""
ARCHIVES = [
    zipped({"d/x.csv": CSV}),
    zipped({"a.csv": CSV, "b.zip": zipped({"c.csv": CSV})}),
    tarred({"d/x.csv": CSV, "e": b"x"}),
    tarred({"d/" + "long" * 40 + ".csv": CSV}, tarfile.GNU_FORMAT),
    gzip.compress(CSV, mtime=0),
    gzip.compress(tarred({"x.csv": CSV}, tarfile.USTAR_FORMAT), mtime=0),
    bz2.compress(CSV),
    lzma.compress(CSV),
    ZSTD,
    zipped({"x.csv.gz": gzip.compress(CSV, mtime=0)}),
]
ARCHIVE_TOKENS = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd", b"ustar\x00", b"ustar  ", b"../../etc/x", b"/", b"\\", b"\xff" * 8, b"\x00" * 512, b"x" * 100, b"0000777\x00",
    b"GNU.sparse.map", b"27 path=../../../../x\n", b"\x01\x00")  # fmt: skip

DBF = dbf(memo=False)
DBF_ROWS = [DBF[at : at + 27] for at in (161, 188, 215)]


def _dbf_rows(rows: Sequence[bytes]) -> bytes:
    """A table whose header counts them, whatever their lengths."""
    return DBF[:4] + len(rows).to_bytes(4, "little") + DBF[8:161] + b"".join(rows) + b"\x1a"


BINARY = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x01\x00")
DBF_TOKENS = (b"\x1a", b"*", b" ", b"\r", b"M", b"Y", b"T", b"@", b"00000000", b"?", *BINARY)
BOOK_PARTS = ["xl/worksheets/sheet1.xml"] * 3 + [
    "xl/workbook.xml",
    "xl/styles.xml",
    "xl/sharedStrings.xml",
]
BOOKS = [*(_part(BOOK, name) for name in BOOK_PARTS), BOOK]
PARQUETS = [
    parquet(),
    parquet(compression="uncompressed"),
    parquet(compression="snappy", statistics=False),
]
DBF_ENTRIES = [source("dbf"), source("dbf", encoding="cp850")]


def _binary(
    name: str, samples: Sequence[bytes], tokens: Sequence[bytes], check: Check, in_test: int = CASES
) -> Target:
    return Target(name, Mutator(samples, tokens, text=False), check, in_test=in_test)


TARGETS = (
    _binary(
        "dbf files", [DBF], DBF_TOKENS, partial(files, entries=DBF_ENTRIES, suffix=".dbf"), FILES
    ),
    Target(
        "dbf rows",
        Mutator(DBF_ROWS, DBF_TOKENS, text=False),
        partial(rows_of_one, entries=DBF_ENTRIES, join=_dbf_rows, suffix=".dbf"),
        batch=ROWS_OF_ONE,
    ),
    _binary(
        "dbf with memos",
        [dbf(memo=True) + _SPLIT + MEMOS],
        (*DBF_TOKENS, _SPLIT),
        _with_memo,
        FILES,
    ),
    Target(
        "memo rows",
        Mutator(MEMO_ROWS, (*DBF_TOKENS, _SPLIT, _PLACE, b"         9"), text=False),
        _memo_rows,
        batch=ROWS_OF_ONE,
    ),
    _binary(
        "parquet",
        PARQUETS,
        (b"PAR1", b"\x15\x04", *BINARY),
        partial(files, entries=[source("parquet")], suffix=".parquet"),
    ),
    _binary("xlsx", BOOKS, XML_TOKENS, partial(_books, form="xlsx")),
    _binary("ods", [_part(ods(ODS_ROWS), "content.xml")], XML_TOKENS, partial(_books, form="ods")),
    _binary("archives", ARCHIVES, ARCHIVE_TOKENS, _archives, CASES - OTHERS),
    _binary(
        "archives without zstd",
        [archive for archive in ARCHIVES if archive is not ZSTD],
        ARCHIVE_TOKENS,
        _archives,
        OTHERS,
    ),
)
