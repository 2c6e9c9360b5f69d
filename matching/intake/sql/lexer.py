"""The compiled automata: where tuples, statements and lines of COPY end in the bytes of a dump.

Every function takes the bytes `buf[:n]`, a place in them and the dialect's `flags`, and gives the place
behind what it found, or a negative code. MORE means that the bytes end first: call again with more. What
is in quotes is text, whatever it says; nothing here decodes. Longer than most modules: the automata call each other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from matching.compiling import compiled
from matching.intake.sql.words import eight_bytes, first_of, marked

__all__ = [
    "BACKSLASH", "BAD_QUOTE", "BROKEN", "EXPRESSION", "GO_LINES", "HEX", "MORE", "NESTED", "NULL",
    "PLAIN", "TEXT", "TEXT_BINARY", "TEXT_ESCAPED", "TUPLE_BYTES_MAX", "UNCLOSED",
    "at_keyword", "blank_end", "copy_line_end", "next_sound", "same_bytes", "statement_end",
    "string_end", "tuple_end",
]  # fmt: skip

TUPLE_BYTES_MAX: Final = 64 << 20
"""One row. Servers send no packet above 64 MiB unless told to; longer is a quote that never closes."""
BACKSLASH, NESTED, GO_LINES = 1, 2, 4
"""Flags of a dialect: backslash escapes in strings; comments nest and dollars quote; GO ends a batch."""
MORE, UNCLOSED, BAD_QUOTE, BROKEN = -1, -2, -3, -4
"""Bytes end first; a quote or comment is too long; text behind a quote; no list of values."""
NULL, PLAIN, TEXT, TEXT_ESCAPED, TEXT_BINARY, HEX, EXPRESSION = range(7)
"""What a value is: TEXT stands as it is between its quotes, TEXT_ESCAPED has escapes or doubled quotes,
TEXT_BINARY is a string of bytes, HEX has digits only, EXPRESSION calls something."""
_LF, _CR, _QUOTE, _DOUBLE, _BACK, _OPEN, _CLOSE, _COMMA = 10, 13, 39, 34, 92, 40, 41, 44


@compiled(error_model="numpy")
def same_bytes(buf: Any, at: int, n: int, wanted: Any) -> bool:
    """`wanted` stands at `at`."""
    if at + wanted.size > n:
        return False
    for place in range(wanted.size):
        if buf[at + place] != wanted[place]:
            return False
    return True


@compiled(error_model="numpy")
def at_keyword(buf: Any, at: int, n: int, word: Any) -> bool:
    """The upper-case `word` stands at `at`, in any case, and no letter behind it."""
    if at + word.size > n:
        return False
    for place in range(word.size):
        byte = buf[at + place]
        if byte != word[place] and (byte < 97 or byte > 122 or byte - 32 != word[place]):
            return False
    return at + word.size == n or not _in_word(buf[at + word.size])


@compiled(error_model="numpy")
def _in_word(byte: int) -> bool:
    return (
        97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57
        or byte == 95 or byte == 36 or byte >= 128
    )  # fmt: skip


@compiled(error_model="numpy")
def _in_space(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13


@compiled(error_model="numpy")
def comment_end(buf: Any, at: int, n: int, flags: int) -> int:
    """Behind the `/* */` that begins at `at`."""
    depth, start = 1, at
    at += 2
    while at + 1 < n:
        if buf[at] == 42 and buf[at + 1] == 47:
            depth -= 1
            at += 2
            if depth == 0:
                return at
        elif flags & NESTED and buf[at] == 47 and buf[at + 1] == 42:
            depth += 1
            at += 2
        else:
            at += 1
        if at - start > TUPLE_BYTES_MAX:
            return UNCLOSED
    return MORE


@compiled(error_model="numpy")
def blank_end(buf: Any, at: int, n: int, flags: int, comments: bool) -> int:
    """Behind white space and comments; a byte of NUL is white space between statements, not in them.

    Where the bytes end within a comment: MORE; within white space: `n`.
    """
    while at < n:
        byte = buf[at]
        if _in_space(byte):
            at += 1
        elif byte == 47 and at + 1 < n and buf[at + 1] == 42:
            if comments and _hidden_rows(buf, at, n):
                return at
            end = comment_end(buf, at, n, flags)
            if end < 0:
                return end
            at = end
        elif (byte == 45 and at + 1 < n and buf[at + 1] == 45) or (byte == 35 and comments):
            start = at
            while at < n and buf[at] != _LF:
                at += 1
                if at - start > TUPLE_BYTES_MAX:
                    return UNCLOSED
            if at == n:
                return MORE
        elif byte in (45, 47) and at + 1 == n:
            return MORE
        else:
            break
    return at


@compiled(error_model="numpy")
def _hidden_rows(buf: Any, at: int, n: int) -> bool:
    """A comment that MySQL runs, with rows in it: `/*!50000 INSERT INTO ...`."""
    at += 2
    if at < n and buf[at] == 77:
        at += 1
    if at >= n or buf[at] != 33:
        return False
    at += 1
    while at < n and (48 <= buf[at] <= 57 or _in_space(buf[at])):
        at += 1
    return bool(at_keyword(buf, at, n, _INSERT) or at_keyword(buf, at, n, _REPLACE))


@compiled(error_model="numpy")
def string_end(
    buf: Any, at: int, n: int, quote: int, escapes: bool, start: int
) -> tuple[int, bool]:
    """The closing quote of a string whose first byte is at `at`, and whether something is escaped."""
    escaped = False
    limit = min(n, start + TUPLE_BYTES_MAX)
    while at < limit:
        while at + 8 <= limit:
            word = eight_bytes(buf, at)
            marks = marked(word, quote)
            if escapes:
                marks |= marked(word, _BACK)
            if marks:
                at += first_of(marks)
                break
            at += 8
        if at >= limit:
            break
        byte = buf[at]
        if byte == quote:
            if at + 1 < n and buf[at + 1] == quote:
                escaped = True
                at += 2
                continue
            if at + 1 >= n:
                return MORE, escaped  # the next byte tells whether the string ends
            return at, escaped
        if byte == _BACK and escapes:
            escaped = True
            at += 2
        else:
            at += 1
    return (UNCLOSED if limit < n or n - start >= TUPLE_BYTES_MAX else MORE), escaped


@compiled(error_model="numpy")
def tuple_end(
    buf: Any, start: int, n: int, flags: int, room: int, base: int,
    first: Any, last: Any, kind: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Behind the `(...)` at `start`, its number of values, and how far was read.

    The first `room` values go to `first`, `last` and `kind` from `base` on.
    """
    at, fields = start + 1, 0
    backslash = flags & BACKSLASH != 0
    while True:
        while at < n and _in_space(buf[at]):
            if buf[at] == _LF and _statement_at(buf, at + 1, n):
                return BROKEN, fields, at
            at += 1
        if at >= n:
            return MORE, fields, at
        byte = buf[at]
        begin, end, found = at, at, PLAIN
        if byte == _COMMA or (byte == _CLOSE and fields > 0):
            return BROKEN, fields, at
        if byte == _QUOTE or byte == _DOUBLE:
            begin = at + 1
            end, escaped = string_end(buf, begin, n, byte, backslash, start)
            if end < 0:
                return end, fields, min(n, start + TUPLE_BYTES_MAX)
            found = TEXT_ESCAPED if escaped else TEXT
            at = end + 1
        elif byte == _CLOSE and fields == 0:
            return at + 1, 0, at
        else:
            begin, end, found, at = _value(buf, at, n, flags, start)
            if begin < 0:
                return begin, fields, at
        # behind the value: its end, or what makes it another value
        if at >= n:
            return MORE, fields, at
        byte = buf[at]
        if byte != _COMMA and byte != _CLOSE:
            end, found, at = _behind(buf, begin, end, found, at, n, flags, start)
            if at < 0:
                return at, fields, end
            if found == EXPRESSION and begin > start + 1 and buf[begin - 1] in (_QUOTE, _DOUBLE):
                begin -= 1
            byte = buf[at]
        if fields < room:
            first[base + fields], last[base + fields], kind[base + fields] = begin, end, found
        fields += 1
        at += 1
        if byte == _CLOSE:
            return at, fields, at


