"""The only way a step speaks about data: how many, never whom."""

from __future__ import annotations

import logging

__all__ = ["log_counts"]

log = logging.getLogger("affected")


def log_counts(step: str, **rows: int | float) -> None:
    """Write one line of counts to the log."""
    log.info("%s %s", step, " ".join(f"{name}={count}" for name, count in rows.items()))
