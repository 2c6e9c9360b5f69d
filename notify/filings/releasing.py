"""The command that writes filings: each version in a folder of its own, manifest last, none ever overwritten.

A version is whole when its manifest is there. The same content is not written again; other content becomes
the next version beside it. That a filing was made is not told here: a person records it with its tracking
number, and the next release knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matching.store import OperatorError, Workspace, log_counts
from notify.filings.drafts import Draft, drafts, state_of
from notify.filings.lint import check_words
from notify.filings.settings import FilingsSettings
from notify.filings.sources import FROM_TABLES, Sources, read_sources
from notify.outgoing import check_names, put_listed, unprintable
from notify.seal import Basis, made_from
from notify.typeset import GlyphMissingError

__all__ = ["FilingsReleased", "release"]

AT_ONCE = 4
"""Filings written at one time: the disk's word that a file is safe takes longer than its text."""


@dataclass(frozen=True, slots=True)
class FilingsReleased:
    """What was written now, how many stood already, and every filing that is owed by kind and state.

    `unreviewed`: rule rows behind them that nobody reviewed, so that no date of theirs is stated.
    """

    paths: tuple[Path, ...]
    unchanged: int
    states: dict[str, dict[str, int]]
    unreviewed: tuple[str, ...]


def release(
    workspace: Workspace, settings: FilingsSettings, *, entity: str | None, basis: Basis
) -> FilingsReleased:
    """Write the filings that are ready, all or one entity's; called twice it writes nothing new.

    The caller has asked the gates. Raises OperatorError where the entity is in no roster, a text has a
    fault, or a name cannot be printed, TryAgainLater where rule rows changed since the duties were planned.
    """
    sources = read_sources(workspace, settings)
    check_words(sources.words)
    _check_entities(sources, entity)
    planned = drafts(workspace, sources)
    ready = [draft for draft in planned if draft.state == "ready"]
    if entity is not None:
        ready = [draft for draft in ready if draft.entity_id == entity]
    sealed = made_from(
        workspace, FROM_TABLES, settings, basis=basis, texts_sha256=sources.words.digest,
        layout_sha256=_sha256(sources.words.template.read_bytes()),
    )  # fmt: skip
    with workspace.recording_outputs(), ThreadPoolExecutor(AT_ONCE) as threads:
        paths = threads.map(lambda draft: _write(workspace, settings, draft, sealed), ready)
        written = [path for path in paths if path]
    log_counts("filings", released=len(written), unchanged=len(ready) - len(written))
    unreviewed = sorted({rule for owed in sources.owed for rule in owed.unreviewed})
    states = _states(sources, planned)
    return FilingsReleased(tuple(written), len(ready) - len(written), states, tuple(unreviewed))


def _check_entities(sources: Sources, entity: str | None) -> None:
    if entity is not None and entity not in sources.entities:
        raise OperatorError(f"entity {entity}: not in the roster; see `affected table WS entities`")
    check_names(owed.entity_id for owed in sources.owed)


def _states(sources: Sources, planned: Iterable[Draft]) -> dict[str, dict[str, int]]:
    """Kind -> state -> how many; of the annual log its entities, not its years."""
    found: dict[str, dict[str, int]] = {}
    each = [(draft.kind, draft.state) for draft in planned if draft.kind != "hhs_annual"]
    each += [(o.kind, state_of(sources, o)) for o in sources.owed if o.kind == "hhs_annual"]
    for kind, state in sorted(each):
        of_kind = found.setdefault(kind, {})
        of_kind[state] = of_kind.get(state, 0) + 1
    return found


def _write(
    workspace: Workspace, settings: FilingsSettings, draft: Draft, sealed: dict[str, Any]
) -> Path | None:
    """Write the next version; None where the last one says the same."""
    version, last = _last(workspace, f"filings/{draft.folder}")
    if last is not None and last["content"] == draft.content:
        return None
    folder = f"filings/{draft.folder}/v{version + 1}"
    try:
        files = draft.make()
    except GlyphMissingError:
        raise unprintable(draft.entity_id, "names and address") from None
    listed = [
        put_listed(workspace, f"{folder}/{name}", data, personal=False)
        for name, data in sorted(files.items())
    ]
    manifest = {
        "schema": "affected.filing/1",
        "incident": settings.incident.id,
        "as_of": settings.as_of.isoformat(),
        "synthetic": workspace.synthetic,
        "kind": draft.kind,
        "entity_id": draft.entity_id,
        "jurisdiction": draft.jurisdiction,
        "version": version + 1,
        "content": draft.content,
        "files": listed,
        "made_from": sealed,
    }
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    workspace.put_output(f"{folder}/manifest.json", text.encode(), personal=False)
    return workspace.out / folder


def _last(workspace: Workspace, folder: str) -> tuple[int, dict[str, Any] | None]:
    """Number and manifest of the last whole version; 0 and None before the first."""
    there = (workspace.out / folder).glob("v*/manifest.json")
    numbers = sorted((int(path.parent.name[1:]) for path in there), reverse=True)
    for number in numbers:
        name = f"{folder}/v{number}/manifest.json"
        if workspace.was_recorded(name):  # else its release was killed: it is written anew
            return number, json.loads(workspace.get_output(name))
    return 0, None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
