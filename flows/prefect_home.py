"""Prefect's surroundings: its own home in the workspace, no telemetry, quiet, loopback only."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["prepare"]

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
