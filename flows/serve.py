"""`affected serve`: a Prefect server on this machine, with deployments of an incident and a schedule for its clocks.

The server listens on 127.0.0.1 only: Prefect's own has no login. A team's server is `prefect.yaml`'s matter.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flows.prefect_home import prepare
from flows.rounds import latest, open_workspace
from matching.errors import OperatorError, TryAgainLater, UsageError

__all__ = ["deployments", "serve", "serve_text"]

HOST = "127.0.0.1"
READY_S = 180
"""A server takes 12-23 s to start, more on a busy machine."""
DAILY = "0 7 * * *"
"""Before people come to work."""


def serve(root: Path, *, port: int, cron: str, told: Any) -> None:
    """Serve until stopped (Ctrl-C). `told` gets the document (`affected.serve/1`) once all is up.

    Raises OperatorError for a workspace without a round or a schedule that is none, TryAgainLater where the port
    is taken or the server does not start.
    """
    workspace = open_workspace(root)
    current = latest(root)
    if current is None:
        raise OperatorError(f"workspace {root}: no round yet; run `affected run` first")
    prepare(root.resolve() / "prefect")
    _check_cron(cron)
    with _server(root.resolve(), port) as api:
        os.environ["PREFECT_API_URL"] = api
        from prefect.runner import Runner  # noqa: PLC0415 - reads its environment

        made = deployments(root.resolve(), Path(current.incident_file), cron=cron)
        runner = Runner(pause_on_shutdown=False)
        for each in made:
            runner.add_deployment(each)
        told({
            "schema": "affected.serve/1",
            "incident": workspace.incident_id,
            "address": api.removesuffix("/api"),
            "deployments": [f"{each.flow_name}/{each.name}" for each in made],
            "clocks": cron,
        })  # fmt: skip
        with suppress(KeyboardInterrupt):
            asyncio.run(runner.start())


def deployments(root: Path, incident_file: Path, *, cron: str) -> list[Any]:
    """`run`, `returns` and `clocks` of one workspace, the last on its schedule.

    Two rounds at once are refused by the workspace's lock; Prefect's own limits lose their slots with the SQLAlchemy
    that goes with it here.
    """
    from prefect.types.entrypoint import EntrypointType  # noqa: PLC0415 - reads its environment

    from flows.served import run_incident, take_in_returns, watch_clocks  # noqa: PLC0415

    of = {"workspace": str(root)}
    planned = (
        (run_incident, {**of, "incident": str(incident_file)}, None),
        (take_in_returns, of, None),
        (watch_clocks, of, cron),
    )
    return [
        flow.to_deployment(
            name=root.name, parameters=parameters, cron=schedule,
            entrypoint_type=EntrypointType.MODULE_PATH, description=flow.__doc__, tags=["affected"],
        )
        for flow, parameters, schedule in planned
    ]  # fmt: skip


@contextmanager
def _server(root: Path, port: int) -> Iterator[str]:
    """A server of our own; gives its API's address. It ends with the block."""
    chosen = port or _free_port()
    _refuse_taken(chosen)
    api = f"http://{HOST}:{chosen}/api"
    log = root / "logs" / "prefect-server.log"
    with log.open("ab") as said:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(chosen)]  # fmt: skip
        process = subprocess.Popen(command, stdout=said, stderr=said, env=os.environ)  # noqa: S603 - our own interpreter and arguments
        try:
            _wait(process, api, log)
            yield api
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], api: str, log: Path) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=2):  # noqa: S310 - our own loopback server
                return
        except OSError:
            time.sleep(0.5)
    raise TryAgainLater(f"Prefect's server did not start; see {log}")


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise TryAgainLater(f"--port {port}: taken; name another, or 0 for any free one")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _check_cron(cron: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule  # noqa: PLC0415 - reads its environment

    try:
        CronSchedule(cron=cron)
    except ValueError:
        raise UsageError(
            f"--clocks '{cron}': no schedule; write it as cron does, e.g. '{DAILY}'"
        ) from None


def serve_text(document: dict[str, Any]) -> str:
    """Where it is, and what can be started there."""
    lines = [f"{document['address']}  (Ctrl-C ends it)"]
    lines += [f"  {name}" for name in document["deployments"]]
    return "\n".join([*lines, f"  clocks are looked at: {document['clocks']} (cron, UTC)"])
