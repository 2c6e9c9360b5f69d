"""Folders of files that leave the house, packets' and filings': names that are safe, and what their manifests list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from matching.store import OperatorError, Workspace, sha256_file

__all__ = ["check_names", "put_listed", "unprintable"]

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_names(entity_ids: Iterable[str]) -> None:
    """Raise OperatorError for the first entity_id that cannot be the name of a folder."""
    unsafe = next((name for name in entity_ids if not _SAFE_NAME.fullmatch(name)), None)
    if unsafe is not None:
        raise OperatorError(
            f"entities.csv: entity_id {unsafe!r} is no file name; use letters, digits, . _ -"
        )


def unprintable(entity_id: str | None, what: str) -> OperatorError:
    """The entity has letters that the fonts lack, in `what` of it; None: the incident file has."""
    place = "incident.toml" if entity_id is None else f"entities.csv: {entity_id}"
    fix = f"write its {what} in letters the font has (notify/fonts)"
    return OperatorError(f"{place}: cannot be printed; {fix}")


def put_listed(
    workspace: Workspace, relative: str, data: bytes, *, personal: bool, synced: bool = True
) -> dict[str, Any]:
    """Write one file below `out/`; gives its line in the manifest, in the form that `affected verify` reads.

    Digests of the text and of the bytes as stored, which differ where the file is sealed.
    """
    path = workspace.put_output(relative, data, personal=personal, synced=synced)
    plain = hashlib.sha256(data).hexdigest()
    return {
        "file": path.name,
        "bytes": len(data),
        "sha256": plain,
        "stored_sha256": sha256_file(path) if path.suffix == ".enc" else plain,
    }
