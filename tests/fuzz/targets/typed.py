"""What people type or send back: incident files and other TOML and JSON, rosters, decisions, answers, return files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from unittest import mock
from unittest.mock import Mock

import polars as pl
from pydantic import ValidationError

from flows.settings import load_incident, sound_part
from matching import decisions
from matching.errors import OperatorError
from matching.given import read_maps, read_text
from matching.intake import roster
from matching.intake.roster_checks import roster_problems
from matching.intake.settings import IntakeSettings, SuppressionSource
from matching.model.files import load_model
from matching.typed_files import parse_toml
from notify import recorded, responses
from notify.batches.codes import read_codes
from notify.batches.vendors import read_profile
from notify.email.texts import _read as email_texts
from notify.letters import translate
from notify.letters.texts import _texts as letter_texts
from notify.letters.texts import load_wording
from notify.returns.pieces import BRINGS, typed
from notify.returns.reading import FLAW, ROW_NO, ReturnedFile
from notify.returns.schemas import RETURNS
from notify.rules import load_rules
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import FILES, Target, clean, refusal

__all__ = ["TARGETS"]

NUMBERS = count()
CONFIGS = Path(__file__).parents[3] / "configs"
TODAY = date(2026, 4, 20)
WORDING = load_wording(CONFIGS / "letters")
INCIDENT = b"""[incident]
id = "northwind-2026-03"
title = "Northwind"
breach_start = 2025-12-21
breach_end = "unknown"
known_on = 2026-03-05
what_happened = "Files were copied."
[business_associate]
name = "Northwind Dental Software, Inc."
toll_free = "1-800-555-0100"
email = "incident@northwind.example"
website = "https://northwind.example/incident"
address = ["1 Main St", "Springfield MD 20701"]
[[leaked]]
path = "leak/*.csv"
format = "csv"
delimiter = ","
fields = { a = [1, 2] }
also = [{ role = "guarantor", columns = { full_name = "g" } }]
[leaked.columns]
record_id = "appt_id"
first_name = ["fname", "mid"]
[entities]
path = "entities.csv"
[[holds]]
kind = "court"
stated_on = 2026-03-06
[matching]
merge_at_bits = 12.5
[people]
"A. Okafor" = ["review", "approve"]
"""
TOML_TOKENS = (
    b"[", b"]", b"[[", b"]]", b"{", b"}", b"=", b" = ", b'"', b"'", b'"""', b"'''", b"\n", b"#", b".", b"a.b.c = 1\n", b"\\",
    b"\\u0000", b"\\ud800", b"\\U00110000", b"true", b"1979-05-27", b"0000-00-00", b"07:32:00", b"1e400", b"nan", b"inf", b"0x",
    b"-", b"[incident]\n", b"[leaked]\n", b"[[incident]]\n", b"x" + b".a" * 40 + b" = 1\n", b"a = " + b"[" * 40, b"9" * 60, b"TODO",
    b"\xff", b"\x00", b"2026-13-45", b"[leaked.columns.x]\n", b'"" = 1\n', b"*?[", b"**", b"/etc/passwd", b"\x1b[2J",
)  # fmt: skip
CSV_TOKENS = (b",", b'"', b"\n", b"\r\n", b";", b"\t", b"\x00", b"\xff", b"'", b"=1+1", b"2026-02-30", b"NULL", b"\xef\xbb\xbf", b'""', b"|")  # fmt: skip


def refused_or(
    read: Callable[[Path], object], data: Sequence[bytes], folder: Path, *, name: str
) -> int:
    """Each input is a file that is read or refused."""
    refused = 0
    path = folder / name
    for one in data:
        path.write_bytes(one)
        try:
            read(path)
        except OperatorError as error:
            refusal(error)
            refused += 1
    return refused


def _incident(path: Path) -> None:
    try:
        load_incident(path, today=TODAY)
    except OperatorError as error:
        refusal(error)
        sound_part(path)


