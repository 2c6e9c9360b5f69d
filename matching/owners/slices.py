"""Ranges of mentions: what owners hold of the leak at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from matching.store import Workspace

__all__ = ["SLICES_AT_ONCE", "inside", "mention_slices"]

_SLICE_MENTIONS = 1_000_000
"""Rows of a slice: about 0.5 GB with their evidence."""
SLICES_AT_ONCE = 2
"""Slices in work: one is read or written while another is worked on."""


def mention_slices(workspace: Workspace) -> Iterator[tuple[int, int]]:
    """Ranges of mention ids [from, to) that together cover all; no source row is in two."""
    leaked = workspace.scan("leaked").select("mention_id").collect(engine="streaming")
    ids = np.sort(leaked.to_series().to_numpy())
    starts = [int(mention) // 8 * 8 for mention in ids[::_SLICE_MENTIONS]]
    ends = [*starts[1:], *(int(last) + 1 for last in ids[-1:])]
    yield from zip(starts, ends, strict=True)


def inside(start: int, end: int) -> pl.Expr:
    """Mentions of one range."""
    return pl.col("mention_id").is_between(start, end, closed="left")
