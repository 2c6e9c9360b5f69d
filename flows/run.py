"""`affected run`: one round, or its resumption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

import notify.batches
import notify.counts
from flows import gates, progress, step_settings
from flows.check import forecast, problems
from flows.journal import Journal
from flows.measure import disk_gib
from flows.prefect_home import prepare, told_by_prefect
from flows.rounds import (
    FINISHED,
    STOPPED,
    Round,
    begin,
    latest,
    open_round,
    open_workspace,
    refuse_purged,
    save,
    today,
)
from flows.settings import IncidentFile, load_incident
from flows.signals import ending_in_order
from flows.steps import REPORT, STEPS, Step, run_steps, step_named
from matching.chain import HEAD
from matching.errors import OperatorError, UsageError
from matching.keyfile import KeyFile
from matching.log import warn_once
from matching.opening import refuse_occupied
from matching.scratch import place_of
from matching.store import Workspace, locked

__all__ = ["round_outcome", "run_round"]

ENGINES = ("prefect", "local")
Wrap = Callable[[Callable[[str, str], dict[str, Any]], str], Callable[[str, str], dict[str, Any]]]


def run_round(
    incident_file: Path,
    *,
    workspace: Path | None = None,
    until: str = "",
    engine: str = "prefect",
    as_of: date | None = None,
    approve_as: str = "",
    key_file: Path | None = None,
) -> dict[str, Any]:
    """Run one round and give its document (`affected.run/1`).

    Raises OperatorError (bad input, before anything is written), TryAgainLater (another run).
    """
    incident = load_incident(
        incident_file, as_of=as_of, today=_recorded_day(incident_file, workspace)
    )
    root = workspace or incident_file.parent / incident.incident.id
    _refuse_purged(root)
    found = problems(incident, incident_file)
    if found:
        raise OperatorError("\n".join(found))
    _check_options(incident, until=until, engine=engine, approve_as=approve_as)
    _check_workspace(root, incident)
    opened, key_made = Workspace.create(
        root,
        incident_id=incident.incident.id,
        synthetic=incident.incident.synthetic,
        key_file=key_file or _key_file(incident),
        people=incident.security.people,
        encryption=incident.security.encryption,
    )
    _check_encryption(opened, incident)
    _check_recipients(opened, incident)
    _check_frozen_model(opened, incident)
    opened.scratch_in = incident.security.scratch
    with locked(root / "run.lock"), ending_in_order():
        opened.purge_scratch()
        opened.drop_left(outputs=False)
        _settle_releases(opened)
        current = begin(opened, incident_file, incident, as_of_given=as_of is not None)
        document = _measured(opened, current, until=until, engine=engine, approve_as=approve_as)
    if key_made:
        document["key_file_made"] = opened.identity["key_file"]
    return document


def _check_options(incident: IncidentFile, *, until: str, engine: str, approve_as: str) -> None:
    """Raise now what would otherwise stop the round in its middle."""
    if engine not in ENGINES:
        raise UsageError(f"--engine {engine}: one of {', '.join(ENGINES)}")
    if until:
        step_named(until)
    if approve_as and not incident.incident.synthetic:
        raise OperatorError(
            "--approve-all: only where [incident] synthetic = true; approve each gate"
        )
    if approve_as:
        gates.check_right(incident, approve_as, "approve")


def _refuse_purged(root: Path) -> None:
    """Raise where working data was purged: a round would find its people gone and tell nobody."""
    if any((root / "evidence").glob("purge-*.json")):
        refuse_purged(open_workspace(root))


def _check_workspace(root: Path, incident: IncidentFile) -> None:
    """Raise where this cannot be the incident's workspace, before a key or a folder is made."""
    if root.exists() and not root.is_dir():
        raise OperatorError(f"workspace {root}: no folder; name another --workspace")
    if not root.exists():
        return
    if not (root / "workspace.json").exists():
        refuse_occupied(root)
        return
    found = open_workspace(root)
    if found.incident_id != incident.incident.id:
        raise OperatorError(
            f"workspace {root}: of incident '{found.incident_id}', not"
            f" '{incident.incident.id}'; name another --workspace"
        )
    if found.synthetic != incident.incident.synthetic:
        made = str(found.synthetic).lower()
        raise OperatorError(
            f"workspace {root}: made with synthetic = {made}; name another --workspace"
        )