def _facts(path: Path) -> None:
    _, given = recorded._read(path)
    for kind, _, entry in recorded._entries(given):
        try:
            recorded.KINDS[kind].model_validate(entry)
        except ValidationError as error:
            for problem in error.errors(include_input=False):
                clean(OperatorError(recorded._told(problem)).args[0])


def _rules(path: Path) -> None:
    load_rules(path.parent)


def _roster(path: Path) -> None:
    settings = IntakeSettings(root=path.parent, entities=path.name)
    for said in roster_problems(settings):
        clean(said[:MESSAGE])
    roster.entity_ids(settings)
    if not list(roster_problems(settings)):
        assert roster.entities(settings)["entity_id"].null_count() == 0


MESSAGE = 5_000


def _delegation(path: Path) -> None:
    settings = IntakeSettings(root=path.parent, delegation=path.name)
    if not list(roster_problems(settings)):
        roster.delegation(settings)


def _suppressions(path: Path) -> None:
    entry = SuppressionSource(path=path.name, reason="court", authority="counsel")
    settings = IntakeSettings(root=path.parent, suppressions=(entry,))
    if not list(roster_problems(settings)):
        roster.suppressions(settings)


def _responses(path: Path) -> None:
    rows = responses._read(path, responses._bytes(path))
    responses._typed(rows.filter(responses._answered() & pl.col("answer").is_not_null()))


def _translation(path: Path) -> None:
    """A language file, all but the letters that are made of it for a trial."""
    with mock.patch.object(translate, "lint", return_value=[]):
        text = translate.language_file(Mock(), WORDING, path.read_bytes(), tag="ht-US")
    assert parse_toml(text)["tag"] == "ht-US"


def _returned(path: Path) -> None:
    """Every physical row is given once, in order."""
    file = ReturnedFile.open(path)
    numbers: list[int] = []
    for rows in file.slices():
        numbers += rows[ROW_NO].to_list()
        assert set(rows[FLAW].drop_nulls()) <= {"bad_bytes", "control_character"}
        if file.schema.kind in BRINGS:
            assert typed(rows, file.schema, today=TODAY).height == rows.height
    assert numbers == list(range(file.rows))


def _return_samples() -> list[bytes]:
    values = {
        "date": "2026-04-03",
        "moment": "2026-04-03T10:00:00Z",
        "month": "202604",
        "integer": "7",
        "digest": "0" * 64,
    }
    made = []
    for one in RETURNS.values():
        row = [
            next(iter(field.codes)) if field.codes else values.get(field.type, "Wrenquist")
            for field in one.columns.values()
        ]
        text = ",".join(one.columns) + "\n" + (",".join(row) + "\n") * 2 + "# rows 2\n"
        made.append(text.encode())
    return made  # fmt: skip


def _target(
    name: str,
    read: Callable[[Path], object],
    samples: Sequence[bytes],
    tokens: Sequence[bytes],
    file: str,
) -> Target:
    return Target(name, Mutator(samples, tokens), partial(refused_or, read, name=file), batch=20)


def _tables(
    name: str, read: Callable[[Path], object], head: str, *rows: str, file: str = "table.csv"
) -> Iterator[Target]:
    """A small table as mutated files, and as files of mutated rows."""
    whole = "".join(f"{line}\n" for line in (head, *rows)).encode()
    texts = [row.encode() for row in rows]
    mutator = Mutator([whole], CSV_TOKENS)
    yield Target(f"{name} files", mutator, partial(refused_or, read, name=file), in_test=FILES)

    def joined(data: Sequence[bytes], folder: Path) -> int:
        return refused_or(
            read, [head.encode() + b"\n" + b"".join(row + b"\n" for row in data)], folder, name=file
        )

    yield Target(f"{name} rows", Mutator(texts, CSV_TOKENS, text=False), joined, batch=10)


RULE = b"""schema = "affected.rules/1"
jurisdictions = ["MD"]
[[rule]]
""" + b"\n".join((CONFIGS / "jurisdictions" / "md.toml").read_bytes().split(b"[[rule]]")[1:2])
MODEL = b"""{"link_type": "link_only", "probability_two_random_records_match": 0.0001, "comparisons": [{"output_column_name": "sex",
 "comparison_levels": [{"sql_condition": "sex_l IS NULL OR sex_r IS NULL", "is_null_level": true},
 {"sql_condition": "sex_l = sex_r", "m_probability": 0.9, "u_probability": 0.5},
 {"sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.5}]}], "blocking_rules_to_generate_predictions": []}"""

