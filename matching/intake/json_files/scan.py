"""Where records begin and end in a JSON document of any size: one compiled pass that keeps a small state.

The document is a sequence of values. An array at its top is entered; what stands in it, or at the top
itself, is a document. Documents are records, or (`tables`) they are entered, too, and the arrays of objects
in them are tables whose elements are the records; what is left of such a document is a record of its own.
A record is not read here, only measured. Where one does not close as JSON must, reading goes on at the next
place that begins as the records before it did. Longer than most modules: one automaton with its state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.compiling import compiled
from matching.intake.json_files.tokens import DEPTH_MAX, JSON_REASONS

__all__ = ["NODES_MAX", "RECORD_BYTES_MAX", "Events", "State", "lines", "scan"]

RECORD_BYTES_MAX = 16 << 20
"""A longer record is a reject; with its block it is what is held in memory. Charts with a photo are shorter."""
NODES_MAX = 4096
"""Objects and arrays of a document outside its tables."""
BAD, _, TOO_LONG, _, LAST, _, _, COMMA, NO_RECORD, STRAY, MISSING, CUT, UNCLOSED = range(1, 14)
assert JSON_REASONS[UNCLOSED] == "unclosed_array"

SEQUENCE, DOCUMENTS, OBJECT, TABLE, KEYED, OWN = range(6)
"""What is entered: the file, an array of documents, a document or an object in it, an array of records, an
object whose members are records, an array that holds none."""
LEVEL, MODE, SKIP_DEPTH, SKIP_STRING, RUN, KEY, OPENER, KNOWN, CUT_OFF, TOO_DEEP, IN_DOCUMENT, NODES, KEY_BYTES, IN_VAIN = range(14)  # fmt: skip
"""Numbers of the state. RUN, KEY, OPENER, KNOWN: how the records of this table begin."""
NORMAL, SKIPPING, SEEKING = range(3)
FRESH, AFTER_VALUE, AFTER_COMMA = range(3)
_SIGN_BYTES = 64
_IN_VAIN_BYTES = 64 << 20
"""Looked at in records that turned out broken; past that, none begins where another was seen to break."""
_STRAY_BYTES = 4096
"""Bytes of one reject, of what is nothing at all."""
_LIST, _OBJECT = 91, 123


class State:
    """Where the scan is. `keyed`: ways to the objects whose members are records."""

    def __init__(self, *, tables: bool, keyed: frozenset[tuple[bytes, ...]] = frozenset()) -> None:
        self.tables, self.keyed = tables, keyed
        self.numbers = np.zeros(16, np.int64)
        self.numbers[NODES] = 1
        self.kinds = np.zeros(DEPTH_MAX + 2, np.uint8)
        self.nodes = np.zeros(DEPTH_MAX + 2, np.int32)
        self.after = np.zeros(DEPTH_MAX + 2, np.uint8)
        self.sign = np.zeros(2 * _SIGN_BYTES, np.uint8)
        self.parent = np.zeros(NODES_MAX, np.int32)
        self.at = np.zeros(NODES_MAX, np.int32)
        self.length = np.zeros(NODES_MAX, np.int32)
        self.flags = np.zeros(NODES_MAX, np.uint8)
        self.members = np.zeros(NODES_MAX, np.int64)
        self.objects = np.zeros(NODES_MAX, np.int64)
        self.keys = np.zeros(NODES_MAX * 64, np.uint8)
        for way in sorted(keyed):
            node = 0
            for key in way:
                node = _node(
                    np.frombuffer(key + b"\0", np.uint8), 0, len(key), node,
                    self.numbers, self.parent, self.at, self.length, self.keys,
                )  # fmt: skip
            self.flags[node] = 1

    @property
    def table(self) -> int:
        """The table that is being read; 0 outside of any."""
        level = self.numbers[LEVEL]
        return int(self.nodes[level]) if self.kinds[level] in {TABLE, KEYED} else 0

    @property
    def closers(self) -> bytes:
        """What would close all that is open."""
        kinds = self.kinds[1 : int(self.numbers[LEVEL]) + 1]
        return b"".join(b"}" if kind in {OBJECT, KEYED} else b"]" for kind in reversed(kinds) if kind != DOCUMENTS)  # fmt: skip

    def way(self, node: int) -> tuple[bytes, ...]:
        """Keys that lead to a node."""
        keys: list[bytes] = []
        while node > 0:
            at = int(self.at[node])
            keys.append(self.keys[at : at + int(self.length[node])].tobytes())
            node = int(self.parent[node])
        return tuple(reversed(keys))

    def copy(self) -> State:
        """The same, to go on from twice."""
        other = State(tables=self.tables, keyed=self.keyed)
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, np.ndarray) else value)
        return other


@dataclass(frozen=True, slots=True)
class Events:
    """What was found: records with their table; pieces of documents outside tables; where tables change.

    `consumed`: bytes done with. `more`: room ended before the bytes.
    """

    starts: Any
    ends: Any
    reasons: Any
    nodes: Any
    own_starts: Any
    own_ends: Any
    own_last: Any
    documents: Any
    change_at: Any
    change_to: Any
    consumed: int
    more: bool


def scan(data: Any, state: State, *, final: bool, limit: int | None = None) -> Events:
    """Go on with `data`, of which nothing before was consumed, no further than `limit`."""
    room = min(data.size // 2 + 64, 400_000)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    reasons, nodes = np.empty(room, np.uint8), np.empty(room, np.int32)
    own = np.empty((3, room), np.int64)
    documents = np.empty(room, np.int64)
    changes = np.empty((2, room), np.int64)
    consumed, records, owns, docs, turns = _scan(
        data, final, data.size if limit is None else limit, state.tables, state.numbers, state.kinds, state.nodes, state.after, state.sign,
        state.parent, state.at, state.length, state.flags, state.members, state.objects, state.keys,
        starts, ends, reasons, nodes, own, documents, changes,
    )  # fmt: skip
    return Events(
        starts[:records], ends[:records], reasons[:records], nodes[:records],
        own[0, :owns], own[1, :owns], own[2, :owns] == 1, documents[:docs],
        changes[0, :turns], changes[1, :turns], consumed,
        max(records, owns, docs, turns) >= room - 8,
    )  # fmt: skip


@compiled
def lines(data: Any, final: bool, starts: Any, ends: Any) -> tuple[int, int]:
    """Lines that are not blank: how many, and bytes done with. Several objects on one are one each."""
    count, at, size, known = 0, 0, data.size, 0
    is_list = np.zeros(DEPTH_MAX + 1, np.uint8)
    while at < size and count < starts.size:
        first = at
        while first < size and data[first] <= 32 and data[first] not in (0, 10, 13):
            first += 1
        end, several = first, False
        if first < known:  # the rest of a line of several objects
            end, several = known, True
        while end < size and data[end] != 10 and data[end] != 13:
            if data[end] == _OBJECT and end > first:
                last = end - 1
                while last > first and data[last] <= 32:
                    last -= 1
                several = several or data[last] == 125
            end += 1
        if end == size and not final:
            break
        if several:
            close = _extent(data[:end], first, is_list)[0] if data[first] == _OBJECT else -1
            if close > 0:
                starts[count], ends[count] = first, close
                count += 1
                at, known = close, end
                continue
        if end > first:
            starts[count], ends[count] = at, end
            count += 1
        at = min(end + 1, size)
    return count, at


@compiled
def _after_string(data: Any, at: int) -> int:
    """The byte after the string that opens at `at`; -1 where it does not close."""
    at += 1
    while at < data.size:
        if data[at] == 92:
            at += 2
        elif data[at] == 34:
            return at + 1
        else:
            at += 1
    return -1


@compiled
def _after_blanks(data: Any, at: int) -> int:
    while at < data.size and (data[at] <= 32):
        at += 1
    return at


@compiled
def _extent(data: Any, at: int, is_list: Any) -> tuple[int, int]:
    """The byte after the container at `at`, -1 where bytes end before, -2 where it is no JSON; where that was seen."""
    depth, value, colon, size = 0, True, False, data.size
    # value: one may come here; colon: only that may. A key counts as a value until its colon.
    in_key = False
    while at < size:
        byte = data[at]
        if byte <= 32:
            at += 1
        elif byte == 34:
            if not value:
                return -2, at
            at += 1
            while at < size and data[at] != 34:
                at += 2 if data[at] == 92 else 1
            if at >= size:
                return -1, size
            at += 1
            colon, value, in_key = in_key, False, False
        elif byte in (_LIST, _OBJECT):
            if not value or in_key:
                return -2, at
            depth += 1
            if depth <= DEPTH_MAX:
                is_list[depth] = 1 if byte == _LIST else 0
            in_key = byte == _OBJECT
            at += 1
        elif byte in (93, 125):
            if depth <= DEPTH_MAX and is_list[depth] != (byte == 93):
                return -2, at
            at += 1
            depth -= 1
            if depth == 0:
                return at, at
            value, colon, in_key = False, False, False
        elif byte == 44:
            value, colon = True, False
            # past the stack a string may be key or value: the record is a reject in any case
            in_key = depth <= DEPTH_MAX and is_list[depth] == 0
            at += 1
        elif byte == 58:
            if not colon and depth <= DEPTH_MAX:
                return -2, at
            value, colon, in_key = True, False, False
            at += 1
        else:
            if not value or in_key:
                return -2, at
            while at < size and data[at] > 32 and data[at] not in (34, 44, 58, 91, 93, 123, 125):
                at += 1
            value = False
    return -1, size


@compiled
def _first_key(data: Any, at: int) -> tuple[int, int, bool]:
    """Where the first key of the object at `at` stands, empty where it has none; whether bytes end before."""
    first = _after_blanks(data, at + 1)
    if data[at] != _OBJECT:
        return at, at, False
    if first < data.size and data[first] == 34:
        end = _after_string(data, first)
        return (first, end, False) if end > 0 else (at, at, True)
    return at, at, first >= data.size


@compiled
def _note_sign(data: Any, at: int, numbers: Any, sign: Any) -> None:
    """How the record at `at` begins: blanks before it, and its first key."""
    run = 0
    while run < at and data[at - run - 1] <= 32:
        run += 1
    first, end, _ = _first_key(data, at)
    run, key = min(run, _SIGN_BYTES), min(end - first, _SIGN_BYTES)
    for place in range(run):
        sign[place] = data[at - run + place]
    for place in range(key):
        sign[_SIGN_BYTES + place] = data[first + place]
    numbers[RUN], numbers[KEY], numbers[OPENER], numbers[KNOWN] = run, key, data[at], 1


@compiled
def _begins(data: Any, at: int, final: bool, numbers: Any, sign: Any) -> bool:
    """Something begins here as the records before did."""
    if data[at] != numbers[OPENER]:
        return False
    before = at - 1
    while before >= 0 and data[before] <= 32:
        before -= 1
    run, wraps = at - 1 - before, False
    for place in range(numbers[RUN]):
        wraps = wraps or sign[place] == 10
    if wraps:
        if min(run, _SIGN_BYTES) != numbers[RUN]:
            return False
        for place in range(numbers[RUN]):
            if data[at - numbers[RUN] + place] != sign[place]:
                return False
    elif before >= 0 and data[before] not in (44, 91, 125, 93, 58):
        return False
    if numbers[OPENER] == _LIST and not wraps and (before < 1 or data[before - 1] != 93):
        return False
    first, end, cut = _first_key(data, at)
    if cut and not final:
        return False
    if numbers[KEY] < _SIGN_BYTES and end - first != numbers[KEY]:
        return False
    if end - first < numbers[KEY]:
        return False
    for place in range(numbers[KEY]):
        if data[first + place] != sign[_SIGN_BYTES + place]:
            return False
    return True


@compiled
def _next_start(data: Any, at: int, keyed: bool, final: bool, numbers: Any, sign: Any) -> int:
    """Where the next record begins, from `at` on; -1 where none does."""
    while at < data.size:
        if data[at] == numbers[OPENER] and _begins(data, at, final, numbers, sign):
            if not keyed:
                return at
            back = at - 1
            while back >= 0 and data[back] != 58:
                back -= 1
            while back >= 0 and data[back] != 34:
                back -= 1
            back -= 1
            while back >= 0 and not (data[back] == 34 and (back == 0 or data[back - 1] != 92)):
                back -= 1
            if back >= 0:
                return back
        at += 1
    return -1


@compiled
def _node(
    data: Any, first: int, end: int, above: int,
    numbers: Any, parent: Any, at: Any, length: Any, keys: Any,
) -> Any:  # fmt: skip
    """The number of a key of an object; -1 without room. Few enough to be looked for one by one."""
    size = end - first
    for node in range(1, numbers[NODES]):
        if parent[node] == above and length[node] == size:
            same = True
            for place in range(size):
                if keys[at[node] + place] != data[first + place]:
                    same = False
                    break
            if same:
                return node
    node, free = numbers[NODES], numbers[KEY_BYTES]
    if above < 0 or node >= parent.size or free + size > keys.size:
        return -1
    parent[node], at[node], length[node] = above, free, size
    keys[free : free + size] = data[first:end]
    numbers[NODES], numbers[KEY_BYTES] = node + 1, free + size
    return node


@compiled
def _skip(data: Any, at: int, limit: int, numbers: Any) -> int:
    """On through a record that is too long to hold, to the byte after it or the end of the bytes."""
    while at < limit:
        byte = data[at]
        at += 1
        if numbers[SKIP_STRING] == 2:
            numbers[SKIP_STRING] = 1
        elif numbers[SKIP_STRING] == 1:
            if byte == 92:
                numbers[SKIP_STRING] = 2
            elif byte == 34:
                numbers[SKIP_STRING] = 0
        elif byte == 34:
            numbers[SKIP_STRING] = 1
        elif byte in (_LIST, _OBJECT):
            numbers[SKIP_DEPTH] += 1
        elif byte in (93, 125):
            numbers[SKIP_DEPTH] -= 1
            if numbers[SKIP_DEPTH] == 0:
                numbers[MODE] = NORMAL
                return at
    return at


@compiled
def _scan(
    data: Any, final: bool, limit: int, tables: bool,
    numbers: Any, kinds: Any, nodes: Any, after: Any, sign: Any,
    parent: Any, ats: Any, length: Any, flags: Any, members: Any, objects: Any, keys: Any,
    starts: Any, ends: Any, reasons: Any, owners: Any, own: Any, documents: Any, changes: Any,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Bytes done with, records, pieces of documents, documents, changes of table.

    Longer than a function should be: the states of one automaton, which the compiler wants together.
    """
    size, at, count, owns, docs, turns = data.size, 0, 0, 0, 0, 0
    is_list = np.zeros(DEPTH_MAX + 1, np.uint8)
    level = numbers[LEVEL]
    in_table = kinds[level] in (TABLE, KEYED)
    own_start = 0 if numbers[IN_DOCUMENT] and not in_table else -1
    room = starts.size - 8
    while at < limit and max(count, owns, docs, turns) < room:
        kind = kinds[level]
        if numbers[MODE] == SKIPPING:
            at = _skip(data, at, limit, numbers)
            continue
        if numbers[MODE] == SEEKING:
            found = _next_start(data, at + 1, kind == KEYED, final, numbers, sign)
            if 0 <= found < limit:
                numbers[MODE], at = NORMAL, found
                after[level] = AFTER_COMMA
                continue
            if limit < size:
                at = limit
                break
            if final:
                at = size
                break
            if size - at > 2 * 4096:  # what may be the beginning of a record stays
                at = size - 4096
            break
        byte, was, mark = data[at], after[level], count
        if byte <= 32 and byte != 0:
            at += 1
            continue
        stray = False
        if byte == 44:
            if after[level] == AFTER_VALUE or kind == SEQUENCE:
                after[level] = AFTER_COMMA
                at += 1
                continue
            stray = True
        elif byte in (93, 125):
            closes = 125 if kind in (OBJECT, KEYED) else 93
            if kind == SEQUENCE or byte != closes:
                stray = True
            else:
                if after[level] == AFTER_COMMA:
                    starts[count], ends[count], reasons[count] = at, at, COMMA
                    owners[count] = nodes[level] if kind in (TABLE, KEYED) else 0
                    count += 1
                level -= 1
                if kind in (TABLE, KEYED):
                    changes[0, turns], changes[1, turns] = at, 0
                    turns += 1
                    own_start = at if numbers[IN_DOCUMENT] else -1
                elif kind == OBJECT and kinds[level] in (SEQUENCE, DOCUMENTS):
                    own[0, owns], own[1, owns], own[2, owns] = own_start, at + 1, 1
                    owns += 1
                    own_start, numbers[IN_DOCUMENT] = -1, 0
                at += 1
                after[level] = AFTER_VALUE
                continue
        if stray:
            starts[count], ends[count], reasons[count] = at, at + 1, STRAY
            owners[count] = nodes[level] if kind in (TABLE, KEYED) else 0
            count += 1
            at += 1
            continue
        first, key_end, value = at, at, at
        if kind in (OBJECT, KEYED):
            key_end = _after_string(data, at) if byte == 34 else -2
            value = _after_blanks(data, key_end) if key_end > 0 else size
            has_colon = value < size and data[value] == 58
            value = _after_blanks(data, value + 1) if has_colon else value
            if key_end != -2 and (key_end < 0 or value >= size) and not final:
                if size - at <= RECORD_BYTES_MAX:
                    break
                key_end = -2
            if key_end < 0 or not has_colon or value >= size:
                until, most = at + 1, min(size, at + _STRAY_BYTES)
                while until < most and data[until] not in (10, 13, 34, 44, 91, 93, 123, 125):
                    until += 1
                if until == size and most < at + _STRAY_BYTES and not final:
                    break
                starts[count], ends[count], reasons[count] = at, until, STRAY
                owners[count] = nodes[level] if kind == KEYED else 0
                count += 1
                at = until
                continue
            byte = data[value]
        opens = byte in (_LIST, _OBJECT)
        inside = -1
        if byte == _LIST and kind in (SEQUENCE, OBJECT):
            inside = _after_blanks(data, value + 1)
            if inside >= size and not final:
                break
        if after[level] == AFTER_VALUE and kind != SEQUENCE:
            starts[count], ends[count], reasons[count] = first, first, MISSING
            owners[count] = nodes[level] if kind in (TABLE, KEYED) else 0
            count += 1
        after[level] = AFTER_VALUE
        # what is entered
        enter, node = -1, 0
        if opens:
            holds = inside >= 0 and inside < size and data[inside] in (_LIST, _OBJECT)
            if kind == SEQUENCE and byte == _LIST:
                enter = DOCUMENTS if holds or inside >= size or data[inside] == 93 else -1
            elif kind in (SEQUENCE, DOCUMENTS) and byte == _LIST:
                enter = DOCUMENTS if tables else -1
            elif kind in (SEQUENCE, DOCUMENTS):
                enter = KEYED if flags[0] else OBJECT if tables else -1
            elif kind == OWN:
                enter, node = (OWN if byte == _LIST else OBJECT), -1
            elif kind == OBJECT:
                node = _node(data, at + 1, key_end - 1, nodes[level], numbers, parent, ats, length, keys)  # fmt: skip
                if byte == _LIST:
                    enter = TABLE if holds and node >= 0 else OWN
                else:
                    enter = KEYED if node >= 0 and flags[node] else OBJECT
        if kind == OBJECT and nodes[level] >= 0:
            members[nodes[level]] += 1
            objects[nodes[level]] += byte == _OBJECT
        if enter >= 0:
            if level == DEPTH_MAX:
                numbers[TOO_DEEP] = 1
                break
            if enter == OBJECT and kind in (SEQUENCE, DOCUMENTS):
                documents[docs] = value
                docs += 1
                own_start, numbers[IN_DOCUMENT] = value, 1
            level += 1
            kinds[level], nodes[level], after[level] = enter, node, FRESH
            at = value + 1
            if enter in (TABLE, KEYED):
                changes[0, turns], changes[1, turns] = at, node
                turns += 1
                if numbers[IN_DOCUMENT]:
                    own[0, owns], own[1, owns], own[2, owns] = own_start, at, 0
                    owns += 1
                    own_start = -1
                numbers[KNOWN] = 0
            continue
        if not opens:  # a number, a word or a string
            if byte == 34:
                end = _after_string(data, value)
            elif byte == 0:
                end, most = value, min(size, value + _STRAY_BYTES)
                while end < most and data[end] == 0:
                    end += 1
                end = -1 if end == size and most < value + _STRAY_BYTES and not final else end
            elif kind in (SEQUENCE, DOCUMENTS) and not 45 <= byte <= 57:
                end, most = value, min(size, value + _STRAY_BYTES)
                while end < most and data[end] not in (10, 13, 44, 91, 93, 123, 125):
                    end += 1
                end = -1 if end == size and most < value + _STRAY_BYTES and not final else end
                end = value + 1 if end == value else end
            else:
                end = value
                while end < size and data[end] > 32 and data[end] not in (34, 44, 91, 93, 123, 125):
                    end += 1
                end = -1 if end == size and not final else max(end, value + 1)
            if end < 0 and not final and size - at <= RECORD_BYTES_MAX:
                after[level], count = was, mark
                break
            end = size if end < 0 else end
            if kind in (SEQUENCE, DOCUMENTS, TABLE, KEYED):
                starts[count], ends[count] = first, end
                reasons[count] = NO_RECORD if kind != SEQUENCE else STRAY
                owners[count] = nodes[level]
                count += 1
            at = end
            continue
        # a record
        end, seen = _extent(data, value, is_list)
        if end == -1 and not final:
            if size - first <= RECORD_BYTES_MAX:
                after[level], count = was, mark
                break
            numbers[MODE], numbers[SKIP_DEPTH], numbers[SKIP_STRING] = SKIPPING, 0, 0
            starts[count], ends[count], reasons[count], owners[count] = first, value, TOO_LONG, nodes[level]  # fmt: skip
            count += 1
            at = value
            continue
        if end > 0:
            starts[count], ends[count], owners[count] = first, end, nodes[level]
            reasons[count] = 0 if end - first <= RECORD_BYTES_MAX else TOO_LONG
            count += 1
            at = end
            if not numbers[KNOWN]:
                _note_sign(data, value, numbers, sign)
            continue
        if not numbers[KNOWN]:
            _note_sign(data, value, numbers, sign)
        numbers[IN_VAIN] += seen - value
        behind = max(seen, value + 1) if numbers[IN_VAIN] > _IN_VAIN_BYTES else value + 1
        found = _next_start(data, behind, kind == KEYED, final, numbers, sign)
        starts[count], ends[count], owners[count] = first, first, nodes[level]
        reasons[count] = LAST if end == -1 and found < 0 else CUT if end == -1 else BAD
        count += 1
        if found >= 0:
            at, after[level] = found, AFTER_COMMA
        elif end == -1:
            at, numbers[CUT_OFF] = size, 1
        else:
            numbers[MODE], at = SEEKING, behind - 1
    if final and at >= size and level > 0 and not numbers[CUT_OFF]:
        starts[count], ends[count], reasons[count] = size, size, UNCLOSED
        owners[count] = nodes[level] if kinds[level] in (TABLE, KEYED) else 0
        count += 1
        numbers[CUT_OFF] = 1
    numbers[LEVEL] = level
    at = min(at, limit)
    at_end = final and at >= size
    if not at_end and limit == size and numbers[MODE] == NORMAL:
        # blanks tell how a record begins: they stay with it
        blanks = at
        while at > 0 and 0 < data[at - 1] <= 32 and blanks - at < _SIGN_BYTES:
            at -= 1
    if own_start >= 0 and at > own_start:
        own[0, owns], own[1, owns], own[2, owns] = own_start, at, 0
        owns += 1
    return at, count, owns, docs, turns
