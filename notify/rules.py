"""Rules of law as data: the rows of `configs/jurisdictions/*.toml`, checked when they are read.

One row is one duty of one regime: who owes what to whom, from which number of people on, how many days
after what. Code computes with rows and holds no number of law itself. Rows cite their source, say
where the text was seen and who reviewed it; a row without a reviewer may only make a plan earlier.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from matching.store import OperatorError
from matching.tables import ELEMENT_KINDS
from matching.typed_files import parse_toml
from notify.facts import Closed

__all__ = ["INDIVIDUAL_DUTY", "MEDICAL", "Delay", "Rule", "Rules", "load_rules", "relation_levels"]

SCHEMA: Literal["affected.rules/1"] = "affected.rules/1"
INDIVIDUAL_DUTY = "us-164.404-individual"
"""The row whose day is planned where a state's notice to individuals has no day count of its own."""

MEDICAL = "medical"
"""Word of `trigger_elements` for what a statute calls medical information; see `Rule.kinds`."""
_MEDICAL_KINDS = ("diagnosis", "medication", "mrn", "photo", "treatment")
_APPOINTMENT = "appointment"

ClockAnchor = Literal[
    "ba_discovery", "ce_discovery", "ce_discovery_year_end", "determination", "confirmation",
    "notice_to_individual", "hhs_report", "unknown", "none",
]  # fmt: skip
HipaaMode = Literal[
    "", "exempt", "deemed", "deemed_agcopy", "deemed_ag_still", "fedreg", "content_only", "none", "unk"
]  # fmt: skip
_SPARES_ALL = frozenset({"exempt", "deemed", "fedreg"})
_SPARES_PEOPLE = frozenset({"deemed_agcopy", "deemed_ag_still"})


class Delay(Closed):
    """What a law-enforcement hold does under the statute: notice is due so many days after its end."""

    days: int = Field(ge=0, description="Days after the last day of the hold.")
    day_type: Literal["calendar", "business"] = Field(description="Which days count.")


class Rule(Closed):
    """One row: the duty, the line that a count must pass, the clock, and where it is written."""

    rule_id: str = Field(pattern=r"^[a-z]{2}-[a-z0-9.-]+$", description="Stable name of the row.")
    jurisdiction: str = Field(pattern=r"^[A-Z]{2}$", description="US or a state.")
    duty: Literal[
        "entity", "owner", "individual", "substitute", "media", "hhs", "state_ag", "cra", "callcentre"
    ] = Field(
        description="Duty as in delegation.csv; entity and owner: the business associate's own."
    )  # fmt: skip
    recipient: str = Field(description="Who must be told: entity, owner, individual, state_ag ...")
    recipient_name: str = Field(default="", description="Its name, where it has one.")
    channel: str = Field(default="", description="URL, address or form; empty: not known.")
    owed_by: Literal["ba", "ce"] = Field(description="Who owes it unless delegated.")
    trigger_elements: tuple[str, ...] = Field(
        default=(),
        description="Kinds of data of which a resident must have one, with the name; empty: any.",
    )
    min_op: Literal["ge", "gt", "lt"] = Field(description="How the count is compared with min_n.")
    min_n: int = Field(ge=0, description="The line, in people.")
    count_basis: Literal["all", "state_residents", "unreachable"] = Field(
        description="People of the entity: all, of one state, or without a usable address."
    )
    clock_anchor: ClockAnchor = Field(
        description="What starts the clock; unknown: the source says it in no word of this schema."
    )
    days: int | None = Field(default=None, ge=0, description="Days after the anchor.")
    days_from: Literal["baa_days"] | None = Field(
        default=None, description="Column of the roster that holds the days instead."
    )
    day_type: Literal["calendar", "business"] = Field(
        default="calendar", description="Which days count."
    )
    relation: Literal["", "before", "with", "after"] = Field(
        default="", description="When, seen from another duty; the earlier of both days holds."
    )
    relation_to: str = Field(default="", description="rule_id of that duty.")
    hipaa_mode: HipaaMode = Field(
        default="", description="What compliance with HIPAA does to the row once it is reviewed."
    )
    delay: Delay | None = Field(default=None, description="The clock after a law-enforcement hold.")
    content_required: tuple[str, ...] = Field(default=(), description="What the notice must say.")
    content_forbidden: tuple[str, ...] = Field(default=(), description="What it must not say.")
    credit_months: int | None = Field(
        default=None, gt=0, description="Months of credit monitoring to be offered."
    )
    credit_trigger: tuple[str, ...] = Field(
        default=(), description="Kinds of data of which one obliges to offer it."
    )
    needs_counsel: str = Field(
        default="", description="Why nobody but counsel can say what is owed; empty: computed."
    )
    citation: str = Field(min_length=3, description="Where the rule is written.")
    effective_from: date | None = Field(
        default=None, description="First day in force; missing: not known, taken as in force."
    )
    effective_to: date | None = Field(default=None, description="Last day in force.")
    provenance: str = Field(min_length=3, description="Where the text was seen.")
    reviewed_by: str = Field(default="", description="Reviewer; empty: not reviewed.")
    reviewed_on: date | None = Field(default=None, description="Day of the review.")
    note: str = Field(default="", description="What is easy to get wrong.")

    @property
    def reviewed(self) -> bool:
        """Someone put a name and a day to it."""
        return bool(self.reviewed_by) and self.reviewed_on is not None

    @property
    def spared_by_hipaa(self) -> bool:
        """A reviewer says that who complies with HIPAA owes nothing under this row.

        Without a reviewer the duty stands: an exemption seen somewhere must not make a plan later.
        """
        people = self.recipient == "individual" and self.hipaa_mode in _SPARES_PEOPLE
        return self.reviewed and (people or self.hipaa_mode in _SPARES_ALL)

    def in_force(self, day: date) -> bool:
        """The row applies on that day."""
        begun = self.effective_from is None or self.effective_from <= day
        return begun and (self.effective_to is None or day <= self.effective_to)

    def kinds(self, words: Iterable[str], *, appointment_is_medical: bool) -> frozenset[str]:
        """Element kinds behind trigger words; whether an appointment is medical, counsel says."""
        named = set(words)
        if MEDICAL in named:
            named = (named - {MEDICAL}) | set(_MEDICAL_KINDS)
            named |= {_APPOINTMENT} if appointment_is_medical else set()
        return frozenset(named)


