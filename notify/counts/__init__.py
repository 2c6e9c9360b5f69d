"""Counts: how many people, per covered entity and state, with what the evidence leaves open.

In: persons, ownership, maybe_same, affected, members, both cleaned tables, and for the bridge
inventory, rejects, leaked, identities. Out: counts, overlap, open_lines, open_questions, bridge.
What a round changed is noted by its end: count_changes.
"""

from notify.counts.changes import note_changes
from notify.counts.step import CountsSettings, run

__all__ = ["CountsSettings", "note_changes", "run"]
