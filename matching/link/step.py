"""From cleaned records to scored pairs: leaked identities with charts, with each other, charts with charts.

Reads leaked_std, charts_std and nonidentifying; writes identities, pairs and kept_hashes, and at the
first run the reference (model, term frequencies, non-identifying values). One side is held whole, as numbers and by
key; the other goes past it in chunks of records. A part of `pairs` is one kind and one chunk: a kill
loses the chunks in hand, and neither their size nor the number of workers, nor where they are, changes
a row. Files of later rounds are linked with what is there (see `strips`); parts of earlier rounds stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import polars as pl

from matching.files import digest_of
from matching.link.chunks import VERSION, Linking, Loader
from matching.link.common import OVER_BUDGET
from matching.link.identities import collapse, second_mentions
from matching.link.kept import KEPT, Kept
from matching.link.keys import slots
from matching.link.progress import Progress, hashes_bytes, pairs_bytes, require_free
from matching.link.reference import frozen_model, match_sides
from matching.link.settings import LinkSettings
from matching.link.strips import KINDS, Strip, deliveries_of
from matching.log import log_counts
from matching.store import Workspace, Writer
from matching.tables import TABLES

__all__ = ["KINDS", "run"]

NOT_IN_RESUME_KEY = {
    "memory_gib", "threads", "cluster", "model", "train", "seed", "pair_budget", "over_budget",
}  # fmt: skip
"""Change how the step works, never a row: the model is frozen and known by its digest, and what is left
out for the budget is frozen before the first pair."""
Make = Callable[[Strip, Sequence[int]], Progress]
"""Has the given parts of a strip made; gives what was counted."""


def run(workspace: Workspace, settings: LinkSettings, *, kinds: tuple[str, ...] = KINDS) -> None:
    """Write `identities` and `pairs` at or above the floor; freeze the reference at the first run.

    `kinds`: an evaluation needs one kind only. Raises TryAgainLater before anything is compared where
    the disk will not do, or where a cluster does not answer.
    """
    with workspace.writer(KEPT) as hashes, workspace.writer("pairs") as writer:
        linking = _linking(workspace, settings, Kept(hashes), writer)
        require_free(workspace.root, _disk_needed(linking))
        with _workers(linking) as make:
            for kind in kinds:
                for strip in linking.strips(kind):
                    _one_strip(linking, strip, make)
        linking.fingerprints.stay()


def _linking(workspace: Workspace, settings: LinkSettings, kept: Kept, writer: Writer) -> Linking:
    identities = collapse(workspace, threads=settings.threads, kept=kept)
    workspace.write("identities", identities)
    workspace.write(OVER_BUDGET, TABLES[OVER_BUDGET].empty())
    leaked, charts = match_sides(workspace, identities)
    model, frequencies = frozen_model(workspace, settings, leaked, charts)
    log_counts("link", mentions=identities.height, identities=leaked.rows, charts=charts.rows)
    seconds = second_mentions(identities)
    ids = {"leaked_std": identities["mention_id"], "charts_std": charts.ids}
    deliveries = deliveries_of(workspace, lambda end: _inputs(workspace, settings, ids, end))
    return Linking(settings, model, frequencies, writer, kept, leaked, charts, seconds, deliveries)


def _inputs(
    workspace: Workspace, settings: LinkSettings, ids: Mapping[str, pl.Series], end: int
) -> str:
    """Digest of all that pairs of records with ids below `end` depend on."""
    frozen = ("frozen_nonidentifying", "model", "term_frequencies")
    return digest_of(
        VERSION,
        [workspace.first_rows_digest(name, int(i.search_sorted(end))) for name, i in ids.items()],
        [workspace.digest(name) for name in frozen],
        settings.model_dump(mode="json", exclude=NOT_IN_RESUME_KEY),
    )


def _disk_needed(linking: Linking) -> int:
    """For the parts and fingerprints that are not there yet."""
    records = linking.leaked.rows + linking.charts.rows
    hashes = hashes_bytes(records, len(slots(linking.rules).keys))
    hashes -= linking.writer.workspace.size(KEPT)
    there = 0
    for strip in (strip for kind in KINDS[:2] for strip in linking.strips(kind)):
        found = [part for part in linking.parts(strip) if linking.has(strip, part)]
        there += sum(linking.writer.size(part) for part in found)
    return max(pairs_bytes(linking.leaked.rows) - there, 0) + max(hashes, 0)


def _one_strip(linking: Linking, strip: Strip, make: Make) -> None:
    """All parts of a strip that are not there yet."""
    waiting = [part for part in linking.parts(strip) if not linking.has(strip, part)]
    if waiting:
        made = make(strip, waiting)
        log_counts(f"link {strip.kind}", compared=made.compared, kept=made.kept)


@contextmanager
def _workers(linking: Linking) -> Iterator[Make]:
    """Who makes the parts: threads of this process, or a cluster's workers."""
    if linking.settings.cluster is None:
        loader = Loader(linking)
        yield lambda strip, waiting: _threads(loader, strip, waiting)
        return
    from matching.link.remote import workers_of  # noqa: PLC0415 - distributed takes 2 s to import

    with workers_of(linking.settings.cluster, linking) as make:
        yield make


def _threads(loader: Loader, strip: Strip, waiting: Sequence[int]) -> Progress:
    chunks, linking = loader.chunks(strip), loader.linking
    progress = Progress(f"link {strip.kind}", len(waiting))
    with ThreadPoolExecutor(linking.settings.threads) as pool:
        made = pool.map(lambda part: progress.done(chunks.make(part, linking.writer)), waiting)
        list(made)
    return progress
