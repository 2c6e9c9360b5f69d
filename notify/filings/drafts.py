"""What each filing would say, and how its files are made: planned for all, made only for those released.

The content digest covers what is said. It leaves out the day of the letter and the days of a posting: a
filing gets a new version when there is news in it, not when a day has passed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.filings.document import Document, Rows, composed, markdown, pdf
from notify.filings.fields import earlier, fields, numbers_for
from notify.filings.hhs import annual_row, duty, portal
from notify.filings.owed import Owed
from notify.filings.posting import page, posting_window, window_fields
from notify.filings.risk import assessment, assessment_document
from notify.filings.roster import roster, summary
from notify.filings.sheet import sheet
from notify.filings.sources import Sources
from notify.filings.texts import Text

__all__ = ["Draft", "drafts", "state_of"]

_TEXTS = {"state": "state", "cra": "bureaus", "media": "media", "substitute": "posting"}
_FILES = {"state": "notice", "cra": "notice", "media": "release"}
_MOVED_BY_TIME = ("date", "posted_from", "posted_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One filing below `out/filings/<folder>`: what it says, its files on demand, and whose it is."""

    kind: str
    folder: str
    entity_id: str | None
    jurisdiction: str
    state: str
    told: dict[str, Any]
    make: Callable[[], dict[str, bytes]]

    @property
    def content(self) -> str:
        """SHA-256 over what is said."""
        return hashlib.sha256(json.dumps(self.told, sort_keys=True).encode()).hexdigest()


def drafts(workspace: Workspace, sources: Sources) -> list[Draft]:
    """The assessment, the roster, then every filing in order of kind, entity, jurisdiction."""
    each = [_draft(sources, owed) for owed in sources.owed if owed.kind != "hhs_annual"]
    return [_assessment(sources), _roster(workspace), *each, *_annual_logs(sources)]


def state_of(sources: Sources, owed: Owed) -> str:
    """`filed` where it was recorded with this number, `held`, `needs_number` where no table has one; else owed's."""
    here, _ = numbers_for(sources, owed)
    filed = earlier(sources, owed)
    if filed and (filed[-1].number is None or (here and filed[-1].number == here.filed)):
        return "filed"
    if owed.entity_id in sources.held:
        return "held"
    if here is None or here.filed == 0:
        return "needs_number"
    return owed.state


def _draft(sources: Sources, owed: Owed) -> Draft:
    told = portal(sources, owed) if owed.kind == "hhs" else _told(sources, owed)
    place = "" if owed.kind == "hhs" else f"/{owed.jurisdiction}"
    if owed.kind in {"state", "cra"}:  # some states have several authorities to tell
        place += "/" + re.sub(r"[^A-Za-z0-9]+", "_", owed.recipient).strip("_").lower()
    maker = {"hhs": _hhs_files, "substitute": _posting_files}.get(owed.kind, _letter_files)
    return Draft(
        kind=owed.kind,
        folder=f"{owed.kind}/{owed.entity_id}{place}",
        entity_id=owed.entity_id,
        jurisdiction=owed.jurisdiction,
        state=state_of(sources, owed),
        told=told,
        make=partial(maker, sources, owed, told),
    )


def _told(sources: Sources, owed: Owed) -> dict[str, Any]:
    """fields.json: the field export beside a letter."""
    here, total = numbers_for(sources, owed)
    values = fields(sources, owed) | {"recipient": owed.recipient}
    form = _form(sources, owed, values)
    return {
        "schema": f"affected.filing.{owed.kind}/1",
        "fields": {name: value for name, value in values.items() if name not in _MOVED_BY_TIME},
        "numbers": here.document() if here else None,
        "numbers_in_all_states": total.document() if total else None,
        "duty": duty(owed),
        "text_version": sources.words.texts[_TEXTS[owed.kind]].version,
        **({"form": form} if form else {}),
    }


def _form(sources: Sources, owed: Owed, values: dict[str, str]) -> dict[str, Any] | None:
    """The regulator's own form, where configs/filings/forms.toml has one."""
    duties = {"state": "state_ag", "cra": "cra"}
    for form in sources.words.forms:
        if (form.jurisdiction, form.duty) == (owed.jurisdiction, duties.get(owed.kind)):
            return {
                "name": form.name,
                "reviewed": bool(form.reviewed_by),
                "fields": {label: values[field] for label, field in form.fields.items()},
            }
    return None


