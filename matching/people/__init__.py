"""People: from scored pairs to persons, each mention and each reached chart in exactly one.

In: leaked, charts, leaked_std, charts_std, identities, pairs; the inbox's decisions, registry, files.
Out: members, persons, affected, maybe_same. Below the merge threshold nothing is merged: both are
told, and `maybe_same` and `merged_group` say who may be one person.
"""

from matching.people.settings import PeopleSettings
from matching.people.step import run

__all__ = ["PeopleSettings", "run"]
