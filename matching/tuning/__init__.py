"""The whole incident at other thresholds and level weights than the round's, without a run.

`Tuning.load` reads a finished round into arrays; `numbers` looks any thresholds up; `reweighed` weighs every
kept pair anew and arranges its clusters again. The round's own numbers are exact; at other thresholds they
are the round's plus the change that the forest of kept links shows, which knows no cuts by guards.
"""

from matching.tuning.engine import Edits, Tuning, edited
from matching.tuning.numbers import Numbers, Thresholds, numbers_of_run

__all__ = ["Edits", "Numbers", "Thresholds", "Tuning", "edited", "numbers_of_run"]
