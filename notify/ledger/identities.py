"""The identities of the mail: every piece that was handed over is in exactly one place, batch by batch.

Reads `events`, the fold of them, `ledger`, and the manifests of the released batches; writes nothing. What is
exported is counted from the events and from the manifest, where a piece is from the fold: two ways that must agree.
"""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl

from matching.store import Workspace
from notify.ledger.fold import pieces
from notify.ledger.states import PieceState

__all__ = ["broken_identities", "identities"]

_BATCH = ["batch_id", "wave"]
_PAIR = ["person_id", "entity_id"]
_PLACES = ("rejected", "suppressed", "mailed", "held", "recalled", "waiting")
_MAILED = ("uaa_open", "remailed", "substitute", "presumed_delivered")


def identities(workspace: Workspace, folded: pl.LazyFrame | None = None) -> pl.DataFrame:
    """One row per batch and wave, in order: counts of pieces, and `difference`, which must be 0.

    `folded`: what `pieces` gave, where the caller has it already.

    `exported = rejected + suppressed + mailed + held + recalled + waiting`, where `waiting` is for a drop; `mailed
    = uaa_open + remailed + substitute + presumed_delivered`, where `mailed` counts what came back, too. `repeated`:
    pieces handed over more than once; `manifest`: pieces that the batch's manifest says, null where it cannot be
    read. `difference` is what is missing or too many of either identity, of the manifest, and of `repeated`.
    """
    workspace = replace(workspace, inbox_parts=None)  # what came a moment ago counts
    exported = _exported(workspace)
    places = _places(workspace, pieces(workspace) if folded is None else folded)
    found = exported.join(places, on=_BATCH, how="full", coalesce=True).sort(_BATCH)
    counted = found.with_columns(
        pl.col("exported", "repeated", *_PLACES, *_MAILED).fill_null(0).cast(pl.Int64)
    )
    said = [_declared(workspace, batch) for batch in counted["batch_id"]]
    counted = counted.with_columns(pl.Series("manifest", said, dtype=pl.Int64))
    placed = (pl.col("exported") - pl.sum_horizontal(_PLACES)).abs()
    mailed = (pl.col("mailed") - pl.sum_horizontal(_MAILED)).abs()
    listed = (pl.col("exported") - pl.col("manifest")).abs().fill_null(0)
    return counted.select(
        *_BATCH, "exported", *_PLACES, *_MAILED, "repeated", "manifest",
        difference=placed + mailed + listed + pl.col("repeated"),
    )  # fmt: skip


def broken_identities(workspace: Workspace) -> int:
    """Pieces that the identities cannot place; 0 is right."""
    return int(identities(workspace)["difference"].sum())


def _exported(workspace: Workspace) -> pl.DataFrame:
    """Pieces by their events: how many, and how often one was handed over in the same wave again."""
    sent = workspace.scan("events").filter(
        pl.col("kind") == "exported", pl.col("channel") == "mail", pl.col("person_id").is_not_null()
    )
    return (
        sent.group_by(_BATCH)
        .agg(exported=pl.len(), repeated=pl.len() - pl.col("piece_id").n_unique())
        .collect(engine="streaming")
    )


def _places(workspace: Workspace, folded: pl.LazyFrame) -> pl.DataFrame:
    """Pieces by the fold: in which place each batch's are."""
    state = pl.col("state")
    mail = folded.filter(pl.col("channel") == "mail")
    came = state == PieceState.RETURNED.value
    back = _what_became(workspace, mail.filter(came))
    counted = mail.group_by(_BATCH).agg(
        *(
            (state == one).sum().alias(one)
            for one in ("rejected", "suppressed", "held", "recalled")
        ),
        mailed=state.is_in([PieceState.MAILED.value, PieceState.RETURNED.value]).sum(),
        waiting=(state == PieceState.EXPORTED.value).sum(),
        presumed_delivered=(state == PieceState.MAILED.value).sum(),
    )
    return counted.join(back, on=_BATCH, how="left").collect(engine="streaming")


def _what_became(workspace: Workspace, back: pl.LazyFrame) -> pl.LazyFrame:
    """Of pieces that came back: written again in a later wave, given up for substitute notice, or open."""
    later = (
        workspace.scan("events")
        .filter(pl.col("kind") == "exported", pl.col("channel") == "mail")
        .join(back.select(*_PAIR, first="wave"), on=_PAIR)
        .filter(pl.col("wave") > pl.col("first"))
        .select(*_PAIR, wave="first", again=pl.lit(value=True))
        .unique()
    )
    given_up = workspace.scan("ledger").filter(pl.col("state") == "substitute")
    given_up = given_up.select(*_PAIR, given_up=pl.lit(value=True))
    again = pl.col("again").fill_null(value=False)
    substitute = pl.col("given_up").fill_null(value=False) & ~again
    return (
        back.join(later, on=[*_PAIR, "wave"], how="left")
        .join(given_up, on=_PAIR, how="left")
        .group_by(_BATCH)
        .agg(
            remailed=again.sum(), substitute=substitute.sum(), uaa_open=(~again & ~substitute).sum()
        )
    )


def _declared(workspace: Workspace, batch: str) -> int | None:
    try:
        said = json.loads(workspace.get_output(f"batches/{batch}/manifest.json"))
        return int(said["rows"]["pieces"])
    except (OSError, ValueError, KeyError):
        return None
