"""Who is told what, how, by when: one notice per person and covered entity.

`ownership`, `persons`, `members`, the cleaned records, the roster, delegation, suppressions, holds,
duties and the inbox come in; `notices` and `ledger` go out. Every (person, entity) of `ownership`
ends in exactly one ledger state; a person told before is not planned again.
"""

from __future__ import annotations

from notify.notices.plan import run
from notify.notices.settings import NoticesSettings

__all__ = ["NoticesSettings", "run"]
