"""The walk through a dump that finds its layout, window by window.

Each method takes one unit at `self.at` (blanks, a statement, a run of rows) and says whether it could: if
not, the window ends first and is asked for more. After damage it goes on at the next tuple or statement
that is sound; what lies between is one reject. Longer than most modules: one state, a method for each kind of unit.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import numpy as np

from matching.errors import OperatorError
from matching.intake.sql import lexer, scan
from matching.intake.sql.dialect import SqlDialect
from matching.intake.sql.layout import (
    COPIED,
    INSERTED,
    REJECTED,
    STRUCTURE,
    Found,
    Runs,
    reason_number,
)
from matching.intake.sql.statements import (
    Head,
    Incomplete,
    Name,
    created,
    database_used,
    head_of,
    schema_set,
    table_of,
)

__all__ = ["Walk"]

RUN_BYTES: Final = 4 << 20
"""Rows taken apart at once: some 20,000, whose values still lie in the processor's cache."""
HEAD_BYTES_MAX = 4 << 20
"""Names of 32,768 columns take 4 MiB at 128 bytes each; a longer head is no head."""
LOOK_BYTES = 4096
RECENT_HEADS = 8
VAIN_BYTES = 1 << 30
"""Read in vain behind broken places, and VAIN_TIMES the bytes read so far: then the file is refused."""
VAIN_TIMES = 8
_REASON_OF = {
    lexer.UNCLOSED: "unclosed_quote",
    lexer.BAD_QUOTE: "bad_quote",
    lexer.BROKEN: "broken_row",
}
_STRUCTURE = frozenset(
    [
        "ALTER",
        "ANALYZE",
        "BEGIN",
        "CALL",
        "CHANGE",
        "COMMENT",
        "COMMIT",
        "CONNECT",
        "CREATE",
        "DEALLOCATE",
        "DECLARE",
        "DEFINE",
        "DISABLE",
        "DO",
        "DROP",
        "ENABLE",
        "END",
        "EXEC",
        "EXECUTE",
        "EXIT",
        "FLUSH",
        "GO",
        "GRANT",
        "IF",
        "LOCK",
        "OPTIMIZE",
        "PRAGMA",
        "PREPARE",
        "PRINT",
        "PROMPT",
        "PURGE",
        "QUIT",
        "RAISERROR",
        "REASSIGN",
        "REFRESH",
        "RELEASE",
        "RENAME",
        "REPAIR",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SAVEPOINT",
        "SECURITY",
        "SELECT",
        "SET",
        "SHOW",
        "SPOOL",
        "START",
        "STOP",
        "UNLOCK",
        "USE",
        "VACUUM",
        "XA",
    ]
)
"""Statements that hold no rows and change none."""
_REMOVES = frozenset({"DELETE", "TRUNCATE"})
_ROUTINE = re.compile(
    rb"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:AGGREGATE\s+|CONSTRAINT\s+|TEMP\s+|TEMPORARY\s+|EDITIONABLE\s+"
    rb"|DEFINER\s*=\s*\S+\s+)*(?:TRIGGER|PROC|PROCEDURE|FUNCTION|EVENT|PACKAGE|VIEW)\b",
    re.IGNORECASE,
)
_WORD = re.compile(rb"[A-Za-z_]+")
_DELIMITER = re.compile(rb"[ \t]*DELIMITER[ \t]+(\S+)[^\n]*\n?", re.IGNORECASE)
_ROUTINES_END = re.compile(
    rb"^[ \t]*DELIMITER[ \t]+;[^\n]*\n|^(?=-- (?:MySQL|MariaDB) dump |-- Table structure for table )",
    re.MULTILINE | re.IGNORECASE,
)


