"""What the call centre may say to a caller: an outcome, sentences for each covered entity, questions with answers.

Callers found by `matching.callers` and a reference number come in; texts of `configs/callcentre` go out, filled. No
value of any record: names of covered entities, kinds of data, days, reference numbers. An entity that was not told
yet, or under a hold, is not spoken of; one that answers its patients itself is named with its telephone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from matching.store import OperatorError, Workspace
from matching.tables import UNOWNED
from notify.answers import delegations
from notify.batches import BatchesSettings
from notify.facts import Closed
from notify.letters import checked_wording
from notify.letters.body import FIELDS, element_texts, fill, words
from notify.letters.dates import KNOWN, day_text
from notify.letters.texts import Wording, voice
from notify.worded import checked, read_toml

__all__ = ["CallTexts", "answers", "load_texts"]

Outcome = Literal[
    "included", "several", "unclear", "not_found", "reference_of_another", "reference_unknown", "unreadable"
]  # fmt: skip
Answer = dict[str, Any]
Say = Literal["told", "refer", "silent", "unowned"]
_BRACED = re.compile(r"\{(\w*)\}")
_MORE_FIELDS = frozenset({"ce_phone", "day", "kinds", "state"})
_SPOKEN = ("queued", "mailed", "e-mailed", "substitute", "uncertain", "deceased_without_representative")  # fmt: skip
_UNTOLD_ENTITY = ("ready", "withheld")
_SHOWN = ("entity_id", "status", "state", "kinds", "reference_no", "variant", "day")


class Question(Closed):
    """One question that callers ask."""

    question: str
    answer: str
    variants: tuple[str, ...] = Field(default=(), description="Of these letters only; none: all.")
    possible: bool = Field(default=False, description="Only where it is not certain.")


class CallTexts(Closed):
    """One language of `configs/callcentre`."""

    version: int = Field(ge=1)
    verify: str = Field(description="What is asked before anything is said.")
    outcomes: dict[Outcome, str]
    entities: dict[Say, str]
    states: dict[Literal["queued", "mailed", "e_mailed", "substitute", "other"], str]
    variants: dict[str, str] = Field(description="Whom to speak with, by letter.")
    faq: tuple[Question, ...]


def load_texts(folder: Path) -> dict[str, CallTexts]:
    """By language. Raises OperatorError naming the file and key; English must be there."""
    found = {path.stem: checked(path, CallTexts, read_toml(path)) for path in sorted(folder.glob("*.toml"))}  # fmt: skip
    if "en" not in found:
        raise OperatorError(f"{folder}/en.toml: not found; English is the language of last resort")
    for language, texts in found.items():
        used = set(_BRACED.findall(json.dumps(texts.model_dump())))
        if unknown := sorted(used - FIELDS - _MORE_FIELDS):
            raise OperatorError(f"{folder}/{language}.toml: unknown field {{{unknown[0]}}}; one of {', '.join(sorted(FIELDS | _MORE_FIELDS))}")  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every answer needs."""

    workspace: Workspace
    settings: BatchesSettings
    wording: Wording
    texts: Mapping[str, CallTexts]


def answers(
    workspace: Workspace, settings: BatchesSettings, texts: Mapping[str, CallTexts],
    found: pl.DataFrame, *, callers: int, reference: str = "",
) -> list[Answer]:  # fmt: skip
    """One document per caller, `silent` where nothing may be said of whoever was found: `outcome, language, persons, ask_first, say, whom, entities, faq, texts_version`.

    `found` is of `find_callers` for so many callers; `reference` is what the only one read out, if anything.
    """
    wording, _ = checked_wording(settings)
    desk = _Desk(workspace, settings, wording, texts)
    owner = _of_reference(workspace, reference)
    spoken = []
    for number in range(callers):
        mine = found.filter(caller=number)
        outcome, persons = _by_reference(mine, owner) if reference else _by_name(mine)
        if "unreadable" in mine["agreement"]:
            outcome = "unreadable"
        spoken.append(_answer(desk, outcome, persons))
    return spoken


def _of_reference(workspace: Workspace, reference: str) -> str | None:
    """The person whose notices bear it; none where no notice of the last round does."""
    rows = workspace.scan("notices").filter(pl.col("reference_no") == reference)
    return next(iter(rows.select("person_id").head(1).collect()["person_id"]), None)


def _by_reference(mine: pl.DataFrame, owner: str | None) -> tuple[Outcome, list[str]]:
    """A number that fits nearly the right name and date is enough; of another person, it says nothing."""
    if owner is None:
        return "reference_unknown", []
    here = owner in mine["person_id"].to_list()
    return ("included", [owner]) if here else ("reference_of_another", [])


def _by_name(mine: pl.DataFrame) -> tuple[Outcome, list[str]]:
    """What the caller is by name, date and ZIP, and the persons whom the sentences are about."""
    sure = mine.filter(agreement="name_and_date")
    near = sure.filter(pl.col("zip_agrees").fill_null(value=False))
    chosen = near if near.height else sure
    if chosen["group"].n_unique() == 1:
        return "included", chosen["person_id"].to_list()
    if chosen.height:
        return "several", []
    return ("unclear", []) if mine.height else ("not_found", [])


