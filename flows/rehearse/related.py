"""Who is related to whom in a household: the pairs a matcher is most likely to confuse."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from flows.rehearse.people import (
    CHILD,
    HEAD,
    HOUSEHOLD_MAX,
    PARENT,
    SIBLING,
    SPOUSE,
    YEAR,
    People,
)
from flows.rehearse.texts import Texts

__all__ = ["relations"]

Ints = NDArray[np.int64]
_RELATIONS: Final = pl.Series(
    ["twin", "generation", "newborn", "spouse", "sibling", "parent_child", "household"]
)


def relations(people: People, *, first_no: int, breach: int) -> pa.Table:
    """One row per pair of one household: `person_a < person_b` and the closest `relation`."""
    steps, home = range(1, HOUSEHOLD_MAX), people.household
    pairs = [np.flatnonzero(home[:-step] == home[step:]) for step in steps]
    a = np.concatenate(pairs)
    b = a + np.repeat(steps, [len(some) for some in pairs])
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    return pa.table(
        {
            "person_a": first_no + a,
            "person_b": first_no + b,
            "relation": Texts.of(_relation(people, a, b, breach), _RELATIONS).arrow(),
        }
    )


def _relation(people: People, a: Ints, b: Ints, breach: int) -> Ints:
    """Positions in `_RELATIONS`."""
    kind_a, kind_b = people.kind[a], people.kind[b]
    children = (kind_a == CHILD) & (kind_b == CHILD)
    named = (people.first[a] == people.first[b]) & (people.last[a] == people.last[b])
    named &= people.sex[a] == people.sex[b]
    young = breach - people.birth < YEAR
    grown = (kind_a == HEAD) | (kind_a == SPOUSE)
    return np.select(
        [
            children & (people.birth[a] == people.birth[b]),
            named,
            young[a] | young[b],
            (kind_a == HEAD) & (kind_b == SPOUSE),
            children | ((kind_a == HEAD) & (kind_b == SIBLING)),
            (grown & (kind_b == CHILD)) | ((kind_a == HEAD) & (kind_b == PARENT)),
        ],
        range(len(_RELATIONS) - 1),
        len(_RELATIONS) - 1,
    )
