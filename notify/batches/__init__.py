"""Mail batches for a vendor and the e-mail outbox: planned as tables, released as files.

`notices` and what letters need come in; `batches`, `pieces` and `outbox` go out. `export` writes the
approved batches below `out/batches`, notes each piece in `events` and its person in `registry`.
"""

from __future__ import annotations

from notify.batches.folder import own_copy
from notify.batches.lines import lines_of, path_of
from notify.batches.plan import run
from notify.batches.recall import Recalled, recall
from notify.batches.release import Exported, export, settle
from notify.batches.settings import BatchesSettings

__all__ = [
    "BatchesSettings", "Exported", "Recalled", "export", "lines_of", "own_copy", "path_of", "recall", "run", "settle",
]  # fmt: skip