@compiled(error_model="numpy")
def _value(buf: Any, at: int, n: int, flags: int, start: int) -> tuple[int, int, int, int]:
    """A value without a quote in front: its extent, kind and the place behind it; a code first if broken."""
    begin = at
    byte = buf[at]
    if byte < 58 and (byte >= 48 or byte == 45):  # a number, or 0x...
        if byte == 48 and at + 1 < n and (buf[at + 1] == 120 or buf[at + 1] == 88):
            at += 2
            while at < n and _in_hex(buf[at]):
                at += 1
            return begin + 2, at, HEX, at
        at += 1
        while at < n and (
            _in_word(buf[at]) or buf[at] == 46 or (buf[at] in (43, 45) and buf[at - 1] in (69, 101))
        ):
            at += 1
        return begin, at, PLAIN, at
    if byte == 78 and at + 4 < n and at_keyword(buf, at, n, _NULL):
        return begin, at + 4, NULL, at + 4
    while at < n and _in_word(buf[at]):
        at += 1
    if at >= n:
        return MORE, 0, 0, at
    if at > begin:
        if buf[begin] == 95:  # an introducer: _binary 'text', _utf8mb4 0x41
            while at < n and buf[at] == 32:
                at += 1
            if at >= n or (buf[at] == 48 and at + 1 >= n):
                return MORE, 0, 0, at
            if buf[at] == 48 and buf[at + 1] == 120:
                return _value(buf, at, n, flags, start)
        if buf[at] == _QUOTE:
            return _prefixed(buf, begin, at, n, flags, start)
        if at - begin == 4 and at_keyword(buf, begin, n, _NULL):
            return begin, at, NULL, at
        if at - begin == 7 and at_keyword(buf, begin, n, _DEFAULT):
            return begin, at, NULL, at
    return begin, at, PLAIN, at