class Walk:
    """One pass over one dump; see `Found` for what it leaves behind."""

    def __init__(self, dialect: SqlDialect, shown: str, widths: Any) -> None:
        self._dialect, self._shown, self._widths = dialect, shown, widths
        self._flags = dialect.flags
        self.found = Found(dialect, Runs(shown), [], [], [], [], {})
        self.buf = self._own = np.empty(0, np.uint8)
        self.n, self.final = 0, False
        self.at = 0
        self._base, self._mark = 0, (0, 0)
        self._mode = self._statement
        self._table, self._numbers = -1, dict[Name, int]()
        self._holding = set[int]()
        self._database, self._schema = "", ""
        self._head, self._state, self._recent = -1, scan.HEAD, list[int]()
        self._arity = 0
        self._reject, self._reason, self._sound, self._vain = 0, "", -1, 0

    def begin(self, mark: int) -> None:
        """Skip a byte order mark of that size, which is not in the window."""
        self._base, self._mark = mark, (0, mark)
        self.found.runs.add(STRUCTURE, 0, mark, table=-1)

    def window(self, buf: Any, n: int, *, kept: int, final: bool) -> None:
        """The next window: what was before `kept` is gone. Takes all units that are whole in it."""
        self._base = self._offset(kept)
        self._mark = (0, self._base)
        self.at -= kept
        self._own, self.buf, self.n, self.final = buf, buf.view(), n, final
        self.buf.flags.writeable = False  # compiled code is made once for what it may not change
        while self._mode():
            if self.at >= self.n and self._mode == self._statement:
                return

    # --- places and runs --------------------------------------------------------------------

    def _offset(self, at: int) -> int:
        """The delivered byte that a place in the window stands for."""
        if self._widths is None:
            return self._base + at
        place, offset = self._mark if self._mark[0] <= at else (0, self._base)
        offset += int(self._widths[self.buf[place:at]].sum(dtype=np.int64))
        self._mark = (at, offset)
        return offset

    def _add(self, kind: int, end: int, **more: int) -> None:
        """A run of the current table from `self.at` to `end`, which is where reading goes on."""
        self.found.runs.add(
            kind,
            self._offset(self.at),
            self._offset(end),
            **{"table": self._table, **more},
        )
        if kind != STRUCTURE:
            self._holding.add(more.get("table", self._table))
        self.at = end

    def _number(self, table: Name) -> int:
        """The number of a table, by its name and the database in use."""
        full = self._full(table)
        if full not in self._numbers:
            self._numbers[full] = len(self.found.tables)
            self.found.tables.append(full)
        return self._numbers[full]

    def _full(self, table: Name) -> Name:
        if self._dialect.name == "mysql":
            return (self._database, *table) if self._database and len(table) == 1 else table
        schema = (self._schema, *table) if self._schema and len(table) == 1 else table
        return (self._database, *schema) if self._database and len(schema) == 2 else schema

    def _spend(self, vain: int) -> None:
        """Count bytes read in vain. Raises OperatorError when there were too many."""
        self._vain += vain
        if self._vain > VAIN_BYTES + VAIN_TIMES * (self._base + self.at):
            raise OperatorError(
                f"{self._shown}: byte {self._offset(self.at)}: too many quotes, brackets or comments that never"
                " close; cut the sound part out and deliver it again"
            )

    # --- between rows -----------------------------------------------------------------------

    def _statement(self) -> bool:  # noqa: PLR0911 - one for each kind of statement
        """Blanks and comments, then one statement."""
        at = self._blanks()
        if at < 0:
            return self._lost_comment(at)
        self._add(STRUCTURE, at)
        if at >= self.n or (self.n - at < 16 and not self.final):
            return False
        found = _WORD.match(self._text(at, 64))
        word = found.group().decode().upper() if found else ""
        if word in {"INSERT", "REPLACE", "COPY"}:
            return self._rows(word)
        if word == "DELIMITER":
            return self._delimiter()
        if word in {"REM", "REMARK", "PROMPT"}:  # notes of Oracle's tools
            return self._line()
        if word == "GO":
            self._add(STRUCTURE, at + 2)
            return True
        return self._other(word) if word else self._sign()

    def _sign(self) -> bool:
        """What begins with no letter."""
        at = self.at
        if self.buf[at] == 92:
            return self._line()
        if self._text(at, 2) == b"/*":
            return self._hidden_rows()
        if self.buf[at] in (47, 59):  # Oracle's run sign, a lone semicolon
            self._add(STRUCTURE, at + 1)
            return True
        return self._other("")

    def _blanks(self) -> int:
        n = self.n
        if self.final:  # a last line of comment needs no line feed
            self._own[n] = 10
            n += 1
        at = int(lexer.blank_end(self.buf, self.at, n, self._flags, True))
        return min(at, self.n)

    def _lost_comment(self, code: int) -> bool:
        if code == lexer.MORE and not self.final:
            return False
        reason = "truncated_last_row" if code == lexer.MORE else "unclosed_quote"
        return self._damage(self.at, reason, -1, vain=self.n - self.at)

    def _text(self, at: int, size: int) -> bytes:
        return bytes(self.buf[at : min(self.n, at + size)])

    def _line(self) -> bool:
        r"""A command to psql, such as \connect or a stray end mark."""
        end = int(lexer.copy_line_end(self.buf, self.at, self.n))
        if end == lexer.MORE and not self.final:
            return False
        end = self.n if end < 0 else end
        self._use(database_used(self._text(self.at, min(end - self.at, LOOK_BYTES))))
        self._add(STRUCTURE, end)
        return True

    def _use(self, database: str | None) -> None:
        if database is not None:
            self._database, self._recent = database, []

    def _hidden_rows(self) -> bool:
        end = int(lexer.comment_end(self.buf, self.at, self.n, self._flags))
        if end < 0:
            return self._lost_comment(end)
        self._add(REJECTED, end, rows=1, reason=reason_number("other_statement"))
        return True

    def _delimiter(self) -> bool:
        """Up to `DELIMITER ;` there are routines."""
        found = _DELIMITER.match(self._text(self.at, LOOK_BYTES))
        if found is None or (not found.group().endswith(b"\n") and not self.final):
            if not self.final and self.n - self.at < LOOK_BYTES:
                return False
            return self._damage(self.at, "unknown_statement", -1)
        if found.group(1) != b";":
            self._mode = self._routines
        self._add(STRUCTURE, self.at + found.end())
        return True

    def _routines(self) -> bool:
        text = self._text(self.at, self.n - self.at)
        found = _ROUTINES_END.search(text)
        if found is None:
            keep = self.n if self.final else self.at + text.rfind(b"\n") + 1
            self._add(STRUCTURE, keep)
            return False
        self._add(STRUCTURE, self.at + found.end())
        self._mode = self._statement
        return True

    def _other(self, word: str) -> bool:
        """A statement without rows of its own."""
        routine = word == "CREATE" and _ROUTINE.match(self._text(self.at, LOOK_BYTES)) is not None
        end = int(lexer.statement_end(self.buf, self.at, self.n, self._flags, routine))
        if end == lexer.MORE and not self.final:
            return False
        if end < 0 and word in _STRUCTURE and end == lexer.MORE and word not in {"CREATE", "ALTER"}:
            end = self.n
        if end < 0:
            reason = "truncated_last_row" if end == lexer.MORE else "unclosed_quote"
            return self._damage(self.at, reason, -1, vain=self.n - self.at)
        self._said(word, end)
        return True

    def _said(self, word: str, end: int) -> None:
        text = self._text(self.at, min(end - self.at, HEAD_BYTES_MAX))
        if word == "CREATE":
            self._created(text)
        elif word == "USE":
            self._use(database_used(text))
        elif word == "SET":
            schema = schema_set(text)
            if schema is not None:
                self._schema, self._recent = schema, []
        if word in _STRUCTURE:
            self._add(STRUCTURE, end)
            return
        table = self._known(table_of(text))
        if word in _REMOVES and table not in self._holding:
            self._add(STRUCTURE, end)  # nothing of it was read yet
            return
        reason = "other_statement" if self._is_change(word) else "unknown_statement"
        self._add(REJECTED, end, table=table, rows=1, reason=reason_number(reason))

    @staticmethod
    def _is_change(word: str) -> bool:
        return word in {
            "UPDATE", "DELETE", "TRUNCATE", "MERGE", "LOAD", "BULK", "WITH", "INSERT", "REPLACE", "COPY",
            "HANDLER", "IMPORT", "UPSERT",
        }  # fmt: skip

    def _known(self, table: Name) -> int:
        """The number of a table that the dump speaks of elsewhere; else the one it stands at."""
        return self._numbers.get(self._full(table), self._table)

    def _created(self, text: bytes) -> None:
        made = created(text)
        if made is None:
            return
        self._table = self._number(made.table)
        self.found.created[self._full(made.table)] = made

    # --- rows -------------------------------------------------------------------------------

    def _rows(self, word: str) -> bool:
        """An INSERT, REPLACE or COPY."""
        number = self._seen_head()
        if number is None:
            text = self._text(self.at, LOOK_BYTES)
            head = self._read_head(text) or self._read_head(self._text(self.at, HEAD_BYTES_MAX))
            if head is None:
                if not self.final and self.n - self.at < HEAD_BYTES_MAX:
                    return False
                return self._no_head(word)
            number = self._new_head(head)
        self._head = number
        self._table = self.found.head_tables[number]
        head = self.found.heads[number]
        if head.copy:
            self._add(STRUCTURE, self.at + head.size)
            self._mode, self._arity = self._copied, len(head.columns or ())
        else:
            self._mode, self._state = self._inserted, scan.HEAD
        return True

    def _read_head(self, text: bytes) -> Head | None:
        try:
            return head_of(text)
        except Incomplete:
            return None

    def _seen_head(self) -> int | None:
        for number in self._recent:
            text = self.found.heads[number].text
            if self._text(self.at, len(text)) == text:
                return number
        return None

    def _new_head(self, head: Head) -> int:
        number = len(self.found.heads)
        self.found.heads.append(head)
        self.found.head_tables.append(self._number(head.table))
        self.found.votes.append(Counter())
        self._recent = [number, *self._recent[: RECENT_HEADS - 1]]
        return number

    def _no_head(self, word: str) -> bool:
        """INSERT ... SELECT, or a head that is too long or cut."""
        end = int(lexer.statement_end(self.buf, self.at, self.n, self._flags, False))
        if end == lexer.MORE and not self.final:
            return False
        if end < 0 or end - self.at > HEAD_BYTES_MAX:
            reason = "truncated_last_row" if end == lexer.MORE else "too_long"
            return self._damage(self.at, reason, -1, vain=self.n - self.at)
        table = self._known(table_of(self._text(self.at, LOOK_BYTES)))
        self._add(REJECTED, end, table=table, rows=1, reason=reason_number("other_statement"))
        return True

    def _inserted(self) -> bool:
        head = self.found.heads[self._head]
        before = self._state
        why, at, state, rows, fields, code = scan.insert_rows(
            self.buf, self.at, self.n, self._flags, before,
            np.frombuffer(head.text, np.uint8), self.at + RUN_BYTES, 0,
            *scan.NOTHING,
        )  # fmt: skip
        if rows:
            self.found.votes[self._head][fields] += rows
            self._arity = fields
        if at > self.at:
            kind = INSERTED if rows or before != scan.HEAD or state != scan.HEAD else STRUCTURE
            self._add(kind, at, head=self._head, state=before, after=state, rows=rows)
        self._state = state
        if why == scan.NEEDS_MORE:
            return self._cut_rows()
        if why == scan.DAMAGED:
            vain = lexer.TUPLE_BYTES_MAX if code == lexer.UNCLOSED else 0
            return self._damage(at, _REASON_OF[code], self._columns(), vain=vain)
        if why == scan.TAIL:
            return self._tail()
        if why == scan.STATEMENT:
            self._mode = self._statement
        return True

    def _columns(self) -> int:
        """Values that a row must have to be sound: of the list, else as the rows before had."""
        columns = self.found.heads[self._head].columns
        return len(columns) if columns is not None else self._arity

    def _cut_rows(self) -> bool:
        """The window ends among rows; at the end of the file the last may be cut."""
        if not self.final:
            return False
        if self._blanks() == self.n:
            missing = self._state == scan.TUPLE
            if missing:
                self._add(REJECTED, self.n, rows=1, reason=reason_number("truncated_last_row"))
            else:
                self._add(STRUCTURE, self.n)
            self._mode = self._statement
            return False
        return self._damage(self.at, "truncated_last_row", self._columns(), vain=self.n - self.at)

    def _tail(self) -> bool:
        """ON DUPLICATE KEY UPDATE ... and the like behind the last tuple."""
        found = _WORD.match(self._text(self.at, 64))
        if not found or found.group().upper() not in {b"ON", b"AS", b"RETURNING"}:
            return self._damage(self.at, "broken_row", self._columns())
        end = int(lexer.statement_end(self.buf, self.at, self.n, self._flags, False))
        if end == lexer.MORE and not self.final:
            return False
        if end == lexer.MORE:
            end = self.n
        if end < 0:
            return self._damage(self.at, "unclosed_quote", -1, vain=self.n - self.at)
        self._add(STRUCTURE, end)
        self._mode, self._state = self._statement, scan.HEAD
        return True

    def _copied(self) -> bool:
        head = self.found.heads[self._head]
        why, at, rows = scan.scan_copy(self.buf, self.at, self.n, self._arity, self.at + RUN_BYTES)
        if rows:
            if head.columns is None:
                line = self._text(self.at, RUN_BYTES).partition(b"\n")[0]
                self.found.votes[self._head][line.count(b"\t") + 1] += rows
            self._add(COPIED, at, head=self._head, rows=rows)
        if why == scan.ENDED:
            self._add(STRUCTURE, int(lexer.copy_line_end(self.buf, at, self.n)))
            self._mode = self._statement
        elif why == scan.CUT:
            self._add(REJECTED, at, rows=1, reason=reason_number("truncated_last_row"))
            self._mode = self._statement
        elif why == scan.TOO_LONG:
            self._reject, self._reason = self._offset(at), "too_long"
            self._mode = self._long_line
        elif why == scan.NEEDS_MORE:
            return self._cut_copy()
        return True

    def _cut_copy(self) -> bool:
        if not self.final:
            return False
        if self._text(self.at, 4).strip() == b"\\.":
            self._add(STRUCTURE, self.n)
        else:
            self._add(REJECTED, self.n, rows=1, reason=reason_number("truncated_last_row"))
        self._mode = self._statement
        return False

    def _long_line(self) -> bool:
        """The rest of a line of COPY that is too long."""
        breaks = np.flatnonzero(self.buf[self.at : self.n] == 10)
        if breaks.size == 0 and not self.final:
            self.at = self.n
            return False
        self.at = self.at + int(breaks[0]) + 1 if breaks.size else self.n
        self._rejected()
        self._mode = self._copied
        return True

    # --- damage -----------------------------------------------------------------------------

    def _damage(self, at: int, reason: str, columns: int, *, vain: int = 0) -> bool:
        """From `at` on nothing can be read until something sound comes: `columns` -1: a statement."""
        self._add(STRUCTURE, at)
        self._spend(vain)
        self._reject, self._reason, self._sound = self._offset(at), reason, columns
        self.at = at + 1
        self._mode = self._lost
        return True

    def _lost(self) -> bool:
        place, what, vain = lexer.next_sound(
            self.buf, self.at, self.n, self._flags, self._sound, self.final
        )
        self._spend(vain)
        if what == 0:
            self.at = max(self.at, self.n if self.final else place)
            if self.final:
                self._rejected()
                self._mode = self._statement
            return False
        if self._reason == "truncated_last_row":
            self._reason = "unclosed_quote"
        self.at = place
        self._rejected()
        self._mode = self._inserted if what == 1 else self._statement
        self._state = scan.TUPLE if what == 1 else scan.HEAD
        return True

    def _rejected(self) -> None:
        """One row that is not read: from where it began to `self.at`."""
        self.found.runs.add(
            REJECTED,
            self._reject,
            self._offset(self.at),
            table=self._table,
            rows=1,
            reason=reason_number(self._reason),
        )
        self._holding.add(self._table)
