"""standardise: `leaked` and `charts` become comparable; originals stay where they are.

Writes `leaked_std`, `charts_std`, `changes` (rows each rule changed) and `nonidentifying` (values
that too many people share). Placeholders are null, oddities are flags of the row.
"""

from matching.standardise.nonidentifying import is_shared_street, shared_value
from matching.standardise.settings import StandardiseSettings
from matching.standardise.step import run

__all__ = ["StandardiseSettings", "is_shared_street", "run", "shared_value"]
