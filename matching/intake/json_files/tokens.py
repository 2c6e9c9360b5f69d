"""The values in JSON records: which path, where it begins and ends. One compiled pass, no recursion.

What comes in: bytes and the extents of records. What goes out: a token a value, and why a record is no
JSON. The grammar is JSON's own, but for what a reader cannot mistake: NaN and Infinity, numbers with
leading zeros, line breaks and tabs in strings. Values under more paths than there is room for, and
items of arrays beyond ITEMS_MAX, are kept as JSON text: nothing is dropped. Longer than most modules: one
automaton whose parts call each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from matching.compiling import compiled

__all__ = [
    "DEPTH_MAX",
    "ESCAPED",
    "FOLDED",
    "ITEM",
    "ITEMS_MAX",
    "JSON_REASONS",
    "KEYED",
    "NUMBER",
    "OF_INDEX",
    "OF_KEY",
    "OF_REST",
    "RAW",
    "ROOT",
    "STRING",
    "Tokens",
    "intern",
    "tokens_of",
]

JSON_REASONS = (
    "",
    "bad_json",
    "nul_byte",
    "too_long",
    "too_deep",
    "truncated_last_row",
    "undecodable_bytes",
    "bad_escape",
    "trailing_comma",
    "not_a_record",
    "stray_text",
    "missing_comma",
    "unclosed_record",
    "unclosed_array",
)
"""Reason codes of what cannot be read; 0: a good record."""
BAD, NUL, _, DEEP, _, _, ESCAPE, COMMA, NO_RECORD, _, _, CUT, _ = range(1, 14)
DEPTH_MAX = 200
"""Containers within each other; real records stay below twenty."""
ITEMS_MAX = 8
"""Objects of an array that get columns of their own: telephones, addresses, insurances of one person."""
ROW_ITEMS_MAX = 2000
"""Columns of a record that is itself an array."""
ROOT, FOLDED, KEYED = 0, 1, 2
"""Paths that always exist: the record, values without a path of their own, the key a record stood under."""
OF_KEY, OF_INDEX, OF_REST = 0, 1, 2
STRING, ESCAPED, NUMBER, RAW, ITEM = 0, 1, 2, 3, 8
"""Kinds of values; ITEM is added where the value is one of an array."""
_QUOTE, _BACKSLASH, _COMMA, _COLON = 34, 92, 44, 58
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 123, 125, 91, 93
_VALUE, _KEY_OR_CLOSE, _KEY, _VALUE_OR_CLOSE, _COMMA_OR_CLOSE = range(5)


class Tokens:
    """Room for tokens and paths. Paths: parent, kind, and the key's bytes in `keys` or the index."""

    def __init__(self, bytes_in: int, paths_max: int) -> None:
        self.grow(bytes_in // 16 + 1024)
        size = 1 << (4 * paths_max).bit_length()
        self.table = np.full(size, -1, np.int32)
        self.parent = np.zeros(paths_max, np.int32)
        self.kind = np.zeros(paths_max, np.uint8)
        self.at = np.zeros(paths_max, np.int32)
        self.length = np.zeros(paths_max, np.int32)
        self.seen = np.zeros(paths_max, np.uint8)
        self.keys = np.zeros(paths_max * 64, np.uint8)
        self.used = np.array([3, 0], np.int64)  # paths, bytes of keys
        self.count = 0
        self.records = 0

    def grow(self, room: int) -> None:
        """Forget all tokens and have room for more."""
        self.row = np.empty(room, np.int32)
        self.path = np.empty(room, np.int32)
        self.start = np.empty(room, np.int64)
        self.end = np.empty(room, np.int64)
        self.value = np.empty(room, np.uint8)


def tokens_of(data: Any, starts: Any, ends: Any, reasons: Any, tokens: Tokens) -> Tokens:
    """Fill `tokens` from the records whose reason is 0; sets the reasons of those that are no JSON."""
    while True:
        done, tokens.count, tokens.records = _tokenize(
            data, starts, ends, reasons,
            tokens.row, tokens.path, tokens.start, tokens.end, tokens.value,
            tokens.parent, tokens.kind, tokens.at, tokens.length, tokens.seen,
            tokens.keys, tokens.table, tokens.used,
        )  # fmt: skip
        if done == starts.size:
            return tokens
        tokens.grow(4 * tokens.row.size)


def intern(tokens: Tokens, parent: int, kind: int, key: bytes, index: int) -> int:
    """The path under `parent`, made where there is none; -1 without room."""
    data = np.frombuffer(key + b"\0", np.uint8)
    if kind != OF_KEY:
        return int(_numbered(parent, kind, index, tokens.parent, tokens.kind, tokens.at, tokens.table, tokens.used))  # fmt: skip
    return int(_keyed(data, 0, len(key), parent, tokens.parent, tokens.kind, tokens.at, tokens.length, tokens.keys, tokens.table, tokens.used))  # fmt: skip


@compiled
def _keyed(
    data: Any, first: int, end: int, parent: int,
    parents: Any, kinds: Any, at: Any, length: Any, keys: Any, table: Any, used: Any,
) -> Any:  # fmt: skip
    size = end - first
    digest = 2166136261 ^ (parent * 40503)
    for place in range(first, end):
        digest = ((digest ^ data[place]) * 16777619) & 0xFFFFFFFF
    slot = (digest ^ (digest >> 15)) & (table.size - 1)
    while table[slot] >= 0:
        path = table[slot]
        if parents[path] == parent and kinds[path] == 0 and length[path] == size:
            own, same = at[path], True
            for place in range(size):
                if keys[own + place] != data[first + place]:
                    same = False
                    break
            if same:
                return path
        slot = (slot + 1) & (table.size - 1)
    path, free = used[0], used[1]
    if path >= parents.size or free + size > keys.size:
        return -1
    parents[path], kinds[path], at[path], length[path] = parent, 0, free, size
    keys[free : free + size] = data[first:end]
    table[slot] = path
    used[0], used[1] = path + 1, free + size
    return path


@compiled
def _numbered(
    parent: int, kind: int, index: int, parents: Any, kinds: Any, at: Any, table: Any, used: Any
) -> Any:
    slot = ((parent * 40503 + index * 2654435761 + kind) & 0xFFFFFFFF) & (table.size - 1)
    while table[slot] >= 0:
        path = table[slot]
        if parents[path] == parent and kinds[path] == kind and at[path] == index:
            return path
        slot = (slot + 1) & (table.size - 1)
    path = used[0]
    if path >= parents.size:
        return -1
    parents[path], kinds[path], at[path] = parent, kind, index
    table[slot] = path
    used[0] = path + 1
    return path


@compiled
def _string(data: Any, at: int, end: int) -> tuple[int, bool]:
    """Where the string closes, and whether it has escapes; minus the reason where it does not."""
    escaped = False
    while at < end:
        byte = data[at]
        if byte == _QUOTE:
            return at, escaped
        if byte == 0:
            return -NUL, escaped
        if byte == _BACKSLASH:
            escaped = True
            if at + 1 >= end:
                break
            sign = data[at + 1]
            if sign == 117:  # u and four digits
                if at + 6 > end:
                    break
                for place in range(at + 2, at + 6):
                    digit = data[place]
                    if not (48 <= digit <= 57 or 65 <= digit <= 70 or 97 <= digit <= 102):
                        return -ESCAPE, True
                at += 6
            elif sign in (34, 92, 47, 98, 102, 110, 114, 116):
                at += 2
            else:
                return -ESCAPE, True
        else:
            at += 1
    return -CUT, escaped


@compiled
def _as_before(
    data: Any, first: int, end: int, own: int, last: int, next_key: Any,
    parents: Any, at: Any, length: Any, keys: Any,
) -> int:  # fmt: skip
    """Where the key closes, if it is the one that came here before; -1 where it is not.

    Objects of one kind have their keys in one order: this saves looking each up.
    """
    path = next_key[last]
    if path == 0 or parents[path] != own or first + length[path] >= end:
        return -1
    size, own_at = length[path], at[path]
    for place in range(size):
        if data[first + place] != keys[own_at + place]:
            return -1
    return first + size if data[first + size] == _QUOTE else -1


@compiled
def _scalar(data: Any, at: int, end: int) -> tuple[int, int]:
    """End of a number or word, and 1 where it is null; minus the reason where it is neither."""
    first = at
    while at < end:
        byte = data[at]
        if not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in (43, 45, 46)):
            break
        at += 1
    size, sign = at - first, data[first]
    if size == 0:
        return (-NUL if sign == 0 else -BAD), 0
    numeric = True
    digits = 0
    for place in range(first, at):
        byte = data[place]
        if 48 <= byte <= 57:
            digits += 1
        elif byte not in (43, 45, 46, 69, 101):
            numeric = False
    if numeric and digits > 0 and (sign == 45 or 48 <= sign <= 57):
        return at, 0
    for word in ("null", "true", "false", "NaN", "Infinity", "-Infinity"):
        if len(word) == size:
            same = True
            for place in range(size):
                if data[first + place] != ord(word[place]):
                    same = False
                    break
            if same:
                return at, 1 if sign == 110 else 0
    return (-CUT if at == end else -BAD), 0


