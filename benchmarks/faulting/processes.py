"""Processes that are stopped, ended, interrupted, or begun twice; helpers of a run that go away: named cases.

In: the undisturbed run. Out: what was not as it should be. The disturbed run is always a process of its own, so
that signals and locks are the real ones.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faulting.calls import called
from benchmarks.faulting.nursery import ROOT, Child, Nursery
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.states import wrong
from benchmarks.faulting.surroundings import at, bytes_below, unlike

__all__ = ["CASES"]

Case = Callable[[Undisturbed], list[str]]
PATIENCE_S = 600.0
MOMENTS = 4
"""Of each signal: one a step would test the same code again."""


@contextmanager
def running(world: Undisturbed, name: str) -> Iterator[Child]:
    """The call of a phase in a process of its own, once it has work in hand."""
    number = at(world, name)
    with Nursery(world.incident.folder) as nursery:
        yield (child := nursery.begin([{"arguments": world.phases[number].arguments}]))
        if child.wait(0) is None:
            child.kill()
            child.wait(PATIENCE_S)


def begun(world: Undisturbed, child: Child) -> None:
    """Wait until its step has begun to write."""
    ends = time.monotonic() + PATIENCE_S
    while not (world.incident.workspace / "tables" / "leaked_std").exists():
        if child.wait(0) is not None or time.monotonic() > ends:
            raise AssertionError(f"it ended or hangs: {child.said.read_text()}")
        time.sleep(0.002)


def _interrupted(world: Undisturbed, number: int, codes: set[int]) -> list[str]:
    """The signal comes while a step works: tidied up, and the next call goes on to the same tables."""
    found, chance = [], random.Random(number)
    for moment in range(MOMENTS):
        with running(world, "standardise") as child:
            begun(world, child)
            time.sleep(chance.uniform(0, 2))
            if child.wait(0) is not None:
                continue
            child.kill(number)
            code = child.wait(PATIENCE_S)
            said = child.said.read_text()
        if code not in codes or "Traceback" in said or len(said.splitlines()) > 1:
            found.append(f"{moment}: ended with {code}: {said[:300]}")
        found += [f"{moment}: scratch {p.name}" for p in (world.incident.workspace / "scratch").iterdir()]  # fmt: skip
        found += [f"{moment}: {each}" for each in world.again(_report(world))]
    return found


def _report(world: Undisturbed) -> int:
    return next(n for n, phase in enumerate(world.phases) if phase.name == "report")


def ended_by_its_service(world: Undisturbed) -> list[str]:
    """SIGTERM."""
    return _interrupted(world, signal.SIGTERM, {128 + signal.SIGTERM, 75})


def interrupted_by_a_person(world: Undisturbed) -> list[str]:
    """Ctrl-C."""
    return _interrupted(world, signal.SIGINT, {1, 128 + signal.SIGINT})


def stopped_and_continued(world: Undisturbed) -> list[str]:
    """SIGSTOP for a while: another call says 75 and changes nothing; then it goes on."""
    with running(world, "standardise") as child:
        begun(world, child)
        child.kill(signal.SIGSTOP)
        before = bytes_below(world.incident.live)
        found = unlike(called(world.phases[0].arguments), 75, "run.lock")
        if bytes_below(world.incident.live) != before:
            found.append("the second call changed something")
        child.kill(signal.SIGCONT)
        code = child.wait(PATIENCE_S)
    found += [] if code == 0 else [f"ended with {code}: {child.said.read_text()[:300]}"]
    return found + world.unlike(_report(world))


def two_at_once(world: Undisturbed) -> list[str]:
    """Two runs begun together: one works, the other says 75; so with two releases."""
    found = []
    for name, last in (("standardise", _report(world)), ("export", None)):
        number = at(world, name)
        call = {"arguments": world.phases[number].arguments}
        with Nursery(world.incident.folder) as nursery:
            children = [nursery.begin([call]) for _ in range(2)]
            codes = sorted(
                c if (c := child.wait(PATIENCE_S)) is not None else -1 for child in children
            )
            said = [child.said.read_text() for child in children]
        if codes not in ([0, 75], [0, 0]) or (name == "standardise" and codes == [0, 0]):
            found.append(f"{name}: ended with {codes}: {said}")
        found += [f"{name}: {each}" for each in world.unlike(number if last is None else last)]
    return found


# --- a disk of its own ------------------------------------------------------------------------------


def really_full_disk(world: Undisturbed) -> list[str]:
    """A disk of 1 MB that grows each time the run says that it is full; what libraries write by themselves, too."""
    script = 'mount -t tmpfs -o size=1m,mode=0700 tmpfs "$1" || exit 99; shift; exec "$@"'
    live = world.incident.live
    shutil.rmtree(live)
    live.mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(live)]
    grown = [*command, sys.executable, "-m", "benchmarks.faulting.growing", str(live)]
    done = subprocess.run(
        [*grown, *world.phases[0].arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE_S,
    )  # fmt: skip
    if done.returncode == 99:
        return ["skipped: mounting is not allowed here"]
    world.incident.use()
    return [] if done.returncode == 0 else [f"{done.returncode}: {done.stderr[-600:]}"]


def limited_files(world: Undisturbed) -> list[str]:
    """No file may become larger than 8 kB: polars and SQLite meet it inside their own writing."""
    number = at(world, "people")
    call = {"arguments": world.phases[number].arguments}
    with Nursery(world.incident.folder) as nursery:
        child = nursery.begin([{"file_bytes": 8_192}, call])
        code, said = child.wait(PATIENCE_S), ""
        said = child.said.read_text()
    plain = code in {3, 75} and len(said.splitlines()) == 1 and said.startswith("affected: ")
    found = [] if plain else [f"ended with {code}: {said[:400]}"]
    return found + world.again(_report(world))


# --- Prefect ----------------------------------------------------------------------------------------


def prefect_server_gone(world: Undisturbed) -> list[str]:
    """The server that a team runs is killed in the middle of a round: the round is told so, or goes on."""
    number, folder = at(world, "standardise"), world.incident.folder
    port = _free_port()
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder / "prefect-server"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "CRITICAL",
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}/api"
    arguments = [a if a != "local" else "prefect" for a in world.phases[number].arguments]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as server:  # fmt: skip
        try:
            _answers(url, server)
            with subprocess.Popen(
                [sys.executable, "-m", "flows", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, env={**environment, "PREFECT_API_URL": url},
            ) as run:  # fmt: skip
                _until_made(
                    world.incident.workspace / "tables" / "leaked_std" / "manifest.json", run
                )
                os.killpg(server.pid, signal.SIGKILL)
                _, said = run.communicate(timeout=PATIENCE_S)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
    lines = [line for line in said.splitlines() if line.startswith("affected:")]
    plain = run.returncode in {0, 75} and "Traceback" not in said and "internal error" not in said
    found = [] if plain else [f"ended with {run.returncode}: {(lines or [said])[0][:400]}"]
    return found + world.again(_report(world)) + wrong(world.incident)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _answers(url: str, server: subprocess.Popen[bytes]) -> None:
    import httpx

    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and server.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("Prefect's server does not start")


def _until_made(path: Path, run: subprocess.Popen[Any]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not path.exists():
        if run.poll() is not None or time.monotonic() > ends:
            raise AssertionError("the run ended, or hangs, before its server could be killed")
        time.sleep(0.01)


CASES: dict[str, Case] = {
    "two at once": two_at_once,
    "stopped and continued": stopped_and_continued,
    "SIGTERM": ended_by_its_service,
    "Ctrl-C": interrupted_by_a_person,
    "no file larger than 8 kB": limited_files,
    "a disk that is really full": really_full_disk,
    "Prefect's server killed": prefect_server_gone,
}
