"""A local SMTP server over TLS that takes everything and sends nothing on: for dry runs and measurements.

It speaks as much SMTP as a relay that offers 8BITMIME, DSN and, where asked to, STARTTLS. Its certificate
is made when it is needed and lives as long as the server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["LOOPBACK", "Certificate", "Sink", "Taken", "certificate", "serve"]

LOOPBACK = "127.0.0.1"
_END = b"\r\n.\r\n"
_EXTENSIONS = b"250-sink\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
Taken = Callable[[bytes, bytes, bytes], None]
"""Called with the MAIL line, the RCPT line and the text as it came, dots still doubled."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A made-up certificate for this machine, and who trusts it. `pem` holds its key, too."""

    pem: Path

    def server(self) -> ssl.SSLContext:
        """Shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context

    def client(self) -> ssl.SSLContext:
        """Trusts it and nothing else."""
        return ssl.create_default_context(cafile=str(self.pem))


def certificate(
    folder: Path, *, host: str = LOOPBACK, valid_from: datetime | None = None
) -> Certificate:
    """Make one in a private folder, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up relay")])
    begin = valid_from or datetime.now(UTC) - timedelta(hours=1)
    try:
        subject: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "relay.pem"
    path.touch(mode=0o600)
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return Certificate(path)


class Sink(asyncio.Protocol):
    """One connection: commands until DATA, then text until the dot."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._buffer = b""
        self._text = False
        self._mail = self._rcpt = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every whole command and every whole text."""
        self._buffer += data
        while self._transport is not None:
            end = self._buffer.find(_END if self._text else b"\r\n")
            if end < 0:
                return
            if self._text:
                text, self._buffer = self._buffer[: end + 2], self._buffer[end + len(_END) :]
                self._text = False
                self._taken(self._mail, self._rcpt, text)
                self._transport.write(b"250 taken\r\n")
            else:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                self._command(line)

    def _command(self, line: bytes) -> None:
        assert self._transport is not None
        verb = line[:4].upper()
        if verb == b"MAIL":
            self._mail = line
        elif verb == b"RCPT":
            self._rcpt = line
        elif verb == b"DATA":
            self._text = True
            self._transport.write(b"354 go on\r\n")
            return
        if verb == b"EHLO":
            self._transport.write(_EXTENSIONS)
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
            self._transport = None
        else:
            self._transport.write(b"250 fine\r\n")


async def serve(
    shown: ssl.SSLContext, taken: Taken, *, port: int = 0
) -> tuple[asyncio.Server, int]:
    """Listen on this machine only; gives the server and its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(taken), LOOPBACK, port, ssl=shown)
    return server, int(server.sockets[0].getsockname()[1])
