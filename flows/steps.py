"""The steps in their order: this list is the table of contents of a round.

One loop runs them; a step is skipped when its outputs are whole and nothing it depends on changed,
which is also how a round resumes after a crash.
"""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import matching.intake
import matching.link
import matching.owners
import matching.people
import matching.standardise
import notify.batches
import notify.counts
import notify.duties
import notify.notices
import notify.packets
import notify.report
from flows import progress, step_settings
from flows.accuracy import as_known_now
from flows.journal import Done, Journal
from flows.measure import PeakMemory
from flows.rounds import Round, open_round
from flows.settings import IncidentFile
from flows.step_manifest import step_manifest_of
from flows.system import told_by_system
from matching.errors import (
    ApprovalMissing,
    IntegrityError,
    OperatorError,
    UsageError,
    WorkerFailed,
)
from matching.store import Workspace
from notify.report import ReportSettings

__all__ = ["REPORT", "STEPS", "Outcome", "Step", "StepFailed", "run_one", "run_steps", "step_named"]

Result = dict[str, Any]
Wrap = Callable[[Callable[[str, str], Result], str], Callable[[str, str], Result]]

NOT_IN_DIGEST = frozenset(
    {"memory_gib", "threads", "cluster", "chunk_rows", "root", "model", "train"}
)
"""Settings that change how a step works, never what it writes. The model is frozen in `reference/`
at the first round; where it lies on disk is no matter afterwards."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step reads and writes. `gates` must be open before it runs."""

    name: str
    run: Callable[[Workspace, Any], None]
    settings: Callable[[IncidentFile], BaseModel]
    version: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    gates: tuple[str, ...] = ()


STEPS: tuple[Step, ...] = (
    Step(
        "intake", matching.intake.run, step_settings.intake, 6,
        reads=("files", "decisions"),
        writes=("inventory", "custody", "skipped", "leaked", "charts", "rejects", "passages", "entities", "delegation", "suppressions"),
    ),
    Step(
        "standardise", matching.standardise.run, step_settings.standardise, 6,
        reads=("inventory", "leaked", "charts"),
        writes=("leaked_std", "charts_std", "nonidentifying", "changes", "completeness"),
    ),
    Step(
        "link", matching.link.run, step_settings.link, 8,
        reads=("files", "leaked_std", "charts_std", "nonidentifying"),
        writes=("identities", "kept_hashes", "pairs", "over_budget"),
    ),
    Step(
        "people", matching.people.run, step_settings.people, 8,
        reads=("files", "leaked", "charts", "entities", "identities", "pairs", "leaked_std",
               "charts_std", "completeness", "decisions", "registry"),
        writes=("members", "persons", "affected", "histories", "profile", "maybe_same", "merge_tree", "merge_counts",
                "review_strata", "review_order"),
    ),
    Step(
        "owners", matching.owners.run, step_settings.owners, 5,
        reads=("files", "leaked", "passages", "charts", "entities", "identities", "pairs", "members", "persons",
               "affected", "maybe_same", "leaked_std", "charts_std", "decisions", "responses"),
        writes=("row_owners", "ownership", "elements", "candidate_owners", "same_chances"),
    ),
    Step(
        "counts", notify.counts.run, step_settings.counts, 6,
        reads=("inventory", "leaked", "rejects", "identities", "members", "persons", "affected",
               "maybe_same", "same_chances", "ownership", "elements", "candidate_owners", "leaked_std", "charts_std",
               "entities", "histories", "events", "responses"),
        writes=("counts", "element_counts", "overlap", "open_lines", "open_questions", "bridge"),
    ),
    Step(
        "duties", notify.duties.run, step_settings.duties, 3,
        reads=("counts", "element_counts", "entities", "delegation", "histories", "events", "responses",
               "facts"),
        writes=("duties",),
    ),
    Step(
        "packets", notify.packets.run, step_settings.packets, 3,
        reads=("persons", "affected", "histories", "members", "ownership", "row_owners", "entities",
               "delegation", "leaked", "charts", "leaked_std", "charts_std", "counts", "events",
               "responses", "facts"),
        writes=("packets",),
        gates=("thresholds", "owners"),
    ),
    Step(
        "notices", notify.notices.run, step_settings.notices, 4,
        reads=("persons", "affected", "histories", "members", "ownership", "row_owners", "leaked", "charts",
               "leaked_std", "charts_std", "entities", "delegation", "suppressions", "duties", "packets", "events",
               "responses", "facts"),
        writes=("notices", "ledger", "substitutes"),
    ),
    Step(
        "batches", notify.batches.run, step_settings.batches, 3,
        reads=("notices", "persons", "histories", "members", "elements", "entities", "leaked", "charts",
               "leaked_std", "charts_std", "events", "responses", "codes"),
        writes=("batches", "pieces", "outbox"),
        gates=("letters",),
    ),
)  # fmt: skip
REPORT = Step(
    "report", notify.report.run, step_settings.report, 4,
    reads=(*(name for step in STEPS for name in step.writes), "events", "responses", "facts"),
    writes=(),
)  # fmt: skip
"""Always runs, also when a gate stopped the round."""


