"""What the objects of a JSON file are: records, or wrappers around tables of records.

Decided by the first SAMPLE_BYTES, always the same way; `table` of the incident file overrules it: `$` makes
every object a record, any other name enters the objects. By itself a file's objects are entered where
- they are FHIR bundles, or the arrays in them have birth dates or SSNs: people live in the arrays;
- nothing in them names a person, and there is one object only, or its arrays are longer than ITEMS_MAX.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.json_files.document import Beside, Shape, Step, name_of, records_beside, steps
from matching.intake.json_files.frame import Found, columns_found, parsed
from matching.intake.json_files.scan import NODES, State
from matching.intake.json_files.tokens import ITEMS_MAX
from matching.intake.text import EMPTY, utf8_blocks
from matching.sources import Source

__all__ = ["WHOLE", "shape_of"]

WHOLE = "$"
"""`table` that makes every object of the file a record."""
SAMPLE_BYTES = 4 << 20
KEYED_MIN = 20
"""Members of an object that are all objects: so many roles of one person there are not."""
_BORN = re.compile(r"birth|(^|[^a-z])(dob|ssn)($|[^a-z])|social_?sec")
_NAMED = re.compile(
    r"(first|last|given|family|full|patient|sur|middle)_?name|(^|[^a-z])(given|family|fname|lname|gender|sex|mrn)($|[^a-z])"
)


def shape_of(content: Content, source: Source) -> Shape:
    """How the file is read. Raises OperatorError where it is no JSON at all."""
    stat = content.path.stat()
    return _shape(content, source.encoding, source.table, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _shape(content: Content, encoding: str, table: str, _size: int, _changed: int) -> Shape:
    source = Source(path="", format="json", encoding=encoding, table=table)
    _must_be_json(content, source)
    if table == WHOLE:
        return Shape(tables=False, parts=(WHOLE,))
    keyed, seen = _settled(content, source, frozenset(), sample=True)
    if () in keyed:
        return Shape(tables=False, keyed=frozenset({()}))
    if not table and not seen.wraps():
        return Shape(tables=False)
    keyed, seen = _settled(content, source, keyed, sample=False)
    names = list(dict.fromkeys(seen.tables))
    own = [""] if seen.own or not names else []
    return Shape(tables=True, keyed=keyed, parts=tuple(own + names))


def _must_be_json(content: Content, source: Source) -> None:
    for block in utf8_blocks(content, source.encoding, size=SAMPLE_BYTES):
        first = block.lstrip(b" \t\r\n\x1e")[:1]
        if first and first not in b"{[":
            raise OperatorError(
                f"{content.name}: no JSON, which begins with {{ or [; correct format or encoding"
            )
        if first:
            return
    raise OperatorError(EMPTY.format(content.name))


class _Seen:
    """What a pass over the file found: names of columns outside tables and in them, and how many rows."""

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.resources: set[str] = set()
        self.documents = 0
        self.tables: dict[str, int] = {}
        self.columns: dict[str, set[str]] = {}

    def wraps(self) -> bool:
        """The objects wrap tables."""
        if self.resources:
            return self.resources == {"Bundle"}
        inside = set().union(*self.columns.values()) if self.columns else set()
        if any(_says(_BORN, name) for name in inside):
            return True
        if any(_says(_BORN, name) or _says(_NAMED, name) for name in self.own):
            return False
        longest = max(self.tables.values(), default=0)
        return bool(self.tables) and (self.documents <= 1 or longest > ITEMS_MAX * self.documents)


def _says(words: re.Pattern[str], name: str) -> bool:
    return bool(words.search(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))


def _settled(
    content: Content, source: Source, keyed: frozenset[tuple[bytes, ...]], *, sample: bool
) -> tuple[frozenset[tuple[bytes, ...]], _Seen]:
    """Pass over the file until no more objects turn out to be keyed: each pass may find some within others."""
    while True:
        state, seen = State(tables=True, keyed=keyed), _Seen()
        found = steps(content, source, state, size=SAMPLE_BYTES if sample else None)
        _look(found, seen, sample=sample)
        more = keyed | _keyed(state)
        if more == keyed:
            return keyed, seen
        keyed = more


def _keyed(state: State) -> frozenset[tuple[bytes, ...]]:
    """Objects with so many members, all of them objects."""
    nodes = int(state.numbers[NODES])
    children = Counter(state.parent[1:nodes].tolist())
    found = [
        state.way(node)
        for node, count in children.items()
        if count >= KEYED_MIN and state.members[node] == state.objects[node]
    ]
    return frozenset(way for way in found if not any(way[: len(o)] == o for o in found if o != way))


def _look(found: Iterator[Step], seen: _Seen, *, sample: bool) -> None:
    own = Beside()
    for step in found:
        rows, own = records_beside(step, own)
        if rows:
            documents = Found(**rows, first_row=0, covered=0)
            seen.own |= set(columns_found(documents, ()))
            seen.documents += documents.starts.size
            if sample:
                frame = parsed(documents, ("resourceType",)).rows
                if "resourceType" in frame.columns:
                    seen.resources |= set(frame["resourceType"].drop_nulls())
        _look_at_tables(step, seen, sample=sample)
        if sample:
            if own.open:
                _look_at_open(own, seen)
            return


def _look_at_open(own: Beside, seen: _Seen) -> None:
    """The beginning of a document that is longer than the sample, closed for the purpose."""
    seen.documents += 1
    for end in (b'""}', b"}", b'"":0}', b"]}", b"]}}", b"]}}}", b"]}}}}", b"}}", b"}}}"):
        text = np.frombuffer(own.text + end, np.uint8)
        edges = np.array([0, text.size], np.int64)
        document = Found(text, edges[:1], edges[1:], edges[:1], np.zeros(1, np.uint8), 0, 0)
        names = columns_found(document, ())
        seen.own |= set(names)
        if names:
            rows = parsed(document, ()).rows
            if "resourceType" in rows.columns:
                seen.resources |= set(rows["resourceType"].drop_nulls())
            return


def _look_at_tables(step: Step, seen: _Seen, *, sample: bool) -> None:
    events = step.events
    nodes, counts = np.unique(events.nodes, return_counts=True)
    rows = dict(zip(nodes.tolist(), counts.tolist(), strict=True))
    entered = list(dict.fromkeys(events.change_to.tolist()))
    for node in [n for n in entered if n] + [n for n in rows if n and n not in entered]:
        name = name_of(step.state.way(node))
        seen.tables[name] = seen.tables.get(name, 0) + rows.get(node, 0)
        if sample:
            mask = (events.nodes == node) & (events.reasons == 0)
            starts, ends = events.starts[mask], events.ends[mask]
            reasons = np.zeros(starts.size, np.uint8)
            keyed = bool(step.state.flags[node])
            records = Found(step.data, starts, ends, starts, reasons, 0, 0, keyed)
            seen.columns.setdefault(name, set()).update(columns_found(records, ()))
