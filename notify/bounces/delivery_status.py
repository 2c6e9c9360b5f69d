"""Delivery status notifications: the machine-readable part of RFC 3464 and RFC 6533, well formed or not.

Fields are read line by line. Groups that lack their blank line are parted where a field repeats; groups with
one too many are put together again; a status part flattened into text, quoted by who forwarded it, is found there.
"""

from __future__ import annotations

import re

from notify.bounces.addresses import typed_address
from notify.bounces.kinds import Finding, Kind
from notify.bounces.status import best_status, failure_kind, says_delayed

__all__ = ["Fields", "envelope_ids", "findings", "groups", "status_text"]

Fields = dict[str, str]
"""The fields of one group, names lower case."""

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)")
_GROUPS = 4_000
_VALUE_CHARS = 4_000
_RECIPIENT = ("original-recipient", "final-recipient", "x-actual-recipient")
_OUTCOME = ("action", "status")
_STARTS = {"original-recipient", "final-recipient", "action", "status"}
_IN_TEXT = re.compile(
    r"^[>| \t]*(?:Reporting-MTA|Final-Recipient|Original-Recipient)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[>| \t]*>[ \t]?", re.MULTILINE)
_NAMES = re.compile(
    r"^[ \t]*(Final-Recipient|Original-Recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_SAYS = re.compile(r"^[ \t]*(Action|Status)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BESIDE = ("status", "x-supplementary-info", "x-notes", "x-display-name", "action")
"""Other fields that may hold a reply or words: some write `Status: 550 5.1.1 unknown`, some `failed (unknown)`."""
_ACTIONS = (
    ("delay", Kind.DELAYED), ("transient", Kind.DELAYED), ("deliver", Kind.SUCCESS), ("success", Kind.SUCCESS),
    ("relay", Kind.RELAYED), ("expand", Kind.RELAYED),
)  # fmt: skip
"""What an action begins with -> the kind; `failed`, `failure`, `error` and any other are failures."""


def status_text(text: str) -> str:
    """From the first field of a status part that was flattened into a text; empty where there is none."""
    found = _IN_TEXT.search(text)
    if not found:
        return ""
    fields = _QUOTED.sub("", text[found.start() :])
    return fields if _NAMES.search(fields) and _SAYS.search(fields) else ""


def groups(text: str) -> list[Fields]:
    """The groups of fields of a status part; the message's own among them."""
    made: list[Fields] = [{}]
    name = ""
    for line in text.split("\n"):
        if not line.strip():
            made.append({})
            name = ""
        elif found := _FIELD.match(line.lstrip(" \t") if not name else line):
            name = found[1].lower()
            if name in made[-1] and name in _STARTS:
                made.append({})
            made[-1].setdefault(name, found[2].strip()[:_VALUE_CHARS])
        elif name:
            before = made[-1].get(name, "")
            made[-1][name] = f"{before} {line.strip()}"[:_VALUE_CHARS]
        if len(made) > _GROUPS:
            break
    return _put_together([group for group in made if group])


def _put_together(found: list[Fields]) -> list[Fields]:
    """A group without a recipient belongs to the one before it, where that still lacks what it says."""
    made: list[Fields] = []
    for group in found:
        last = made[-1] if made else {}
        named = any(name in group for name in _RECIPIENT)
        open_group = any(name in last for name in _RECIPIENT) and not any(
            n in last for n in _OUTCOME
        )
        more_of_it = "diagnostic-code" in group and "action" in last and "action" not in group
        if not named and made and (open_group or more_of_it):
            made[-1] = {**group, **last}
        else:
            made.append(group)
    return made


def envelope_ids(found: list[Fields]) -> list[str]:
    """What the groups give as our envelope id."""
    return [group["original-envelope-id"] for group in found if "original-envelope-id" in group]


def findings(found: list[Fields], human: str) -> list[Finding]:
    """One finding a recipient's group; `human` is the text beside it, for groups that leave things out."""
    told = [group for group in found if any(n in group for n in (*_RECIPIENT, *_OUTCOME))]
    alone = human if len(told) == 1 else ""
    return [_finding(group, alone) for group in told]


def _finding(group: Fields, human: str) -> Finding:
    action = group.get("action", "").split("(")[0].strip().lower() or None
    diagnostic = group.get("diagnostic-code", "")
    beside = " ".join(group[name] for name in _BESIDE if name in group)
    status = best_status(group.get("status", ""), diagnostic or beside) or best_status("", human)
    kind = next((kind for begin, kind in _ACTIONS if (action or "").startswith(begin)), None)
    if kind is None and action is None:
        kind = _without_action(group, status, human)
    if kind is None:
        said = f"{diagnostic} {beside}"
        kind = failure_kind(status, said if diagnostic else f"{said} {human}")
    return Finding(_recipient(group), kind, status, action)


def _without_action(group: Fields, status: str | None, human: str) -> Kind | None:
    """Null: a failure."""
    if (group.get("status", "") or status or "").lstrip().startswith("2"):
        return Kind.SUCCESS
    waits = "will-retry-until" in group or says_delayed(human)
    return Kind.DELAYED if waits and (status or "4").startswith("4") else None


def _recipient(group: Fields) -> str | None:
    """Whom we had written to: the original recipient, which a relay need not know, else the final one."""
    found = [typed_address(group.get(name, "")) for name in _RECIPIENT]
    original, final = found[0], found[1]
    if original and final and _xtext_undone(original).lower() == final.lower():
        return final
    return next((address for address in found if address), None)


def _xtext_undone(address: str) -> str:
    """ORCPT travels as xtext (RFC 3461): `+2B` is a plus. Some report it so."""
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), address)
