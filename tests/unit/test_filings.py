"""Filings: only what is owed and ours, numbers that a table holds, dates of reviewed rules, versions, seal."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import notify.filings.drafts as drafts_module
from matching.errors import OperatorError, TryAgainLater
from matching.store import Workspace
from matching.tables import TABLES
from notify.facts import Counsel, Hold, Mailing
from notify.filings.kinds import read_kinds
from notify.filings.lint import check_words
from notify.filings.texts import load_words
from notify.packets import release as release_packets
from tests import filing_tables as made
from tests import packet_tables as base

PERSONS_DATA = ("Alma", "Nuñez", "NUNEZ", "O'Hara", "Leakonly", "Katz", "1980-02-03", "2010-07-08", "ELM ST",
                "OAK ST", "A-777", "P-ALMA", "P-BEN")  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; every test works on a copy, the rule rows beside it."""
    return made.workspace_of(tmp_path_factory.mktemp("filings")).root


@pytest.fixture
def ready(template: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(template.parent / "rules", tmp_path / "rules")
    return Workspace.open(Path(shutil.copytree(template, tmp_path / "ws")))


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PDFs are set only where a test asks for them; elsewhere their data is the file."""
    if not request.function.__name__.startswith("test_pdfs"):
        monkeypatch.setattr(
            drafts_module, "pdf", lambda document, *_, **__: repr(document).encode()
        )


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def read(workspace: Workspace, path: str) -> Any:
    return json.loads((workspace.out / "filings" / path).read_text())


def change_count(workspace: Workspace, entity: str, **numbers: int) -> None:
    here = pl.col("entity_id") == entity
    counts = workspace.read("counts").with_columns(
        pl.when(here)
        .then(pl.lit(value))
        .otherwise(name)
        .cast(TABLES["counts"].polars[name])
        .alias(name)
        for name, value in numbers.items()
    )
    workspace.write("counts", counts)


# --- what is owed, and whose it is ----------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "posted", "said"),
    [(0, False, "No"), (9, False, "No"), (10, True, "Yes, 10 or more individuals")],
)
def test_the_ten_person_test_goes_by_whom_no_letter_reaches(
    ready: Workspace, people: int, posted: bool, said: str
) -> None:
    row = {"entity_id": "CE1", "people": people, "came_back": 0, "form": "", "due_on": base.AS_OF}
    found = TABLES["substitutes"].complete(pl.DataFrame([row]))
    ready.write("substitutes", found.filter(pl.col("people") > 0))
    assert ("substitute" in made.send(ready, entity="CE1").states) == posted
    portal = read(ready, "hhs/CE1/v1/portal.json")
    assert portal["tabs"]["notice"]["substitute_required"] == said


def test_only_what_is_owed_and_ours_is_written(ready: Workspace) -> None:
    done = made.send(ready)
    folders = {path.relative_to(ready.out / "filings").parent.as_posix() for path in done.paths}
    assert folders == {
        "risk", "roster", "hhs/CE1", "hhs_annual/2026", "media/CE1/MD", "media/CE1/VA",
        "state/CE1/MD/state_ag", "state/CE1/VA/state_ag", "cra/CE1/VA/cra", "substitute/CE1/US",
    }  # fmt: skip
    assert done.states["hhs"] == {"ready": 1, "waiting_entity": 1}
    assert done.states["hhs_annual"] == {"entity_files": 1, "ready": 1}
    assert done.states["media"] == {"needs_number": 1, "ready": 2}


def test_one_entity_alone(ready: Workspace) -> None:
    done = made.send(ready, entity="CE1")
    assert {path.parts[-2] for path in done.paths} <= {"CE1", "MD", "VA", "US", "cra", "state_ag"}
    assert len(done.paths) == 7
    with pytest.raises(OperatorError, match="CE9: not in the roster"):
        made.send(ready, entity="CE9")


@pytest.mark.parametrize("kind", ["law_enforcement_written", "court"])
def test_a_hold_stops_the_entitys_filings_only(ready: Workspace, kind: Any) -> None:
    hold = Hold(kind=kind, entity_id="CE1", official="A", agency="B", stated_on=made.AS_OF)
    done = made.send(ready, holds=(hold,))
    assert {path.parts[-2] for path in done.paths} == {"risk", "roster", "2026"}
    assert done.states["media"]["held"] == 2


def test_a_rule_that_needs_counsel_is_not_filed(ready: Workspace) -> None:
    duties = ready.read("duties").with_columns(
        status=pl.when(pl.col("rule_id") == "va-test-ag")
        .then(pl.lit("needs_counsel"))
        .otherwise("status")
    )
    ready.write("duties", duties)
    assert made.send(ready).states["state"] == {"needs_counsel": 1, "ready": 1}


def test_a_posting_is_for_ten_and_more(ready: Workspace) -> None:
    rules = ready.root.parent / "rules" / "test.toml"
    text = rules.read_text()
    found = text.replace('min_op = "ge"\nmin_n = 10\n', 'min_op = "lt"\nmin_n = 10\n')
    assert found != text
    rules.write_text(found)
    assert "substitute" not in made.send(ready).states
    assert read(ready, "hhs/CE1/v1/portal.json")["tabs"]["notice"]["substitute_required"] == (
        "Yes, fewer than 10 individuals"
    )


def test_rule_rows_that_went_ask_for_another_round(ready: Workspace) -> None:
    (ready.root.parent / "rules" / "test.toml").unlink()
    with pytest.raises(TryAgainLater, match=r"md-test-ag.*affected run"):
        made.send(ready)


# --- numbers and dates ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "filed", "words"),
    [("upper", 1260, "up to 1,260"), ("expected", 1230, "about 1,230"), ("confirmed", 1204, "at least 1,204")],
)  # fmt: skip
def test_the_filed_number_is_the_one_counsel_chose(
    ready: Workspace, chosen: Any, filed: int, words: str
) -> None:
    made.send(ready, counsel=Counsel(filed_number=chosen))
    fields = read(ready, "media/CE1/MD/v1/fields.json")
    assert fields["numbers"] == {
        "filed": filed, "chosen": chosen, "confirmed": 1204, "expected": 1230, "expected_low": 1215,
        "expected_high": 1245, "upper": 1260,
    }  # fmt: skip
    release = (ready.out / "filings/media/CE1/MD/v1/release.md").read_text()
    assert f"{words} people who live in Maryland" in release


def test_no_number_of_people_is_printed_that_no_table_holds(ready: Workspace) -> None:
    made.send(ready)
    held = {f"{round(value):,}" for row in made.COUNTS for value in row[2:]}
    for path in (ready.out / "filings").rglob("*.md"):
        printed = re.findall(r"\| ([\d,]+) \||(?:up to|about|at least) ([\d,]+)", path.read_text())
        numbers = {one or other for one, other in printed}
        assert numbers <= held, path
        assert numbers or path.name == "posting.md"


def test_an_unreviewed_rule_states_no_date_and_no_law(ready: Workspace) -> None:
    done = made.send(ready)
    assert done.unreviewed == ("md-test-ag",)
    folder = ready.out / "filings/state/CE1/MD/state_ag/v1"
    told = read(ready, "state/CE1/MD/state_ag/v1/fields.json")
    assert told["duty"]["due_on"] is None
    assert told["duty"]["unreviewed_rules"] == ["md-test-ag"]
    said = b"".join(files_below(folder).values())
    for stated in (b"2026-03-27", b"Com. Law", b"Rule under which"):
        assert stated not in said
    reviewed = read(ready, "state/CE1/VA/state_ag/v1/fields.json")
    assert (reviewed["duty"]["due_on"], reviewed["fields"]["law"]) == (
        "2026-04-01",
        "Va. Code 18.2-186.6.",
    )


def test_a_clock_that_waits_for_a_receipt_states_no_date(ready: Workspace) -> None:
    duties = ready.read("duties").filter(
        ~((pl.col("hypothesis") == "agent") & pl.col("recipient").is_in(["hhs", "individual"]))
    )
    ready.write("duties", duties)
    made.send(ready)
    form = read(ready, "hhs/CE1/v1/portal.json")
    assert form["duty"]["due_on"] is None
    assert form["tabs"]["breach"]["discovery_start"] is None
    assert {"breach.discovery_start", "breach.discovery_end"} <= set(form["missing"])
    assert "the entity's clock has not started: no receipt is recorded" in form["warnings"]


# --- HHS ------------------------------------------------------------------------------------


def test_the_portal_form_is_complete_and_says_what_is_missing(ready: Workspace) -> None:
    made.send(ready)
    form = read(ready, "hhs/CE1/v1/portal.json")
    assert form["missing"] == []
    contact, breach = form["tabs"]["contact"], form["tabs"]["breach"]
    assert (contact["ce_name"], contact["filer_role"]) == (
        "Harbor Dental, PC", "Business Associate filing on behalf of Covered Entity")  # fmt: skip
    assert (breach["approx_individuals"], breach["discovery_start"]) == (1900, "2026-02-10")
    assert breach["phi_type"] == {
        "Clinical": ["Other Treatment Information"],
        "Demographic": ["Name", "SSN"],
    }
    assert form["tabs"]["notice"]["media_states"] == ["MD", "VA"]
    assert form["tabs"]["general"]["breach_affecting"] == "500 or more individuals"
    made.send(ready, filings=made.Filings())
    assert {"breach.type", "attestation.name", "contact.ba_contact_email"} <= set(
        read(ready, "hhs/CE1/v2/portal.json")["missing"]
    )


def test_a_filed_report_is_left_alone_until_its_number_changes(ready: Workspace) -> None:
    made.send(ready)
    made.record(
        ready, "filing", '{"recipient": "hhs", "number": 1900, "tracking_no": "T-55"}', entity="CE1"
    )
    done = made.send(ready)
    assert done.states["hhs"] == {"filed": 1, "waiting_entity": 1}
    assert not (ready.out / "filings/hhs/CE1/v2").exists()
    change_count(ready, "CE1", upper=1950)
    made.send(ready)
    general = read(ready, "hhs/CE1/v2/portal.json")["tabs"]["general"]
    assert general["report_type"] == "Addendum to Previous Report"
    assert (general["has_tracking_number"], general["tracking_number"]) == ("Yes", "T-55")
    assert general["earlier_reports"] == ["2026-03-20: 1900"]


def test_a_duty_that_is_met_still_gets_its_addendum(ready: Workspace) -> None:
    made.record(
        ready,
        "filing",
        '{"of": "hhs", "recipient": "hhs", "number": 1500, "tracking_no": "T-1"}',
        entity="CE1",
    )
    met = pl.when(pl.col("rule_id") == "us-164.408-hhs-500").then(pl.lit("met")).otherwise("status")
    ready.write("duties", ready.read("duties").with_columns(status=met))
    made.send(ready)
    general = read(ready, "hhs/CE1/v1/portal.json")["tabs"]["general"]
    assert (general["report_type"], general["tracking_number"]) == (
        "Addendum to Previous Report",
        "T-1",
    )


def test_the_annual_log_has_one_form_an_entity_and_only_ours(ready: Workspace) -> None:
    made.send(ready)
    folder = ready.out / "filings/hhs_annual/2026/v1"
    rows = list(csv.DictReader(io.StringIO((folder / "annual_log.csv").read_text(), newline="")))
    assert [row["entity_id"] for row in rows] == ["CE2"]
    row = rows[0]
    assert (row["breach.approx_individuals"], row["due_on"]) == ("44", "2027-03-01")
    assert row["general.breach_affecting"] == "Fewer than 500 individuals"
    assert row["contact.ce_name"] == "Old Mill Smiles LLC"


def test_a_plan_on_the_upper_number_alone_says_so(ready: Workspace) -> None:
    duties = ready.read("duties").with_columns(performed_by=pl.lit("ba"))
    ready.write("duties", duties)
    made.send(ready, counsel=Counsel(filed_number="expected"))
    warnings = read(ready, "hhs/CE3/v1/portal.json")["warnings"]
    assert any("only the upper number passes" in line for line in warnings)
    assert any("other side of 500" in line for line in warnings)


# --- the public -----------------------------------------------------------------------------


def test_the_posting_can_only_be_read(ready: Workspace) -> None:
    made.send(ready)
    page = (ready.out / "filings/substitute/CE1/US/v1/posting.html").read_text()
    assert re.search(r"<(script|form|input|a|iframe|img|link)\b|\son\w+=|javascript:", page) is None
    assert "default-src 'none'" in page
    assert "Harbor Dental" in page
    assert page.count("1-800-555-0100") == 1
    window = read(ready, "substitute/CE1/US/v1/fields.json")["window"]
    start, until = (date.fromisoformat(window[key]) for key in ("posted_from", "posted_until"))
    assert (start, until - start) == (date(2026, 3, 27), timedelta(days=90))
    assert "June 25, 2026" in page


def test_a_posting_never_begins_before_today(ready: Workspace) -> None:
    made.send(ready, mailing=Mailing(planned_mail_on=date(2026, 3, 1)))
    window = read(ready, "substitute/CE1/US/v1/fields.json")["window"]
    assert window["posted_from"] == "2026-03-20"


def test_steps_against_identity_theft_stand_where_such_kinds_were_in_the_files(
    ready: Workspace,
) -> None:
    made.send(ready)
    release = ready.out / "filings/media/CE1/MD"
    assert "annualcreditreport" in (release / "v1/release.md").read_text()
    ready.write("elements", ready.read("elements").filter(pl.col("element") != "ssn"))
    made.send(ready)
    assert "annualcreditreport" not in (release / "v2/release.md").read_text()


def test_a_special_form_takes_the_regulators_labels(ready: Workspace, tmp_path: Path) -> None:
    texts = Path(shutil.copytree(made.CONFIGS / "filings", tmp_path / "texts"))
    (texts / "forms.toml").write_text(
        '[[form]]\njurisdiction = "VA"\nname = "Form 1"\nprovenance = "a test"\n[form.fields]\n'
        '"Business" = "entity_name"\n"Virginians" = "residents_filed"\n'
    )
    made.send(ready, texts=texts)
    form = read(ready, "state/CE1/VA/state_ag/v1/fields.json")["form"]
    assert form == {
        "name": "Form 1", "reviewed": False,
        "fields": {"Business": "Harbor Dental, PC", "Virginians": "610"},
    }  # fmt: skip
    assert "form" not in read(ready, "state/CE1/MD/state_ag/v1/fields.json")


def test_a_supplement_says_what_was_filed_before(ready: Workspace) -> None:
    value = '{"recipient": "state_ag", "jurisdiction": "VA", "number": 580}'
    made.record(ready, "filing", value, entity="CE1", on=date(2026, 3, 10))
    made.send(ready)
    letter = (ready.out / "filings/state/CE1/VA/state_ag/v1/notice.md").read_text()
    assert "adds to our notice of March 10, 2026, in which we reported 580" in letter


# --- roster ---------------------------------------------------------------------------------


def test_the_roster_lists_every_entity_with_basis_count_and_state(ready: Workspace) -> None:
    release_packets(ready, base.settings(), entity="CE1", recorded_at=base.RELEASED_AT)
    made.send(ready)
    text = (ready.out / "filings/roster/v1/roster.csv").read_text()
    rows = {row["entity_id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert sorted(rows) == ["CE1", "CE2", "CE3", "CE4", "CE5", "CE6"]
    assert (
        rows["CE1"]["basis"]
        == "location_id, confirmed: 1|tenant_id, confirmed: 2|name, possible: 1"
    )
    assert (rows["CE1"]["notice"], rows["CE1"]["told_on"], rows["CE1"]["upper"]) == (
        "sent",
        "2026-03-20",
        "1900",
    )
    assert (rows["CE6"]["notice"], rows["CE6"]["upper"]) == ("none_found", "")
    assert rows["CE4"]["notice"] == "closed_with_custodian"
    told = read(ready, "roster/v1/roster.json")
    assert told["of_no_known_entity"]["upper"] == 25
    assert told["by_notice"]["none_found"] == 1


# --- versions, seal -------------------------------------------------------------------------


def test_the_same_again_writes_nothing_and_a_day_is_no_news(ready: Workspace) -> None:
    first = made.send(ready)
    before = files_below(ready.out)
    again = made.send(ready, as_of=made.AS_OF + timedelta(days=3))
    assert (again.paths, again.unchanged) == ((), len(first.paths))
    assert files_below(ready.out) == before


def test_a_change_is_a_version_beside_the_old(ready: Workspace) -> None:
    made.send(ready)
    before = files_below(ready.out)
    change_count(ready, "CE2", upper=45)
    done = made.send(ready)
    names = {path.relative_to(ready.out / "filings").as_posix() for path in done.paths}
    assert names == {"hhs_annual/2026/v2", "roster/v2"}
    after = files_below(ready.out)
    assert {name: after[name] for name in before} == before


def test_a_folder_without_manifest_is_a_killed_release_and_is_written_again(
    ready: Workspace,
) -> None:
    made.send(ready)
    before = files_below(ready.out)
    folder = ready.out / "filings/media/CE1/MD/v1"
    (folder / "manifest.json").unlink()
    (folder / "release.md").write_text("half")
    assert made.send(ready).paths == (folder,)
    assert files_below(ready.out) == before


def test_equal_evidence_gives_equal_bytes(template: Path, tmp_path: Path) -> None:
    trees = []
    for name in ("a", "b"):
        folder = tmp_path / name
        shutil.copytree(template.parent / "rules", folder / "rules")
        workspace = Workspace.open(Path(shutil.copytree(template, folder / "ws")))
        made.send(workspace)
        trees.append(files_below(workspace.out))
    assert trees[0] == trees[1]


def test_pdfs_are_set_and_repeat_byte_for_byte(ready: Workspace) -> None:
    done = made.send(ready, entity="CE1")
    pdfs = {p: p.read_bytes() for path in done.paths for p in path.glob("*.pdf")}
    assert len(pdfs) == 6
    assert all(data.startswith(b"%PDF") for data in pdfs.values())
    shutil.rmtree(ready.out / "filings")
    made.send(ready, entity="CE1")
    assert {p: p.read_bytes() for p in pdfs} == pdfs


def test_the_seal_names_tables_rules_configuration_and_approvals(ready: Workspace) -> None:
    made.send(ready)
    manifest = read(ready, "media/CE1/MD/v1/manifest.json")
    sealed = manifest["made_from"]
    assert sealed["tables"]["counts"] == ready.digest("counts")
    assert {"duties", "entities", "facts", "elements", "packets"} <= sealed["tables"].keys()
    assert (sealed["rules_sha256"], sealed["configuration_sha256"]) == ("f0", "c0")
    assert sealed["approvals"] == [
        {"gate": "owners", "subject": "s2", "by": ["A"]},
        {"gate": "thresholds", "subject": "s1", "by": ["A", "B"]},
    ]
    assert [file["file"] for file in manifest["files"]] == [
        "fields.json",
        "release.md",
        "release.pdf",
    ]


def test_a_packet_bears_the_same_seal(ready: Workspace) -> None:
    release_packets(
        ready, base.settings(), entity="CE1", recorded_at=base.RELEASED_AT, basis=made.BASIS
    )
    sealed = json.loads((ready.out / "packets/CE1/v1/manifest.json").read_text())["made_from"]
    assert (sealed["rules_sha256"], len(sealed["approvals"])) == ("f0", 2)
    assert sealed["tables"]["ownership"] == ready.digest("ownership")


# --- texts and persons ----------------------------------------------------------------------


def test_no_persons_data_is_in_any_filing(ready: Workspace) -> None:
    made.send(ready)
    files = files_below(ready.out / "filings")
    assert len(files) > 25
    for name, data in files.items():
        for secret in PERSONS_DATA:
            assert secret.encode() not in data, name


def test_every_field_of_a_filing_is_resolved(ready: Workspace) -> None:
    made.send(ready)
    for name, data in files_below(ready.out / "filings").items():
        if not name.endswith((".json", ".pdf")):
            assert re.search(rb"\{\w*\}|\bNone\b(?!,)|\bnan\b", data) is None, name


def test_texts_with_faults_are_refused_all_at_once(tmp_path: Path) -> None:
    texts = Path(shutil.copytree(made.CONFIGS / "filings", tmp_path / "texts"))
    media = (texts / "media.toml").read_text()
    media = media.replace("{toll_free}", "{tollfree}").replace(
        'name = "what_we_are_doing"', 'name = "x"'
    )
    (texts / "media.toml").write_text(media)
    posting = (texts / "posting.toml").read_text()
    hard = "Notwithstanding contemporaneous remediation initiatives, unauthorized individuals exfiltrated administrative documentation pertaining to appointments. "
    (texts / "posting.toml").write_text(
        posting.replace("This notice is for people", hard * 9 + "This")
    )
    with pytest.raises(OperatorError) as error:
        check_words(load_words(texts, made.CONFIGS / "letters" / "elements.toml"))
    told = str(error.value)
    assert "media.toml: unknown field {tollfree}" in told
    assert "media.toml: block what_we_are_doing is missing" in told
    assert "posting.toml: reading grade" in told


def test_an_empty_field_that_a_text_needs_is_refused(ready: Workspace, tmp_path: Path) -> None:
    texts = Path(shutil.copytree(made.CONFIGS / "filings", tmp_path / "texts"))
    state = (texts / "state.toml").read_text()
    (texts / "state.toml").write_text(state.replace("{breach_dates}", "{monitoring}"))
    with pytest.raises(OperatorError, match=r"\{monitoring\} has no value"):
        made.send(ready, texts=texts)


def test_every_kind_of_phi_in_letters_has_its_words_for_forms() -> None:
    words = load_words(made.CONFIGS / "filings", made.CONFIGS / "letters" / "elements.toml")
    assert words.kinds.keys() >= words.labels.keys()


def test_kinds_are_counted_alike_however_the_table_is_cut(ready: Workspace) -> None:
    whole = read_kinds(ready)
    rows = ready.read("elements").sort("person_id", "entity_id", "element")
    with ready.writer("elements") as writer:
        for index in range(rows.height):
            writer.put(index, rows.slice(index, 1))
    cut = read_kinds(ready)
    assert cut.by_entity == whole.by_entity
    assert cut.sets.equals(whole.sets)
    assert whole.of("CE1") == {"appointment": 3, "name": 3, "ssn": 1}
    assert whole.people() == {"appointment": 7, "name": 7, "ssn": 1}


def test_people_no_longer_affected_are_in_no_number_of_kinds(ready: Workspace) -> None:
    left = pl.when(pl.col("person_id") == "P-BEN").then(pl.lit("no_longer")).otherwise("affected")
    ready.write("persons", ready.read("persons").with_columns(affected=left))
    assert read_kinds(ready).people() == {"appointment": 6, "name": 6}


def test_facts_that_cannot_be_read_are_named_all_at_once(ready: Workspace) -> None:
    made.record(ready, "filing", '{"to": "press"}', entity="CE1")
    made.record(ready, "filing", "no JSON", entity="CE1")
    with pytest.raises(OperatorError) as error:
        made.send(ready)
    told = str(error.value)
    assert "fact F000 (filing): recipient" in told
    assert "fact F001 (filing): no JSON" in told
    assert not (ready.out / "filings").exists()
