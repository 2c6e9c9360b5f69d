"""A cluster that goes away in the middle of linking: a worker, then all, then the scheduler.

In: the undisturbed run. Out: what was not as it should be. The cluster is real: a scheduler and two workers over
TLS, in processes of their own that are killed.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faulting.calls import called
from benchmarks.faulting.nursery import ROOT
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.surroundings import at, unlike

__all__ = ["CASES"]

Case = Callable[[Undisturbed], list[str]]
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Processes to kill, and how to reach them."""

    pid: int
    address: str
    files: dict[str, str]
    workers: list[int]

    def arguments(self, world: Undisturbed, shared: Path) -> list[str]:
        """`affected run` with this cluster."""
        text = world.incident.file.read_text()
        lines = [f'{name} = "{path}"' for name, path in self.files.items()]
        incident = world.incident.file.with_name("clustered.toml")
        incident.write_text("\n".join([text, "[dask]", *lines, ""]))
        call = list(world.phases[0].arguments)
        call[1] = str(incident)
        return [*call, "--scheduler", self.address, "--shared", str(shared)]


def serve(folder: Path) -> None:
    """A scheduler and two workers in processes; say how to reach them, wait to be killed."""
    from distributed import LocalCluster, Security

    security = Security.temporary()
    files = {}
    for name, text in (
        ("tls_ca", security.tls_ca_file), ("tls_cert", security.tls_client_cert), ("tls_key", security.tls_client_key)
    ):  # fmt: skip
        (folder / f"{name}.pem").write_text(text)
        files[name] = str(folder / f"{name}.pem")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, security=security, host="127.0.0.1",
        dashboard_address=":0", silence_logs=logging.CRITICAL, local_directory=str(folder),
    ) as local:  # fmt: skip
        pids = [worker.pid for worker in local.workers.values()]
        print(json.dumps({"address": local.scheduler_address, "files": files, "workers": pids}), flush=True)  # fmt: skip
        threading.Event().wait()


@contextmanager
def cluster(world: Undisturbed) -> Iterator[Cluster]:
    """A cluster whose workers have this incident's key."""
    folder = world.incident.folder / "cluster"
    folder.mkdir(exist_ok=True)
    key = next((world.incident.live / "keys").glob("*.json"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AFFECTED_KEY_FILE": str(key)}
    command = [sys.executable, "-m", "benchmarks.faulting.cluster", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said: dict[str, Any] = json.loads(process.stdout.readline())
            yield Cluster(process.pid, **said)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _disturbed(
    world: Undisturbed, whom: Callable[[Cluster], list[int]]
) -> tuple[Any, list[str], int]:
    """Run with a cluster; kill those processes when the first order is given; what the call said."""
    at(world, "link")
    last = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    shared = world.incident.folder / "shared"
    shared.mkdir(exist_ok=True)
    with cluster(world) as made:
        over = threading.Event()

        def kill() -> None:
            while not list(shared.glob("*/link.json")) and not over.is_set():
                time.sleep(0.002)
            for pid in whom(made):
                os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        ended = called(made.arguments(world, shared))
        over.set()
        killer.join(10)
    shutil.rmtree(world.incident.live / "tmp" / "dask-scratch-space", ignore_errors=True)  # empty
    again = called(world.phases[0].arguments)
    found = [] if again.well else [f"again: {again.code}: {again.said[:300]}"]
    return ended, found + world.unlike(last), last


def lost_worker(world: Undisturbed) -> list[str]:
    """One of two dies: the other makes its parts."""
    ended, found, _ = _disturbed(world, lambda made: made.workers[:1])
    return found + ([] if ended.code == 0 else [f"ended with {ended.code}: {ended.said[:300]}"])


def lost_scheduler(world: Undisturbed) -> list[str]:
    """The scheduler dies: the run says so and can be gone on with here."""
    ended, found, _ = _disturbed(world, lambda made: [made.pid])
    return found + unlike(ended, 75, "went away")


CASES: dict[str, Case] = {"a lost worker": lost_worker, "a lost scheduler": lost_scheduler}


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
