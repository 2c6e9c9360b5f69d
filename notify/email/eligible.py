"""Who may still be written to: what the plan knew, asked again when a message is claimed.

Holds, suppressions, withdrawn agreement, entities' answers and news of other pieces come in; a reason a
row goes out, null where it may be sent. Tables are read once a run; the inbox again whenever it grew.
Memory: 100 bytes a planned e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from threading import Lock

import polars as pl

from matching.store import Workspace
from notify.answers import answers_of
from notify.email.settings import EmailSettings
from notify.ledger.fold import pieces
from notify.ledger.states import UNTOLD
from notify.notices.entities import holds, told_by
from notify.renamed import under_present_ids
from notify.suppressed import suppressed

__all__ = ["Checks"]

_PAIR = ["person_id", "entity_id"]
_INBOX = ("facts", "responses", "events")


def _either(flag: str) -> pl.Expr:
    """A record or an entity says so."""
    return pl.any_horizontal(
        pl.col(f"{who}_{flag}").fill_null(value=False) for who in ("record", "said")
    )


SKIP_WHEN: Mapping[str, pl.Expr] = {
    "variant": ~pl.col("variant").is_in(["ADULT", "POSSIBLE_ADULT"]),
    "suppressed": pl.col("suppressed").is_not_null(),
    "no_consent": ~pl.col("agreed").fill_null(value=False),
    "deceased": _either("deceased"),
    "confidential": _either("confidential"),
    "entity_disputes_patient": pl.col("disputed").fill_null(value=False),
    "entity_does_not_delegate": pl.col("told_by").fill_null("undecided") != "ba",
    "hold": pl.col("hold").is_not_null(),
    "already_told": pl.col("told_wave").fill_null(0) >= pl.col("wave"),
    "email_failed_before": pl.col("failed").fill_null(value=False),
}
"""Reason -> when a planned e-mail is not sent now. The first that fits is told."""
_SAYS = {"suppressed": "suppressed", "hold": "hold"}
"""Reasons that go on with a code of their own."""


@dataclass(slots=True)
class Checks:
    """What is known of the people of one run. `planned` has the columns of `outbox`."""

    workspace: Workspace
    settings: EmailSettings
    today: date
    planned: pl.DataFrame
    _people: pl.DataFrame = field(init=False)
    _inbox: pl.DataFrame = field(init=False)
    _holds: pl.DataFrame = field(init=False)
    version: int = 0
    """How often the inbox was read."""
    _seen: tuple[str | None, ...] = ()
    _events_seen: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._people = _with_records(self.workspace, self.settings, self.today, self.planned)
        self._read_inbox()

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """Why each of these planned rows is not sent now; null: send it. Any thread may ask."""
        with self._lock:
            return self._reasons(rows)

    @property
    def news(self) -> bool:
        """The inbox grew since it was read, by others than us."""
        with self._lock:
            return self._seen != self._inbox_digests()

    def _reasons(self, rows: pl.DataFrame) -> pl.Series:
        if self._seen != self._inbox_digests():
            self._read_inbox()
        wide = rows.select("mailpiece_id", "variant", "wave", *_PAIR)
        for frame, on in ((self._people, ["mailpiece_id"]), (self._inbox, _PAIR)):
            wide = wide.join(frame, on=on, how="left", maintain_order="left")
        wide = wide.join(self._holds, on="entity_id", how="left", maintain_order="left")
        reason = pl.lit(None, dtype=pl.String)
        for code, applies in reversed(list(SKIP_WHEN.items())):
            why = pl.lit(f"{code}:") + pl.col(_SAYS[code]) if code in _SAYS else pl.lit(code)
            reason = pl.when(applies).then(why).otherwise(reason)
        return wide.select(reason=reason)["reason"]

    def told_ourselves(self) -> None:
        """We appended one part of events, all of them of rows that are settled: no need to read it again.

        Where another command appended, too, it is read again.
        """
        with self._lock:
            facts, responses, _ = self._seen
            if self._event_parts() == self._events_seen + 1:
                self._events_seen += 1
                self._seen = (facts, responses, self.workspace.digest("events"))

    def _pairs(self) -> pl.LazyFrame:
        return self.planned.lazy().select(_PAIR).unique()

    def _event_parts(self) -> int:
        manifest = self.workspace.manifest("events")
        return len(manifest.parts) if manifest else 0

    def _inbox_digests(self) -> tuple[str | None, ...]:
        return tuple(self.workspace.digest(name) for name in _INBOX)

    def _read_inbox(self) -> None:
        self.version += 1
        self._events_seen = self._event_parts()
        self._seen = self._inbox_digests()
        self._inbox = _told(self.workspace, self.planned).join(
            answers_of(self.workspace, self._pairs()).drop("representative"),
            on=_PAIR,
            how="full",
            coalesce=True,
        )
        self._holds = _entities(self.workspace, self.settings, self.today)


def _told(workspace: Workspace, planned: pl.DataFrame) -> pl.DataFrame:
    """`person_id, entity_id, told_wave, failed`: what other pieces did for the planned people."""
    lost = pl.col("state").is_in([str(state) for state in UNTOLD])
    known = under_present_ids(workspace, pieces(workspace)).join(
        planned.lazy().select(_PAIR).unique(), on=_PAIR, how="semi"
    )
    return (
        known.group_by(_PAIR)
        .agg(
            told_wave=pl.col("wave").filter(~lost).max(),
            failed=(lost & (pl.col("channel") == "email")).any(),
        )
        .collect(engine="streaming")
    )


def _entities(workspace: Workspace, settings: EmailSettings, today: date) -> pl.DataFrame:
    """`entity_id, told_by, hold`: who tells its patients, and what forbids sending today."""
    held, everywhere = holds(workspace, settings.holds, on=today)
    unreachable_by_us = settings.counsel.unreachable_entity == "ba_notifies"
    telling = told_by(workspace, unreachable_by_us=unreachable_by_us)
    joined = telling.join(held, on="entity_id", how="left")
    return joined.with_columns(hold=pl.coalesce("hold", everywhere))


def _with_records(
    workspace: Workspace, settings: EmailSettings, today: date, planned: pl.DataFrame
) -> pl.DataFrame:
    """`mailpiece_id, suppressed, agreed, record_deceased, record_confidential` over all records of a person."""
    people = planned.lazy().select("person_id").unique()
    members = (
        workspace.scan("members")
        .select("person_id", member="mention_id")
        .join(people, on="person_id", how="semi")
        .collect(engine="streaming")
    )
    records = _records(workspace, members.select("member"))
    person = (
        members.select("person_id", "member")
        .join(records, on="member")
        .group_by("person_id")
        .agg(
            pl.col("withdrawn_on").filter(pl.col("withdrawn_on") <= today).max(),
            pl.col("record_deceased", "record_confidential").any(),
        )
    )
    agreed = pl.col("scope").is_in(settings.counsel.email_scopes)
    consent = records.filter(agreed, pl.col("consent_on") <= today)
    wide = planned.select("mailpiece_id", *_PAIR, member="email_member")
    wide = wide.join(consent.select("member", "consent_on"), on="member", how="left")
    wide = wide.join(person, on="person_id", how="left").join(
        suppressed(workspace).drop("authority", "order_unclear"), on=_PAIR, how="left"
    )
    withdrawn = (pl.col("withdrawn_on") >= pl.col("consent_on")).fill_null(value=False)
    return wide.select(
        "mailpiece_id",
        "suppressed",
        "record_deceased",
        "record_confidential",
        agreed=pl.col("consent_on").is_not_null() & ~withdrawn,
    )


def _records(workspace: Workspace, members: pl.DataFrame) -> pl.DataFrame:
    """What every record says of agreement, death and safety, a row a record."""
    wanted = members.lazy().unique()
    sides = [
        workspace.scan(f"{name}_std")
        .select(
            member=pl.col(key),
            scope="email_consent_scope",
            consent_on="email_consent_on",
            withdrawn_on="email_consent_withdrawn_on",
            record_deceased=pl.col("deceased").fill_null(value=False),
            record_confidential=pl.col("confidential").fill_null(value=False)
            | pl.col("alternate_street").is_not_null(),
        )
        .join(wanted, on="member", how="semi")
        for name, key in (("leaked", "mention_id"), ("charts", "chart_id"))
    ]
    return pl.concat(sides).collect(engine="streaming")
