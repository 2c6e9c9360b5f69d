"""Before a wave: mail to ourselves (canary), and a whole run against a server of this process (dry run).

The planned wave comes in. A canary is a real message through the real relay to `email.canary` only, with
the wave's texts and a made-up name; that the relay took it is remembered with the wave's digest. A dry run
does all that sending does, on a copy of the outbox in memory, and leaves nothing in the workspace but, where
the incident is made up, the messages under `out/email/dry-run/`.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from threading import Event, Thread

from matching.store import CheckFailed, OperatorError, Workspace
from notify.email.content import Content
from notify.email.events import wave_id
from notify.email.message import Refused, mailbox, message
from notify.email.outbox import opened, read
from notify.email.relay import Answer, Connection, Envelope, Fate, Relay, relay
from notify.email.run import Hooks, Report, send
from notify.email.settings import EmailSettings, domain_of
from notify.email.sink import LOOPBACK, Taken, certificate, serve
from notify.email.texts import checked_texts

__all__ = ["DRY_RUN_FILES", "DryRun", "canary", "canary_accepted", "delivered", "dry_run"]

DRY_RUN_FILES = 1_000
"""Messages written as files; the others are read, checked and let go."""
_NOBODY = "TEST RECIPIENT"
_NO_NUMBER = "TEST000000"


# --- canary -------------------------------------------------------------------------------------------


def canary(
    workspace: Workspace, settings: EmailSettings, wave: int, digest: str, *, hooks: Hooks
) -> int:
    """Send the wave's texts to our own addresses, each language once; gives how many messages.

    Raises OperatorError without addresses, CheckFailed where the relay does not take one.
    """
    if not settings.email.canary:
        raise OperatorError(
            "email.canary: empty; name an address of yours that gets each wave first"
        )
    to = relay(settings)
    messages = _canaries(workspace, settings, wave, digest)
    codes = asyncio.run(delivered(to, messages))
    refused = [code for code in codes if code]
    if refused:
        raise CheckFailed(
            f"canary of {wave_id(wave)}: {len(refused)} of {len(codes)} not taken ({refused[0]});"
            " correct email.canary or the relay"
        )
    with opened(workspace) as outbox:
        outbox.note_canary(wave_id(wave), digest, accepted=len(codes), now=hooks.now())
    return len(codes)


def canary_accepted(workspace: Workspace, wave: int, digest: str) -> bool:
    """A canary of exactly this wave went out."""
    with read(workspace.root) as outbox:
        return outbox is not None and outbox.canary_accepted(wave_id(wave), digest)


def _canaries(
    workspace: Workspace, settings: EmailSettings, wave: int, digest: str
) -> list[tuple[Envelope, bytes]]:
    """One message a language and address, in the words of the wave's first notice of it."""
    wording = checked_texts(settings)
    rows = workspace.scan("outbox").filter(wave=wave).sort("mailpiece_id").collect()
    some = rows.unique("language", keep="first", maintain_order=True)
    content = Content(workspace, settings, wording, some)
    date = format_datetime(datetime.now(UTC)).encode()
    made = []
    for place, words in enumerate(content.samples(some)):
        for number, address in enumerate(settings.email.canary):
            try:
                wire, _, utf8 = mailbox(address)
            except Refused:
                raise OperatorError(f"email.canary: entry {number + 1} is no address") from None
            name = f"canary-{digest[:16]}-{place}-{number}"
            text = message(
                words,
                message_id=f"{name}@{domain_of(settings.sender)}",
                address=wire,
                name=_NOBODY,
                number=_NO_NUMBER,
                date=date,
            )
            made.append(
                (Envelope(f"bounce+canary@{settings.bounce_domain}", wire, name, utf8), text)
            )
    return made


async def delivered(to: Relay, messages: Sequence[tuple[Envelope, bytes]]) -> list[str]:
    """Empty for each message that was taken, else the code."""
    connection = Connection(to)
    codes = []
    for envelope, text in messages:
        if not connection.ready:
            await connection.open()
        try:
            async with asyncio.timeout(to.reply_timeout_s):
                answer = await connection.deliver(envelope, text)
        except TimeoutError:
            connection.abort()
            answer = Answer(Fate.UNCERTAIN, "timeout")
        codes.append("" if answer.fate is Fate.ACCEPTED else answer.code)
    await connection.close()
    return codes


# --- dry run --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class DryRun:
    """What arrived: messages, those whose form is wrong, files written."""

    messages: int = 0
    malformed: int = 0
    files: int = 0
    folder: Path | None = None
    seen: set[bytes] = field(default_factory=set)
    repeated: int = 0


def dry_run(
    workspace: Workspace, settings: EmailSettings, waves: Sequence[int], *, hooks: Hooks
) -> tuple[Report, DryRun]:
    """Send these waves to a server of this process, over TLS; nobody gets anything."""
    found = DryRun(folder=workspace.out / "email" / "dry-run" if workspace.synthetic else None)

    failed: list[OSError] = []

    def taken(mail: bytes, rcpt: bytes, text: bytes) -> None:
        del mail, rcpt
        try:
            _look(workspace, found, text)
        except OSError as error:  # of the disk: raised in the server it would be one lost answer
            failed.append(error)

    with workspace.recording_outputs(), _serving(workspace, taken) as through:
        report = send(workspace, settings, waves, hooks=hooks, through=through)
    if failed:
        raise failed[0]
    return report, found


@contextmanager
def _serving(workspace: Workspace, taken: Taken) -> Iterator[Relay]:
    """A server in a thread of this process; gives the way to it."""
    ready, stop = Event(), Event()
    port: list[int] = []

    async def served(shown: ssl.SSLContext) -> None:
        server, number = await serve(shown, taken)
        port.append(number)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.05)
        server.close()

    with workspace.scratch() as folder:  # read at once, so that it is there for a moment only
        made = certificate(folder)
        shown, trusting = made.server(), made.client()
    thread = Thread(target=lambda: asyncio.run(served(shown)), daemon=True)
    thread.start()
    ready.wait(30)
    try:
        yield Relay(host=LOOPBACK, port=port[0], implicit_tls=True, context=trusting)
    finally:
        stop.set()
        thread.join()


def _look(workspace: Workspace, found: DryRun, text: bytes) -> None:
    """Read a message as its recipient's program would."""
    whole = text.replace(b"\r\n..", b"\r\n.")
    note = email.message_from_bytes(whole, policy=email.policy.SMTP)
    plain, page = note.get_body(("plain",)), note.get_body(("html",))
    sound = plain is not None and page is not None and not note.defects
    sound = sound and all(len(note.get_all(name, [])) == 1 for name in _ONCE)
    found.messages += 1
    found.malformed += not sound
    identity = str(note["Message-ID"]).encode()
    found.repeated += identity in found.seen
    found.seen.add(identity)
    if found.folder is not None and found.files < DRY_RUN_FILES:
        name = identity.decode().strip("<>").partition("@")[0]
        workspace.put_output(f"email/dry-run/{name}.eml", whole, personal=True, synced=False)
        found.files += 1


_ONCE = (
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "Reply-To",
    "Auto-Submitted",
    "MIME-Version",
)