def _letter(sources: Sources, owed: Owed, text: Text, values: dict[str, str]) -> Document:
    here, _ = numbers_for(sources, owed)
    words, settings = sources.words, sources.settings
    known = words.recipients.get(owed.recipient, owed.recipient.replace("_", " ").capitalize())
    to = owed.recipient_name or known
    return composed(
        text,
        values,
        sender=settings.business_associate,
        addressee=["To the media"]
        if owed.kind == "media"
        else [to, words.state(owed.jurisdiction)],
        kinds=words.listed(sources.kinds.of(owed.entity_id)),
        numbers=Rows(["Individuals", "Number"], here.rows(), 1) if here else None,
        synthetic=sources.synthetic,
    )


def _letter_files(sources: Sources, owed: Owed, told: dict[str, Any]) -> dict[str, bytes]:
    text = sources.words.texts[_TEXTS[owed.kind]]
    letter = _letter(sources, owed, text, fields(sources, owed))
    name = _FILES[owed.kind]
    as_of = sources.settings.as_of
    return {
        f"{name}.pdf": pdf(letter, sources.words.template, document_date=as_of),
        f"{name}.md": markdown(letter).encode(),
        "fields.json": _json(told),
    }


def _posting_files(sources: Sources, owed: Owed, told: dict[str, Any]) -> dict[str, bytes]:
    values = fields(sources, owed) | window_fields(sources.settings)
    letter = _letter(sources, owed, sources.words.texts["posting"], values)
    start, until = posting_window(sources.settings)
    window = {"posted_from": start.isoformat(), "posted_until": until.isoformat()}
    return {
        "posting.html": page(letter, values["print_name"]),
        "posting.md": markdown(letter).encode(),
        "fields.json": _json(told | {"window": window}),
    }


def _hhs_files(sources: Sources, owed: Owed, told: dict[str, Any]) -> dict[str, bytes]:
    printed = sheet(sources, owed, told)
    as_of = sources.settings.as_of
    return {
        "portal.json": _json(told),
        "portal.pdf": pdf(printed, sources.words.template, document_date=as_of),
    }


def _annual_logs(sources: Sources) -> list[Draft]:
    """One log a calendar year of discovery, one form an entity: those that the business associate files."""
    ready: dict[int, list[Owed]] = {}
    for owed in sources.owed:
        if (
            owed.kind == "hhs_annual"
            and owed.year
            and state_of(sources, owed) in {"ready", "filed"}
        ):
            ready.setdefault(owed.year, []).append(owed)
    found = []
    for year, each in sorted(ready.items()):
        forms = [portal(sources, owed) for owed in each]
        told = {"schema": "affected.filing.hhs_annual/1", "year_of_discovery": year, "forms": forms}
        found.append(
            Draft(
                kind="hhs_annual",
                folder=f"hhs_annual/{year}",
                entity_id=None,
                jurisdiction="US",
                state="ready",
                told=told,
                make=partial(_annual_files, told),
            )
        )
    return found


def _annual_files(told: dict[str, Any]) -> dict[str, bytes]:
    rows = pl.DataFrame([annual_row(form) for form in told["forms"]], infer_schema_length=None)
    return {"annual_log.csv": _csv(rows), "forms.json": _json(told)}


def _assessment(sources: Sources) -> Draft:
    told = assessment(sources)

    def make() -> dict[str, bytes]:
        printed = assessment_document(sources, told)
        as_of = sources.settings.as_of
        return {
            "assessment.json": _json(told),
            "assessment.pdf": pdf(printed, sources.words.template, document_date=as_of),
        }

    return Draft(
        kind="risk", folder="risk", entity_id=None, jurisdiction="US", state="ready", told=told, make=make
    )  # fmt: skip


def _roster(workspace: Workspace) -> Draft:
    rows = roster(workspace)
    said = summary(workspace, rows)
    csv = _csv(rows)
    told = {"summary": said, "rows_sha256": hashlib.sha256(csv).hexdigest()}
    return Draft(
        kind="roster", folder="roster", entity_id=None, jurisdiction="US", state="ready", told=told,
        make=lambda: {"roster.csv": csv, "roster.json": _json(said)},
    )  # fmt: skip


def _csv(frame: pl.DataFrame) -> bytes:
    """UTF-8 with a header, CRLF; a cell that would start a formula gets an apostrophe in front."""
    text = pl.col(pl.String)
    safe = frame.with_columns(
        pl.when(text.str.contains(r"^[=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"))
        .then("'" + text)
        .otherwise(text)
        .name.keep()
    )
    return safe.write_csv(line_terminator="\r\n").encode()


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