class Rules(Closed):
    """All rows of a folder and the jurisdictions whose residents are counted."""

    schema_: Literal["affected.rules/1"] = Field(alias="schema", description="Format of the file.")
    jurisdictions: tuple[str, ...] = Field(default=(), description="States, DC and territories.")
    rule: tuple[Rule, ...] = Field(default=(), description="The rows.")

    @property
    def digest(self) -> str:
        """SHA-256 over what the rows say, whatever files they stand in."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class _Link(NamedTuple):
    """What other rows need to know of a row, even of one that is wrong in itself."""

    rule_id: str
    jurisdiction: str
    relation_to: str


@dataclass(slots=True)
class _Read:
    """What was read so far, and every problem met on the way."""

    states: set[str] = field(default_factory=set)
    rows: list[Rule] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def load_rules(folder: Path) -> Rules:
    """Every row of `folder/*.toml`, sorted by rule_id.

    Raises OperatorError with a line for every problem of every file: no valid TOML, an unknown or
    missing key, dates that contradict each other, a rule_id that stands twice, a relation to a row
    that is not there, relations in a circle.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise OperatorError(f"{folder}: no rule rows (*.toml); restore configs/jurisdictions")
    read = _Read()
    for path in paths:
        _load(path, read)
    problems = read.problems + [f"{folder}: {line}" for line in _across(read)]
    if problems:
        raise OperatorError("\n".join(problems))
    rows = sorted(read.rows, key=lambda row: row.rule_id)
    return Rules(schema=SCHEMA, jurisdictions=tuple(sorted(read.states)), rule=tuple(rows))


def relation_levels(target: Mapping[str, str]) -> dict[str, int]:
    """Of rule_id -> relation_to: 0 where it relates to no row, else one more than that row.

    Rows in a circle, or behind one, have no level and are left out.
    """
    levels = {name: 0 for name, to in target.items() if to not in target}
    for _ in target:
        more = {n: levels[to] + 1 for n, to in target.items() if n not in levels and to in levels}
        if not more:
            break
        levels |= more
    return levels


