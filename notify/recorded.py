"""`affected record`: facts that people type, from a TOML or JSON file into the inbox `facts`.

A file holds lists by kind: `[[hold]]`, `[[filing]]`, `[[acknowledgement]]`, `[[risk]]`, `[[withdrawal]]`. Each
entry is closed: an unknown key is refused. Every problem is named at once, and then nothing is taken; a file
taken before adds nothing. `supersedes` names the fact_id that an entry takes the place of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
from pydantic import Field, ValidationError, model_validator

from matching.store import OperatorError, Workspace
from matching.tables import TABLES
from matching.typed_files import parse_json, parse_toml
from notify.answers import released_packets
from notify.facts import Closed, Hold

__all__ = ["KINDS", "Recorded", "take"]

_OWN_COLUMNS = {"entity_id", "supersedes"}
"""Kept in columns of `facts`, not in its value."""
_RECIPIENTS = {"state": "state_ag"}
"""Where a filing's recipient is called otherwise than what is filed."""


class HoldFact(Hold):
    """`[[hold]]`: as `[[holds]]` of the incident file."""

    supersedes: str = Field(default="", description="fact_id that this takes the place of.")

    @property
    def dated_on(self) -> date:
        """Day of the statement."""
        return self.stated_on


class _Fact(Closed):
    entity_id: str = Field(default="", description="Entity it concerns; empty: all.")
    dated_on: date = Field(description="Day of the fact.")
    supersedes: str = Field(default="", description="fact_id that this takes the place of.")


class Filing(_Fact):
    """`[[filing]]`: a notice that was made; of a posting, the day on which it went up."""

    of: Literal["hhs", "state", "cra", "media", "substitute"] = Field(description="What was filed.")
    recipient: str = Field(default="", description="As in `duties`; default: that of `of`.")
    jurisdiction: str = Field(
        default="US", pattern=r"^[A-Z]{2}$", description="US or a state's two letters."
    )
    number: int | None = Field(default=None, ge=0, description="People, as filed.")
    tracking_no: str = Field(default="", description="What the recipient's portal gave.")

    @model_validator(mode="after")
    def _state_is_named(self) -> Self:
        if self.of == "state" and self.jurisdiction == "US":
            raise ValueError("of a state needs jurisdiction, its two letters")
        return self


class Acknowledgement(_Fact):
    """`[[acknowledgement]]`: somebody confirmed that a packet came, or one of the days that rules count from."""

    of: Literal["packet", "determination", "confirmation", "notice_to_individual"] = Field(
        description="What was confirmed."
    )
    version: int | None = Field(default=None, ge=1, description="Version of the packet.")

    @model_validator(mode="after")
    def _says_of_which(self) -> Self:
        if self.of == "packet" and not (self.entity_id and self.version):
            raise ValueError("of a packet needs entity_id and version")
        return self


class RiskFact(_Fact):
    """`[[risk]]`: what it changes of `[risk]`; the first factor of 164.402 is computed."""

    factor2: str | None = Field(default=None, description="Who received or used the data.")
    factor2_evidence: str | None = Field(default=None, description="Evidence number.")
    factor3: str | None = Field(default=None, description="Was it actually acquired or viewed.")
    factor3_evidence: str | None = Field(default=None, description="Evidence number.")
    factor4: str | None = Field(default=None, description="How far the risk was mitigated.")
    factor4_evidence: str | None = Field(default=None, description="Evidence number.")
    decision: Literal["notify", "low_probability"] | None = Field(
        default=None, description="The decision."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        said = self.model_dump(exclude_none=True, exclude={"dated_on", *_OWN_COLUMNS})
        if not said:
            raise ValueError("gives neither a factor nor a decision")
        bare = [key for key in said if f"{key}_evidence" in type(self).model_fields]
        missing = [key for key in bare if not said.get(f"{key}_evidence")]
        if missing:
            raise ValueError(
                f"{missing[0]}_evidence is missing; a factor is demonstrated (164.402)"
            )
        return self


class Withdrawal(_Fact):
    """`[[withdrawal]]`: a fact was recorded by mistake; nothing takes its place."""

    reason: str = Field(min_length=1, description="Why.")

    @model_validator(mode="after")
    def _names_what(self) -> Self:
        if not self.supersedes:
            raise ValueError("supersedes is missing; name the fact_id that was a mistake")
        return self


KINDS: dict[str, type[HoldFact | _Fact]] = {
    "hold": HoldFact,
    "filing": Filing,
    "acknowledgement": Acknowledgement,
    "risk": RiskFact,
    "withdrawal": Withdrawal,
}
"""The lists that a file may hold."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Ids of the file's facts in order; `before`: the file had been taken already."""

    fact_ids: tuple[str, ...]
    before: bool


def take(
    workspace: Workspace, path: Path, *, by: str, latest: date, recorded_at: datetime
) -> Recorded:
    """Append the file's facts; the next round reads them. `latest`: the last day that a fact may bear.

    Raises OperatorError naming every problem, and then appends nothing.
    """
    data, given = _read(path)
    problems = [
        f"{path}: {key}: no such list; one of {', '.join(KINDS)}"
        for key in given
        if key not in KINDS
    ]
    facts: list[tuple[str, str, HoldFact | _Fact]] = []
    for kind, place, entry in _entries(given):
        try:
            facts.append((kind, place, KINDS[kind].model_validate(entry)))
        except ValidationError as error:
            problems += [
                f"{path}: {place}{_told(problem)}" for problem in error.errors(include_input=False)
            ]
    problems += [f"{path}: {place}: {text}" for place, text in _against(workspace, facts, latest)]
    if not given and not problems:
        problems = [f"{path}: nothing in it; give lists such as [[hold]]"]
    if problems:
        raise OperatorError("\n".join(problems))
    file = hashlib.sha256(data).hexdigest()
    ids = [hashlib.sha256(f"{file}|{place}".encode()).hexdigest()[:24] for _, place, _ in facts]
    if workspace.scan("facts").filter(pl.col("fact_id").is_in(ids)).collect().height:
        return Recorded(tuple(ids), before=True)
    rows = [
        {"fact_id": id_, "kind": kind, "entity_id": fact.entity_id or None, "value": _value(fact),
         "dated_on": fact.dated_on, "supersedes": fact.supersedes or None, "by": by, "recorded_at": recorded_at}
        for id_, (kind, _, fact) in zip(ids, facts, strict=True)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, infer_schema_length=None)
    workspace.append("facts", TABLES["facts"].complete(frame))
    return Recorded(tuple(ids), before=False)


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
        found = parse_json(text) if path.suffix.lower() == ".json" else parse_toml(text)
    except FileNotFoundError:
        raise OperatorError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"{path}: cannot be read; give a TOML or JSON file in UTF-8") from None
    except ValueError as error:
        raise OperatorError(f"{path}: no valid TOML or JSON: {error}; correct that line") from None
    if not isinstance(found, dict):
        raise OperatorError(f'{path}: must be lists by kind, as {{"hold": [...]}}')
    return data, found


