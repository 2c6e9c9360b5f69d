"""What earlier rounds already did for a person at an entity, from the `events` of pieces.

Nobody is mailed twice: a piece that was exported counts as told until it is recalled, destroyed or
comes back. An e-mail that bounced turns into a letter.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["TOLD_STATES", "told"]

TOLD_STATES = {
    ("mail", "exported"): "mailed",
    ("mail", "accepted"): "mailed",
    ("mail", "dropped"): "mailed",
    ("mail", "moved"): "mailed",
    ("mail", "returned"): "returned",
    ("email", "exported"): "e-mailed",
    ("email", "accepted"): "e-mailed",
    ("email", "uncertain"): "uncertain",
    ("email", "refused"): "paper",
    ("email", "bounced"): "paper",
    ("email", "complained"): "paper",
    ("email", "uncertain_replaced"): "paper",
}
"""(channel, kind of the last event) -> what it leaves; other kinds leave the person untold."""


def told(workspace: Workspace) -> pl.DataFrame:
    """`person_id, entity_id, told, told_kind, told_wave`: one row per person and entity with pieces.

    `told` is mailed, e-mailed, uncertain, returned, paper, or null where a recall undid everything.
    Several channels: the later event speaks.
    """
    states = pl.DataFrame(
        [(*key, state) for key, state in TOLD_STATES.items()],
        schema=["channel", "kind", "told"],
        orient="row",
    )
    return (
        workspace.scan("events")
        .filter(pl.col("person_id").is_not_null(), pl.col("channel").is_in(["mail", "email"]))
        .join(states.lazy(), on=["channel", "kind"], how="left")
        .sort("recorded_at", "dated_on", "event_id")
        .group_by("person_id", "entity_id", maintain_order=True)
        .agg(
            pl.col("told").last(),
            told_kind=pl.col("kind").last(),
            told_wave=pl.col("wave").max(),
        )
        .collect(engine="streaming")
    )