@compiled(error_model="numpy")
def _in_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 70 or 97 <= byte <= 102


@compiled(error_model="numpy")
def _prefixed(
    buf: Any, begin: int, at: int, n: int, flags: int, start: int
) -> tuple[int, int, int, int]:
    """N'', E'', X'', B'' and _binary '': the quote is at `at`."""
    escapes = flags & BACKSLASH != 0
    sign = buf[begin] & 0xDF
    single = buf[begin + 1] == _QUOTE
    if single and sign == 69:
        escapes = True
    end, escaped = string_end(buf, at + 1, n, _QUOTE, escapes, start)
    if end < 0:
        return end, 0, 0, min(n, start + TUPLE_BYTES_MAX)
    found = TEXT_ESCAPED if escaped else TEXT
    if buf[begin] == 95 and at_keyword(buf, begin, n, _BINARY):
        found = TEXT_BINARY
    elif single and sign == 88:
        found = HEX
    elif single and sign == 69 and escaped:
        found = EXPRESSION  # escapes of numbers; taken apart by itself
        return begin, end + 1, found, end + 1
    elif not single and buf[begin] != 95:
        return begin, end + 1, EXPRESSION, end + 1
    return at + 1, end, found, end + 1


@compiled(error_model="numpy")
def _behind(
    buf: Any, begin: int, end: int, found: int, at: int, n: int, flags: int, start: int
) -> tuple[int, int, int]:
    """From behind a first piece to the comma or bracket: end, kind, place; or how far, 0, a code.

    A string may bear a cast (`::text`) and stays text. Anything else makes it an expression; letters
    right behind a closing quote make it a broken one.
    """
    quoted = TEXT <= found <= TEXT_BINARY or (found == HEX and buf[at - 1] == _QUOTE)
    if quoted and (_in_word(buf[at]) or buf[at] in (_QUOTE, _DOUBLE)):
        return at, 0, BAD_QUOTE
    cast, any_other, depth = False, False, 0
    while at < n:
        byte = buf[at]
        if depth == 0 and (byte == _COMMA or byte == _CLOSE):
            if not any_other:
                return end, found, at
            if quoted and not cast:
                return at, 0, BAD_QUOTE
            return (end if cast and quoted else at), (found if cast and quoted else EXPRESSION), at
        if _in_space(byte):
            if byte == _LF and _statement_at(buf, at + 1, n):
                return at, 0, BROKEN
            at += 1
            continue
        if byte == 59 or byte == 0:
            return at, 0, BROKEN
        if byte == 47 and at + 1 < n and buf[at + 1] == 42:
            stop = comment_end(buf, at, n, flags)
            if stop < 0:
                return at, 0, stop
            at = stop
            continue
        if not any_other and quoted:
            if byte == 58:
                cast = True
            elif byte in (124, 67, 99, 43):  # 'a' || 'b', 'a' COLLATE x, 'a' + 'b'
                quoted = False
            else:
                return at, 0, BAD_QUOTE
        any_other = True
        if byte == _QUOTE or byte == _DOUBLE:
            stop, _ = string_end(buf, at + 1, n, byte, flags & BACKSLASH != 0, start)
            if stop < 0:
                return min(n, start + TUPLE_BYTES_MAX), 0, stop
            at = stop
            if at + 1 < n and _in_word(buf[at + 1]):
                return at, 0, BAD_QUOTE
        elif byte in (_OPEN, 91, 123):
            depth += 1
        elif byte in (_CLOSE, 93, 125):
            depth -= 1
            if depth < 0:
                return at, 0, BROKEN
        at += 1
        if at - start > TUPLE_BYTES_MAX:
            return at, 0, UNCLOSED
    return at, 0, MORE


