"""One connection to the relay: always encrypted, always checked, and it knows how far a message got.

aiosmtplib opens, encrypts and logs in. A message then goes by the protocol's own write and read, a
command at a time, because what a lost connection means depends on the moment: before the text was sent
nothing happened, after it nobody knows. Errors of the operator's (no STARTTLS, a bad certificate, a login
that no longer holds, a sender that the relay refuses) stop the run; they are nobody's mail address.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from matching.store import OperatorError, TryAgainLater
from notify.email.settings import EmailSettings

__all__ = ["Answer", "Connection", "Envelope", "Fate", "Relay", "relay"]

PASSWORD_VARIABLE = "AFFECTED_SMTP_PASSWORD"  # noqa: S105 - a name, no password
CONNECT_TIMEOUT_S = 30.0
QUIT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 300.0
"""RFC 5321, 4.5.3.2: five minutes for MAIL, RCPT and DATA."""
_LOGIN_CODES = frozenset({530, 534, 535, 538})
"""The relay wants a login, or no longer takes ours (RFC 4954)."""
_CLOSING = 421
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
_XTEXT = re.compile(r"[^!-*,-<>-~]")


class Fate(Enum):
    """What became of a message."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    POLICY = "policy"  # refused for what we are, not for whom it is to (5.7.x)
    PERMANENT = "permanent"
    NOT_SENT = "not sent"  # the connection went away before the text: try another one
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Answer:
    """A fate and the code that says why: digits only, never the relay's words."""

    fate: Fate
    code: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets it, and where bounces go."""

    sender: str
    recipient: str
    envelope_id: str
    utf8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where and how to connect. The repr shows no password."""

    host: str
    port: int
    implicit_tls: bool
    context: ssl.SSLContext
    username: str = ""
    password: str = field(default="", repr=False)
    reply_timeout_s: float = 600.0
    local_name: str = "localhost"


def relay(settings: EmailSettings) -> Relay:
    """What `[email]` says. Raises OperatorError for a missing file, login, or a host that is not allowed."""
    email = settings.email
    if settings.incident.synthetic:
        _check_loopback(email.host)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if email.ca_file:
        path = settings.root / email.ca_file
        try:
            context.load_verify_locations(cafile=str(path))
        except (OSError, ssl.SSLError):
            raise OperatorError(f"email.ca_file: {path} is no readable PEM file") from None
    return Relay(
        host=email.host,
        port=email.port,
        implicit_tls=email.tls == "tls",
        context=context,
        username=email.username,
        password=_password(settings) if email.username else "",
        reply_timeout_s=email.reply_timeout_s,
        local_name=settings.sender.rpartition("@")[2].lower(),
    )


def _password(settings: EmailSettings) -> str:
    named = settings.email.password_file
    if not named:
        found = os.environ.get(PASSWORD_VARIABLE, "")
        if not found:
            raise OperatorError(
                f"email.username: no password; set email.password_file or {PASSWORD_VARIABLE}"
            )
        return found
    path: Path = settings.root / named
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"email.password_file: {path} cannot be read") from None


def _check_loopback(host: str) -> None:
    """Made-up people get no mail, and real ones none of theirs: a synthetic incident stays on this machine.

    Names other than localhost are not looked up: that alone would ask somebody outside.
    """
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise OperatorError(
            f"email.host: {host} is not this machine, and the incident is synthetic; use 127.0.0.1"
        )


