"""The Breach Notification Rule a second time, in plain Python and straight from its text.

Written without the engine: dates are ticked off day by day, lines are compared person by person, nothing
is read from the rule rows. 45 CFR 164.402-.414.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

DAY = timedelta(days=1)
STATES = ("MD", "VA", "MP")
ORAL = 30


@dataclass(frozen=True)
class Number:
    confirmed: int
    expected: float
    upper: int


@dataclass(frozen=True)
class LawHold:
    kind: str  # written, oral, court
    stated_on: date
    until: date | None
    entity: str  # empty: all


@dataclass(frozen=True)
class Practice:
    entity_id: str
    state: str
    is_covered_entity: bool
    agency: str  # agent, independent, undetermined
    contract_days: int | None
    knew_on: date | None
    received_on: date | None
    residents: dict[str, Number]
    returned: int
    performs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Breach:
    known_on: date
    should_have_known_on: date | None
    today: date
    holds: tuple[LawHold, ...]
    practice: Practice


@dataclass(frozen=True)
class Owed:
    status: str
    due: date
    crosses: str
    count: int
    performed_by: str


Key = tuple[str, str, str]  # rule, hypothesis, jurisdiction


def owed(breach: Breach) -> dict[Key, Owed]:
    """Every duty of the practice, and every one that was tested and is not owed."""
    found: dict[Key, Owed] = {}
    for hypothesis in ("agent", "independent"):
        found.update(Case(breach, hypothesis).all())
    return found


class Case:
    """One practice under one hypothesis of agency."""

    def __init__(self, breach: Breach, hypothesis: str) -> None:
        self.breach, self.hypothesis, self.practice = breach, hypothesis, breach.practice
        ours = min(d for d in (breach.known_on, breach.should_have_known_on) if d)
        # 164.410(a)(2), 164.404(a)(2): known, or would have been known by reasonable diligence
        self.our_discovery = ours
        theirs = [self.practice.knew_on]
        # the discovery of an agent is its principal's; a contractor's becomes theirs at receipt
        theirs.append(ours if hypothesis == "agent" else self.practice.received_on)
        days = [day for day in theirs if day]
        self.no_receipt_yet = not days
        self.discovery = min(days) if days else breach.today

    def all(self) -> dict[Key, Owed]:
        found = {self.key("us-164.410-entity"): self.told_to_entity(60)}
        days = self.practice.contract_days
        if days is not None and days < 60:
            found[self.key("us-164.410-contract")] = self.told_to_entity(days)
        if not self.practice.is_covered_entity:
            return found
        whole = self.whole()
        sixty = self.clock(self.discovery)
        annual = self.clock(date(self.discovery.year, 12, 31))
        found[self.key("us-164.404-individual")] = self.line(whole, ">=", 1, sixty, "individual")
        found[self.key("us-164.408-hhs-500")] = self.line(whole, ">=", 500, sixty, "hhs")
        found[self.key("us-164.408-hhs-annual")] = self.line(whole, "<", 500, annual, "hhs")
        bad = self.not_reachable()
        found[self.key("us-164.404-substitute")] = self.line(bad, "<", 10, sixty, "substitute")
        found[self.key("us-164.404-substitute-10")] = self.line(bad, ">=", 10, sixty, "substitute")
        for state, number, unknown in self.by_state():
            key = ("us-164.406-media", self.hypothesis, state)
            found[key] = self.line(number, ">", 500, sixty, "media", unknown)
        return found

    def key(self, rule: str) -> Key:
        return rule, self.hypothesis, "US"

    def whole(self) -> Number:
        each = list(self.practice.residents.values())
        return Number(
            sum(n.confirmed for n in each),
            sum(n.expected for n in each),
            sum(n.upper for n in each),
        )

    def not_reachable(self) -> Number:
        nowhere = self.practice.residents.get("UNK", Number(0, 0.0, 0))
        more = self.practice.returned
        return Number(nowhere.confirmed + more, nowhere.expected + more, nowhere.upper + more)

    def by_state(self) -> list[tuple[str, Number, int]]:
        """States with residents; the practice's own where anyone's residence is unknown."""
        unknown = self.practice.residents.get("UNK")
        tested = {s: n for s, n in self.practice.residents.items() if s in STATES}
        if unknown is not None and self.practice.state not in tested:
            tested[self.practice.state] = Number(0, 0.0, 0)
        return [(s, n, unknown.upper if unknown else 0) for s, n in tested.items()]

    def told_to_entity(self, days: int) -> Owed:
        due = self.clock(self.our_discovery, days)
        status = self.status(
            due, "confirmed" if self.whole().confirmed >= 1 else self.how(self.whole(), ">=", 1, 0)
        )
        if status == "not_required":
            pass
        elif self.practice.received_on:
            status = "met"
        elif status == "waiting_receipt":  # our own clock waits for nobody
            status = self.running(due, self.how(self.whole(), ">=", 1, 0))
        return Owed(status, due, self.how(self.whole(), ">=", 1, 0), self.whole().upper, "ba")

    def line(
        self, number: Number, compared: str, line: int, due: date, duty: str, unknown: int = 0
    ) -> Owed:
        how = self.how(number, compared, line, unknown)
        alone = self.passes(number.upper, compared, line)
        worst = self.passes(number.upper + unknown, compared, line)
        count = number.upper + unknown if worst and not alone else number.upper
        by = self.practice.performs.get(duty, "undecided")
        return Owed(self.status(due, how), due, how, count, by)

    def how(self, number: Number, compared: str, line: int, unknown: int) -> str:
        """Which number passes: the surest. Below a line only if even the highest number is."""
        if compared == "<":
            if not 0 < number.upper < line:
                return "no"
            if number.confirmed:
                return "confirmed"
            return "expected" if round(number.expected) else "upper"
        if self.passes(number.confirmed, compared, line):
            return "confirmed"
        if self.passes(round(number.expected), compared, line):
            return "expected"
        return "upper" if self.passes(number.upper + unknown, compared, line) else "no"

    @staticmethod
    def passes(count: int, compared: str, line: int) -> bool:
        return {">=": count >= line, ">": count > line, "<": count < line}[compared]

    def status(self, due: date, how: str) -> str:
        settled = self.practice.agency in {"agent", "independent"}
        if how == "no" or (settled and self.practice.agency != self.hypothesis):
            return "not_required"
        if self.is_held(self.breach.today):
            return "held"
        return "waiting_receipt" if self.no_receipt_yet else self.running(due, how)

    def running(self, due: date, how: str) -> str:
        if due < self.breach.today:
            return "overdue"
        return "planned" if how == "upper" else "due"

    def clock(self, start: date, days: int = 60) -> date:
        """Tick off days after the start; a day on which law enforcement holds does not count."""
        stopped = {day for hold in self.law_holds() for day in self.stopped_days(hold)}
        today = start
        while days:
            today += DAY
            days -= today not in stopped
        return today

    def is_held(self, day: date) -> bool:
        return any(
            hold.stated_on <= day <= self.last_day(hold)
            for hold in self.law_holds()
            if self.last_day(hold) > hold.stated_on
        )

    def law_holds(self) -> list[LawHold]:
        mine = [h for h in self.breach.holds if h.entity in {"", self.practice.entity_id}]
        return [hold for hold in mine if hold.kind in {"written", "oral"}]

    @staticmethod
    def last_day(hold: LawHold) -> date:
        """164.412: the time a writing names; else, and orally, 30 days from the statement."""
        latest = hold.stated_on + ORAL * DAY
        if hold.kind == "written":
            return hold.until or latest
        return min(hold.until, latest) if hold.until else latest

    def stopped_days(self, hold: LawHold) -> list[date]:
        last = self.last_day(hold)
        return [hold.stated_on + n * DAY for n in range(1, (last - hold.stated_on).days + 1)]
