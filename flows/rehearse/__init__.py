"""The rehearsal: a synthetic breach with its truth, at any size, from a seed."""

from flows.rehearse.generate import RehearsalSummary, rehearse
from flows.rehearse.profiles import PROFILES, ProfileName

__all__ = ["PROFILES", "ProfileName", "RehearsalSummary", "rehearse"]
