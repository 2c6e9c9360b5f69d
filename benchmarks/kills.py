"""SIGKILL at three moments of every step, then run again: the tables must be equal.

    python -m benchmarks.kills [--people 500] [--steps intake,link] [--json]

Moments: `first` (before the step's first write), `middle` (right after the rename of its middle
part), `last` (between the last rename and the journal's commit). The child process kills itself, so
that the moment is exact.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MOMENTS = ("first", "middle", "last")
ROOT = Path(__file__).parents[1]


def child(incident: Path, workspace: Path, until: str, step: str, moment: str, writes: int) -> None:
    """Run a round that kills itself at one moment of one step; `moment` "" runs through."""
    import flows.steps
    from flows.journal import Done, Journal
    from flows.run import run_round
    from flows.settings import load_incident
    from matching.schema import Kind
    from matching.store import Part, Workspace
    from matching.tables import TABLES

    running = {"step": "", "writes": 0}
    attempt, put_part, commit = flows.steps._attempt, Workspace.put_part, Journal.commit

    def noted_attempt(s: Any, workspace: Workspace, settings: Any) -> Exception | None:
        running.update(step=s.name, writes=0)
        return attempt(s, workspace, settings)

    def watched_put(self: Workspace, name: str, file: str, rows: Any) -> Part:
        here = running["step"] == step
        if here and moment == "first":
            os.kill(os.getpid(), signal.SIGKILL)
        part = put_part(self, name, file, rows)
        running["writes"] += TABLES[name].kind is Kind.STEP  # the reference is written once only
        if here and moment == "middle" and running["writes"] == max(1, writes // 2):
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    def watched_commit(self: Journal, done: Done) -> None:
        if done.step == step and moment == "last":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, done)
        with Path(workspace.parent / "writes.json").open("a") as handle:
            handle.write(json.dumps([done.step, running["writes"]]) + "\n")

    flows.steps._attempt = noted_attempt
    Workspace.put_part = watched_put  # type: ignore[method-assign]
    Journal.commit = watched_commit  # type: ignore[method-assign]
    people = load_incident(incident).people
    approver = next(name for name, rights in people.items() if "approve" in rights)
    run_round(incident, workspace=workspace, until=until, engine="local", approve_as=approver)


def spawn(*arguments: str) -> int:
    """One child; gives its return code (-9 where it was killed)."""
    command = [sys.executable, "-m", "benchmarks.kills", "--child", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode


def forget(workspace: Path, step: str) -> None:
    """Take a step and its tables away, so that the next run writes them anew."""
    from flows.journal import Journal
    from flows.steps import step_named
    from matching.store import Workspace

    opened = Workspace.open(workspace)
    for name in step_named(step).writes:
        opened.drop(name)
    Journal(opened).forget(step)


def digests(workspace: Path, step: str) -> dict[str, str | None]:
    """Content digests of a step's tables."""
    from flows.steps import step_named
    from matching.store import Workspace

    opened = Workspace.open(workspace)
    return {name: opened.digest(name) for name in step_named(step).writes}


def kill_each(people: int, steps: list[str]) -> dict[str, Any]:
    """Kill at each moment of each step and run again; gives kills, differences, verify's figures."""
    from flows.rehearse import rehearse
    from flows.steps import STEPS
    from flows.verify import exit_code, verify

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["AFFECTED_KEYS"] = str(folder / "keys")
        rehearse(folder / "incident", people=people, seed=3)
        incident = str(folder / "incident" / "incident.toml")
        whole, killed = folder / "whole", folder / "killed"
        if spawn(incident, str(whole), "", "", "", "0"):
            raise SystemExit("the undisturbed run failed")
        lines = (folder / "writes.json").read_text().splitlines()
        writes = dict(map(json.loads, lines))
        kills, different = 0, []
        for step in [s.name for s in STEPS]:
            for moment in MOMENTS if not steps or step in steps else ():
                code = spawn(incident, str(killed), step, step, moment, str(writes[step]))
                kills += code == -signal.SIGKILL
                spawn(incident, str(killed), step, "", "", "0")
                if digests(killed, step) != digests(whole, step):
                    different.append(f"{step}/{moment}")
                if moment != MOMENTS[-1]:
                    forget(killed, step)
        spawn(incident, str(killed), "", "", "", "0")
        figures = verify(killed, against=whole)
    return {
        "kills": kills,
        "different": different,
        "verify": figures,
        "exit_code": exit_code(figures),
    }


def main() -> None:
    """Parse the command line."""
    if sys.argv[1:2] == ["--child"]:
        incident, workspace, until, step, moment, writes = sys.argv[2:]
        child(Path(incident), Path(workspace), until, step, moment, int(writes))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--steps", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from benchmarks.results import record

    result = kill_each(options.people, [s for s in options.steps.split(",") if s])
    record("kills", {"people": options.people, **result}, show=options.json)


if __name__ == "__main__":
    main()
