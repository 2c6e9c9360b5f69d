"""A small incident of people who agreed to e-mail, and local servers that behave or do not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

import notify.batches
import notify.notices
from matching.store import Workspace
from notify.batches import BatchesSettings
from notify.email import EmailSettings, Hooks, Patience
from notify.email.sink import Certificate
from notify.facts import Email
from notify.notices import NoticesSettings
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, build

CONSENT = {"email_consent_on": date(2025, 1, 2), "email_consent_scope": "notices"}
QUICK = Patience(look_s=0.02, recheck_s=0.05, connect_first_s=0.01, connect_tries=3)


def person(number: int, *, domain: str = "mail.example", **chart: Any) -> dict[str, Any]:
    """A patient of CE1 who agreed to e-mail."""
    return {"chart": {"email": f"p{number}@{domain}", **CONSENT, **chart}}


def plan(workspace: Workspace, cases: list[dict[str, Any]]) -> None:
    """Tables of these people, decided and planned."""
    build(workspace, cases)
    notify.notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))
    notify.batches.run(
        workspace,
        BatchesSettings(
            incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAILING, as_of=AS_OF
        ),
    )


def settings(port: int, made: Certificate | None, **email: Any) -> EmailSettings:
    """`[email]` for a server of this machine."""
    values = {"port": port, "from": "notices@northwind.example", "connections": 2,
              "reply_timeout_s": 0.5, "ca_file": str(made.pem) if made else "", **email}  # fmt: skip
    return EmailSettings(
        incident=INCIDENT,
        business_associate=ASSOCIATE,
        email=Email.model_validate(values),
        as_of=AS_OF,
    )


@dataclass
class Clock:
    """Seconds that only a test moves."""

    at: float = 1_774_000_000.0

    def __call__(self) -> float:
        return self.at

    def hooks(self, **values: Any) -> Hooks:
        return Hooks(now=self, patience=QUICK, **values)


@dataclass
class Handler:
    """Takes messages; `answers` says otherwise for a recipient: an SMTP line at a stage, or an act."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    taken: list[tuple[str, str, bytes]] = field(default_factory=list)
    options: list[tuple[list[str], list[str]]] = field(default_factory=list)
    stage: str = "RCPT"

    def _next(self, address: str) -> str:
        waiting = self.answers.get(address, [])
        return waiting.pop(0) if waiting else ""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self._next(address) if self.stage == "RCPT" else ""
        if answer.startswith("421"):
            asyncio.get_running_loop().call_later(0.01, server.transport.close)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        self.options.append((list(envelope.mail_options), list(options)))
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        answer = self._next(address) if self.stage == "DATA" else ""
        if answer == "stall":
            await asyncio.sleep(5)
        elif answer == "close":
            server.transport.abort()
            return "250 never heard"
        elif answer == "slow":
            await asyncio.sleep(0.3)
        elif answer:
            return answer
        self.taken.append((envelope.mail_from, address, envelope.content))
        return "250 2.0.0 queued"


class _Quiet(SMTP):
    """aiosmtpd logs a lost connection as an error of its own."""

    async def handle_exception(self, error: Exception) -> str:
        return "451 lost"


class _Full(_Quiet):
    """No seat left."""

    async def _handle_client(self) -> None:
        await self.push("421 4.7.0 too many connections")
        self.transport.close()


@contextlib.contextmanager
def serving(
    handler: Handler,
    made: Certificate | None,
    *,
    login: Callable[[bytes], bool] | None = None,
    utf8: bool = True,
    most: int = 100,
) -> Iterator[int]:
    """An aiosmtpd server with STARTTLS, or without where there is no certificate; gives its port."""

    def authenticate(
        server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert login is not None
        return AuthResult(success=login(data.password), handled=False)

    options: dict[str, Any] = {"enable_SMTPUTF8": utf8, "hostname": "relay"}
    if made:
        options |= {"tls_context": made.server(), "require_starttls": True}
    if login:
        options |= {"authenticator": authenticate, "auth_required": True}
    seats = itertools.chain([_Quiet] * most, itertools.repeat(_Full))
    with _loop() as loop:
        server = asyncio.run_coroutine_threadsafe(
            loop.create_server(lambda: next(seats)(handler, loop=loop, **options), "127.0.0.1", 0),
            loop,
        ).result(5)
        yield int(server.sockets[0].getsockname()[1])
        loop.call_soon_threadsafe(server.close)


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def ended() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield loop
    finally:
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(ended(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