def _check_encryption(workspace: Workspace, incident: IncidentFile) -> None:
    """Raise where the file says otherwise than how the workspace was made."""
    made, wanted = workspace.identity["encryption"], incident.security.encryption
    if made != wanted:
        raise OperatorError(
            f"security.encryption: '{wanted}', but this workspace was made with '{made}';"
            " put that back, or name another --workspace"
        )


def _check_recipients(workspace: Workspace, incident: IncidentFile) -> None:
    """The file names people for a new key file only: never let them stand beside one in clear."""
    wanted, found = incident.security.people, KeyFile.read(workspace.key_file).people
    if wanted and not found:
        raise OperatorError(
            f"security.recipients: key file {workspace.key_file} is in clear; `affected keys"
            f" {workspace.root} add` each of them"
        )
    if wanted and set(wanted) != set(found):
        warn_once(
            f"affected: security.recipients names others than `affected keys {workspace.root}`;"
            " what that says holds"
        )


def _check_frozen_model(workspace: Workspace, incident: IncidentFile) -> None:
    """The first round froze the model; another name in the file would be passed over in silence."""
    if not workspace.has("model"):
        return
    frozen = workspace.read("model", ["name"])["name"][0]
    wanted = Path(step_settings.link(incident).model).stem
    if wanted != frozen:
        raise OperatorError(
            f"matching.model: '{wanted}', but this workspace is frozen with '{frozen}';"
            " put that back, or name another --workspace"
        )


def _settle_releases(workspace: Workspace) -> None:
    """Record batches that were handed over just before a crash, before their plan is replaced."""
    last = latest(workspace.root)
    if last and workspace.has("batches"):
        settings = step_settings.batches(last.incident)
        notify.batches.settle(
            workspace,
            settings,
            recorded_at=datetime.now(UTC),
            journal=Journal(workspace),
        )


def _recorded_day(incident_file: Path, workspace: Path | None) -> date:
    """A resumed round keeps its day; otherwise today."""
    root = workspace
    if root is None:
        try:
            root = incident_file.parent / load_incident(incident_file).incident.id
        except OperatorError:
            return today()  # said again, with every problem, by the caller
    last = latest(root) if (root / HEAD).exists() else None  # without it nothing was recorded
    return last.incident.as_of if last and last.state != FINISHED else today()


def _key_file(incident: IncidentFile) -> Path | None:
    named = incident.security.key_file
    return (incident.root / named) if named else None


def _measured(
    opened: Workspace, current: Round, *, until: str, engine: str, approve_as: str
) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        with progress.shown(
            [step.name for step in (*_chosen(until), REPORT)],
            rows=lambda: forecast(current.incident)["rows"],
            root=opened.root,
        ):
            outcome = _engine(engine, opened.root)(opened.root, until, approve_as)
    finally:
        opened.purge_scratch()
    measured = {
        "seconds": round(time.perf_counter() - started, 2),
        "peak_rss_gib": max(step["peak_rss_gib"] for step in outcome["results"]),
        "peak_disk_gib": round(disk_gib(opened.root), 3),
        "scratch": {"in": place_of(opened.scratch_in), "left": len(opened.scratch_entries())},
    }
    notify.counts.note_changes(opened, number=current.number)
    whole = outcome["stopped_at"] is None and not until
    if whole:
        opened.publish_complete()
    state = FINISHED if whole else STOPPED
    document = {
        "schema": "affected.run/1",
        "workspace": str(opened.root),
        "engine": engine,
        "round": current.number,
        **measured,
        "steps": outcome["results"],
        **_totals(open_round(opened.root)[0]),
        "stopped_at": outcome["stopped_at"],
        "needs": outcome["needs"],
    }
    save(
        opened,
        replace(
            current,
            state=state,
            stopped_at=outcome["stopped_at"],
            result=document,
            profile=opened.read("profile").rows() if opened.has("profile") else None,
        ),
    )
    return document


