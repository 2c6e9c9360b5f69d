"""The generated part of docs/ledger.md: states and transitions as drawings, kinds and return files as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.docs import ROOT
from flows.docs.figures import with_region
from flows.docs.markdown import code, grid
from flows.docs.return_files import return_files
from notify.ledger.states import (
    AFTERWARDS,
    EMAIL_STATES,
    LEDGER_MAY_BECOME,
    MAIL_STATES,
    MAY_BECOME,
    UNTOLD,
    PieceState,
)

__all__ = ["ledger_page"]


def ledger_page() -> str:
    """docs/ledger.md as it should be now: everything outside the marks is written by hand."""
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    return with_region(page, "\n".join(_region()))


def _region() -> Iterator[str]:
    yield "## What a piece can be\n"
    yield "A letter:\n"
    yield _drawn(MAIL_STATES, start=PieceState.EXPORTED)
    yield "An e-mail:\n"
    yield _drawn(EMAIL_STATES, start=None)
    yield "## What each kind of news does\n"
    head = (
        "channel",
        "kind of event",
        "state of the piece",
        "counts as told",
        "what happens next round",
    )
    rows = [
        (channel, code(kind), state.value, "no" if state in UNTOLD else "yes", AFTERWARDS[state])
        for channel, states in (("mail", MAIL_STATES), ("email", EMAIL_STATES))
        for kind, state in states.items()
    ]
    yield from grid(head, rows)
    yield "\n## Where a person and covered entity can be\n"
    yield _mermaid(
        (
            f"{_name(one)} --> {_name(other)}"
            for one, others in LEDGER_MAY_BECOME.items()
            for other in others
        )
    )
    yield "## The files that come back\n"
    yield from return_files()


def _drawn(states: Mapping[str, PieceState], *, start: PieceState | None) -> str:
    """Each transition between states of one channel; without `start` every state without a way in is one."""
    known = list(states.values())
    ways = [(one, other) for one in known for other in known if other in MAY_BECOME[one]]
    entered = {other for _, other in ways}
    first = (
        [start]
        if start
        else [one for one in known if one not in entered or one is PieceState.ACCEPTED]
    )
    lines = [f"[*] --> {one.value}" for one in first]
    return _mermaid([*lines, *(f"{one.value} --> {other.value}" for one, other in ways)])


def _mermaid(lines: Iterator[str] | list[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"```mermaid\nstateDiagram-v2\n{body}\n```\n"


def _name(state: str) -> str:
    """Mermaid takes no hyphen in a state's name."""
    return state.replace("-", "")
