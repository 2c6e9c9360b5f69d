"""`affected send`: e-mails of approved waves, a canary before them, a dry run instead, and how to stop.

The gates are asked here, once, before anything leaves. Progress goes to stderr where a person looks.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import notify.email
from flows import step_settings
from flows.audit import audit
from flows.gates import gate_state
from flows.rounds import (
    Round,
    holding,
    open_round,
    open_workspace,
    refuse_changed,
    refuse_purged,
)
from matching.errors import ApprovalMissing, OperatorError, TryAgainLater, UsageError
from matching.store import Workspace
from notify.email import EmailSettings, Hooks, Report, Sender

__all__ = ["exit_code", "send", "send_text"]

STOP_FILE = "send.stop"
PROGRESS_S = 1.0


def send(
    root: Path, *, dry_run: bool = False, stop: bool = False, canary: bool = False
) -> dict[str, Any]:
    """Send every approved wave; gives `affected.send/1` with those that wait for approval.

    `stop` only tells a sender that runs to stop. Raises ApprovalMissing where no wave may be sent.
    """
    if dry_run + stop + canary > 1:
        raise UsageError("send: one of --dry-run, --stop, --canary at a time")
    if stop:
        return _stop(root)
    with holding(root, "send.lock"):
        (root / STOP_FILE).unlink(missing_ok=True)  # meant for an earlier run
        workspace, current = open_round(root)
        workspace.inbox_parts = None  # what was released a moment ago must be seen
        if not workspace.has("outbox"):
            raise OperatorError(
                "nothing planned yet: table 'outbox' is missing; run `affected run`"
            )
        refuse_purged(workspace)
        settings = step_settings.email(current.incident)
        waves = notify.email.planned_waves(workspace)
        with _signs(root) as sign:
            hooks = Hooks(stopped=sign.seen, tick=sign.tick)
            if dry_run:
                return _dry(workspace, settings, waves, hooks)
            if canary:
                return _canary(workspace, settings, waves, hooks)
            refuse_changed(current)
            return _send(workspace, current, settings, waves, hooks)


def exit_code(document: dict[str, Any]) -> int:
    """6 while uncertain sends wait, 5 where a wave waits for approval, 4 for a malformed dry run."""
    if document.get("states", {}).get("uncertain"):
        return 6
    if document.get("waiting"):
        return 5
    dry = document.get("dry_run") or {}
    return 4 if dry.get("malformed") or dry.get("repeated") else 0


def _send(
    workspace: Workspace,
    current: Round,
    settings: EmailSettings,
    waves: list[int],
    hooks: Hooks,
) -> dict[str, Any]:
    gates = {wave: gate_state(workspace, current, _gate(wave)) for wave in waves}
    approved = [wave for wave, gate in gates.items() if gate.open]
    waiting = [notify.email.wave_id(wave) for wave in waves if wave not in approved]
    for wave in approved:
        _check_canary(workspace, settings, wave, gates[wave].subject)
    if waves and not approved and not (workspace.root / "outbox.sqlite").exists():
        raise _closed(workspace, settings, _gate(waves[0]))
    audit(workspace, "send begins", waves=len(approved))
    try:
        report = notify.email.send(workspace, settings, approved, hooks=hooks)
    finally:
        _end_line()
    told = report.this_run
    audit(
        workspace,
        "send",
        events=report.events,
        accepted=told.get("accepted", 0),
        permanent=told.get("permanent", 0),
        uncertain=told.get("uncertain", 0),
    )
    listed = report.not_sent.write_csv().encode()
    path = workspace.put_output("email/not_sent.csv", listed, personal=True)
    return _document(workspace, report, waves=approved) | {
        "waiting": waiting,
        "not_sent": str(path),
    }


def _closed(workspace: Workspace, settings: EmailSettings, gate: str) -> ApprovalMissing:
    """What to do where no wave may be sent yet."""
    first = (
        f"`affected send {workspace.root} --canary`, look at it, then "
        if settings.email.canary
        else ""
    )
    return ApprovalMissing(gate, f"{first}`affected approve {workspace.root} {gate} --by NAME`")


def _gate(wave: int) -> str:
    return f"send:{notify.email.wave_id(wave)}"


def _check_canary(workspace: Workspace, settings: EmailSettings, wave: int, digest: str) -> None:
    """Somebody of ours got this wave's words before anyone else; made-up people need none."""
    if not settings.email.canary and workspace.synthetic:
        return
    if not notify.email.canary_accepted(workspace, wave, digest):
        raise ApprovalMissing(
            _gate(wave),
            f"no canary went out since it changed; `affected send {workspace.root} --canary` first",
        )


def _canary(
    workspace: Workspace, settings: EmailSettings, waves: list[int], hooks: Hooks
) -> dict[str, Any]:
    sent = {
        notify.email.wave_id(wave): notify.email.canary(
            workspace, settings, wave, notify.email.subject(workspace, settings, wave), hooks=hooks
        )
        for wave in waves
    }
    audit(workspace, "canary", messages=sum(sent.values()))
    return {"schema": "affected.send/1", "canary": sent, "waiting": []}