class StepFailed(Exception):
    """A step raised: its type and where, never its message, which may hold a person's data."""


def step_named(name: str) -> Step:
    """The step of that name. Raises UsageError naming those there are."""
    for step in (*STEPS, REPORT):
        if step.name == name:
            return step
    known = ", ".join(step.name for step in (*STEPS, REPORT))
    raise UsageError(f"no step '{name}'; one of {known}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round did: one result a step, and the closed gate that stopped it, if any."""

    results: tuple[Result, ...]
    stopped: ApprovalMissing | None = None


def run_steps(
    root: Path, steps: Iterable[Step], wrap: Wrap, *, open_gate: Callable[[str], None]
) -> Outcome:
    """Run steps in order on a workspace, each wrapped (Prefect's task, or nothing), then the report.

    `open_gate` raises ApprovalMissing where an approval is missing; the round then ends there.
    """
    results: list[Result] = []
    stopped = None
    try:
        for step in steps:
            for gate in step.gates:
                open_gate(gate)
            results.append(wrap(run_one, step.name)(str(root), step.name))
    except ApprovalMissing as missing:
        stopped = missing
    results.append(wrap(run_one, REPORT.name)(str(root), REPORT.name))
    return Outcome(tuple(results), stopped)


def run_one(workspace: str, step_name: str) -> Result:
    """Run one step of the current round, or skip it; gives `{name, seconds, peak_rss_gib, skipped, rows}`.

    Raises OperatorError as the step did, else StepFailed with the type and place of our bug.
    """
    opened, current = open_round(Path(workspace))
    step = step_named(step_name)
    settings = step.settings(current.incident)
    journal = Journal(opened)
    inputs = inputs_digest(step, opened, settings)
    progress.begun(step.name)
    if _stands(step, opened, journal, inputs):
        progress.ended(skipped=True)
        return _result(step, opened, skipped=True)
    started = time.perf_counter()
    with PeakMemory() as memory:
        failure = _attempt(step, opened, _told(opened, current, settings))
    if failure is not None:
        raise failure
    seconds = round(time.perf_counter() - started, 3)
    outputs = {name: opened.digest(name) or "" for name in step.writes}
    done = Done(step.name, step.version, inputs, outputs, seconds, current.number)
    said = step_manifest_of(opened, done, settings=settings_digest(settings))
    journal.commit(replace(done, manifest=said))
    progress.ended(skipped=False)
    return _result(step, opened, skipped=False, seconds=seconds, gib=memory.gib)


def _told(workspace: Workspace, current: Round, settings: BaseModel) -> BaseModel:
    """What a step is told: its settings; the report, what is known when it is made."""
    if isinstance(settings, ReportSettings):
        return as_known_now(workspace, current, settings)
    return settings


def inputs_digest(step: Step, workspace: Workspace, settings: BaseModel) -> str:
    """Digest of a step's version, settings and inputs: what its outputs depend on."""
    dumped = _dumped(settings)
    tables = {name: workspace.digest(name) for name in step.reads}
    text = json.dumps([step.name, step.version, dumped, tables], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def settings_digest(settings: BaseModel) -> str:
    """Digest of what a step was told, as far as its outputs depend on it."""
    text = json.dumps(_dumped(settings), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _dumped(settings: BaseModel) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude=set(NOT_IN_DIGEST))


def is_done(step: Step, workspace: Workspace, journal: Journal, inputs: str) -> bool:
    """The step's outputs are there, whole, and made from exactly these inputs."""
    done = journal.done(step.name)
    if not step.writes or done is None or done.inputs != inputs or done.version != step.version:
        return False
    return all(workspace.digest(name) == done.outputs.get(name) for name in step.writes)


def _stands(step: Step, workspace: Workspace, journal: Journal, inputs: str) -> bool:
    """The step is done and its outputs are there, byte for byte; if not, they are made again."""
    try:
        if not is_done(step, workspace, journal, inputs):
            return False
        for name in step.writes:
            manifest = workspace.manifest(name)
            for part in manifest.parts if manifest else ():
                workspace.check_part(name, part)
    except IntegrityError:
        return False
    return True


def _attempt(step: Step, workspace: Workspace, settings: BaseModel) -> Exception | None:
    """The failure to raise, built here and raised by the caller so that no cause hangs on it."""
    try:
        step.run(workspace, settings)
    except OperatorError as error:
        return error.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - everything else is our bug, told without its message
        return told_by_system(error) or _failed(step, error)
    return None


def _failed(step: Step, error: Exception) -> StepFailed:
    if isinstance(error, WorkerFailed):
        return StepFailed(f"step {step.name} failed: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-6:])
    )
    return StepFailed(f"step {step.name} failed: {type(error).__name__} at {where}")


def _result(
    step: Step, workspace: Workspace, *, skipped: bool, seconds: float = 0.0, gib: float = 0.0
) -> Result:
    return {
        "name": step.name,
        "seconds": seconds,
        "peak_rss_gib": round(gib, 3),
        "skipped": skipped,
        "rows": {name: workspace.rows(name) for name in step.writes},
    }