# --- statements ------------------------------------------------------------------------------


def _bytes(word: str) -> Any:
    return np.frombuffer(word.encode(), np.uint8)


_INSERT, _REPLACE, _COPY = _bytes("INSERT"), _bytes("REPLACE"), _bytes("COPY")
_NULL, _DEFAULT, _BINARY = _bytes("NULL"), _bytes("DEFAULT"), _bytes("_BINARY")
_CREATE, _DROP, _LOCK, _UNLOCK = _bytes("CREATE"), _bytes("DROP"), _bytes("LOCK"), _bytes("UNLOCK")
_ALTER, _INTO, _TABLE, _TABLES = _bytes("ALTER"), _bytes("INTO"), _bytes("TABLE"), _bytes("TABLES")
_BEGIN, _CASE, _END, _GO = _bytes("BEGIN"), _bytes("CASE"), _bytes("END"), _bytes("GO")
_SET, _USE, _UPDATE, _DELETE = _bytes("SET"), _bytes("USE"), _bytes("UPDATE"), _bytes("DELETE")
_IF, _LOOP, _WHILE, _REPEAT = _bytes("IF"), _bytes("LOOP"), _bytes("WHILE"), _bytes("REPEAT")
_PRINT, _EXEC, _FROM = _bytes("PRINT"), _bytes("EXEC"), _bytes("FROM")
_RUN_COMMENT = _bytes("/*!")
_NOTE_HEADS = (_bytes("-- Table structure"), _bytes("-- Dumping data"), _bytes("-- Name: "))
_NOTE_MORE = (_bytes("-- Data for Name: "), _bytes("-- MySQL dump"), _bytes("-- MariaDB dump"))
_NOTE_LAST = (_bytes("-- PostgreSQL database"), _bytes("-- Dump completed"), _bytes("--\n"))


