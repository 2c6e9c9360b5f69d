"""The one file that travels: a ZIP of the packet, closed to everyone but its recipient.

With a public key of the recipient (`packet_key` of the roster: age or OpenPGP) the ZIP is encrypted to it.
Without one the ZIP itself is encrypted with AES-256 (WinZip's AE-2, which 7-Zip and WinZip open), under a
passphrase that goes by letter. The passphrase is stored nowhere: it is made from the incident's id_key.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import polars as pl
import pyrage
import pysequoia
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from matching.store import Workspace

__all__ = ["WAYS", "aes_zip", "closed", "passphrase", "plain_zip", "way_of"]

WAYS = {"age": "packet.zip.age", "openpgp": "packet.zip.pgp", "passphrase": "packet.zip"}
"""How a packet is closed -> the name of its file."""

_AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_OPENPGP = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_PASSPHRASE_LETTERS = 19
"""And a check: four groups of five, 95 bits. AE-2 stretches a passphrase by 1,000 rounds only, so it must be
strong by itself."""
_ROUNDS = 1_000
"""Of PBKDF2, fixed by the format."""
_KEY_BYTES, _VERIFIER_BYTES, _SALT_BYTES, _MAC_BYTES = 32, 2, 16, 10
_PACKED_ALREADY = (".xlsx", ".pdf")
"""Stored as they are: squeezing them again takes time and gains nothing."""
_NEEDS, _FLAGS, _METHOD = 51, 0x0801, 99
"""Version of the format; encrypted, names in UTF-8; AES."""
_DAY_ZERO = 0x0021
"""1 January 1980 in the words of ZIP: files bear no clock."""


def way_of(key: str | None, on: date) -> str | None:
    """age, openpgp, passphrase where there is no key, or None where the key cannot be used on that day."""
    if key is None:
        return "passphrase"
    if _AGE.fullmatch(key):
        return "age" if _works(lambda: pyrage.x25519.Recipient.from_str(key)) else None
    if key.startswith(_OPENPGP):
        return "openpgp" if _works(lambda: _refuse_old(key, on)) else None
    return None


def closed(files: Mapping[str, bytes], *, way: str, key: str | None, secret: str) -> bytes:
    """The closed file; `secret` is the passphrase where there is no key."""
    if key is None:
        return aes_zip(files, secret)
    packed = plain_zip(files)
    if way == "openpgp":
        return _to_openpgp(packed, key)
    encrypted: bytes = pyrage.encrypt(packed, [pyrage.x25519.Recipient.from_str(key)])
    return encrypted


def passphrase(workspace: Workspace, entity_id: str, recipient_id: str) -> str:
    """Four groups of five letters and digits, the same for every version that this recipient gets."""
    name = pl.Series([f"{entity_id}|{recipient_id}"])
    letters = workspace.keys.mint("packet passphrase", name, length=_PASSPHRASE_LETTERS)[0]
    return "-".join(letters[start : start + 5] for start in range(0, len(letters), 5))


def plain_zip(files: Mapping[str, bytes]) -> bytes:
    """A ZIP without encryption, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in sorted(files.items()):
            place = zipfile.ZipInfo(name)
            place.compress_type = _method(name)
            archive.writestr(place, data, compresslevel=1)
    return packed.getvalue()


def aes_zip(files: Mapping[str, bytes], secret: str) -> bytes:
    """A ZIP of which every member is encrypted with AES-256; names, sizes and number of members show.

    The salt of a member is made from its content, so that the same files and secret give the same bytes.
    """
    body, directory = bytearray(), bytearray()
    for name, data in sorted(files.items()):
        inside = _method(name)
        text = _deflated(data) if inside == zipfile.ZIP_DEFLATED else data
        sealed = _sealed(text, secret.encode(), name.encode())
        # the extra field: AE-2, 256 bits, the method inside
        extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, inside)
        sizes = struct.pack("<III", 0, len(sealed), len(data))  # AE-2 keeps no checksum of the text
        common = struct.pack("<HHHHH", _NEEDS, _FLAGS, _METHOD, 0, _DAY_ZERO) + sizes
        common += struct.pack("<HH", len(name.encode()), len(extra))
        where = struct.pack("<HHHII", 0, 0, 0, 0, len(body))
        directory += b"PK\x01\x02" + struct.pack("<H", _NEEDS) + common + where
        directory += name.encode() + extra
        body += b"PK\x03\x04" + common + name.encode() + extra + sealed
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + b"PK\x05\x06" + end)


def _method(name: str) -> int:
    return zipfile.ZIP_STORED if name.endswith(_PACKED_ALREADY) else zipfile.ZIP_DEFLATED


def _deflated(data: bytes) -> bytes:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


def _sealed(text: bytes, secret: bytes, name: bytes) -> bytes:
    """Salt, two bytes that tell a wrong passphrase, ciphertext, ten bytes of its HMAC-SHA1."""
    digest = hashlib.sha256(name + b"\x00" + text).digest()
    salt = hmac.digest(secret, digest, "sha256")[:_SALT_BYTES]
    length = 2 * _KEY_BYTES + _VERIFIER_BYTES
    keys = hashlib.pbkdf2_hmac("sha1", secret, salt, _ROUNDS, length)
    hidden = _counter_mode(text, keys[:_KEY_BYTES])
    mac = hmac.digest(keys[_KEY_BYTES : 2 * _KEY_BYTES], hidden, "sha1")[:_MAC_BYTES]
    return salt + keys[-_VERIFIER_BYTES:] + hidden + mac


def _counter_mode(text: bytes, key: bytes) -> bytes:
    """AES in counter mode as the format has it: the counter begins at 1, its lowest byte first."""
    blocks = -(-len(text) // 16)
    counters = np.zeros((blocks, 2), dtype="<u8")
    counters[:, 0] = np.arange(1, blocks + 1)
    stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - of counters, not of text
    pad = np.frombuffer(stream.update(counters.tobytes()), dtype=np.uint8)
    return (np.frombuffer(text, dtype=np.uint8) ^ pad[: len(text)]).tobytes()


def _to_openpgp(data: bytes, key: str) -> bytes:
    return pysequoia.encrypt(data, [pysequoia.Cert.from_bytes(key.encode())], armor=False)


def _refuse_old(key: str, on: date) -> None:
    """Raise where nothing can be encrypted to the key, or it is revoked or ended before that day."""
    certificate = pysequoia.Cert.from_bytes(key.encode())
    _to_openpgp(b"", key)
    ends = certificate.expiration
    if certificate.is_revoked or (ends is not None and ends.date() < on):
        raise ValueError("revoked or expired")


def _works(use: Callable[[], object]) -> bool:
    try:
        use()
    except Exception:  # noqa: BLE001 - both libraries raise types of their own for a bad key
        return False
    return True
