"""Clusters of persons who may be one person, and how many people each is at an entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from notify.counts.posterior import PERSONS_MAX, cluster_numbers, pieces

__all__ = ["Clusters", "clusters_of", "numbers_at"]

Ints = NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True, slots=True)
class Clusters:
    """Persons by number: the cluster each is in (-1: in none) and its node there; links cluster by cluster."""

    cluster: Ints
    node: Ints
    starts: Ints
    present: NDArray[np.bool_]  # by cluster and node: certainly affected
    link_starts: Ints
    left: Ints
    right: Ints
    probability: NDArray[np.float64]
    unsure: NDArray[np.bool_]  # the probability itself is a rehearsal's

    def has(self, persons: pl.Series) -> pl.Series:
        """Whether each person may be somebody else."""
        return pl.Series(self.cluster[persons.to_numpy()] != _NONE)

    def with_any(self, persons: pl.Series) -> NDArray[np.bool_]:
        """By person: whether it is in a cluster with any of these."""
        there = np.zeros(len(self.starts), bool)
        marked = self.cluster[persons.to_numpy()]
        there[marked[marked != _NONE]] = True
        near: NDArray[np.bool_] = (self.cluster != _NONE) & there[self.cluster]
        return near


def clusters_of(links: pl.DataFrame, present: NDArray[np.bool_]) -> Clusters:
    """Clusters of links `a`, `b` (person numbers), `probability`, `unsure`; `present` by person.

    Of clusters with more than PERSONS_MAX persons the weakest links are left out.
    """
    ordered = links.sort("probability", "a", "b", descending=[True, False, False])
    a, b = (ordered[name].to_numpy().astype(np.int64) for name in ("a", "b"))
    persons = np.unique(np.concatenate([a, b]))
    one, other = np.searchsorted(persons, a), np.searchsorted(persons, b)
    label = pieces(len(persons), one, other, PERSONS_MAX)
    _, number = np.unique(label, return_inverse=True)
    order = np.lexsort((persons, number))
    starts = np.searchsorted(number[order], np.arange(number.max(initial=-1) + 2))
    node = np.empty(len(persons), np.int64)
    node[order] = np.arange(len(persons)) - starts[number[order]]
    inside = np.flatnonzero(number[one] == number[other])
    inside = inside[np.argsort(number[one[inside]], kind="stable")]
    cluster_of, node_of = (np.full(len(present), _NONE, np.int64) for _ in range(2))
    cluster_of[persons], node_of[persons] = number, node
    return Clusters(
        cluster_of,
        node_of,
        starts,
        present[persons[order]],
        np.searchsorted(number[one[inside]], np.arange(len(starts))),
        node[one[inside]],
        node[other[inside]],
        ordered["probability"].to_numpy()[inside].astype(np.float64),
        ordered["unsure"].to_numpy()[inside],
    )


def numbers_at(
    rows: pl.DataFrame, clusters: Clusters
) -> tuple[Ints, Ints, NDArray[np.float64], NDArray[np.float64]]:
    """(key, starts, chances, doubt) of each key and cluster of the rows `key`, `person`, `chance`."""
    person = rows["person"].to_numpy()
    cluster, key = clusters.cluster[person], rows["key"].to_numpy().astype(np.int64)
    order = np.lexsort((person, key, cluster))
    cluster, key = cluster[order], key[order]
    new = np.flatnonzero(np.diff(cluster, prepend=-1) | np.diff(key, prepend=-1))
    chance = rows["chance"].to_numpy().astype(np.float64)[order]
    starts, chances, doubt = cluster_numbers(
        (clusters.starts, clusters.present),
        (
            clusters.link_starts,
            clusters.left,
            clusters.right,
            clusters.probability,
            clusters.unsure,
        ),
        (np.append(new, len(order)), cluster[new], clusters.node[person][order], chance),
    )
    return key[new], starts, chances, doubt
