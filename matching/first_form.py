"""Workspaces whose audit log named acts only: they are taken over as they are when they are opened.

Their head is believed by its old seal, which only the store key can make; from then on every file is named.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any, Protocol

from matching.chain import GENESIS, HEAD, LOG, followed
from matching.errors import IntegrityError
from matching.evidence import Evidence
from matching.keys import Keys
from matching.signing import public_key

__all__ = ["adopt", "of_first_form"]

_FILES = ("workspace.json", "*/*/manifest.json", "tables/complete.json", "runs/*.json")
_OTHERS = frozenset({"prefect", "scratch", "logs", "out"})
_DATABASES = ("journal.sqlite", "outbox.sqlite")


class _Opened(Protocol):
    evidence: Evidence

    @property
    def root(self) -> Path: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def incident_id(self) -> str: ...


def of_first_form(root: Path) -> bool:
    """The head of the log is sealed, not signed."""
    return set(_head(root)) == {"head", "lines", "seal"}


def adopt(workspace: _Opened) -> None:
    """Name everything that stands in the workspace, once. Raises IntegrityError where the old log is broken."""
    root, said = workspace.root, _head(workspace.root)
    lines = list(followed((root / LOG).read_bytes(), previous=GENESIS, number=0))
    last = lines[-1][1] if lines else GENESIS
    seal = hmac.digest(workspace.keys.derived("audit head"), last.encode(), "sha256").hex()
    if said != {"head": last, "lines": len(lines), "seal": seal}:
        raise IntegrityError(f"{HEAD}: does not seal the log beside it; restore both from a copy")
    (root / "evidence" / "signing_key.pem").write_bytes(public_key(workspace))
    found = [path for pattern in _FILES for path in root.glob(pattern)]
    found = [path for path in found if path.relative_to(root).parts[0] not in _OTHERS]
    found += [path for path in (root / "out").rglob("*") if path.is_file()]
    names = sorted(path.relative_to(root).as_posix() for path in found)
    workspace.evidence.adopt(
        workspace.incident_id, [*names, "evidence/signing_key.pem"], _DATABASES
    )


def _head(root: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((root / HEAD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}
