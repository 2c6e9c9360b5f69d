"""Files of returned mail: single mails, mbox files, folders and Maildirs, one mail in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from matching.store import OperatorError
from notify.bounces.mime import MAIL_BYTES

__all__ = ["classify_file_kind", "is_mail", "mail_files", "mails_in"]

_SNIFFED_BYTES = 64 << 10
_FILES_TRIED = 20
_HEADER = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_OF_MAIL = {
    b"from", b"to", b"received", b"date", b"message-id", b"return-path", b"subject", b"delivered-to",
    b"mime-version", b"content-type", b"x-original-to", b"envelope-to", b"auto-submitted",
}  # fmt: skip
_NEEDED = 2
"""Of these names: a note or a table may begin with one."""
_FROM_LINE = re.compile(rb"From \S*.*\d\d:\d\d")
_QUOTED_FROM = re.compile(rb">+From ")
_ASIDE = {"tmp", ".git"}


def classify_file_kind(path: Path) -> bool:
    """It is returned mail: a mail, an mbox, or a folder or Maildir of mails. Never raises."""
    try:
        if path.is_dir():
            if (path / "cur").is_dir() and (path / "new").is_dir():
                return True
            found = (file for file in _files_below(path))
            return any(is_mail(file) for _, file in zip(range(_FILES_TRIED), found, strict=False))
        return path.is_file() and is_mail(path)
    except OSError:
        return False


def mail_files(path: Path) -> list[Path]:
    """The file itself, or all files of a folder and below, in order; hidden ones and Maildir's `tmp` aside.

    Raises OperatorError where there is nothing to read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise OperatorError(f"{path}: no such file or folder; name mails, an mbox or a Maildir")
    return sorted(_files_below(path))


def mails_in(path: Path) -> Iterator[bytes]:
    """The mails of one file, each at most MAIL_BYTES long: of an mbox all, else the file itself."""
    with path.open("rb") as stream:
        if stream.read(5) != b"From ":
            stream.seek(0)
            yield stream.read(MAIL_BYTES)
            return
        stream.seek(0)
        kept: list[bytes] = []
        size, blank = 0, True
        while line := stream.readline(1 << 20):
            if blank and kept and _FROM_LINE.match(line):
                yield b"".join(kept)
                kept, size = [], 0
            blank = not line.strip()
            if size < MAIL_BYTES:
                kept.append(line[1:] if _QUOTED_FROM.match(line) else line)
                size += len(line)
        yield b"".join(kept)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") and not path.is_dir():
            continue
        if path.is_dir() and not path.is_symlink() and path.name not in _ASIDE:
            yield from _files_below(path)
        elif path.is_file():
            yield path


def is_mail(path: Path) -> bool:
    """Its first lines are header fields, of which some are those of every mail."""
    with path.open("rb") as stream:
        start = stream.read(_SNIFFED_BYTES)
    seen: set[bytes] = set()
    for line in start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").splitlines():
        if not line.strip():
            break
        found = _HEADER.match(line)
        if found:
            seen.add(found[1].lower())
        elif not line.startswith((b" ", b"\t", b"From ", b">From ")):
            return False
    return len(seen & _OF_MAIL) >= _NEEDED
