"""One round under the real Prefect harness: the flow runs every step and ends as the local engine does."""

from __future__ import annotations

import warnings
from pathlib import Path

from flows.verify import differing
from matching.store import Workspace
from tests.flow.conftest import Ran


def test_prefect_gives_what_the_local_engine_gives(ran: Ran, approver: str, tmp_path: Path) -> None:
    from flows.prefect_home import prepare

    prepare(tmp_path / "prefect")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Prefect's and its server's own deprecations
        from prefect.testing.utilities import prefect_test_harness

        from flows.run import run_round

        with prefect_test_harness(server_startup_timeout=120):
            document = run_round(
                ran.incident, workspace=tmp_path / "ws", engine="prefect", approve_as=approver
            )
    assert document["stopped_at"] is None
    assert differing(Workspace.open(tmp_path / "ws"), Workspace.open(ran.workspace)) == []
