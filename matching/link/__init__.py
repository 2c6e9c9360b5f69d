"""Scored pairs between leaked mentions and charts, among mentions, and among reached charts."""

from __future__ import annotations

from matching.link.settings import LinkSettings
from matching.link.step import run

__all__ = ["LinkSettings", "run"]