def _across(read: _Read) -> Iterator[str]:
    """What is wrong between rows."""
    names = [link.rule_id for link in read.links]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"rule_id {', '.join(twice)} stands twice; rename one"
    for link in read.links:
        if link.relation_to and link.relation_to not in names:
            yield f"{link.rule_id}: relation_to: no row '{link.relation_to}'; correct it"
        if read.states and link.jurisdiction not in read.states | {"US", ""}:
            yield f"{link.rule_id}: jurisdiction '{link.jurisdiction}' is not listed in jurisdictions; add it"
    target = {link.rule_id: link.relation_to for link in read.links}
    circle = sorted(set(target) - set(relation_levels(target)))
    if circle:
        yield f"relations go in a circle: {', '.join(circle)}; cut one relation_to"


def _load(path: Path, read: _Read) -> None:
    """Add the rows of one file, row by row: a wrong one does not hide what is wrong elsewhere."""
    try:
        document = parse_toml(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        read.problems.append(f"{path}: no valid TOML: {error}")
        return
    rows = document.pop("rule", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        read.problems.append(f"{path}: rule: write each row under [[rule]]")
        rows = []
    try:
        read.states |= set(Rules.model_validate(document).jurisdictions)
    except ValidationError as error:
        read.problems += _told(error, str(path))
    for place, row in enumerate(rows):
        named = (row.get(key, "") for key in _Link._fields)
        read.links.append(_Link(*(str(value) for value in named)))
        where, name = f"{path}: rule.{place}", row.get("rule_id", "")
        read.problems += [f"{where} ({name}): {line}" for line in _contradictions(row)]
        try:
            read.rows.append(Rule.model_validate(row))
        except ValidationError as error:
            read.problems += _told(error, where, name)


def _told(error: ValidationError, where: str, rule_id: object = "") -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        key = ".".join(map(str, problem["loc"]))
        name = f" ({rule_id})" if rule_id else ""
        joint = "." if ": rule." in where else ": "
        yield f"{where}{joint if key else ''}{key}{name}: {problem['msg']}"


_TOGETHER = (
    ("reviewed_by", "reviewed_on"), ("relation", "relation_to"), ("credit_months", "credit_trigger"),
)  # fmt: skip


def _contradictions(row: dict[str, Any]) -> Iterator[str]:
    """What no single key shows, read from the row as it stands so that all is said at once."""
    for one, other in _TOGETHER:
        if bool(row.get(one)) != bool(row.get(other)):
            yield f"{one} and {other} belong together; give both or none"
    first, last = row.get("effective_from"), row.get("effective_to")
    if isinstance(first, date) and isinstance(last, date) and last < first:
        yield f"effective_to ({last}) is before effective_from ({first}); correct one of them"
    if row.get("reviewed_on") and first is None:
        yield "a reviewed row says from when it is in force; give effective_from"
    if row.get("reviewed_on") and row.get("needs_counsel"):
        yield "needs_counsel stands in a reviewed row; put what counsel said in its place"
    yield from _clock_contradictions(row)
    for key in ("trigger_elements", "credit_trigger"):
        yield from _strange_kinds(row, key)


def _strange_kinds(row: dict[str, Any], key: str) -> Iterator[str]:
    words = row.get(key, ())
    named = {str(word) for word in words} if isinstance(words, list) else set()
    strange = ", ".join(sorted(named - {*ELEMENT_KINDS, MEDICAL}))
    if strange:
        yield f"{key}: {strange}: no kind of data; one of {', '.join(ELEMENT_KINDS)}, {MEDICAL}"


def _clock_contradictions(row: dict[str, Any]) -> Iterator[str]:
    given = [key for key in ("days", "days_from") if row.get(key) is not None]
    said = row.get("clock_anchor")
    anchor = said if isinstance(said, str) else None
    if len(given) > 1:
        yield "give either days or days_from"
    if anchor == "none" and given:
        yield f"{given[0]} without anything to count from; name clock_anchor"
    if anchor not in {None, "none"} and not given:
        yield "give days or days_from, or clock_anchor = 'none'"
    if anchor == "unknown" and not row.get("needs_counsel"):
        yield "clock_anchor = 'unknown': say in needs_counsel what counsel must settle"
