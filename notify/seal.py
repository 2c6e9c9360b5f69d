"""What a file that leaves the house was made from: digests of tables, rules, configuration, approvals.

Packets and filings ask here, so that all manifests say it in the same words. Digests only: a manifest with
them travels in the clear. Who keeps a manifest can show later which state of the evidence a number came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel

from matching.store import Workspace

__all__ = ["Approved", "Basis", "made_from"]


@dataclass(frozen=True, slots=True)
class Approved:
    """One gate as it stood open: the digest of its subject and who approved that, names in order."""

    gate: str
    subject: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What only the caller of a release knows: the incident file's digest, the rule rows', approvals."""

    configuration_sha256: str
    rules_sha256: str
    approvals: tuple[Approved, ...]
    audit_log: Mapping[str, Any] | None = None
    """Lines, head and signer of the audit log when the release began: a log cut off later lacks that head."""


def made_from(
    workspace: Workspace,
    tables: Iterable[str],
    settings: BaseModel,
    *,
    basis: Basis | None = None,
    **texts: str,
) -> dict[str, Any]:
    """`tables` (content digests by name; null: never written), `settings_sha256`, the digests of `texts`.

    With a `basis` also `configuration_sha256`, `rules_sha256`, `approvals` and `audit_log`. JSON-ready; the same
    for the same evidence, whenever it is asked, but for the log.
    """
    sealed: dict[str, Any] = {
        "tables": {name: workspace.digest(name) for name in sorted(tables)},
        "settings_sha256": hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
        **texts,
    }
    if basis is None:
        return sealed
    approvals = sorted((asdict(approved) for approved in basis.approvals), key=lambda a: a["gate"])
    return {
        **sealed,
        "configuration_sha256": basis.configuration_sha256,
        "rules_sha256": basis.rules_sha256,
        "approvals": [{**approval, "by": list(approval["by"])} for approval in approvals],
        **({"audit_log": dict(basis.audit_log)} if basis.audit_log else {}),
    }
