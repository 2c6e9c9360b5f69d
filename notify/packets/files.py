"""The files of one packet: what a covered entity receives, as bytes by name.

The CSV files are opened by people in a spreadsheet, so a cell that would start a formula gets an apostrophe in
front (README.txt says so); individuals.xlsx has text cells and needs none. Lists inside a cell are separated
by `|`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import Any

import polars as pl

from notify.packets.delta import as_listed, delta
from notify.packets.individuals import COLUMNS
from notify.packets.letter import DUTIES, letter_data
from notify.packets.settings import PacketsSettings
from notify.packets.uncertain import COLUMNS as UNCERTAIN
from notify.packets.xlsx import xlsx
from notify.typeset import render

__all__ = ["PERSONAL", "XLSX_MAX", "Held", "packet_files"]

PERSONAL = frozenset(
    {"individuals.csv", "individuals.xlsx", "element_matrix.csv", "uncertain.csv", "delta.csv"}
)
"""Files with a person's data: plain only in a synthetic incident."""
XLSX_MAX = 100_000
"""Rows: a spreadsheet program opens that many without trouble. Longer lists come as CSV only."""

_FORMULA = r"^[=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
"""Signs with which a spreadsheet begins a formula, the wide ones of Japanese keyboards too."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one entity beside its people: rows of its own alone."""

    counts: pl.DataFrame
    duties: list[dict[str, Any]]
    delegation: list[dict[str, Any]]
    uncertain: pl.DataFrame
    before: bytes | None
    """individuals.csv of the version before, as it went out; None for the first."""


def packet_files(
    packet: dict[str, Any],
    people: pl.DataFrame,
    held: Held,
    settings: PacketsSettings,
    *,
    fingerprint: str,
    synthetic: bool,
    audit_log: dict[str, Any] | None = None,
) -> dict[str, bytes]:
    """Every file but manifest and signature. `people` are the listed rows of this entity alone, in order."""
    elements = _elements(people)
    listed = _csv(people.select(COLUMNS))
    changed = delta(as_listed(held.before), as_listed(listed)) if held.before else None
    files = {
        "individuals.csv": listed,
        "element_matrix.csv": _csv(_matrix(people, [e["element"] for e in elements])),
        "uncertain.csv": _csv(held.uncertain.select(UNCERTAIN)),
        "counts.json": _json(_counts(packet, held.counts, elements)),
        "response_form.csv": _csv(_form(packet)),
    }
    if people.height <= XLSX_MAX:
        files["individuals.xlsx"] = xlsx(_texts(people.select(COLUMNS)), sheet="individuals")
    if changed is not None:
        files["delta.csv"] = _csv(changed)
    enclosed = [name for name in _FILES if name in files or name in _ALWAYS]
    letter = letter_data(
        packet, settings, duties=held.duties, delegation=held.delegation,
        elements=_labelled(elements, settings), enclosures=[n for n in enclosed if n != "notice_letter.pdf"],
        changes=None if changed is None else _changes(changed),
        fingerprint=fingerprint, synthetic=synthetic, audit_log=audit_log,
    )  # fmt: skip
    files["notice_letter.pdf"] = render(settings.template, letter, document_date=settings.as_of)
    files["README.txt"] = _readme(packet, letter, enclosed).encode()
    return files


def _changes(changed: pl.DataFrame) -> dict[str, int]:
    found = dict(changed.group_by("change").len().iter_rows())
    return {name: found.get(name, 0) for name in ("added", "removed", "changed")}


def _elements(people: pl.DataFrame) -> list[dict[str, Any]]:
    """Kinds of PHI with the number of this entity's people, in order of the code."""
    return (
        people.select(element=pl.col("elements").str.split("|"))
        .explode("element", empty_as_null=True)
        .drop_nulls()
        .group_by("element")
        .agg(people=pl.len())
        .sort("element")
        .to_dicts()
    )