def _answer(desk: _Desk, outcome: Outcome, persons: Sequence[str]) -> Answer:
    rows = _entities(desk.workspace, persons)
    language = next((row["language"] for row in rows if row["language"] in desk.texts), "en")
    said = desk.texts[language]
    silent = bool(rows) and all(_how(row) == "silent" for row in rows)
    values = _values(desk, rows[0], language) if rows else {}
    opening = said.entities["silent"] if silent else said.outcomes[outcome]
    speaks = bool(rows) and not silent
    return {
        "outcome": "silent" if silent else outcome,
        "language": language,
        "persons": list(persons),
        "ask_first": said.verify,
        "say": fill(opening, values),
        "whom": said.variants.get(voice(rows[0]["variant"]).base) if speaks else None,
        "entities": [_said_of(desk, row, language) for row in rows],
        "faq": _questions(said, rows[0]["variant"], values) if speaks else [],
        "texts_version": said.version,
    }


def _values(desk: _Desk, row: Mapping[str, Any], language: str) -> dict[str, str]:
    """Fields of the texts, for one person and covered entity."""
    letters, own = desk.wording.texts[desk.wording.language(language)], desk.settings
    toll_free = own.business_associate.toll_free
    values = {
        **words({**row, "language": language, "toll_free": toll_free}, own, letters),
        "kinds": "; ".join(element_texts(row["kinds"] or "other", desk.wording, language)),
        "ce_phone": row["phone"] or toll_free,
        "day": _day(row["day"], language),
    }
    states = desk.texts[language].states
    return {**values, "state": fill(states.get(_state(row), states["other"]), values)}


def _day(day: date | None, language: str) -> str:
    if day is None:
        return ""
    return day_text(day, language) if language in KNOWN else day.isoformat()


def _said_of(desk: _Desk, row: Mapping[str, Any], language: str) -> Answer:
    how, values = _how(row), _values(desk, row, language)
    return {
        **{name: row[name] for name in _SHOWN},
        "name": row["ce_print_name"],
        "how": how,
        "say": fill(desk.texts[language].entities[how], values),
    }


def _entities(workspace: Workspace, persons: Sequence[str]) -> list[dict[str, Any]]:
    """One row per person and covered entity, with all that decides what is said of it."""
    if not persons:
        return []
    mine = pl.col("person_id").is_in(list(persons))
    pair = ["person_id", "entity_id"]
    kinds = workspace.scan("elements").filter(mine).group_by(pair).agg(
        kinds=pl.col("element").sort().str.join("|")
    )  # fmt: skip
    notices = workspace.scan("notices").filter(mine).sort("wave").group_by(pair).last()
    sent = (
        workspace.scan("events")
        .filter(mine, pl.col("kind").is_in(["dropped", "exported", "accepted"]))
        .group_by(pair)
        .agg(day=pl.col("dated_on").max())
    )
    entities = workspace.scan("entities").select(
        "entity_id", "phone", ce_print_name=pl.coalesce("print_name", "legal_name")
    )
    told = workspace.scan("events").filter(channel="packet").select("entity_id").unique()
    packets = workspace.scan("packets").select("entity_id", packet="state")
    centre = delegations(workspace).filter(pl.col("duty") == "callcentre").lazy()
    rows = (
        workspace.scan("ledger").filter(mine)
        .join(workspace.scan("ownership").select(*pair, "status"), on=pair, how="left")
        .join(kinds, on=pair, how="left")
        .join(notices.select(*pair, "reference_no", "variant", "language"), on=pair, how="left")
        .join(sent, on=pair, how="left")
        .join(entities, on="entity_id", how="left")
        .join(packets, on="entity_id", how="left")
        .join(told.with_columns(entity_told=True), on="entity_id", how="left")
        .join(centre.select("entity_id", by="by"), on="entity_id", how="left")
        .sort(pair)
        .collect(engine="streaming")
    )  # fmt: skip
    return [
        {**row, "variant": row["variant"] or "ADULT", "language": row["language"] or "en"}
        for row in rows.to_dicts()
    ]


def _how(row: Mapping[str, Any]) -> Say:
    """How an entity is spoken of: only once it was told itself, never under a hold."""
    if row["entity_id"] == UNOWNED:
        return "unowned" if row["state"] != "on_hold" else "silent"
    if row["packet"] in {None, *_UNTOLD_ENTITY} and not row["entity_told"]:
        return "silent"
    if row["by"] == "ce" or row["state"] in {"waiting_ce", "ce_notifies"}:
        return "refer"
    return "told" if row["state"] in _SPOKEN else "silent"


def _state(row: Mapping[str, Any]) -> Any:
    state = row["state"].replace("-", "_")
    return "mailed" if state == "queued" and row["day"] else state


def _questions(said: CallTexts, variant: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    spoken = voice(variant)
    return [
        {"question": fill(each.question, values), "answer": fill(each.answer, values)}
        for each in said.faq
        if (not each.variants or spoken.base in each.variants)
        and (not each.possible or spoken.possible)
    ]