@compiled
def _tokenize(
    data: Any, starts: Any, ends: Any, reasons: Any,
    out_row: Any, out_path: Any, out_start: Any, out_end: Any, out_value: Any,
    parents: Any, kinds: Any, ats: Any, lengths: Any, seen: Any,
    keys: Any, table: Any, used: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Records done, tokens, good records. Fewer records where the room ends.

    Longer than a function should be: the states of one automaton, which the compiler wants together.
    """
    is_list = np.zeros(DEPTH_MAX + 1, np.uint8)
    own = np.zeros(DEPTH_MAX + 1, np.int32)
    index = np.zeros(DEPTH_MAX + 1, np.int64)
    last_key = np.zeros(DEPTH_MAX + 1, np.int32)
    next_key = np.zeros(
        2 * parents.size, np.int32
    )  # what came after a key; in the second half, first in an object
    count, good = 0, 0
    for record in range(starts.size):
        if reasons[record] != 0:
            continue
        at, end, reason, mark = starts[record], ends[record], 0, count
        depth, want, path = 0, _VALUE, ROOT
        raw_depth, raw_start, raw_path, key_start = -1, 0, 0, -1
        while True:
            while at < end and data[at] <= 32 and data[at] != 0:
                at += 1
            if at >= end:
                if depth > 0 or want != _COMMA_OR_CLOSE:
                    reason = CUT
                break
            byte = data[at]
            if depth == 0 and want == _COMMA_OR_CLOSE:
                reason = NUL if byte == 0 else BAD
                break
            if want == _COMMA_OR_CLOSE:
                if byte == _COMMA:
                    want = _VALUE if is_list[depth] else _KEY
                    at += 1
                    continue
            elif want in (_KEY, _KEY_OR_CLOSE):
                if byte == _QUOTE:
                    close = _as_before(data, at + 1, end, own[depth], last_key[depth], next_key, parents, ats, lengths, keys)  # fmt: skip
                    if close >= 0 and raw_depth < 0:
                        key_start, path = at, next_key[last_key[depth]]
                    else:
                        close, _ = _string(data, at + 1, end)
                        if close < 0:
                            reason = -close
                            break
                        if raw_depth < 0:
                            key_start = at
                            path = _keyed(
                                data, at + 1, close, own[depth],
                                parents, kinds, ats, lengths, keys, table, used,
                            )  # fmt: skip
                            if path >= 0:
                                next_key[last_key[depth]] = path
                    if raw_depth < 0 and path >= 0:
                        last_key[depth] = path
                    at = close + 1
                    while at < end and data[at] <= 32 and data[at] != 0:
                        at += 1
                    if at >= end or data[at] != _COLON:
                        reason = CUT if at >= end else BAD
                        break
                    at += 1
                    want = _VALUE
                    continue
                if byte != _CLOSE or want == _KEY:
                    reason = NUL if byte == 0 else COMMA if byte == _CLOSE else BAD
                    break
            if byte in (_CLOSE, _CLOSE_LIST):
                if want in (_VALUE, _KEY):
                    reason = COMMA if depth > 0 and is_list[depth] and byte == _CLOSE_LIST else BAD
                    break
                if is_list[depth] != (byte == _CLOSE_LIST):
                    reason = BAD
                    break
                at += 1
                depth -= 1
                want = _COMMA_OR_CLOSE
                if depth == raw_depth:
                    if count >= out_row.size:
                        return record, mark, good
                    out_row[count], out_path[count] = good, raw_path
                    out_start[count], out_end[count], out_value[count] = raw_start, at, RAW + ITEM
                    count += 1
                    raw_depth = -1
                continue
            if want == _COMMA_OR_CLOSE:
                reason = NUL if byte == 0 else BAD
                break
            # a value
            in_list = depth > 0 and is_list[depth] == 1
            if in_list:
                number = index[depth]
                index[depth] = number + 1
                path = own[depth]
                key_start = -1
            if byte in (_OPEN, _OPEN_LIST):
                if depth == DEPTH_MAX:
                    reason = DEEP
                    break
                if raw_depth < 0:
                    if in_list:
                        if number < (ROW_ITEMS_MAX if depth == 1 else ITEMS_MAX):
                            path = _numbered(
                                own[depth], OF_INDEX, number, parents, kinds, ats, table, used
                            )
                        else:
                            path = _numbered(
                                own[depth], OF_REST, 0, parents, kinds, ats, table, used
                            )
                            if path >= 0:
                                raw_depth, raw_start, raw_path = depth, at, path
                    if path < 0:
                        raw_depth, raw_path = depth, FOLDED
                        raw_start = key_start if key_start >= 0 else at
                    if raw_depth >= 0:
                        seen[raw_path] = 1
                depth += 1
                is_list[depth] = 1 if byte == _OPEN_LIST else 0
                own[depth], index[depth], last_key[depth] = path, 0, max(path, 0) + parents.size
                want = _VALUE_OR_CLOSE if byte == _OPEN_LIST else _KEY_OR_CLOSE
                at += 1
                continue
            if byte == _QUOTE:
                first = at + 1
                close, escaped = _string(data, first, end)
                if close < 0:
                    reason = -close
                    break
                last, kind, empty = close, ESCAPED if escaped else STRING, False
                at = close + 1
                if depth == 0:  # the key that a record stands under
                    while at < end and data[at] <= 32 and data[at] != 0:
                        at += 1
                    if at >= end or data[at] != _COLON or kinds[KEYED] == 0:
                        reason = NO_RECORD
                        break
                    at += 1
                    path = KEYED
                    want = _VALUE
            else:
                first = at
                close, nothing = _scalar(data, at, end)
                if close < 0:
                    reason = -close
                    break
                last, kind, empty = close, NUMBER, nothing == 1
                at = close
                if depth == 0:
                    reason = NO_RECORD
                    break
            if depth > 0:
                want = _COMMA_OR_CLOSE
            if raw_depth >= 0:
                continue
            if in_list and depth == 1:
                path = -1
                if number < ROW_ITEMS_MAX:
                    path = _numbered(ROOT, OF_INDEX, number, parents, kinds, ats, table, used)
                in_list = False
            if path < 0:
                path, kind, in_list = FOLDED, RAW, True
                first = key_start if key_start >= 0 else first
                last = at
            seen[path] = 1
            if empty and kind != RAW:
                path = ROOT
                continue
            if count >= out_row.size:
                return record, mark, good
            out_row[count], out_path[count] = good, path
            out_start[count], out_end[count] = first, last
            out_value[count] = kind + (ITEM if in_list else 0)
            count += 1
            if path == KEYED:
                path = ROOT
        if reason != 0:
            reasons[record], count = reason, mark
        else:
            good += 1
    return starts.size, count, good