def _labelled(elements: list[dict[str, Any]], settings: PacketsSettings) -> list[dict[str, Any]]:
    """In the words and order of configs/letters/elements.toml; unknown kinds count as `other`, shown last."""
    words = tomllib.loads((settings.letters / "elements.toml").read_text(encoding="utf-8"))
    other = {"en": "other information in the patient record", "order": 99}
    found = [{**e, **words.get(e["element"], words.get("other", other))} for e in elements]
    found.sort(key=lambda e: (e["order"], e["element"]))
    return [
        {"element": e["element"], "people": e["people"], "label": e["en"][:1].upper() + e["en"][1:]}
        for e in found
    ]


def _matrix(people: pl.DataFrame, elements: list[str]) -> pl.DataFrame:
    held = pl.col("elements").str.split("|")
    return people.select(
        "person_id",
        *(
            pl.when(held.list.contains(element))
            .then(pl.lit("Y"))
            .otherwise(pl.lit(""))
            .alias(element)
            for element in elements
        ),
    )


def _counts(
    packet: dict[str, Any], counts: pl.DataFrame, elements: list[dict[str, Any]]
) -> dict[str, Any]:
    numbers = ("confirmed", "expected", "expected_low", "expected_high", "upper")
    total = counts.filter(pl.col("state").is_null()).select(numbers).to_dicts()
    states = counts.filter(pl.col("state").is_not_null()).select("state", *numbers).sort("state")
    return {
        "schema": "affected.packet.counts/1",
        "entity_id": packet["entity_id"],
        "version": packet["version"],
        "people": total[0] if total else None,
        "by_state": states.to_dicts(),
        "listed": {"confirmed": packet["confirmed"], "possible": packet["possible"]},
        "possible_unlisted": packet["possible_unlisted"],
        "elements": {e["element"]: e["people"] for e in elements},
    }


def _form(packet: dict[str, Any]) -> pl.DataFrame:
    """One row per question on the whole packet; rows about people are added by whoever answers."""
    whole = [
        ("receipt", "", "", "value: the day on which you received this packet, YYYY-MM-DD"),
        ("accept", "", "", "value: yes, if the list is right; otherwise add rows below"),
        ("correct", "agency", "", "value: agent or independent"),
        ("closed", "", "", "value: who keeps the records, if the practice is closed; else leave empty"),
        *(("delegate", duty, "", f"{label}; value: ba (you, for us) or ce (we ourselves)") for duty, label in DUTIES.items()),
    ]  # fmt: skip
    example = "for one person: person_id from individuals.csv; answer dispute, correct or flag; see README.txt"
    return pl.DataFrame(
        [
            (packet["entity_id"], packet["version"], "", answer, field, value, instruction)
            for answer, field, value, instruction in [*whole, ("", "", "", example)]
        ],
        schema=[
            "entity_id",
            "packet_version",
            "person_id",
            "answer",
            "field",
            "value",
            "instruction",
        ],
        orient="row",
    )


