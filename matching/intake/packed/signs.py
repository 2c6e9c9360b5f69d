"""What the first bytes of a file say that it is: packed, an archive, encrypted, or nothing that is read."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import BinaryIO

from matching.intake.packed.tars import is_tar
from matching.intake.packed.unpack import compression

__all__ = [
    "compression",
    "encryption",
    "is_tar",
    "is_zip",
    "not_read",
    "other_kind",
    "workbook_kind",
]

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BARE_XLS = (b"\x09\x08\x10\x00", b"\x09\x08\x08\x00", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00")
"""Records with which BIFF begins where no OLE file is around it."""
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_ENCRYPTED = {
    b"age-encryption.org/": "age",
    b"-----BEGIN AGE ENCRYPTED FILE": "age",
    b"-----BEGIN PGP MESSAGE": "OpenPGP",
    b"Salted__": "OpenSSL",
    b"AES\x01": "AES Crypt",
    b"AES\x02": "AES Crypt",
    b"AES\x03": "AES Crypt",
}
_NOT_READ = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"MSCF\0\0\0\0": "a Cabinet archive",
    b"\x1f\x9d": "a file packed by compress (.Z)",
    b"%PDF-": "a PDF",
    b"PGDMP": "a dump in PostgreSQL's own format (write it again with pg_restore -f)",
    b"SQLite format 3\0": "a SQLite database (write its tables as CSV)",
}


def is_zip(head: bytes) -> bool:
    """A zip's first member, its end where it is empty, or the mark of one in several files."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def not_read(head: bytes) -> str:
    """What it is, where it is nothing that is read; empty otherwise."""
    return next((what for sign, what in _NOT_READ.items() if head.startswith(sign)), "")


def other_kind(head: bytes) -> str:
    """What a file is that is no text; empty where that does not show."""
    if is_zip(head):  # an archive would have been opened
        return "it is a workbook (xlsx, ods) or a document"
    if head.startswith(_OLE):
        return "it is an old workbook (xls) or document"
    return "it is Parquet" if head.startswith(b"PAR1") else ""


def workbook_kind(head: bytes, names: Callable[[], Container[str]]) -> str:
    """xlsx, xls or ods; empty where it is none. `names`: of its members, where it is a zip."""
    if head.startswith(_OLE) or head.startswith(_BARE_XLS):
        return "xls"
    if not is_zip(head):
        return ""
    inside = names()
    if any(
        name in inside for name in ("xl/workbook.xml", "xl/workbook.bin", "[Content_Types].xml")
    ):
        return "xlsx"
    return "ods" if "content.xml" in inside else ""


def encryption(head: bytes, opened: Callable[[], BinaryIO]) -> str:
    """How it is encrypted; empty where no sign of it is seen. `opened`: the file, to look further into it."""
    for sign, how in _ENCRYPTED.items():
        if head.startswith(sign):
            return how
    if head.startswith(_OLE):
        with opened() as file:
            return _ole_encryption(head, file)
    return "OpenPGP" if _is_openpgp(head) else ""


def _is_openpgp(head: bytes) -> bool:
    """Begins with a session key packet: tag 1, version 3, or tag 3, version 4 to 6 (RFC 9580, section 5)."""
    if len(head) < 20 or not head[0] & 0x80:
        return False
    if head[0] & 0x40:
        tag, body = head[0] & 0x3F, 2
    else:
        tag, body = head[0] >> 2 & 0x0F, (2, 3, 5, 0)[head[0] & 3]
    version = head[body] if body else 0
    if tag == 1:  # then the key's id and an algorithm for public keys
        return version == 3 and head[body + 9] in {1, 2, 16, 18, 25}
    return tag == 3 and version in {4, 5, 6} and head[body + 1] in range(1, 14)


def _ole_encryption(head: bytes, file: BinaryIO) -> str:
    """A workbook or document with a password is a stream of that name in an OLE file."""
    sector = 1 << int.from_bytes(head[30:32], "little") if len(head) > 52 else 512
    if sector not in {512, 4096}:
        return ""
    file.seek((int.from_bytes(head[48:52], "little") + 1) * sector)
    return "a password of Office" if _ENCRYPTED_PACKAGE in file.read(4096) else ""
