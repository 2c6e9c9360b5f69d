"""The Prefect flow: one round, a task a step.

Prefect shows what happens; gates, data and the truth about what ran live in the workspace. Its
parameters are the workspace path and a step's name, nothing else. Deploy as
`flows.respond:respond` (a file entrypoint would put `flows/` first on the path).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["prepare_prefect", "respond"]

STARTUP_TIMEOUT_S = "120"
"""The embedded server takes 12-23 s to start, more on a busy machine; Prefect's default is 20."""


def prepare_prefect(home: Path) -> None:
    """Set Prefect's environment before its import: own home, no telemetry, quiet, loopback.

    A server named in PREFECT_API_URL is used as it is.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["PREFECT_HOME"] = str(home)
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", STARTUP_TIMEOUT_S)
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_CLI_PROMPT", "false")


def respond(workspace: str, until: str = "", approve_as: str = "") -> dict[str, object]:
    """One round: from delivered files to what can be told today.

    Gives `{results, stopped_at, needs}`; import it after `prepare_prefect`.
    """
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    from flows.run import round_outcome

    def as_task(
        function: Callable[[str, str], dict[str, object]], name: str
    ) -> Callable[[str, str], dict[str, object]]:
        return task(name=name, cache_policy=NO_CACHE, retries=0, persist_result=False)(function)

    @flow(name="respond", persist_result=False, validate_parameters=False)
    def one_round(workspace: str, until: str, approve_as: str) -> dict[str, object]:
        return round_outcome(Path(workspace), until=until, approve_as=approve_as, wrap=as_task)

    return one_round(workspace, until, approve_as)
