"""Returned e-mail: from the bytes that came back to events of the pieces that they are about.

Files of mail come in, `events`, `return_files` and `quarantine` go out. `reading` says what one mail means,
`claims` which piece it is about, `sources` finds the mails, `intake` appends the news. A forged or unknown
mail changes nothing and is kept with its reason.
"""

from __future__ import annotations

from notify.bounces.intake import BouncesTaken, take
from notify.bounces.kinds import FINAL, Finding, Kind
from notify.bounces.policy import refused_by_policy
from notify.bounces.reading import Notice, failures, findings, read
from notify.bounces.sources import classify_file_kind

__all__ = [
    "FINAL", "BouncesTaken", "Finding", "Kind", "Notice", "classify_file_kind", "failures", "findings", "read",
    "refused_by_policy", "take",
]  # fmt: skip
