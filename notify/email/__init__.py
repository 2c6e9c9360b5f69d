"""E-mail to people who agreed to it: each message at most once, whatever breaks on the way.

`outbox` (planned rows, ids only) and the encrypted records come in; messages to the relay, rows of
`outbox.sqlite`, `registry` and `events` go out. `states` declares what a row can be, `run` is the story,
`sender` the part with connections, `verp` what a bounce is known by.
"""

from __future__ import annotations

from notify.email.events import wave_id
from notify.email.outbox import outbox_counts, uncertain_waiting
from notify.email.run import Hooks, Report, planned_waves, send, subject
from notify.email.sender import Patience, Sender
from notify.email.settings import EmailSettings
from notify.email.trial import DryRun, canary, canary_accepted, dry_run

__all__ = [
    "DryRun",
    "EmailSettings",
    "Hooks",
    "Patience",
    "Report",
    "Sender",
    "canary",
    "canary_accepted",
    "dry_run",
    "outbox_counts",
    "planned_waves",
    "send",
    "subject",
    "uncertain_waiting",
    "wave_id",
]