def _dry(
    workspace: Workspace, settings: EmailSettings, waves: list[int], hooks: Hooks
) -> dict[str, Any]:
    try:
        report, found = notify.email.dry_run(workspace, settings, waves, hooks=hooks)
    finally:
        _end_line()
    dry = {
        "messages": found.messages,
        "malformed": found.malformed,
        "repeated": found.repeated,
        "files": found.files,
        "folder": str(found.folder or ""),
    }
    return _document(workspace, report, waves=waves) | {"dry_run": dry, "waiting": []}


def _stop(root: Path) -> dict[str, Any]:
    """Leave the sign that a running sender looks for four times a second."""
    open_workspace(root)
    running = False
    try:
        with holding(root, "send.lock"):
            pass
    except TryAgainLater:
        running = True
        (root / STOP_FILE).touch()
    return {"schema": "affected.send/1", "stopping": running, "waiting": []}


def _document(workspace: Workspace, report: Report, *, waves: list[int]) -> dict[str, Any]:
    tried = sum(report.this_run.values())
    again = report.next_try_at
    return {
        "schema": "affected.send/1",
        "workspace": str(workspace.root),
        "waves": [notify.email.wave_id(wave) for wave in waves],
        "states": dict(report.states),
        "this_run": dict(report.this_run),
        "due": report.due,
        "skipped": dict(report.skipped),
        "refused": dict(report.refused),
        "recovered": dict(report.recovered),
        "replaced": report.replaced,
        "events": report.events,
        "registered": report.registered,
        "seconds": round(report.seconds, 3),
        "sending_seconds": round(report.sending_seconds, 3),
        "rate_per_s": round(tried / report.sending_seconds, 1) if report.sending_seconds else 0.0,
        "stopped": report.stopped,
        "quota_left_today": report.quota,
        "next_try_at": datetime.fromtimestamp(again, UTC).isoformat(timespec="seconds")
        if again is not None
        else None,
        "crashes": report.crashes,
        "uncertain_at_most": report.crashed_connections,
    }


# --- signs and progress -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Signs:
    """The stop sign, and the line that says how far it is."""

    file: Path
    asked: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    shown: float = 0.0

    def seen(self) -> bool:
        """Someone asked to stop: a file, or a signal."""
        return self.asked.is_set() or self.file.exists()

    def tick(self, sender: Sender, total: int) -> None:
        """Rewrite the line, at most once a second and only where a person looks."""
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.shown < PROGRESS_S:
            return
        self.shown = now
        sys.stderr.write("\r" + progress(dict(sender.counts), total, now - self.began) + "\x1b[K")
        sys.stderr.flush()


def progress(counts: dict[Any, int], total: int, seconds: float) -> str:
    """`12,000 of 100,000, 2,310/s, 0:38 left; temporary 12`."""
    settled = {str(state): count for state, count in counts.items() if str(state) != "claimed"}
    done = sum(settled.values())
    rate = done / seconds if seconds > 0 else 0.0
    left = (
        f"{int((total - done) / rate) // 60}:{int((total - done) / rate) % 60:02d} left"
        if rate
        else ""
    )
    others = [
        f"{state} {count:,}" for state, count in sorted(settled.items()) if state != "accepted"
    ]
    line = ", ".join(filter(None, (f"{done:,} of {total:,}", f"{rate:,.0f}/s", left)))
    return "; ".join(filter(None, (line, ", ".join(others))))


@contextmanager
def _signs(root: Path) -> Iterator[_Signs]:
    """Ctrl-C and a service's end are a request to stop; the sign is taken away afterwards."""
    signs = _Signs(root / STOP_FILE)
    before = {}
    with suppress(ValueError):  # signals belong to the main thread
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda _number, _frame: signs.asked.set())
    try:
        yield signs
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signs.file.unlink(missing_ok=True)


def _end_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def send_text(document: dict[str, Any]) -> str:
    """What happened, in a few lines."""
    if "stopping" in document:
        return "told to stop" if document["stopping"] else "no sender runs here"
    if "canary" in document:
        return "\n".join(
            f"{wave}: {count} sent to ourselves" for wave, count in document["canary"].items()
        )
    states = ", ".join(f"{state} {count:,}" for state, count in document["states"].items() if count)
    pace = f"{document['rate_per_s']:,.0f} a second in {document['sending_seconds']} s"
    ended = ", stopped" if document["stopped"] else ""
    lines = [f"{document['due']:,} due, {pace}{ended}", f"  outbox: {states or 'empty'}"]
    for name in ("skipped", "refused"):
        lines += [f"  {name}: {why} {count:,}" for why, count in document[name].items()]
    if document["next_try_at"]:
        lines.append(f"  refused for now: send again after {document['next_try_at']}")
    if "dry_run" in document:
        lines.append(
            "  dry run: {messages:,} messages, {malformed} malformed; {files} in {folder}".format(
                **document["dry_run"]
            )
        )
    return "\n".join(lines)
