"""One short e-mail to people of ours: counts and days, by the incident's own relay. No person's data.

Sent at once, not through the outbox: nobody is notified by it, and its loss shows at the next look.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

from notify.email.relay import Envelope, relay
from notify.email.settings import EmailSettings
from notify.email.trial import delivered

__all__ = ["send_alarm"]


def send_alarm(
    settings: EmailSettings, *, to: Sequence[str], subject: str, lines: Sequence[str]
) -> dict[str, str]:
    """Address -> empty where the relay took it, else its code. One message an address.

    Raises OperatorError where the relay cannot be used, TryAgainLater where it does not answer.
    """
    messages = [_message(settings, address, subject, lines) for address in to]
    codes = asyncio.run(delivered(relay(settings), messages))
    return dict(zip(to, codes, strict=True))


def _message(
    settings: EmailSettings, address: str, subject: str, lines: Sequence[str]
) -> tuple[Envelope, bytes]:
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = address
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\r\n".join(lines) + "\r\n")
    text = message.as_bytes().replace(b"\r\n.", b"\r\n..")
    return Envelope(settings.sender, address, hashlib.sha256(text).hexdigest()[:16]), text
