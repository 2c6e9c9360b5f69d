"""The step `owners`: rows first, then people, then the kinds of data per person and entity."""

from __future__ import annotations

import polars as pl

from matching.log import log_counts
from matching.owners.elements import write_elements
from matching.owners.people import ownership
from matching.owners.rows import write_row_owners
from matching.owners.settings import OwnersSettings
from matching.store import Workspace
from matching.tables import UNOWNED

__all__ = ["run"]


def run(workspace: Workspace, settings: OwnersSettings) -> None:
    """Every person has at least one row of `ownership`; without any evidence it says UNOWNED.

    `row_owners` is written slice by slice; ownership holds about 100 bytes a mention in memory.
    """
    certain = write_row_owners(workspace, settings)
    owned = ownership(workspace, settings)
    workspace.write("ownership", owned)
    write_elements(workspace)
    log_counts(
        "owners",
        mentions_confirmed=certain,
        confirmed=int((owned["status"] == "confirmed").sum()),
        possible=int(((owned["status"] == "possible") & (owned["entity_id"] != UNOWNED)).sum()),
        unowned=int((owned["entity_id"] == UNOWNED).sum()),
        entities=owned.filter(pl.col("entity_id") != UNOWNED)["entity_id"].n_unique(),
    )
