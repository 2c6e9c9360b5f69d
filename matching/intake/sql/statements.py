"""What a statement says: the table and columns of an INSERT, a COPY or a CREATE TABLE.

Heads are few, so they are read here, in Python; rows never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "COLUMNS_MAX", "Created", "Head", "Incomplete", "Name", "created", "database_used", "head_of",
    "schema_set", "table_of",
]  # fmt: skip

COLUMNS_MAX = 32_768
"""SQL Server's wide tables have 30,000 columns, everybody else's fewer."""
Name = tuple[str, ...]
"""A table with its schema and database, outermost first, as far as they are said."""
_TOKEN = re.compile(
    rb"(?P<space>\s+|--[^\n]*\n|/\*.*?\*/|\#[^\n]*\n)"
    rb"|(?P<quoted>`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\[(?:[^\]]|\]\])*\])"
    rb"|(?P<text>[NnEe]?'(?:[^'\\]|''|\\.)*')"
    rb"|(?P<word>[A-Za-z_0-9$@\x80-\xff]+)"
    rb"|(?P<sign>.)",
    re.DOTALL,
)
_MODIFIERS = frozenset(
    {"LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "OR", "REPLACE", "ABORT", "FAIL",
     "ROLLBACK", "OVERWRITE", "INTO", "ONLY"}
)  # fmt: skip


class Incomplete(Exception):
    """The bytes end within a head."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the rows: `size` bytes. `columns` None: not said; `copy`: lines follow."""

    table: Name
    columns: tuple[str, ...] | None
    text: bytes
    copy: bool = False

    @property
    def size(self) -> int:
        """Bytes up to the first row."""
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Created:
    """Columns of a CREATE TABLE.

    `left_out`: those that INSERT without a list may not fill; `binary`: those of bytes; `of`: tables whose
    columns come before (INHERITS), or instead (LIKE, PARTITION OF).
    """

    table: Name
    columns: tuple[str, ...]
    left_out: frozenset[str]
    binary: frozenset[str]
    of: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    end: int

    @property
    def word(self) -> str:
        return self.text.decode("latin-1").upper() if self.kind == "word" else ""

    def is_sign(self, sign: bytes) -> bool:
        return self.kind == "sign" and self.text == sign


def _tokens(text: bytes, start: int = 0) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text, start):
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match.group(), match.end())
    yield _Token("end", b"", len(text))


class _Reader:
    """Tokens one after the other."""

    def __init__(self, text: bytes, start: int = 0) -> None:
        self._tokens = _tokens(text, start)
        self.now = next(self._tokens)

    def go(self) -> _Token:
        """Step on; gives the token left behind. Raises Incomplete at the end."""
        left = self.now
        if left.kind == "end":
            raise Incomplete
        self.now = next(self._tokens)
        return left

    def name(self) -> Name:
        """`a`, `a.b` or `a.b.c`, quoted or not."""
        parts = [_identifier(self.go())]
        while self.now.is_sign(b"."):
            self.go()
            parts.append("" if self.now.is_sign(b".") else _identifier(self.go()))
        return tuple(part for part in parts if part)

    def names(self) -> tuple[str, ...] | None:
        """`(a, "b", ...)` as identifiers; None where it is no list of them."""
        found: list[str] = []
        self.go()
        while True:
            if self.now.kind not in {"word", "quoted", "end"}:
                return None
            name = self.name()
            if not name:
                return None
            found.append(name[-1])
            if len(found) > COLUMNS_MAX:
                return None
            if self.go().is_sign(b")"):
                return tuple(found)

    def skip_brackets(self) -> None:
        """Behind the `( ... )` that begins here."""
        depth = 0
        while True:
            token = self.go()
            depth += token.is_sign(b"(") - token.is_sign(b")")
            if depth == 0:
                return


def _identifier(token: _Token) -> str:
    text = token.text.decode("utf-8", "replace")
    if token.kind == "quoted":
        close = text[-1]
        return text[1:-1].replace(close * 2, close)
    return text.strip("'") if token.kind == "text" else text


def head_of(text: bytes) -> Head | None:
    """The head of an INSERT, REPLACE or COPY whose rows follow; None where none do (INSERT ... SELECT).

    Raises Incomplete where `text` ends within the head.
    """
    reader = _Reader(text)
    return (_copy_head if reader.go().word == "COPY" else _insert_head)(reader, text)


def _insert_head(reader: _Reader, text: bytes) -> Head | None:  # noqa: C901 - a grammar, clause by clause
    while reader.now.word in _MODIFIERS:
        reader.go()
    if reader.now.kind not in {"word", "quoted", "text", "end"}:
        return None
    table, columns = reader.name(), None
    while reader.now.word in {"PARTITION", "AS", "OVERRIDING", "OUTPUT"} or reader.now.is_sign(
        b"("
    ):
        if reader.now.is_sign(b"("):
            columns = reader.names()
            if columns is None:
                return None
            continue
        if reader.go().word == "PARTITION":
            reader.skip_brackets()
        else:
            reader.go()
            if reader.now.word == "VALUE":
                reader.go()
    if reader.now.kind == "end":
        raise Incomplete
    if reader.now.word not in {"VALUES", "VALUE"}:
        return None
    end = reader.now.end
    if end == len(text):
        raise Incomplete
    return Head(table, columns, text[:end])


def _skip_clauses(reader: _Reader) -> None:
    """PARTITION (p), AS alias, OVERRIDING SYSTEM VALUE."""
    while reader.now.word in {"PARTITION", "AS", "OVERRIDING"}:
        word = reader.go().word
        if word == "PARTITION":
            reader.skip_brackets()
            continue
        reader.go()
        if word == "OVERRIDING":
            reader.go()


