"""What a team's Prefect server runs beside the flow: a round from its incident file, returns, the clocks.

Parameters are paths, names of steps and approvers, numbers of days; what is given back are counts. Deployed by module
path (`flows.served:take_in_returns`): a file entrypoint would put `flows/` first on the path. Prefect reads its
environment when it is imported: `flows.prefect_home.prepare`, or the team's own settings, come before this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.clocks import RED_DAYS, tell_red_clocks
from flows.inbox import take_returns
from flows.run import run_round

__all__ = ["run_incident", "take_in_returns", "watch_clocks"]

_SHOWN = ("round", "seconds", "peak_rss_gib", "stopped_at", "needs", "persons", "duties", "notices")


@flow(name="run", persist_result=False)
def run_incident(
    incident: str, workspace: str = "", until: str = "", approve_as: str = ""
) -> dict[str, Any]:
    """One round of an incident file, or its resumption, as `affected run`; counts only."""
    document = run_round(
        Path(incident),
        workspace=Path(workspace) if workspace else None,
        until=until,
        approve_as=approve_as,
    )
    return {name: document[name] for name in _SHOWN}


@flow(name="returns", persist_result=False)
def take_in_returns(workspace: str, files: list[str], by: str) -> dict[str, Any]:
    """Files that the mail vendor or mail servers sent back, as `affected returns`; counts only."""
    document = take_returns(Path(workspace), [Path(file) for file in files], by=by)
    taken = sum(file.get("taken", 0) for file in document["files"])
    return {
        "files": len(document["files"]),
        "taken": taken,
        "in_no_place": document["ledger_identities"],
    }


@flow(name="clocks", persist_result=False)
def watch_clocks(workspace: str, within_days: int = RED_DAYS) -> dict[str, Any]:
    """E-mail to `[email] clocks_to` where a duty is overdue or due within so many days."""
    return tell_red_clocks(Path(workspace), within_days=within_days)
