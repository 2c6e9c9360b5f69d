"""From cleaned records to scored pairs: leaked identities with charts, with each other, charts with charts.

Reads leaked_std, charts_std and nonidentifying; writes identities and pairs, and at the first run the
reference (model, term frequencies, non-identifying values). One side is held whole, as numbers and by
key; the other goes past it in chunks of records. A part of `pairs` is one kind and one chunk: a kill
loses the chunks in hand, and neither their size nor the number of workers, nor where they are, changes
a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from matching.link.chunks import KINDS, VERSION, Linking
from matching.link.identities import collapse, second_mentions
from matching.link.progress import Progress, pairs_bytes, require_free
from matching.link.reference import frozen_model, match_sides
from matching.link.settings import LinkSettings
from matching.log import log_counts
from matching.store import Workspace

__all__ = ["KINDS", "run"]

NOT_IN_RESUME_KEY = {"memory_gib", "threads", "cluster", "model", "train", "seed"}
"""Change how the step works, never a row; the model is frozen and known by its digest."""
Make = Callable[[str, Sequence[int]], Progress]
"""Has the given parts of a kind made; gives what was counted."""


def run(workspace: Workspace, settings: LinkSettings, *, kinds: tuple[str, ...] = KINDS) -> None:
    """Write `identities` and `pairs` at or above the floor; freeze the reference at the first run.

    `kinds`: an evaluation needs one kind only. Raises TryAgainLater before anything is compared where
    the disk will not do, or where a cluster does not answer.
    """
    identities = collapse(workspace, threads=settings.threads)
    workspace.write("identities", identities)
    leaked, charts = match_sides(workspace, identities)
    model, frequencies = frozen_model(workspace, settings, leaked, charts)
    log_counts("link", mentions=identities.height, identities=leaked.rows, charts=charts.rows)
    seconds = second_mentions(identities)
    del identities
    with workspace.writer("pairs", resume_key=_resume_key(workspace, settings)) as writer:
        linking = Linking(settings, model, frequencies, writer, leaked, charts, seconds)
        require_free(workspace.root, _disk_needed(linking))
        with _workers(linking) as make:
            for kind in kinds:
                _one_kind(linking, kind, make)


def _resume_key(workspace: Workspace, settings: LinkSettings) -> str:
    inputs = ("leaked_std", "charts_std", "frozen_nonidentifying", "model", "term_frequencies")
    text = json.dumps([
        VERSION,
        [workspace.digest(name) for name in inputs],
        settings.model_dump(exclude=NOT_IN_RESUME_KEY),
    ])  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


def _disk_needed(linking: Linking) -> int:
    """For the parts that are not there yet."""
    parts = [part for kind in KINDS[:2] for part in linking.bounds(kind)]
    there = sum(linking.writer.size(part) for part in parts if linking.writer.has(part))
    return max(pairs_bytes(linking.leaked.rows) - there, 0)


def _one_kind(linking: Linking, kind: str, make: Make) -> None:
    """All parts of a kind that are not there yet."""
    waiting = [part for part in linking.bounds(kind) if not linking.writer.has(part)]
    if waiting:
        made = make(kind, waiting)
        log_counts(f"link {kind}", compared=made.compared, kept=made.kept)


@contextmanager
def _workers(linking: Linking) -> Iterator[Make]:
    """Who makes the parts: threads of this process, or a cluster's workers."""
    if linking.settings.cluster is None:
        yield lambda kind, waiting: _threads(linking, kind, waiting)
        return
    from matching.link.remote import workers_of  # noqa: PLC0415 - distributed takes 2 s to import

    with workers_of(linking.settings.cluster, linking) as make:
        yield make


def _threads(linking: Linking, kind: str, waiting: Sequence[int]) -> Progress:
    chunks = linking.chunks(kind)
    progress = Progress(f"link {kind}", len(waiting))
    with ThreadPoolExecutor(linking.settings.threads) as pool:
        made = pool.map(lambda part: progress.done(chunks.make(part, linking.writer)), waiting)
        list(made)
    return progress
