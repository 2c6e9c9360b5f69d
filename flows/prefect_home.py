"""Prefect's surroundings: its own home in the workspace, no telemetry, quiet, loopback only."""

from __future__ import annotations

import os
from pathlib import Path

from matching.errors import TryAgainLater

__all__ = ["prepare", "told_by_prefect"]

STARTUP_TIMEOUT_S = "120"
"""The embedded server takes 12-23 s to start, more on a busy machine; Prefect's default is 20."""


def prepare(home: Path) -> None:
    """Set the environment before Prefect is imported. A server named in PREFECT_API_URL stays."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["PREFECT_HOME"] = str(home)
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", STARTUP_TIMEOUT_S)
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")


def told_by_prefect(error: Exception) -> TryAgainLater | None:
    """What to say where Prefect's server went away or does not start; None where it is something else.

    Nothing is lost with it: what ran is in the workspace.
    """
    import httpx  # noqa: PLC0415 - comes with Prefect, and takes its time

    gone = isinstance(error, httpx.HTTPError) or "Prefect API server" in str(error)
    where = os.environ.get("PREFECT_API_URL") or "the embedded one"
    said = f"Prefect's server does not answer ({where}); start it or add --engine local, run again"
    return TryAgainLater(said) if gone else None
