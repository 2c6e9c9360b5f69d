"""A reader of encrypted ZIP files of its own, written from the description of the format."""

from __future__ import annotations

import hashlib
import hmac
import io
import struct
import zipfile
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def opened(archive: bytes, secret: str) -> dict[str, bytes]:
    """Name -> text of an AE-2 archive, AES one block at a time; AssertionError for another passphrase."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as listing:
        for place in listing.infolist():
            vendor, method = struct.unpack("<4xH3xH", place.extra)
            assert (vendor, place.compress_type, place.CRC) == (2, 99, 0)
            names, extra = struct.unpack("<HH", archive[place.header_offset + 26 :][:4])
            begin = place.header_offset + 30 + names + extra
            body = archive[begin : begin + place.compress_size]
            salt, check, hidden, mac = body[:16], body[16:18], body[18:-10], body[-10:]
            keys = hashlib.pbkdf2_hmac("sha1", secret.encode(), salt, 1000, 66)
            assert keys[64:] == check, "another passphrase"
            assert hmac.digest(keys[32:64], hidden, "sha1")[:10] == mac
            text = bytearray()
            block = Cipher(algorithms.AES(keys[:32]), modes.ECB()).encryptor()
            for number in range(0, len(hidden), 16):
                pad = block.update((number // 16 + 1).to_bytes(16, "little"))
                text += bytes(
                    a ^ b for a, b in zip(hidden[number : number + 16], pad, strict=False)
                )
            found[place.filename] = zlib.decompress(text, -15) if method == 8 else bytes(text)
    return found