@compiled(error_model="numpy")
def _statement_at(buf: Any, at: int, n: int) -> bool:
    """At the start of a line stands what begins a statement of a dump, not just a word of a note."""
    if at >= n:
        return False
    byte = buf[at] & 0xDF if buf[at] >= 97 else buf[at]
    if byte == 73 and at_keyword(buf, at, n, _INSERT):
        return True
    if byte == 82 and at_keyword(buf, at, n, _REPLACE):
        return bool(_second_word(buf, at + 7, n, _INTO))
    if byte == 67:
        if at_keyword(buf, at, n, _COPY):
            return True
        return bool(at_keyword(buf, at, n, _CREATE) and _second_word(buf, at + 6, n, _TABLE))
    if byte == 68 and at_keyword(buf, at, n, _DROP):
        return bool(_second_word(buf, at + 4, n, _TABLE))
    if byte == 76 and at_keyword(buf, at, n, _LOCK):
        return bool(_second_word(buf, at + 4, n, _TABLES))
    if byte == 85 and at_keyword(buf, at, n, _UNLOCK):
        return bool(_second_word(buf, at + 6, n, _TABLES))
    if byte == 65 and at_keyword(buf, at, n, _ALTER):
        return bool(_second_word(buf, at + 5, n, _TABLE))
    if byte == 47:
        return bool(same_bytes(buf, at, n, _RUN_COMMENT))
    return bool(byte == 45 and _note_at(buf, at, n))


@compiled(error_model="numpy")
def _note_at(buf: Any, at: int, n: int) -> bool:
    for head in _NOTE_HEADS:
        if same_bytes(buf, at, n, head):
            return True
    for head in _NOTE_MORE:
        if same_bytes(buf, at, n, head):
            return True
    for head in _NOTE_LAST:
        if same_bytes(buf, at, n, head):
            return True
    return False


@compiled(error_model="numpy")
def _second_word(buf: Any, at: int, n: int, word: Any) -> bool:
    while at < n and buf[at] == 32:
        at += 1
    return bool(at_keyword(buf, at, n, word))


@compiled(error_model="numpy")
def _dollar_end(buf: Any, at: int, n: int) -> Any:
    """Behind `$tag$ ... $tag$` that begins at `at`; `at` itself where it is no such quote."""
    tag = at + 1
    while tag < n and buf[tag] != 36 and _in_word(buf[tag]) and tag - at < 128:
        tag += 1
    if tag >= n:
        return MORE
    if buf[tag] != 36 or (48 <= buf[at + 1] <= 57):
        return at
    wanted = buf[at : tag + 1]
    place = tag + 1
    while place + wanted.size <= n:
        if buf[place] == 36 and same_bytes(buf, place, n, wanted):
            return place + wanted.size
        place += 1
        if place - at > TUPLE_BYTES_MAX:
            return UNCLOSED
    return MORE


