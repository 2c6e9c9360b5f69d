"""How paths in JSON are written as column names, and back.

`name.given`: key of a key; `telecom.0.value`: of the first object of an array; `telecom[8:]`: what lies
beyond the numbered ones, `[*]`: members without a column of their own, both as JSON text; `c0`: item of a
record that is an array; `$key`: the key that the record stood under. A key that would be read otherwise is
in double quotes, and quotes in it are doubled: `"a.b".c`, `telecom."0"`. The second value of a key that
an object has twice is in `name#2`.
"""

from __future__ import annotations

import re

from matching.intake.json_files.tokens import (
    FOLDED,
    ITEMS_MAX,
    KEYED,
    OF_INDEX,
    OF_KEY,
    OF_REST,
    ROOT,
    Tokens,
    intern,
)

__all__ = ["joined", "names_of", "quoted", "register", "split", "text_of"]

_ODD = re.compile(r'[."\[]|^\d+$|^\$|^\s|\s$|#\d+$|^$')
_STEP = re.compile(r'"((?:[^"]|"")*)"(?=\.|\[|$)|([^."\[]+)')
_REST = f"[{ITEMS_MAX}:]"


def quoted(key: str) -> str:
    """The key as a step of a name."""
    return '"' + key.replace('"', '""') + '"' if _ODD.search(key) else key


def joined(keys: list[str]) -> str:
    """A name from keys."""
    return ".".join(quoted(key) for key in keys)


def split(name: str) -> list[str | int] | None:
    """Keys and indexes of a name; None where it is no name of a path."""
    steps: list[str | int] = []
    at = 0
    while at < len(name):
        found = _STEP.match(name, at)
        if not found:
            return None
        inside, plain = found.groups()
        if inside is not None:
            steps.append(inside.replace('""', '"'))
        else:
            steps.append(int(plain) if plain.isascii() and plain.isdigit() else plain)
        at = found.end()
        if at < len(name):
            if name[at] != ".":
                return None
            at += 1
    return steps


def register(tokens: Tokens, names: list[str]) -> None:
    """Paths of columns that are mapped have room before any other."""
    for name in names:
        path = ROOT
        for step in split(re.sub(r"#\d+$", "", name)) or []:
            if isinstance(step, int):
                path = intern(tokens, path, OF_INDEX, b"", step)
            else:
                path = intern(tokens, path, OF_KEY, step.encode("utf-8", "replace"), 0)
            if path < 0:
                return
        if re.fullmatch(r"c\d{1,4}", name):
            intern(tokens, ROOT, OF_INDEX, b"", int(name[1:]))


def names_of(tokens: Tokens) -> list[str]:
    """The name of every path."""
    names = ["", "[*]", "$key"]
    for path in range(3, int(tokens.used[0])):
        parent, kind, at = int(tokens.parent[path]), tokens.kind[path], int(tokens.at[path])
        before = names[parent]
        if kind == OF_REST:
            names.append(before + _REST)
        elif kind == OF_INDEX:
            names.append(f"{before}.{at}" if parent not in {ROOT, FOLDED, KEYED} else f"c{at}")
        else:
            key = text_of(tokens.keys[at : at + int(tokens.length[path])].tobytes())
            names.append(f"{before}.{quoted(key)}" if before else quoted(key))
    return names


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def text_of(raw: bytes) -> str:
    """A key with its escapes undone."""
    text = raw.decode("utf-8", "replace")
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _PLAIN.get(m[2], m[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