class Connection:
    """Opened, used for one message after the other, opened again where it was lost."""

    def __init__(self, to: Relay) -> None:
        self._to = to
        self._smtp: aiosmtplib.SMTP | None = None
        self.deadline: float | None = None

    @property
    def ready(self) -> bool:
        """It can take a message."""
        return self._smtp is not None and self._smtp.is_connected

    async def open(self) -> None:
        """Connect, encrypt, log in.

        Raises OperatorError where that will not change by itself, TryAgainLater where it may.
        """
        to = self._to
        smtp = aiosmtplib.SMTP(
            hostname=to.host,
            port=to.port,
            use_tls=to.implicit_tls,
            start_tls=False if not to.implicit_tls else None,
            tls_context=to.context,
            local_hostname=to.local_name,
            timeout=CONNECT_TIMEOUT_S,
        )
        try:
            await smtp.connect()
            if not to.implicit_tls:
                await smtp.ehlo()
                if not smtp.supports_extension("starttls"):
                    raise OperatorError(_no_starttls(to))
                await smtp.starttls()
            await smtp.ehlo()
            if to.username:
                await smtp.login(to.username, to.password)
        except (OperatorError, aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            _drop(smtp)
            await _closed()
            raise _told(to, error) from None
        self._smtp = smtp

    def supports(self, extension: str) -> bool:
        """The relay offers it."""
        return self._smtp is not None and self._smtp.supports_extension(extension)

    async def deliver(self, envelope: Envelope, payload: bytes) -> Answer:
        """Hand one message over. `payload` ends its lines with CRLF and has its dots doubled.

        Raises OperatorError where the relay refuses us, whoever the message is for: then nothing was sent.
        """
        loop = asyncio.get_running_loop()
        try:
            return await self._deliver(envelope, payload, loop)
        finally:
            self.deadline = None

    async def _deliver(
        self, envelope: Envelope, payload: bytes, loop: asyncio.AbstractEventLoop
    ) -> Answer:
        protocol = self._smtp.protocol if self._smtp else None
        if protocol is None:
            return Answer(Fate.NOT_SENT, "lost")
        self.deadline = loop.time() + COMMAND_TIMEOUT_S
        try:
            for number, (command, wanted) in enumerate(self._commands(envelope)):
                protocol.write(command)
                reply = await protocol.read_response()
                if reply.code not in wanted:
                    return await self._refused(protocol, number, reply)
        except (aiosmtplib.SMTPException, ConnectionError):
            self.abort()
            return Answer(Fate.NOT_SENT, "lost")
        self.deadline = loop.time() + self._to.reply_timeout_s
        return await self._text(protocol, payload)

    async def _text(self, protocol: SMTPProtocol, payload: bytes) -> Answer:
        """From the first byte of the text on, silence means that nobody knows."""
        try:
            protocol.write(payload + (b".\r\n" if payload.endswith(b"\n") else b"\r\n.\r\n"))
            reply = await protocol.read_response()
        except (aiosmtplib.SMTPException, ConnectionError):
            self.abort()
            return Answer(Fate.UNCERTAIN, "lost")
        if 200 <= reply.code < 300:
            return Answer(Fate.ACCEPTED, str(reply.code))
        if not 400 <= reply.code < 600:
            self.abort()
            return Answer(Fate.UNCERTAIN, "garbled")
        return await self._refused(protocol, _AFTER_TEXT, reply)

    def _commands(self, envelope: Envelope) -> tuple[tuple[bytes, frozenset[int]], ...]:
        utf8 = " SMTPUTF8" if envelope.utf8 else ""
        mail = f"MAIL FROM:<{envelope.sender}>{utf8}"
        rcpt = f"RCPT TO:<{envelope.recipient}>"
        if self.supports("dsn"):  # RFC 3461; only the headers come back
            mail += f" RET=HDRS ENVID={envelope.envelope_id}"
            rcpt += " NOTIFY=FAILURE,DELAY"
            rcpt += "" if envelope.utf8 else f" ORCPT=rfc822;{_xtext(envelope.recipient)}"
        return (
            (f"{mail}\r\n".encode(), _OK),
            (f"{rcpt}\r\n".encode(), _OK_RECIPIENT),
            (b"DATA\r\n", _GO_ON),
        )

    async def _refused(
        self, protocol: SMTPProtocol, number: int, reply: aiosmtplib.SMTPResponse
    ) -> Answer:
        """What a refusal at this point means; the connection is left ready or closed."""
        found = _ENHANCED.match(reply.message)
        code = f"{reply.code} {found.group(1)}" if found else str(reply.code)
        if reply.code == _CLOSING:
            self.abort()
            return Answer(Fate.NOT_SENT, code)
        if reply.code in _LOGIN_CODES:
            raise OperatorError(_login_refused(self._to, reply.code))
        if number == _SENDER and reply.code >= 500:
            raise OperatorError(
                f"email.from: {self._to.host} refuses the sender ({code}); allow it there, or correct it"
            )
        if not 400 <= reply.code < 600:
            self.abort()
            return Answer(Fate.NOT_SENT, "garbled")
        if number != _AFTER_TEXT:
            await self._reset(protocol)
        if reply.code < 500:
            return Answer(Fate.TEMPORARY, code)
        policy = found is not None and found.group(1).startswith("5.7.")
        return Answer(Fate.POLICY if policy else Fate.PERMANENT, code)

    async def _reset(self, protocol: SMTPProtocol) -> None:
        try:
            protocol.write(b"RSET\r\n")
            reply = await protocol.read_response()
            sound = reply.code == 250
        except (aiosmtplib.SMTPException, ConnectionError):
            sound = False
        if not sound:
            self.abort()

    def abort(self) -> None:
        """Drop the connection now; whoever waits for an answer learns that it was lost."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            _drop(smtp)

    async def close(self) -> None:
        """Say goodbye; a relay that does not answer is left."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            transport = smtp.transport
            with suppress(aiosmtplib.SMTPException, ConnectionError):
                await smtp.quit(timeout=QUIT_TIMEOUT_S)
            _drop(smtp, transport)
        await _closed()


def _drop(smtp: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None = None) -> None:
    """Close at once: no goodbye of TLS that a relay could let us wait for."""
    found = smtp.transport or transport
    smtp.close()
    if isinstance(found, asyncio.WriteTransport):
        found.abort()


async def _closed() -> None:
    """Sockets close in the next turns of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)


_SENDER, _AFTER_TEXT = 0, 3
_OK = frozenset({250})
_OK_RECIPIENT = frozenset({250, 251})
_GO_ON = frozenset({354})


def _xtext(address: str) -> str:
    """RFC 3461, 4: `+`, `=` and what is no printable ASCII as hex."""
    return _XTEXT.sub(lambda found: f"+{ord(found.group()):02X}", address)


def _no_starttls(to: Relay) -> str:
    return (
        f"email.tls: {to.host}:{to.port} offers no STARTTLS and nothing is sent in the clear;"
        ' switch it on there, or set tls = "tls" and its port'
    )


def _login_refused(to: Relay, code: int) -> str:
    return (
        f"email.username: {to.host} refuses the login ({code}); renew the password in"
        f" email.password_file or {PASSWORD_VARIABLE}, then send again"
    )


def _told(to: Relay, error: Exception) -> OperatorError:
    """Why a connection could not be made, with the fix."""
    at = f"{to.host}:{to.port}"
    if isinstance(error, OperatorError):
        return error
    if found := _caused_by(error, ssl.SSLCertVerificationError):
        return OperatorError(
            f"email.host: the certificate of {at} does not hold ({found.verify_message});"
            " correct the host, or name its CA in email.ca_file"
        )
    if _caused_by(error, ssl.SSLError):
        return OperatorError(f"email.tls: {at} does not speak TLS as asked; correct tls or port")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return OperatorError(_login_refused(to, error.code))
    if type(error) is aiosmtplib.SMTPException:
        return OperatorError(f"email.username: {at} offers no login that we know; correct it")
    return TryAgainLater(
        f"{at}: the relay does not answer ({type(error).__name__}); send again later"
    )


Cause = TypeVar("Cause", bound=BaseException)


def _caused_by(error: BaseException, kind: type[Cause]) -> Cause | None:
    """The error or what led to it, where that is of a kind."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, kind):
            return found
        found = found.__cause__
    return None
