"""Gates: what must be approved before it leaves, bound to the digest of what was approved.

A changed subject closes its gate again; what comes back later from the world does not. Letters and
whatever is sent need two different people, but for made-up incidents.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import notify.email
import notify.letters
from flows import step_settings
from flows.audit import audit
from flows.journal import Journal
from flows.rounds import Round
from flows.settings import IncidentFile, Right
from matching.errors import ApprovalMissing, OperatorError, UsageError
from matching.store import Workspace

__all__ = [
    "GATES",
    "GateState",
    "approve",
    "check_by",
    "check_right",
    "gate_state",
    "gate_states",
    "require",
    "subject",
]

GATES = ("thresholds", "owners", "letters")
_EMAIL_GATE = re.compile(r"send:EMAIL-(\d{1,6})")


def subject(workspace: Workspace, current: Round, gate: str) -> str | None:
    """Digest of what the gate's approval speaks of; None where it does not exist yet."""
    incident = current.incident
    if gate == "thresholds":
        model, pairs = workspace.digest("model"), workspace.digest("pairs")
        return _digest([model, pairs, incident.matching.model_dump(mode="json")]) if pairs else None
    if gate == "owners":
        return workspace.digest("ownership")
    if gate == "letters":
        if not workspace.has("notices"):
            return None
        return notify.letters.letters_digest(workspace, step_settings.batches(incident))
    if gate.startswith("send:"):
        return _of_sending(workspace, incident, gate)
    raise UsageError(f"no gate '{gate}'; one of {', '.join(GATES)}, send:BATCH, send:EMAIL-WAVE")


def approve(workspace: Workspace, current: Round, gate: str, *, by: str, note: str = "") -> str:
    """Record one person's approval of the gate's present subject; gives its digest.

    Raises OperatorError where the person may not approve or there is nothing to approve yet.
    """
    check_right(current.incident, by, _right_for(gate))
    digest = subject(workspace, current, gate)
    if digest is None and gate.startswith("send:"):
        raise OperatorError(f"gate '{gate}': no such batch or wave; `affected status` names them")
    if digest is None:
        raise OperatorError(f"gate '{gate}': nothing to approve yet; run `affected run` first")
    Journal(workspace).approve(gate, digest, by=by, note=note, at=datetime.now(UTC))
    audit(workspace, "approve", by=by, gate=gate, subject=digest)
    return digest


def check_right(incident: IncidentFile, name: str, right: Right) -> None:
    """Raise OperatorError unless `[people]` gives that person the right."""
    if right not in incident.people.get(name, ()):
        raise OperatorError(f"[people]: {name} may not {right}; add the right in the incident file")


def check_by(workspace: Workspace, incident: IncidentFile, name: str, right: Right) -> None:
    """As `check_right`; in a made-up incident anybody may."""
    if not workspace.synthetic:
        check_right(incident, name, right)


def require(workspace: Workspace, current: Round, gate: str) -> None:
    """Raise ApprovalMissing unless enough people approved the gate's present subject."""
    state = gate_state(workspace, current, gate)
    if state.open:
        return
    changed = (
        f"{state.by[0]} approved, somebody else must too:"
        if state.by
        else "its subject changed since; look again, then"
        if Journal(workspace).approvals(gate)
        else "look at the report, then"
    )
    raise ApprovalMissing(gate, f"{changed} `affected approve {workspace.root} {gate} --by NAME`")


def people_needed(workspace: Workspace, gate: str) -> int:
    """How many different people must approve: two before anything is printed or sent."""
    two = gate == "letters" or gate.startswith("send:")
    return 2 if two and not workspace.synthetic else 1


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate, the digest of its present subject, who approved that, and how many must.

    `may`: who else has the right to.
    """

    gate: str
    subject: str
    by: tuple[str, ...]
    needs: int = 1
    may: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many people must still approve."""
        return max(self.needs - len(set(self.by)), 0)

    @property
    def open(self) -> bool:
        """Enough different people approved."""
        return not self.missing


def gate_states(workspace: Workspace, current: Round) -> list[GateState]:
    """Every gate, those of batches and of waves of e-mail too, as it stands."""
    gates = list(GATES) + [f"send:{batch}" for batch in workspace.read("batches")["batch_id"]]
    waves = notify.email.planned_waves(workspace)
    gates += [f"send:{notify.email.wave_id(wave)}" for wave in waves]
    return [gate_state(workspace, current, gate) for gate in gates]


def gate_state(workspace: Workspace, current: Round, gate: str) -> GateState:
    """One gate as it stands."""
    digest = subject(workspace, current, gate)
    approvals = Journal(workspace).approvals(gate) if digest is not None else []
    right = _right_for(gate)
    people = current.incident.people
    given = (a.by for a in approvals if a.subject == digest)
    by = tuple(name for name in given if right in people.get(name, ()))  # not who lost it since
    may = tuple(name for name in sorted(people) if right in people[name] and name not in by)
    return GateState(gate, digest or "", by, people_needed(workspace, gate), may)


def _right_for(gate: str) -> Right:
    return "send" if gate.startswith("send:") else "approve"


def _of_sending(workspace: Workspace, incident: IncidentFile, gate: str) -> str | None:
    """Digest of a batch's content, or of a wave of e-mails, its texts and its sender."""
    wave = _email_wave(gate)
    if wave is None:
        found = workspace.read("batches").filter(batch_id=gate.removeprefix("send:"))
        return str(found["content"][0]) if found.height else None
    if wave not in notify.email.planned_waves(workspace):
        return None
    return notify.email.subject(workspace, step_settings.email(incident), wave)


def _email_wave(gate: str) -> int | None:
    """The wave that a gate of e-mail speaks of; a batch's id never has that form."""
    found = _EMAIL_GATE.fullmatch(gate)
    return int(found.group(1)) if found else None


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