def _copy_head(reader: _Reader, text: bytes) -> Head | None:
    """`COPY t (a, b) FROM stdin;` and its line; other options than pg_dump's are not read."""
    table = reader.name()
    columns = reader.names() if reader.now.is_sign(b"(") else None
    words = [reader.go().word, reader.go().word]
    last = reader.go()
    if words != ["FROM", "STDIN"] or not last.is_sign(b";"):
        return None
    end = text.find(b"\n", last.end)
    if end < 0:
        raise Incomplete
    return Head(table, columns, text[: end + 1], copy=True)


def table_of(text: bytes) -> Name:
    """The table that an UPDATE, DELETE, TRUNCATE or INSERT ... SELECT is about; () where unclear."""
    reader = _Reader(text[: 1 << 16])
    try:
        reader.go()
        while reader.now.word in _MODIFIERS | {"FROM", "TABLE"}:
            reader.go()
        return reader.name() if reader.now.kind in {"word", "quoted"} else ()
    except Incomplete:
        return ()


_USE = re.compile(rb"\s*(?:USE|\\c|\\connect)\s+([`\"\[]?)(.+?)[`\"\]]?\s*;?\s*$", re.IGNORECASE)
_SEARCH_PATH = re.compile(rb"\s*SET\s+search_path\s*(?:=|TO)\s*\"?([\w$]+)\"?", re.IGNORECASE)


def database_used(text: bytes) -> str | None:
    r"""The database that USE or \connect names."""
    found = _USE.match(text[:1024])
    return found.group(2).decode("utf-8", "replace") if found else None


def schema_set(text: bytes) -> str | None:
    """The first schema of SET search_path, as pg_dump wrote it until 2018."""
    found = _SEARCH_PATH.match(text[:1024])
    return found.group(1).decode("utf-8", "replace") if found else None


# --- CREATE TABLE -----------------------------------------------------------------------------

_BEFORE_TABLE = frozenset(
    {"GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN", "OR", "REPLACE", "EXTERNAL"}
)
_CONSTRAINTS = frozenset(
    {"PRIMARY", "UNIQUE", "CONSTRAINT", "FOREIGN", "FULLTEXT", "SPATIAL", "EXCLUDE", "PERIOD"}
)
_MAYBE_CONSTRAINTS = frozenset({"KEY", "INDEX", "CHECK"})
_BINARY_TYPES = frozenset(
    {"BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "BIT", "IMAGE", "GEOMETRY",
     "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
     "GEOMETRYCOLLECTION", "RAW", "ROWVERSION"}
)  # fmt: skip


def created(text: bytes) -> Created | None:
    """Columns of a CREATE TABLE statement; None where it is another CREATE or says no columns."""
    reader = _Reader(text)
    try:
        reader.go()
        while reader.now.word in _BEFORE_TABLE:
            reader.go()
        if reader.go().word != "TABLE":
            return None
        while reader.now.word in {"IF", "NOT", "EXISTS"}:
            reader.go()
        table = reader.name()
        if reader.now.word == "PARTITION":
            reader.go()
            reader.go()
            return Created(table, (), frozenset(), frozenset(), (reader.name(),))
        if reader.now.word == "LIKE":
            reader.go()
            return Created(table, (), frozenset(), frozenset(), (reader.name(),))
        if not reader.now.is_sign(b"("):
            return None
        return _columns(reader, table)
    except Incomplete:
        return None


def _columns(reader: _Reader, table: Name) -> Created:
    columns: list[str] = []
    left_out, binary, of = set(), set(), list[Name]()
    for element in _elements(reader):
        first = element[0]
        if first.word == "LIKE" and len(element) > 1:
            of.append((_identifier(element[-1]),))
        if _is_constraint(element):
            continue
        columns.append(_identifier(first))
        words = [token.word for token in element[1:]]
        if _is_computed(words):
            left_out.add(columns[-1])
        if words and words[0] in _BINARY_TYPES:
            binary.add(columns[-1])
        if len(columns) > COLUMNS_MAX:
            break
    of += _parents(reader)
    return Created(table, tuple(columns), frozenset(left_out), frozenset(binary), tuple(of))


def _parents(reader: _Reader) -> list[Name]:
    """INHERITS (a, b)."""
    while reader.now.kind != "end" and reader.now.word != "INHERITS":
        reader.go()
    found = list[Name]()
    if reader.now.word == "INHERITS":
        reader.go()
        while reader.go().text in {b"(", b","}:
            found.append(reader.name())
    return found


def _elements(reader: _Reader) -> Iterator[list[_Token]]:
    """What the commas of the outermost brackets part."""
    reader.go()
    depth, element = 0, list[_Token]()
    while depth >= 0:
        token = reader.go()
        depth += token.is_sign(b"(") - token.is_sign(b")")
        if depth < 0 or (depth == 0 and token.is_sign(b",")):
            if element:
                yield element
            element = []
        else:
            element.append(token)


def _is_constraint(element: list[_Token]) -> bool:
    first = element[0]
    if first.kind not in {"word", "quoted", "text"} or first.word == "LIKE":
        return True
    if first.word in _CONSTRAINTS:
        return len(element) > 1
    if first.word not in _MAYBE_CONSTRAINTS:
        return False
    bracket = next((n for n, token in enumerate(element[:4]) if token.is_sign(b"(")), None)
    return bracket is not None and not element[bracket + 1].text.isdigit()


def _is_computed(words: list[str]) -> bool:
    """GENERATED ALWAYS AS (...), AS (...), or INVISIBLE; an identity is filled like any other."""
    if "INVISIBLE" in words:
        return True
    place = words.index("AS") if "AS" in words else -1
    return place >= 0 and (place + 1 == len(words) or words[place + 1] not in {"IDENTITY"})