@compiled(error_model="numpy")
def statement_end(buf: Any, start: int, n: int, flags: int, routine: bool) -> Any:
    """Behind the semicolon that ends the statement at `start`, or before a line that begins another.

    `routine`: its body may hold statements of its own between BEGIN and END.
    """
    at, depth, blocks, batch = start, 0, 0, flags & GO_LINES != 0
    while at < n:
        byte = buf[at]
        if at - start > TUPLE_BYTES_MAX:
            return UNCLOSED
        if byte == _QUOTE or byte == _DOUBLE or byte == 96:
            stop, _ = string_end(buf, at + 1, n, byte, flags & BACKSLASH != 0 and byte != 96, start)
            if stop < 0:
                return stop
            at = stop
        elif byte == 36 and flags & NESTED and (at == start or not _in_word(buf[at - 1])):
            stop = _dollar_end(buf, at, n)
            if stop < 0:
                return stop
            if stop > at:
                at = stop
                continue
        elif byte == 47 and at + 1 < n and buf[at + 1] == 42:
            stop = comment_end(buf, at, n, flags)
            if stop < 0:
                return stop
            at = stop
            continue
        elif byte == 45 and at + 1 < n and buf[at + 1] == 45:
            while at < n and buf[at] != _LF:
                at += 1
            continue
        elif byte in (_OPEN, _CLOSE):
            depth += 1 if byte == _OPEN else -1
        elif byte == 59:
            if depth <= 0 and blocks <= 0 and not (routine and batch):
                return at + 1
        elif byte == _LF:
            if batch and _batch_line(buf, at + 1, n):
                return at + 1
            if not routine and _statement_at(buf, at + 1, n) and at + 1 < n:
                return at + 1
        elif routine and _in_word(byte):
            word = at
            while at < n and _in_word(buf[at]):
                at += 1
            if at_keyword(buf, word, n, _BEGIN) or at_keyword(buf, word, n, _CASE):
                blocks += 1
            elif at_keyword(buf, word, n, _END):
                inner = (
                    _second_word(buf, at, n, _IF) or _second_word(buf, at, n, _LOOP)
                    or _second_word(buf, at, n, _WHILE) or _second_word(buf, at, n, _REPEAT)
                )  # fmt: skip
                blocks -= 0 if inner else 1
                if _second_word(buf, at, n, _CASE):
                    while at < n and buf[at] == 32:
                        at += 1
                    at += 4
            continue
        at += 1
    return MORE


@compiled(error_model="numpy")
def _batch_line(buf: Any, at: int, n: int) -> bool:
    """A line that ends an unclosed statement of SQL Server: GO."""
    return bool(at_keyword(buf, at, n, _GO))


@compiled(error_model="numpy")
def copy_line_end(buf: Any, at: int, n: int) -> int:
    """Behind the line feed of the line at `at`."""
    stop = min(n, at + TUPLE_BYTES_MAX)
    while at < stop:
        if buf[at] == _LF:
            return at + 1
        at += 1
    return UNCLOSED if stop < n else MORE


# --- damage ----------------------------------------------------------------------------------

TRIES_BYTES_MAX = 16 << 20
"""Read in vain by trying tuples behind a broken one, before only statements count."""


@compiled(error_model="numpy")
def next_sound(
    buf: Any, at: int, n: int, flags: int, columns: int, final: bool
) -> tuple[int, int, int]:  # fmt: skip
    """The first place behind a broken tuple from which reading goes on, and what is there.

    1: a tuple of that many values (0: of any; -1: none will do) with a sound end; 2: a statement, or the
    end of one; 0: nothing up to that place, from which to look again with more bytes. Last: bytes tried in vain.
    """
    no_places, no_kinds = np.empty(0, np.int32), np.empty(0, np.int8)
    tried = 0
    while at < n:
        byte = buf[at]
        if byte == _LF and _statement_at(buf, at + 1, n):
            return at + 1, 2, tried
        if byte == _CLOSE and tried < TRIES_BYTES_MAX and columns >= 0:
            place = at + 1
            if place < n and buf[place] == _COMMA:
                place += 1
                while place < n and _in_space(buf[place]):
                    place += 1
                if place >= n and not final:
                    return at, 0, tried
                if place < n and buf[place] == _OPEN:
                    end, fields, far = tuple_end(
                        buf, place, n, flags, 0, 0, no_places, no_places, no_kinds
                    )
                    tried += max(far - place, 0)
                    if end == MORE and not final:
                        return at, 0, tried
                    if end > 0 and (columns == 0 or fields == columns):
                        while end < n and _in_space(buf[end]):
                            end += 1
                        if end >= n and not final:
                            return at, 0, tried
                        if end < n and (buf[end] == _COMMA or buf[end] == 59):
                            return place, 1, tried
            elif place < n and buf[place] == 59:
                if place + 8 >= n and not final:
                    return at, 0, tried
                if place + 1 < n and (
                    buf[place + 1] in (_LF, _CR) or _statement_at(buf, place + 1, n)
                ):
                    return place + 1, 2, tried
        at += 1
    return max(at - 64, 0), 0, tried
