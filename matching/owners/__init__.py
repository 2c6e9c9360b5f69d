"""Owners: whose patients the affected people are, by what the rows say and which charts they meet.

In: leaked, charts, entities, identities, pairs, members, persons, affected, both cleaned tables.
Out: row_owners, ownership, elements. Never a silent guess: what no single rung settles stays a set.
"""

from matching.owners.settings import OwnersSettings
from matching.owners.step import run

__all__ = ["OwnersSettings", "run"]
