"""Open duties for people: a list with days left, and a calendar (RFC 5545) that other programs read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO

import polars as pl

from matching.store import Workspace
from notify.duties.stated import NOT_OWED
from notify.facts import Incident

__all__ = ["calendar", "open_duties", "open_list"]

_ONE_EVENT = ["due_on", "jurisdiction", "rule_id", "recipient", "performed_by", "reviewed"]
_ENTITIES_NAMED = 20
"""As many entities as an event names; the list has all."""
_LINE_OCTETS = 75
"""RFC 5545, 3.1: longer lines are folded."""
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f]")


def open_duties(workspace: Workspace, *, as_of: date) -> pl.DataFrame:
    """Duties that are owed or planned and not done, with `days_left` (negative: overdue), most urgent first.

    `days_left` is null where the rule counts no days.
    """
    left = (pl.col("due_on") - pl.lit(as_of)).dt.total_days()
    return (
        workspace.scan("duties")
        .filter(~pl.col("status").is_in(NOT_OWED))
        .with_columns(days_left=left)
        .sort("due_on", "entity_id", "jurisdiction", "rule_id", "hypothesis", nulls_last=True)
        .collect()
    )


def open_list(duties: pl.DataFrame) -> bytes:
    """The list as CSV, every column of `duties` and `days_left`."""
    target = BytesIO()
    duties.write_csv(target)
    return target.getvalue()


def calendar(duties: pl.DataFrame, *, incident: Incident, as_of: date) -> bytes:
    """One all-day event per day, rule and performer, with how many entities it concerns.

    A row from an unreviewed rule says so in its title. Same duties, same bytes: the stamp is `as_of`.
    """
    events = (
        duties.drop_nulls("due_on")
        .group_by(_ONE_EVENT)
        .agg(
            pl.col("citation").first(),
            pl.col("waits_for").is_not_null().any().alias("waits"),
            entities=pl.col("entity_id").n_unique(),
            named=pl.col("entity_id").unique().sort().head(_ENTITIES_NAMED),
        )
        .sort(_ONE_EVENT)
    )
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//affected//duties//EN"]
    for event in events.iter_rows(named=True):
        lines += _event(event, incident=incident.id, stamp=as_of)
    folded = [part for line in [*lines, "END:VCALENDAR"] for part in _folded(line)]
    return ("\r\n".join(folded) + "\r\n").encode()


def _event(event: dict[str, object], *, incident: str, stamp: date) -> list[str]:
    due = event["due_on"]
    assert isinstance(due, date)
    key = "|".join(str(event[name]) for name in _ONE_EVENT)
    more = int(str(event["entities"])) - len(named := list(event["named"]))  # type: ignore[call-overload]
    marks = [
        m for m, on in (("waits", event["waits"]), ("not reviewed", not event["reviewed"])) if on
    ]
    suffix = f" ({', '.join(marks)})" if marks else ""
    title = f"{event['jurisdiction']} notice to {event['recipient']}: {event['entities']} entities{suffix}"
    who = ", ".join(named) + (f" and {more} more" if more else "")
    text = f"{event['rule_id']}, {event['citation']}; performed by {event['performed_by']}; {who}"
    return [
        "BEGIN:VEVENT",
        f"UID:{hashlib.sha256(f'{incident}|{key}'.encode()).hexdigest()[:32]}@affected.invalid",
        f"DTSTAMP:{stamp:%Y%m%d}T000000Z",
        f"DTSTART;VALUE=DATE:{due:%Y%m%d}",
        f"DTEND;VALUE=DATE:{due + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped(title)}",
        f"DESCRIPTION:{_escaped(text)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _escaped(text: str) -> str:
    """Text values escape backslash, semicolon, comma and line break (RFC 5545, 3.3.11); other controls are blanks."""
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    for mark in "\\;,":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Pieces of at most 75 octets, each after the first begun by a blank; no character is cut."""
    piece, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > _LINE_OCTETS:
            yield piece
            piece, size = " ", 1
        piece, size = piece + character, size + width
    yield piece
