"""What returned rows are held against: pieces as they were exported, seeds, batches and their manifests.

Reads `events`, `pieces` of the round, and the manifests below `out/batches`; writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.ledger.lookup import Lookup, Places, rows_at

__all__ = ["BatchOut", "Exported", "batches_out", "confidential", "seeds", "was_exported"]

SEEDS_MOST = 64
"""Seeds a batch may have where its manifest cannot be read; a profile has a handful."""
_FEW = 4
"""A file with fewer rows than one in so many events looks up its own pieces only, by a join."""
_ID_LENGTH = 15
"""Of a mailpiece_id without its check, as the batches mint it."""


@dataclass(frozen=True, slots=True)
class BatchOut:
    """One batch that left: `pieces` by its events; the rest by its manifest, None where that cannot be read."""

    batch_id: str
    wave: int
    pieces: int
    exported_on: date
    total: int | None = None
    seeds: int | None = None
    declared: int | None = None
    by_version: Mapping[str, int] | None = None
    digests: tuple[str, ...] = ()


def was_exported() -> pl.Expr:
    """Events that say that a letter was handed over."""
    return (pl.col("kind") == "exported") & (pl.col("channel") == "mail")


class Exported:
    """Pieces handed over that a file may speak of; `places` and `rows` find theirs.

    Memory: 160 bytes a piece, of all where the file has a quarter as many rows, else of those that it names.
    """

    def __init__(self, workspace: Workspace, ids: list[pl.Series]) -> None:
        events = workspace.scan("events").filter(was_exported())
        named = sum(map(len, ids))
        if named * _FEW < workspace.rows("events"):
            few = pl.concat(
                [s.to_frame() for s in ids] or [pl.DataFrame(schema={"piece_id": pl.String})]
            )
            events = events.join(few.lazy().unique(), on="piece_id", how="semi")
        found = (
            events.select(
                "piece_id", "person_id", pl.col("entity_id", "batch_id").cast(pl.Categorical),
                "notice_version", "wave", exported_on="dated_on",
                confidential=pl.col("detail").str.starts_with("alternate:").fill_null(value=False),
            ).collect(engine="streaming")
        )  # fmt: skip
        lookup = Lookup(found["piece_id"])
        if lookup.hashes_alike:  # of a piece that was handed over twice the later time
            found = found.sort("exported_on", pl.col("batch_id").cast(pl.String))
            found = found.unique("piece_id", keep="last")
            lookup = Lookup(found["piece_id"])
        self._lookup, self._rows = lookup, found.drop("piece_id")
        self.count = found.height

    def places(self, ids: pl.Series) -> Places:
        """Where each piece is, -1 for one that was never handed over."""
        return self._lookup.places(ids)

    def rows(self, places: Places) -> pl.DataFrame:
        """Whose it is, its batch, version, wave, `exported_on`, `confidential`; nulls for nowhere.

        `confidential`: its address was the one that the person asked to be written to, so no move may replace it.
        """
        found = rows_at(self._rows, places)
        return found.with_columns(pl.col("entity_id", "batch_id").cast(pl.String))


def confidential(workspace: Workspace) -> pl.LazyFrame:
    """Pieces of the present round whose row said `no_ncoa`; those of rounds before say it by their address."""
    marked = workspace.scan("pieces").filter(pl.col("no_ncoa") == "Y")
    return marked.select(piece_id="mailpiece_id")


def batches_out(workspace: Workspace) -> dict[str, BatchOut]:
    """Batch -> what is known of it, in order."""
    events = workspace.scan("events").filter(was_exported())
    counted = (
        events.group_by("batch_id")
        .agg(pl.col("wave").first(), pl.len(), pl.col("dated_on").min())
        .sort("batch_id")
        .collect(engine="streaming")
    )
    return {
        batch: BatchOut(batch, wave, pieces, day, **_manifest(workspace, batch))
        for batch, wave, pieces, day in counted.iter_rows()
    }


def seeds(workspace: Workspace, batches: Mapping[str, BatchOut]) -> pl.Series:
    """Piece ids of the decoys of these batches: minted by batch and number, so they need no file."""
    names = [
        f"seed|{batch}|{number}"
        for batch, out in batches.items()
        for number in range(SEEDS_MOST if out.seeds is None else out.seeds)
    ]
    return workspace.keys.mint("mailpiece", pl.Series(names, dtype=pl.String), length=_ID_LENGTH)


def _manifest(workspace: Workspace, batch: str) -> dict[str, Any]:
    """Numbers and digests of a released manifest; nothing where there is none that this key opens."""
    try:
        said = json.loads(workspace.get_output(f"batches/{batch}/manifest.json"))
    except (OSError, ValueError):
        return {}
    rows = said["rows"]
    files = [file for file in said.get("files", []) if "mail" in str(file.get("name", "")).lower()]
    digests = {said["mail_sha256"]} | {
        file[key] for file in files for key in ("sha256", "stored_sha256") if key in file
    }
    return {
        "total": rows["total"],
        "seeds": rows["seeds"],
        "declared": rows["pieces"],
        "by_version": dict(said["by_letter_version"]),
        "digests": tuple(sorted(digests)),
    }
