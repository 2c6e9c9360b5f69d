"""Counts: how many people, per covered entity and state, with what the evidence leaves open.

In: persons, ownership, maybe_same, affected, members, both cleaned tables, and for the bridge
inventory, rejects, leaked, identities. Out: counts, bridge.
"""

from notify.counts.step import CountsSettings, run

__all__ = ["CountsSettings", "run"]