def _csv(frame: pl.DataFrame) -> bytes:
    """UTF-8, a header, CRLF as RFC 4180 has it; cells that would start a formula get an apostrophe."""
    text = pl.col(pl.String)
    safe = _texts(frame).with_columns(
        pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).name.keep()
    )
    return safe.write_csv(line_terminator="\r\n").encode()


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts as they are, null where empty; Y or N for true or not; whole numbers in digits."""
    text, flags = pl.col(pl.String), pl.col(pl.Boolean)
    return frame.with_columns(
        pl.when(text != "").then(text).name.keep(),
        pl.when(flags).then(pl.lit("Y")).otherwise(pl.lit("N")).name.keep(),
        pl.col(pl.Int32, pl.Int64).cast(pl.String),
    )


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _readme(packet: dict[str, Any], letter: dict[str, Any], enclosed: list[str]) -> str:
    made_up = (
        "SYNTHETIC DATA: no real person, practice or incident.\n\n" if letter["synthetic"] else ""
    )
    unlisted = (
        f"Not listed: further people, at most {packet['possible_unlisted']}, may have been your patients, but nothing\n"
        "of yours matches them. Do you hold older patient lists, or lists of other locations?\n\n"
        if packet["possible_unlisted"]
        else ""
    )
    undecided = (
        "Some notices are undecided: nothing is sent for you until you say who sends it (response_form.csv).\n\n"
        if letter["undecided"]
        else ""
    )
    log = letter["audit_log"]
    ended = (
        f"Our audit log of this incident had {log['lines']} lines when this packet was made; the last of them\n"
        f"has the SHA-256\n  {log['head']}\n"
        if log
        else ""
    )
    return README.format(
        audit_log=ended,
        made_up=made_up, unlisted=unlisted, undecided=undecided, entity=packet["held_as"],
        reference=letter["reference"], reply_by=letter["reply_by"], fingerprint=letter["fingerprint"],
        files="\n".join(f"{name:<20}{_FILES[name]}" for name in enclosed),
    )  # fmt: skip


_FILES = {
    "notice_letter.pdf": "the notice: what happened, numbers, what we ask, by when you must notify",
    "individuals.csv": "one row per person whose information was, or may have been, involved",
    "individuals.xlsx": "the same list for a spreadsheet program, every cell as text",
    "delta.csv": "what is new since the version before: people added, removed, changed",
    "element_matrix.csv": "the same people, one column per kind of information, Y where it was present",
    "uncertain.csv": "who on the list is uncertain, and why",
    "counts.json": "lowest (confirmed), expected and highest (upper) number of people, in all and by state",
    "response_form.csv": "your answers: fill in the column value, add rows for people, send it back",
    "README.txt": "this page",
    "manifest.json": "SHA-256 of every file, and of the tables and settings they were made from",
    "manifest.sig": "our signature on manifest.json",
    "signing_key.pem": "the public key that checks it",
}
"""Every file of a packet, in the order of the README. individuals.xlsx and delta.csv may be absent."""
_ALWAYS = {"notice_letter.pdf", "README.txt", "manifest.json", "manifest.sig", "signing_key.pem"}

README = """{made_up}Packet {reference}, for {entity}: notice of a breach, 45 CFR 164.410. Please answer by {reply_by}.

{files}

{unlisted}{undecided}individuals.csv
  person_id      our number for the person; use it in your answers
  reference_no   what the person reads out when calling about a letter; the same in every mailing
  status         confirmed, or possible: matches one of your charts, but not with certainty
  names, date_of_birth, street, city, state, zip
                 from your own chart where there is one, else from the record that we held for you;
                 what you corrected since is in its place
  mrn            your chart numbers, separated by |
  elements       kinds of information of this person that we held for you, separated by |; empty where possible
  basis          what says that the record is yours
  deceased, minor   Y or N by the same records
  answered       what you told us of the person: disputed, corrected or confidential

uncertain.csv: person_id, reference_no, the reason in words, how likely it is (0 to 1), and the reference_no of
another row of your list that may be the same person. Nobody is left out because of a doubt.

delta.csv: reference_no, person_id, added, removed or changed, and the columns that changed, separated by |.

response_form.csv, rows about people (column answer)
  accept    the person is your patient, and the row is right; column value: yes
  dispute   the person is not your patient
  correct   field: first_name, middle_name, last_name, suffix, date_of_birth, street, city, state, zip;
            value: the right one
  flag      field: deceased, minor, confidential, representative; value: Y or N;
            of a representative of someone who died: NAME | STREET | CITY ST ZIP
Rows that you leave empty are no answer; you may send the form again with more. A file that you sent twice
counts once, and of two answers to one question the later counts.

To check that the packet is ours and whole: the fingerprint of our key is
  {fingerprint}
  openssl pkey -pubin -in signing_key.pem -outform DER | openssl dgst -sha256
shows it at the beginning, and
  openssl pkeyutl -verify -pubin -inkey signing_key.pem -rawin -in manifest.json -sigfile manifest.sig
checks the signature. manifest.json then gives the SHA-256 of every other file.
{audit_log}
Dates are YYYY-MM-DD. In CSV files a cell that begins with = + - @ has an apostrophe put in front, so that no
spreadsheet takes it for a formula; take it off before matching. The numbers in counts.json can be lower
than the rows listed: there, records that may be one person's are counted once.
"""
