"""The Prefect flow: one round, a task a step.

Prefect shows what happens; gates, data and the truth about what ran live in the workspace. Its
parameters are the workspace path, a step's name and an approver's name, nothing else. Prefect reads
its environment when it is imported: `flows.prefect_home.prepare` comes before this module. Deploy as
`flows.respond:respond` (a file entrypoint would put `flows/` first on the path).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.run import round_outcome

__all__ = ["respond"]


def _as_task(
    function: Callable[[str, str], dict[str, Any]], name: str
) -> Callable[[str, str], dict[str, Any]]:
    return task(name=name, cache_policy=NO_CACHE, retries=0, persist_result=False)(function)


@flow(name="respond", persist_result=False)
def respond(workspace: str, until: str = "", approve_as: str = "") -> dict[str, Any]:
    """One round: from delivered files to what can be told today; `{results, stopped_at, needs}`."""
    return round_outcome(Path(workspace), until=until, approve_as=approve_as, wrap=_as_task)