def _engine(engine: str, root: Path) -> Callable[[Path, str, str], dict[str, Any]]:
    if engine == "local":
        return lambda root, until, name: round_outcome(
            root, until=until, approve_as=name, wrap=_plain
        )
    if engine == "prefect":
        prepare(root / "prefect")
        from flows.respond import respond  # noqa: PLC0415 - Prefect reads its environment at import

        def responded(root: Path, until: str, name: str) -> dict[str, Any]:
            try:
                return respond(str(root), until, name)
            except Exception as error:
                told = told_by_prefect(error)
                if told is None:
                    raise
                raise told from None

        return responded
    raise AssertionError(engine)


def _plain(
    function: Callable[[str, str], dict[str, Any]], name: str
) -> Callable[[str, str], dict[str, Any]]:
    del name
    return function


def round_outcome(root: Path, *, until: str, approve_as: str, wrap: Wrap) -> dict[str, Any]:
    """Run the steps of the current round up to `until`; `{results, stopped_at, needs}`."""

    def open_gate(gate: str) -> None:
        workspace, current = open_round(root)
        if approve_as:
            gates.approve(workspace, current, gate, by=approve_as, note="--approve-all")
        gates.require(workspace, current, gate)

    outcome = run_steps(root, _chosen(until), wrap, open_gate=open_gate)
    return {
        "results": list(outcome.results),
        "stopped_at": outcome.stopped.gate if outcome.stopped else None,
        "needs": str(outcome.stopped) if outcome.stopped else None,
    }


def _chosen(until: str) -> tuple[Step, ...]:
    names = [step.name for step in STEPS]
    return STEPS[: names.index(until) + 1] if until in names else STEPS


def _totals(workspace: Workspace) -> dict[str, Any]:
    """The counts that a lead asks for first; 0 where a step has not run yet."""
    inventory = workspace.read("inventory").filter(pl.col("repeats").is_null())
    leaked_files = inventory.filter(pl.col("side") == "leaked", pl.col("format") != "text")
    union = workspace.read("counts").filter(
        pl.col("entity_id").is_null() & pl.col("state").is_null()
    )
    persons = workspace.scan("persons").select(pl.col("orphan").sum()).collect()
    owned = workspace.scan("ownership").filter(pl.col("entity_id") != "UNOWNED")
    review = workspace.scan("pairs").filter(pl.col("band") == "review").select(pl.len()).collect()
    channels = workspace.scan("notices").group_by("channel").len().collect()
    by_channel = dict(zip(channels["channel"], channels["len"], strict=True))
    return {
        "leaked_rows": int(leaked_files["rows"].sum()),
        "leaked_rejected": int(leaked_files["rejected"].sum()),
        "mentions": workspace.rows("leaked"),
        "mentions_distinct": workspace.scan("identities")
        .select(pl.col("identity_id").n_unique())
        .collect()
        .item(),
        "charts": workspace.rows("charts"),
        "persons": {
            "confirmed": int(union["confirmed"].sum()),
            "expected": float(union["expected"].sum()),
            "upper": int(union["upper"].sum()),
            "orphans": int(persons.item() or 0),
        },
        "review_pairs": int(review.item()),
        "entities_with_persons": owned.select(pl.col("entity_id").n_unique()).collect().item(),
        "duties": workspace.rows("duties"),
        "notices": {
            "mail": by_channel.get("mail", 0),
            "email": by_channel.get("email", 0),
            "substitute": by_channel.get("substitute", 0),
            "waiting_ce": by_channel.get("waiting_ce", 0),
            "none": by_channel.get("none", 0) + by_channel.get("ce", 0),
        },
    }
