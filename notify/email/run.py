"""One run of the sender, from the planned rows to answers on disk and events in the inbox.

`outbox` and the encrypted records come in; SMTP messages, rows of `outbox.sqlite`, `registry` and
`events` go out. The caller holds `send.lock` and has asked the gates. Memory: 300 bytes a planned e-mail,
and the texts of two chunks of `CHUNK` messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from matching.store import OperatorError, TryAgainLater, Workspace
from notify.email import events
from notify.email.content import Content
from notify.email.eligible import Checks
from notify.email.limits import Limits, allowance
from notify.email.outbox import Change, Due, Outbox, opened
from notify.email.policy import paused_domains
from notify.email.relay import Relay, relay
from notify.email.sender import Letter, Patience, Sender, Sent
from notify.email.settings import PACE, EmailSettings, domain_of
from notify.email.states import EVENT_OF, SendState
from notify.email.texts import checked_texts, lint, load_texts
from notify.registry import release_ids

__all__ = ["CHUNK", "Hooks", "Report", "planned_waves", "send", "subject"]

CHUNK = 2_000
"""Messages claimed at one time: their records are read in one go, a few MB."""
_HOUR_S = 3_600.0
_EVENT_COLUMNS = ["place", "mailpiece_id", "person_id", "entity_id", "notice_version", "wave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Clock, stop sign and progress of whoever runs the sender."""

    now: Callable[[], float] = time.time
    stopped: Callable[[], bool] = lambda: False
    tick: Callable[[Sender, int], None] = lambda _sender, _total: None
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did. Counts are rows; times are seconds. `not_sent`: ids, states and reasons."""

    states: Mapping[str, int]
    not_sent: pl.DataFrame
    this_run: Mapping[str, int]
    skipped: Mapping[str, int]
    refused: Mapping[str, int]
    recovered: Mapping[str, int]
    due: int
    events: int
    registered: int
    replaced: int
    seconds: float
    sending_seconds: float
    stopped: bool
    quota: int | None
    next_try_at: float | None
    crashes: int
    crashed_connections: int


def planned_waves(workspace: Workspace) -> list[int]:
    """Waves of e-mail that are planned."""
    waves = workspace.scan("outbox").select(pl.col("wave").unique().sort()).collect()["wave"]
    return [int(wave) for wave in waves]


def subject(workspace: Workspace, settings: EmailSettings, wave: int) -> str:
    """What an approval of a wave speaks of: its rows, the texts and their lint, sender and relay."""
    rows = workspace.scan("outbox").filter(wave=wave).collect().sort("mailpiece_id")
    lines = rows.select(pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator="|"))
    hashed = hashlib.sha256("\n".join(lines.to_series()).encode()).hexdigest()
    said = {
        "rows": hashed,
        "texts": settings.texts_sha256,
        "lint": lint(settings, load_texts(settings)),
        "email": settings.email.model_dump(mode="json", by_alias=True, exclude=set(PACE)),
        "incident": settings.incident.model_dump(mode="json", exclude={"as_of"}),
        "sender": settings.business_associate.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def send(
    workspace: Workspace,
    settings: EmailSettings,
    waves: Iterable[int],
    *,
    hooks: Hooks | None = None,
    through: Relay | None = None,
) -> Report:
    """Send what is due of these approved waves; whatever is killed on the way, nobody gets it twice.

    `through` another relay than `[email]` names: a dry run, which leaves no trace in the workspace.
    Raises CheckFailed for unsound texts, OperatorError where the relay refuses us.
    """
    to = through or relay(settings)
    dry = through is not None
    with closing(Outbox(None)) if dry else opened(workspace) as outbox:
        run = _Run(workspace, settings, hooks or Hooks(), dry=dry, outbox=outbox)
        return run.all(sorted(set(waves)), to)


@dataclass(slots=True)
class _Run:
    """What the stages of one run share."""

    workspace: Workspace
    settings: EmailSettings
    hooks: Hooks
    dry: bool
    outbox: Outbox
    content: Content = field(init=False)
    checks: Checks = field(init=False)
    planned: pl.DataFrame = field(init=False)
    sender: Sender = field(init=False)
    appended: int = 0
    plan: str | None = None
    looked: int = 1

    @property
    def now(self) -> datetime:
        """The moment, for `recorded_at`."""
        return datetime.fromtimestamp(self.hooks.now(), UTC)

    @property
    def today(self) -> date:
        """The civil day of events and holds; a rehearsal stays on its own day."""
        as_of = self.settings.as_of
        return as_of if self.workspace.synthetic else max(as_of, self.now.date())

    def all(self, waves: list[int], to: Relay) -> Report:
        """The stages, in order."""
        began = time.perf_counter()
        email = self.settings.email
        wording = checked_texts(self.settings)
        self.plan = self.workspace.digest("outbox")
        everything = self.workspace.read("outbox")
        recovered = self.outbox.begin(now=self.hooks.now(), connections=email.connections)
        replaced, due = self._filled(everything, waves)
        rows = self._eligible()
        registered = 0
        if rows.height and not self.dry:
            people = rows.select("person_id")
            registered = release_ids(self.workspace, people, recorded_at=self.now)
        self.content = Content(self.workspace, self.settings, wording, rows)
        sending = time.perf_counter()
        try:
            self._send(rows, due, to)
        except OperatorError:
            self.outbox.end(now=self.hooks.now())
            raise
        sending = time.perf_counter() - sending
        self.outbox.end(now=self.hooks.now())
        return self._report(
            recovered=recovered,
            replaced=replaced,
            registered=registered,
            due=rows.height,
            seconds=time.perf_counter() - began,
            sending_seconds=sending,
        )

    def _filled(self, everything: pl.DataFrame, waves: list[int]) -> tuple[int, dict[str, Due]]:
        """Bring the outbox up to the plan; gives how many uncertain rows were replaced, and what is due."""
        approved = everything.filter(pl.col("wave").is_in(waves))
        approved = approved.sort("email_member", "mailpiece_id")  # records are read in their order
        self.outbox.fill(approved, everything["mailpiece_id"], now=self.hooks.now())
        replaced = self._settle_uncertain()
        self._reconcile()
        due = {each.mailpiece_id: each for each in self.outbox.due(waves, now=self.hooks.now())}
        places = pl.DataFrame(
            {"mailpiece_id": list(due), "place": [each.place for each in due.values()]},
            schema={"mailpiece_id": pl.String, "place": pl.Int64},
        )
        self.planned = approved.join(places, on="mailpiece_id", maintain_order="left")
        self.checks = Checks(self.workspace, self.settings, self.today, self.planned)
        return replaced, due

    # --- before ---------------------------------------------------------------------------------

    def _settle_uncertain(self) -> int:
        """News of a bounce ends the waiting, and so does time."""
        waiting = self.outbox.uncertain()
        if not waiting:
            return 0
        back = set(events.bounced(self.workspace, pl.Series([piece for _, piece in waiting])))
        places = [place for place, piece in waiting if piece in back]
        now = self.hooks.now()
        if places:
            changes = [Change(place, SendState.PERMANENT, "bounced") for place in places]
            self.outbox.exchange(changes, [], now=now)
            self.outbox.note(places)  # the bounce is the news
        before = now - self.settings.email.uncertain_wait_hours * _HOUR_S
        return self.outbox.replace_uncertain(changed_before=before, now=now)

    def _reconcile(self) -> None:
        """Tell the ledger what an earlier run did and did not tell."""
        if self.dry:
            return
        untold = self.outbox.unnoted()
        if untold.height:
            self._append(untold, checked=True)
            self.outbox.note(untold["place"])

    def _append(self, rows: pl.DataFrame, *, checked: bool) -> None:
        self.appended += events.append(
            self.workspace, rows, dated_on=self.today, recorded_at=self.now, checked=checked
        )

    def _eligible(self) -> pl.DataFrame:
        """Rows that may be sent; the others are skipped, each with its reason."""
        reasons = self.checks.reasons(self.planned)
        stays = reasons.is_null()
        changes = [
            Change(place, SendState.SKIPPED, reason)
            for place, reason in zip(self.planned["place"], reasons, strict=True)
            if reason is not None
        ]
        if changes:
            self.outbox.exchange(changes, [], now=self.hooks.now())
        return self.planned.filter(stays)

    # --- sending --------------------------------------------------------------------------------

    def _send(self, rows: pl.DataFrame, due: Mapping[str, Due], to: Relay) -> None:
        if rows.is_empty():
            return
        email = self.settings.email
        quota = allowance(email.warm_up_first_day, self.outbox.days(), self.now.date().isoformat())
        self.sender = Sender(
            outbox=self.outbox,
            relay=to,
            limits=Limits(
                rate=email.rate,
                rates=email.rates,
                domain_connections=email.domain_connections,
                quota=None if self.dry else quota,
                paused=paused_domains(self.workspace, lifted_on=email.policy_lifted_on),
            ),
            sent=Sent(
                bounce_domain=self.settings.bounce_domain,
                message_domain=domain_of(self.settings.sender),
                retry_s=email.retry_hours * _HOUR_S,
                now=self.hooks.now,
                stopped=self.hooks.stopped,
                tick=lambda sender: self.hooks.tick(sender, rows.height),
                note=self._note,
                recheck=self._recheck,
            ),
            patience=self.hooks.patience,
        )
        with ThreadPoolExecutor(1) as reading:
            chunks = self._chunks(rows, due, reading)
            asyncio.run(self.sender.run(chunks, min(email.connections, rows.height)))

    async def _chunks(
        self, rows: pl.DataFrame, due: Mapping[str, Due], reading: ThreadPoolExecutor
    ) -> AsyncIterator[list[Letter]]:
        """Claim, look again who qualifies, read what they need: a chunk at a time."""
        loop = asyncio.get_running_loop()
        for start in range(0, rows.height, CHUNK):
            some = rows.slice(start, CHUNK)
            self._check_plan()
            await self.sender.on_disk(self._claim, some["place"].to_list())
            letters, changes = await loop.run_in_executor(reading, self._prepared, some, due)
            self.sender.settle(changes)
            yield letters

    def _check_plan(self) -> None:
        if self.workspace.digest("outbox") != self.plan:
            raise TryAgainLater(
                "a new round replaced the plan while it was sent; approve the wave, then send again"
            )

    def _recheck(self, places: Sequence[int]) -> Mapping[int, str]:
        """Rows in hand that news since their claim keeps back; empty at once where there is no news."""
        self._check_plan()
        if not self.checks.news and self.checks.version == self.looked:
            return {}
        rows = self.planned.filter(pl.col("place").is_in(places))
        found = rows.select("place").with_columns(reason=self.checks.reasons(rows)).drop_nulls()
        self.looked = self.checks.version
        return dict(found.iter_rows())

    def _claim(self, places: Sequence[int]) -> None:
        self.outbox.claim(places, now=self.hooks.now())

    def _prepared(
        self, some: pl.DataFrame, due: Mapping[str, Due]
    ) -> tuple[list[Letter], list[Change]]:
        """Messages of claimed rows; and the rows that are skipped or refused after all."""
        some = some.with_columns(skipped=self.checks.reasons(some))
        left_out = some.filter(pl.col("skipped").is_not_null()).select("place", "skipped")
        changes = [
            Change(place, SendState.SKIPPED, reason) for place, reason in left_out.iter_rows()
        ]
        letters, refused = self.content.letters(some.filter(pl.col("skipped").is_null()), due)
        changes += [Change(place, SendState.PERMANENT, code) for place, code in refused.items()]
        return letters, changes

    def _note(self, changes: Sequence[Change]) -> None:
        """Append the events of these answers."""
        if self.dry:
            return
        news = pl.DataFrame(
            {
                "place": [change.place for change in changes],
                "kind": [EVENT_OF[change.state] for change in changes],
                "reason": [change.reason for change in changes],
            },
            schema={"place": pl.Int64, "kind": pl.String, "reason": pl.String},
        )
        rows = news.join(self.planned.select(_EVENT_COLUMNS), on="place")
        self._append(rows, checked=False)
        self.checks.told_ourselves()

    # --- after ----------------------------------------------------------------------------------

    def _report(
        self,
        *,
        recovered: Mapping[str, int],
        replaced: int,
        registered: int,
        due: int,
        seconds: float,
        sending_seconds: float,
    ) -> Report:
        sender = self.sender if due else None
        crashes, connections = self.outbox.crashes()
        counts = sender.counts if sender else {}
        return Report(
            states=self.outbox.counts(),
            not_sent=self.outbox.not_sent(),
            this_run={str(state): count for state, count in sorted(counts.items())},
            skipped=self.outbox.reasons(SendState.SKIPPED),
            refused=self.outbox.reasons(SendState.PERMANENT),
            recovered=recovered,
            due=due,
            events=self.appended,
            registered=registered,
            replaced=replaced,
            seconds=seconds,
            sending_seconds=sending_seconds,
            stopped=sender.stopped if sender else False,
            quota=sender.quota if sender else None,
            next_try_at=self.outbox.next_try_at(),
            crashes=crashes,
            crashed_connections=connections,
        )
