"""Which database wrote a dump: seen once in the head of the file, never guessed row by row."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matching.intake.sql.lexer import BACKSLASH, GO_LINES, NESTED
from matching.sources import Source

__all__ = ["HEAD_BYTES", "SqlDialect", "dialect_of"]

HEAD_BYTES = 1 << 20
"""Signs of the writer stand in the first lines; a bare script shows its quotes within a MiB."""
_MYSQL = re.compile(
    rb"^-- (MySQL|MariaDB) dump|^-- phpMyAdmin|^-- Adminer|^-- Dump created by MySQL|^/\*M?!\d"
    rb"|\bENGINE\s*=|^(INSERT|REPLACE)\s[^'\n]{0,80}INTO\s+`|^CREATE TABLE [^\n(]{0,80}`|^DELIMITER ",
    re.MULTILINE | re.IGNORECASE,
)
_POSTGRES = re.compile(
    rb"^-- PostgreSQL database|standard_conforming_strings|^COPY\s[^\n]+\sFROM\s+stdin|pg_catalog\.",
    re.MULTILINE | re.IGNORECASE,
)
_SQLITE = re.compile(rb"^PRAGMA\s|^BEGIN TRANSACTION;", re.MULTILINE | re.IGNORECASE)
_SQL_SERVER = re.compile(
    rb"^GO\s*$|^SET IDENTITY_INSERT|^INSERT\s+(INTO\s+)?\[", re.MULTILINE | re.IGNORECASE
)
_STRINGS_AS_WRITTEN_OFF = re.compile(
    rb"^SET standard_conforming_strings\s*=\s*'?off", re.MULTILINE | re.IGNORECASE
)
_NO_BACKSLASH = re.compile(
    rb"^(/\*!\d+ )?SET [^;\n]*SQL_MODE\s*=[^;\n]*NO_BACKSLASH_ESCAPES", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """`name` of the writer's family; `flags` for the lexer."""

    name: str
    flags: int


def dialect_of(head: bytes, source: Source) -> SqlDialect:
    r"""The dialect of a dump that begins so.

    `escape` of the incident file decides about backslashes: `\` they escape, `'` they are letters.
    """
    name = _name(head)
    escapes = name == "mysql"
    if name == "mysql" and _NO_BACKSLASH.search(head):
        escapes = False
    if name == "postgres":
        escapes = _STRINGS_AS_WRITTEN_OFF.search(head) is not None
    if source.escape:
        escapes = source.escape == "\\"
    flags = BACKSLASH if escapes else 0
    flags |= NESTED if name == "postgres" else GO_LINES if name == "sql_server" else 0
    return SqlDialect(name, flags)


def _name(head: bytes) -> str:
    """The family whose sign comes first; none: standard SQL."""
    signs = {"mysql": _MYSQL, "postgres": _POSTGRES, "sqlite": _SQLITE, "sql_server": _SQL_SERVER}
    found = {name: sign.search(head) for name, sign in signs.items()}
    places = {name: match.start() for name, match in found.items() if match}
    return min(places, key=lambda name: places[name]) if places else "standard"
