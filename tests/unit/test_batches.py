"""Batches: MAIL v1 to the letter, seals that a stranger can check, files that appear once."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import notify.batches.plan
from matching.store import CheckFailed, OperatorError, Workspace
from matching.tables import MAIL_V1, TABLES
from notify import batches, notices, printed
from notify.batches import BatchesSettings
from notify.batches.mail_v1 import HEADER, sealed
from notify.batches.vendors import Seed, Vendor
from notify.ledger import figure_d, figure_l
from notify.letters.settings import CONFIGS
from notify.notices import NoticesSettings
from tests.batch_tables import MAILED, PEOPLE, SETTINGS, plan, release
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, NOW, build

DOCUMENTED_HEADER = (
    "mailpiece_id,batch_id,seq_no,wave,remail_of,letter_version,letter_sha8,language,variant,"
    "salutation_line,recipient_name,name_prefix,name_first,name_middle,name_last,name_suffix,care_of,"
    "delivery_line,delivery_line2,urbanization,city,state,zip5,zip4,country_iso2,intl_line1,intl_line2,"
    "intl_line3,intl_line4,country_line,address_source,moveupdate_date,dpv,no_ncoa,no_household,ce_id,"
    "ce_print_name,ce_return_address_code,element_set_code,breach_date_text,discovery_date_text,"
    "toll_free,reference_no,cm_code,cm_months,cm_enroll_by,state_addenda,insert_codes,mail_class,"
    "endorsement,imb_mid,imb_serial,mail_by,is_seed,row_seal,addr_seal"
)


@pytest.fixture
def planned(workspace: Workspace) -> Workspace:
    plan(workspace, PEOPLE)
    return workspace


def _rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "MAIL_v1.csv").read_text("utf-8"))))


def test_the_header_is_the_documented_one(planned: Workspace) -> None:
    first = (release(planned) / "MAIL_v1.csv").read_bytes().split(b"\n")[0].decode()
    assert first == HEADER == DOCUMENTED_HEADER


def test_the_file_is_the_golden_one(planned: Workspace, request: pytest.FixtureRequest) -> None:
    made = (release(planned) / "MAIL_v1.csv").read_text("utf-8")
    golden = Path(__file__).parent.parent / "golden" / "MAIL_v1.csv"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(made, "utf-8")
    assert made == golden.read_text("utf-8")


def test_rows_are_quoted_numbered_and_hold_decoys(planned: Workspace) -> None:
    folder = release(planned)
    lines = (folder / "MAIL_v1.csv").read_text("utf-8").splitlines()
    assert all(line.startswith('"') and line.endswith('"') for line in lines[1:])
    rows = _rows(folder)
    assert [row["seq_no"] for row in rows] == [str(n + 1) for n in range(MAILED + 2)]
    assert [row["is_seed"] for row in rows].count("Y") == 2
    assert len({row["mailpiece_id"] for row in rows}) == len(rows)
    assert {len(row["mailpiece_id"]) for row in rows} == {16}
    assert {len(row["reference_no"]) for row in rows} == {10}
    minor = next(row for row in rows if row["variant"] == "MINOR" and row["is_seed"] == "N")
    assert minor["salutation_line"] == "TO THE PARENT OR GUARDIAN OF"
    text = (folder / "MAIL_v1.csv").read_text("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert "ZOË" in text
    for private in ("1980-02-03", "219099999", "a@example.org"):
        assert private not in text


def test_a_stranger_can_check_both_seals_from_the_manifest(planned: Workspace) -> None:
    folder = release(planned)
    manifest = json.loads((folder / "manifest.json").read_text())
    key = bytes.fromhex(manifest["seal_key"])

    def seal(row: dict[str, str], columns: list[str]) -> str:
        text = unicodedata.normalize("NFC", "\x1f".join(row[c] for c in columns))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]

    header = DOCUMENTED_HEADER.split(",")
    letter = [header[0], *header[5:17], *header[35:47]]
    place = [header[0], *header[17:30]]
    rows = _rows(folder)
    assert all(row["row_seal"] == seal(row, letter) for row in rows)
    assert all(row["addr_seal"] == seal(row, place) for row in rows)
    swapped = {**rows[0], "recipient_name": rows[1]["recipient_name"] + "X"}
    assert seal(swapped, letter) != rows[0]["row_seal"]


def test_the_manifest_adds_up(planned: Workspace) -> None:
    folder = release(planned)
    manifest = json.loads((folder / "manifest.json").read_text())
    rows = _rows(folder)
    pieces = [row for row in rows if row["is_seed"] == "N"]
    assert manifest["rows"] == {"total": 7, "pieces": MAILED, "seeds": 2, "foreign": 1}
    assert manifest["by_state"] == {"MD": 4, "ZZ": 1}
    assert manifest["by_ce"] == {"CE1": 4, "CE4": 1}
    assert sum(manifest["by_letter_version"].values()) == len(pieces)
    assert manifest["control"]["zip5_sum"] == sum(int(row["zip5"] or 0) for row in rows)
    total = sum(int(row["row_seal"][:8], 16) for row in rows) % 2**32
    assert manifest["control"]["row_seal_sum"] == f"{total:08x}"
    for file in manifest["files"]:
        stored = (folder / file["stored_as"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == file["sha256"] == file["stored_sha256"]
    codes = {
        row["code"] for row in csv.DictReader(io.StringIO((folder / "elements.csv").read_text()))
    }
    assert {row["element_set_code"] for row in rows} <= codes


def test_exceptions_name_the_notice_and_the_fault_but_no_text(planned: Workspace) -> None:
    text = (release(planned) / "exceptions.csv").read_text()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["person_id"], row["entity_id"]) == ("P00005", "CE1")
    assert row["reason"].startswith("exception:formula:recipient_name")
    assert "=JANE" not in text


def test_the_outbox_holds_ids_only(planned: Workspace) -> None:
    outbox = planned.read("outbox")
    assert outbox["person_id"].to_list() == ["P00007"]
    said = {c: outbox[c][0] for c in ("notice_version", "language", "variant")}
    assert said == {"notice_version": 1, "language": "en", "variant": "ADULT"}
    members = planned.scan("members").filter(person_id="P00007", side="master").collect()
    assert outbox["email_member"].to_list() == members["mention_id"].to_list()
    assert not {"email", "recipient_name"} & set(outbox.columns)


def test_released_pieces_are_told_and_never_planned_again(planned: Workspace) -> None:
    folder = release(planned)
    events = planned.read("events")
    assert events.height == MAILED
    assert set(events["piece_id"]) == {
        r["mailpiece_id"] for r in _rows(folder) if r["is_seed"] == "N"
    }
    assert planned.read("registry")["person_id"].n_unique() == MAILED
    plan(planned)
    assert planned.rows("batches") == 0
    states = planned.read("ledger")["state"].value_counts().rows()
    assert dict(states)["mailed"] == MAILED
    assert (figure_d(planned), figure_l(planned)) == (0, {"gaps": 0, "overlaps": 0})


def test_a_finished_folder_is_never_touched(planned: Workspace) -> None:
    folder = release(planned)
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert batches.export(planned, SETTINGS, batches=[folder.name], recorded_at=NOW).pieces == 0
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_an_unfinished_folder_is_rebuilt(planned: Workspace) -> None:
    folder = planned.out / "batches" / planned.read("batches")["batch_id"][0]
    folder.mkdir(parents=True)
    (folder / "MAIL_v1.csv").write_bytes(b"half")
    (folder / "stray").touch()
    assert release(planned) == folder
    assert (folder / "MAIL_v1.csv").read_bytes() != b"half"
    assert not (folder / "stray").exists()
    assert planned.rows("events") == MAILED


def test_a_kill_after_done_is_settled_before_the_next_round(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    batch = planned.read("batches")["batch_id"][0]
    with monkeypatch.context() as patch:
        patch.setattr("notify.batches.release.note", killed)
        with pytest.raises(KeyboardInterrupt):
            batches.export(planned, SETTINGS, batches=[batch], recorded_at=NOW)
    assert planned.rows("events") == 0
    assert batches.settle(planned, SETTINGS, recorded_at=NOW) == MAILED
    assert batches.settle(planned, SETTINGS, recorded_at=NOW) == 0
    assert planned.rows("registry") > 0


def _many(workspace: Workspace) -> None:
    build(workspace, [{} for _ in range(25)])
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))


def _small_files(tmp_path: Path) -> BatchesSettings:
    """A vendor who takes eleven rows a file."""
    shutil.copytree(CONFIGS / "vendors", tmp_path / "vendors")
    profile = tmp_path / "vendors" / "plain.toml"
    text = profile.read_text().replace("250_000", "11").split("[[seeds]]")[0]
    profile.write_text(text)
    return SETTINGS.model_copy(update={"vendors": tmp_path / "vendors"})


def test_the_plan_is_repeatable_and_small_files_change_only_the_cut(
    planned: Workspace, tmp_path: Path
) -> None:
    digest, ids = planned.digest("pieces"), set(planned.read("pieces")["mailpiece_id"])
    batches.run(planned, SETTINGS)
    assert planned.digest("pieces") == digest
    _many(planned)
    batches.run(planned, _small_files(tmp_path))
    assert planned.read("batches")["pieces"].sort().to_list() == [3, 11, 11]
    pieces = planned.read("pieces")
    assert pieces.group_by("batch_id").agg(pl.col("seq_no").max())["seq_no"].sort().to_list() == [
        3,
        11,
        11,
    ]
    assert ids & set(pieces["mailpiece_id"])  # the same person at the same entity, the same piece


def test_texts_that_changed_since_the_plan_are_not_released(
    planned: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(CONFIGS / "letters", tmp_path / "letters")
    text = tmp_path / "letters" / "individual" / "en.toml"
    text.write_text(text.read_text().replace("We are sorry", "We are very sorry"))
    changed = SETTINGS.model_copy(update={"letters": tmp_path / "letters"})
    assert changed.letters_sha256 != SETTINGS.letters_sha256
    with pytest.raises(CheckFailed, match="run again"):
        batches.export(
            planned, changed, batches=list(planned.read("batches")["batch_id"]), recorded_at=NOW
        )
    assert not list((planned.out / "batches").glob("*/.done"))


def test_a_real_incident_leaves_no_plain_file_of_people(tmp_path: Path) -> None:
    workspace, _ = Workspace.create(
        tmp_path / "ws", incident_id="real", synthetic=False, key_file=tmp_path / "key.json"
    )
    plan(workspace, PEOPLE[:2])
    folder = release(workspace)
    names = {path.name for path in folder.iterdir()}
    assert {"MAIL_v1.csv.enc", "manifest.json.enc", "exceptions.csv.enc", ".done"} <= names
    assert b"BALTIMORE" not in b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    manifest = json.loads(workspace.get_output(f"batches/{folder.name}/manifest.json"))
    mail = next(file for file in manifest["files"] if file["name"] == "MAIL_v1.csv")
    stored = hashlib.sha256((folder / "MAIL_v1.csv.enc").read_bytes()).hexdigest()
    assert (mail["stored_as"], mail["stored_sha256"]) == ("MAIL_v1.csv.enc", stored)
    plain = workspace.get_output(f"batches/{folder.name}/MAIL_v1.csv")
    assert hashlib.sha256(plain).hexdigest() == mail["sha256"]


def test_a_hold_recorded_after_the_plan_stops_the_batch(planned: Workspace) -> None:
    value = {"kind": "court", "official": "A", "agency": "B", "stated_on": "2026-03-20"}
    fact = {"fact_id": "f", "kind": "hold", "entity_id": "CE4", "value": json.dumps(value),
            "dated_on": AS_OF, "recorded_at": NOW}  # fmt: skip
    planned.append("facts", TABLES["facts"].complete(pl.DataFrame([fact])))
    with pytest.raises(CheckFailed, match="court hold on CE4"):
        release(planned)
    assert not (planned.out / "batches").exists()
    plan(planned)
    assert "CE4" not in release(planned).joinpath("MAIL_v1.csv").read_text().split('"')


def test_an_unknown_batch_is_refused(planned: Workspace) -> None:
    with pytest.raises(OperatorError, match="not planned"):
        batches.export(planned, SETTINGS, batches=["NOPE"], recorded_at=NOW)


def test_a_profile_may_not_drop_what_a_seal_covers() -> None:
    with pytest.raises(ValueError, match="covered by a seal"):
        Vendor.model_validate({"name": "x", "columns": {"drop": ["city"]}})
    assert Vendor.model_validate({"name": "x", "columns": {"drop": ["imb_mid"]}}).columns.drop


def test_a_seed_address_that_cannot_be_read_names_its_key() -> None:
    sender = ASSOCIATE.model_copy(update={"address": ("1 Main St",)})
    with pytest.raises(OperatorError, match=r"business_associate\.address"):
        Seed(name="SEED").lines(sender)
    lines = Seed(name="SEED", address=("1 Elm St", "Bowie, MD 20715-1234")).lines(sender)
    assert lines == {
        "delivery_line": "1 ELM ST",
        "city": "BOWIE",
        "state": "MD",
        "zip5": "20715",
        "zip4": "1234",
    }


def test_seals_do_not_depend_on_composition_of_accents() -> None:
    base = dict.fromkeys(MAIL_V1, "x")
    rows = [{**base, "recipient_name": "JOS\u00c9"}, {**base, "recipient_name": "JOSE\u0301"}]
    seals = sealed(pl.DataFrame(rows), b"k" * 32)["row_seal"]
    assert seals[0] == seals[1]


def test_records_read_in_slices_change_nothing(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = ("notices", "ledger", "pieces", "batches")
    whole = [planned.digest(name) for name in tables]
    monkeypatch.setattr("notify.records.RECORDS_AT_ONCE", 3)
    monkeypatch.setattr("notify.batches.plan.PIECES_AT_ONCE", 2)
    planned.write("pieces", TABLES["pieces"].empty())
    plan(planned)
    assert [planned.digest(name) for name in tables] == whole


def test_a_killed_plan_keeps_the_batches_it_finished(
    planned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = _small_files(tmp_path)
    _many(planned)
    batches.run(planned, small)
    whole = planned.digest("pieces"), planned.digest("batches")
    shutil.rmtree(planned.root / "tables" / "pieces")
    made: list[str] = []
    sealed_rows = notify.batches.plan._sealed_rows

    def watched(plan: Any, batch: Any, rows: pl.DataFrame) -> pl.DataFrame:
        made.append(batch.batch_id)
        if len(made) == 2:
            raise KeyboardInterrupt
        return sealed_rows(plan, batch, rows)

    monkeypatch.setattr("notify.batches.plan.IN_HAND", 1)
    monkeypatch.setattr("notify.batches.plan._sealed_rows", watched)
    with pytest.raises(KeyboardInterrupt):
        batches.run(planned, small)
    finished = made[0]
    batches.run(planned, small)
    assert made.count(finished) == 1
    assert (planned.digest("pieces"), planned.digest("batches")) == whole


def test_faults_are_counted_as_they_are_named() -> None:
    limits = {"city": 5, "state": 2}
    texts = ["BOWIE", "=BOW", "B|=W", "A\u00e9", "A\u200b", "BOWIES", "-", None, "\u00e9" * 5]
    rows = pl.DataFrame({"city": texts, "state": ["MD"] * len(texts)})
    named = rows.filter(printed.faults(limits).is_not_null()).height
    assert printed.faulty(rows, limits) == named == 4