TARGETS = (
    _target("incident file", _incident, [INCIDENT], TOML_TOKENS, "incident.toml"),
    _target("column maps", read_maps, [b'[columns]\nfirst_name = "f"\nstreet = ["a", "b"]\n', b'[left]\nssn = "s"\n[right]\nssn = "t"\n'], TOML_TOKENS, "map.toml"),
    _target("facts", _facts, [b'[[hold]]\nkind = "court"\nstated_on = 2026-03-06\n[[filing]]\nof = "hhs"\ndated_on = 2026-03-06\nnumber = 7\n[[risk]]\ndated_on = 2026-03-06\nfactor2 = "x"\nfactor2_evidence = "E"\n'], TOML_TOKENS, "facts.toml"),
    _target("facts as JSON", _facts, [b'{"acknowledgement": [{"of": "packet", "entity_id": "CE1", "version": 1, "dated_on": "2026-03-06"}], "withdrawal": []}'], (b"{", b"}", b"[", b"]", b",", b":", b'"', b"[" * 60, b"null", b"1e999", b"\\ud800", b"NaN", b"9" * 60), "facts.json"),
    _target("model", load_model, [MODEL], (b"{", b"}", b"[", b"]", b",", b":", b'"', b"[" * 60, b"null", b"1e999", b"true", b"\\ud800", b"NaN", b"-1", b"{}"), "model.json"),
    _target("rules", _rules, [RULE], TOML_TOKENS, "rules.toml"),
    _target("vendor profile", lambda path: read_profile(path, on=TODAY), [(CONFIGS / "vendors" / "plain.toml").read_bytes()], TOML_TOKENS, "vendor.toml"),
    _target("e-mail texts", email_texts, [(CONFIGS / "email" / "en.toml").read_bytes()], TOML_TOKENS, "en.toml"),
    _target("letter texts", letter_texts, [(CONFIGS / "letters" / "individual" / "en.toml").read_bytes()], TOML_TOKENS, "en.toml"),
    _target("translation", _translation, [translate.translation_table(WORDING, "es")], (*CSV_TOKENS, b"a.b", b"[0]", b"a[0].b", b"."), "t.csv"),
    *_tables(
        "roster", _roster, "entity_id,kind,legal_name,aliases,npi,status,zip,client_from,baa_days,parent_id",
        "CE1,covered_entity,Wrenquist Dental,A|B,1234567893,open,01234,2020-01-01,60,", "CE2,,O'Neil,,,sold,,,,CE1",
        file="entities.csv",
    ),
    *_tables("delegation", _delegation, "entity_id,duty,by,document,signed_on", "CE1,individual,ba,BAA,2026-01-01", "CE2,hhs,,,"),
    *_tables("suppressions", _suppressions, "record_id,person_id,entity_id", "R1,,CE1", ",P0000000000001,"),
    *_tables("decisions", decisions._read, "left_record_id,right_record_id,value,note", "R1,R2,match,Wrenquist", "R3,R4,no,"),
    *_tables("splink labels", decisions._read, "unique_id_l,unique_id_r,clerical_match_score", "a,b,1.0", "c,d,0"),
    *_tables("packet answers", _responses, ",".join((*responses.COLUMNS, "dated_on")), "CE1,1,P1,accept,state,'MD,2026-03-06", "CE1,1,,delegate,individual,ba,"),
    *_tables("monitoring codes", read_codes, "code", "ABC-123", "DEF.456"),
    *_tables("given tables", read_text, "id,name,zip", "1,Wrenquist,01234", "2,,"),
    _target("return files", _returned, _return_samples(), (*CSV_TOKENS, b"# rows 2\n", b"# rows 99\n", b"mailpiece_id,", b"ncoa_rc"), "return.csv"),
)  # fmt: skip