def _entries(given: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """kind, place in the file from 1, entry; a single table counts as a list of one."""
    for kind in KINDS:
        entries = given.get(kind, [])
        for number, entry in enumerate(entries if isinstance(entries, list) else [entries], 1):
            yield kind, f"{kind} {number}", entry


def _told(problem: Any) -> str:
    where = ".".join(str(key) for key in problem["loc"])
    words = {"extra_forbidden": "unknown key; remove it", "missing": "missing; add it"}
    text = words.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    return f": {where}: {text}" if where else f": {text}"


def _against(
    workspace: Workspace, facts: list[tuple[str, str, HoldFact | _Fact]], latest: date
) -> Iterator[tuple[str, str]]:
    """What is wrong with facts by what the workspace holds: place and words."""
    roster = set(workspace.read("entities", ["entity_id"])["entity_id"])
    known = workspace.read("facts")
    kinds = dict(known.select("fact_id", "kind").iter_rows())
    undone = set(known["supersedes"].drop_nulls())
    packets = {
        (entity, version): day for entity, version, day in released_packets(workspace).iter_rows()
    }
    for kind, place, fact in facts:
        if fact.entity_id and fact.entity_id not in roster:
            yield place, f"entity_id {fact.entity_id} is not in the roster"
        elif isinstance(fact, Acknowledgement) and fact.of == "packet":
            released_on = packets.get((fact.entity_id, fact.version))
            if released_on is None:
                yield place, f"version {fact.version} was not released to {fact.entity_id}"
            elif fact.dated_on < released_on:
                yield (
                    place,
                    f"dated_on {fact.dated_on} is before the packet was released ({released_on})",
                )
        if fact.dated_on > latest:
            yield place, f"dated_on {fact.dated_on} is after {latest}"
        if fact.supersedes:
            yield from ((place, text) for text in _undoing(fact.supersedes, kind, kinds, undone))
            undone.add(fact.supersedes)


def _undoing(supersedes: str, kind: str, kinds: dict[str, str], undone: set[str]) -> Iterator[str]:
    if supersedes not in kinds:
        yield f"supersedes {supersedes}: no such fact"
    elif supersedes in undone:
        yield f"supersedes {supersedes}: superseded already"
    elif kind not in {"withdrawal", kinds[supersedes]}:
        yield f"supersedes {supersedes}: that is a {kinds[supersedes]}, not a {kind}"


def _value(fact: HoldFact | _Fact) -> str:
    """What consumers read, as JSON: the entry without what has a column of its own, and without blanks."""
    said = fact.model_dump(mode="json", exclude=_OWN_COLUMNS, exclude_none=True)
    if not isinstance(fact, HoldFact):
        said.pop("dated_on")
    if isinstance(fact, Filing):
        said["recipient"] = fact.recipient or _RECIPIENTS.get(fact.of, fact.of)
    return json.dumps({key: value for key, value in said.items() if value != ""}, sort_keys=True)
