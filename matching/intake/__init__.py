"""intake: delivered files become mentions and charts, every row parsed or rejected with a reason.

Writes `inventory`, `leaked`, `charts`, `rejects`, `entities`, `delegation` and `suppressions`.
Everything stays text as delivered. A row that cannot be read never stops the run; a file that is
not what the incident file says stops it before anything is written.
"""

from matching.intake.checks import check
from matching.intake.delivered import Delivered, register_files, resolve
from matching.intake.settings import IntakeSettings, SuppressionSource
from matching.intake.step import run

__all__ = [
    "Delivered",
    "IntakeSettings",
    "SuppressionSource",
    "check",
    "register_files",
    "resolve",
    "run",
]
