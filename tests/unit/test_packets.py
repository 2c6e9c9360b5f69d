"""Packets: who is listed with what, figure C, and a release that happens once, whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyrage
import pytest
import python_calamine
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import notify.packets.files as files_module
import notify.packets.folder as folder_module
import notify.packets.releasing as releasing_module
from matching.errors import IntegrityError, OperatorError, TryAgainLater
from matching.store import Workspace, fingerprint
from matching.tables import TABLES
from notify.facts import Hold
from notify.notices.references import reference_numbers
from notify.packets import release, run
from notify.packets.container import passphrase
from notify.packets.individuals import groups, individuals
from notify.packets.plan import summary
from notify.typeset import preview
from tests import packet_tables as made
from tests.aes_zip import opened

Person = dict[str, str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made and planned once; every test works on a copy."""
    workspace = made.workspace_of(tmp_path_factory.mktemp("packets"))
    run(workspace, made.settings())
    return workspace.root


@pytest.fixture
def planned(template: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(template, tmp_path / "ws")))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the template was given, by packet; nothing is typeset."""
    seen: dict[str, dict[str, Any]] = {}

    def render(_: Path, data: dict[str, Any], **__: Any) -> bytes:
        seen[data.get("reference") or data["entity_id"]] = data
        return b"%PDF"

    monkeypatch.setattr(files_module, "render", render)
    monkeypatch.setattr(folder_module, "render", render)
    return seen


def send(workspace: Workspace, entity: str | None = None, **settings: Any) -> tuple[str, ...]:
    done = release(
        workspace, made.settings(**settings), entity=entity, recorded_at=made.RELEASED_AT
    )
    return done.entities


def states(workspace: Workspace, **settings: Any) -> dict[str, tuple[str, str | None, int]]:
    run(workspace, made.settings(**settings))
    columns = ("entity_id", "state", "reason", "version")
    return {row[0]: row[1:] for row in workspace.read("packets").select(columns).iter_rows()}


def people(workspace: Workspace, entity: str, version: int = 1) -> dict[str, Person]:
    text = (workspace.out / f"packets/{entity}/v{version}/individuals.csv").read_text()
    return {row["person_id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def answer(
    workspace: Workspace, kind: str, day: int = 21, version: int | None = 1, **more: Any
) -> None:
    row = {"response_id": f"{kind}{day}", "entity_id": "CE1", "answer": kind, "packet_version": version,
           "dated_on": date(2026, 3, day), "recorded_at": datetime(2026, 3, day, tzinfo=UTC)} | more  # fmt: skip
    workspace.append("responses", TABLES["responses"].complete(pl.DataFrame([row])))


# --- who is listed --------------------------------------------------------------------------


def test_an_entitys_own_charts_come_first_then_its_own_rows(planned: Workspace) -> None:
    send(planned)
    listed = people(planned, "CE1")
    assert listed.keys() == {"P-ALMA", "P-BEN", "P-DOV"}
    alma = listed["P-ALMA"]
    assert (alma["last_name"], alma["street"]) == ("Nuñez", "2 ELM ST"), "its chart last seen"
    assert alma["mrn"] == "A-001|A-777"
    assert alma["elements"] == "appointment|name"
    orphan = listed["P-BEN"]
    assert (orphan["street"], orphan["zip"], orphan["mrn"]) == ("3 ELM ST", "21402-0001", "B-002")
    assert (orphan["minor"], orphan["deceased"]) == ("Y", "N")


def test_nothing_of_another_entity_is_told(planned: Workspace) -> None:
    send(planned)
    told = b"".join(bytes_below(planned.out / "packets" / "CE1").values())
    for secret in (b"SECRET RD", b"Lopez", b"Z-9", b"Z-10", b"CE3", b"Mid-Atlantic"):
        assert secret not in told
    assert people(planned, "CE1")["P-ALMA"]["deceased"] == "N", "only the other entity knows"
    assert people(planned, "CE1")["P-DOV"]["date_of_birth"] == "", "only the other entity knows"


def test_a_possible_entity_sees_its_own_chart_and_nothing_of_the_leak(planned: Workspace) -> None:
    send(planned)
    alma = people(planned, "CE3")["P-ALMA"]
    assert (alma["status"], alma["first_name"], alma["mrn"]) == ("possible", "Alma Maria", "Z-9")
    assert alma["elements"] == ""
    told = b"".join(bytes_below(planned.out / "packets" / "CE3").values())
    assert b"OAK ST" not in told
    assert b"ELM ST" not in told


def test_a_possible_person_without_a_chart_here_is_a_count_and_a_question(
    planned: Workspace,
) -> None:
    send(planned)
    folder = planned.out / "packets" / "CE1" / "v1"
    assert json.loads((folder / "counts.json").read_text())["possible_unlisted"] == 1
    assert "at most 1" in (folder / "README.txt").read_text()
    assert b"Leakonly" not in b"".join(bytes_below(folder).values())


def test_a_cell_that_would_start_a_formula_is_disarmed(planned: Workspace) -> None:
    send(planned)
    assert people(planned, "CE1")["P-BEN"]["first_name"] == "'=Ben"


def test_unowned_people_and_people_no_longer_affected_are_in_no_packet(planned: Workspace) -> None:
    persons = planned.read("persons").with_columns(
        affected=pl.when(pl.col("person_id") == "P-GUS")
        .then(pl.lit("no_longer"))
        .otherwise("affected")
    )
    planned.write("persons", persons)
    assert set(states(planned)) == {"CE1", "CE2", "CE3", "CE4"}


def test_groups_of_any_size_hold_the_same_people(planned: Workspace) -> None:
    sizes = pl.DataFrame({"entity_id": ["CE3", "CE1", "CE2"], "people": [2, 4, 1]})
    assert list(groups(sizes, at_once=5)) == [["CE1", "CE2"], ["CE3"]]
    parts = [
        summary(individuals(planned, ids, as_of=made.AS_OF)) for ids in groups(sizes, at_once=1)
    ]
    whole = summary(individuals(planned, ["CE1", "CE2", "CE3"], as_of=made.AS_OF))
    assert len(parts) == 3
    assert pl.concat(parts).equals(whole)


# --- figure C -------------------------------------------------------------------------------


def test_every_entity_with_a_person_is_in_one_state(planned: Workspace) -> None:
    assert states(planned) == {
        "CE1": ("ready", None, 1),
        "CE2": ("ready", None, 1),
        "CE3": ("ready", None, 1),
        "CE4": ("closed_with_custodian", None, 1),
        "CE5": ("unreachable", None, 1),
    }
    to = dict(planned.read("packets").select("entity_id", "recipient_id").iter_rows())
    assert (to["CE2"], to["CE4"]) == ("CE3", "Archive Co.")


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([], "sent"),
        ([("receipt", 21, 1)], "received"),
        ([("accept", 21, 1), ("receipt", 22, 1)], "accepted"),
        ([("accept", 21, None)], "accepted"),
        ([("accept", 21, 1), ("dispute", 22, 1)], "disputed"),
        ([("closed", 21, 1)], "closed_with_custodian"),
        ([("accept", 21, 7)], "sent"),
    ],
)
def test_answers_move_what_was_sent(
    planned: Workspace, answers: list[tuple[str, int, int | None]], state: str
) -> None:
    send(planned)
    for kind, day, version in answers:
        answer(planned, kind, day, version)
    assert states(planned)["CE1"] == (state, None, 1)


def test_an_answer_on_one_person_is_none_on_the_packet(planned: Workspace) -> None:
    send(planned)
    answer(planned, "dispute", person_id="P-ALMA")
    assert states(planned)["CE1"][0] == "sent"


def test_a_packet_that_came_back_is_unreachable(planned: Workspace) -> None:
    send(planned)
    back = {"event_id": "x", "kind": "returned", "channel": "packet", "entity_id": "CE1", "piece_id": "CE1/v1",
            "batch_id": "v1", "notice_version": 1, "dated_on": date(2026, 3, 25), "recorded_at": made.RELEASED_AT}  # fmt: skip
    planned.append("events", TABLES["events"].complete(pl.DataFrame([back])))
    assert states(planned)["CE1"][0] == "unreachable"


@pytest.mark.parametrize(
    "kind", ["law_enforcement_oral", "law_enforcement_written", "regulator", "court"]
)
def test_any_hold_withholds_what_was_not_sent(planned: Workspace, kind: Any) -> None:
    hold = Hold(kind=kind, entity_id="CE1", official="A", agency="B", stated_on=date(2026, 3, 10))
    found = states(planned, holds=(hold,))
    assert found["CE1"] == ("withheld", kind, 1)
    assert found["CE2"][0] == "ready"
    assert "CE1" not in send(planned, holds=(hold,))
    with pytest.raises(OperatorError, match="withheld"):
        send(planned, "CE1", holds=(hold,))


def test_an_oral_hold_withholds_no_longer_than_30_days(planned: Workspace) -> None:
    hold = Hold(kind="law_enforcement_oral", official="A", agency="B", stated_on=date(2026, 3, 10))
    assert states(planned, holds=(hold,), as_of=date(2026, 4, 9))["CE1"][0] == "withheld"
    assert states(planned, holds=(hold,), as_of=date(2026, 4, 10))["CE1"][0] == "ready"


# --- release --------------------------------------------------------------------------------


def test_the_manifest_names_every_file_and_its_digest(planned: Workspace) -> None:
    send(planned)
    folder = planned.out / "packets" / "CE1" / "v1"
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {f["file"]: f["sha256"] for f in manifest["files"]}
    delivery = json.loads((folder / "delivery.json").read_text())
    beside = {f["file"] for f in delivery["files"]}
    assert beside == {"manifest.sig", "signing_key.pem", "packet.zip"}
    own = {"manifest.json", "delivery.json"}
    assert listed.keys() | beside | own == {p.name for p in folder.iterdir()}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert manifest["made_from"]["tables"]["ownership"] == planned.digest("ownership")
    assert (folder / "notice_letter.pdf").read_bytes().startswith(b"%PDF")


def test_released_once_means_released_once(planned: Workspace) -> None:
    assert send(planned) == ("CE1", "CE2", "CE3", "CE4")
    before = bytes_below(planned.out)
    inbox = (planned.rows("events"), planned.rows("registry"))
    assert send(planned) == ()
    assert bytes_below(planned.out) == before
    assert (planned.rows("events"), planned.rows("registry")) == inbox
    again = release(planned, made.settings(), entity="CE1", recorded_at=made.RELEASED_AT)
    assert (again.entities, again.unchanged) == ((), 1)


def test_released_people_are_registered_with_all_their_mentions(planned: Workspace) -> None:
    send(planned, "CE1")
    registry = planned.read("registry")
    assert set(registry["person_id"]) == {"P-ALMA", "P-BEN", "P-DOV"}
    alma = registry.filter(pl.col("person_id") == "P-ALMA")
    assert sorted(alma["role"]) == ["chart", "chart", "chart", "patient"]
    assert registry.filter("minted_by").height == 3


def test_only_news_makes_a_new_version(planned: Workspace) -> None:
    send(planned)
    before = bytes_below(planned.out)
    waiting = states(planned, as_of=date(2026, 9, 1))["CE1"]
    assert waiting == ("unreachable", "no_reply", 1), "a day is no news"
    made.without(planned, "ssn")
    found = states(planned)
    assert found["CE1"] == ("ready", None, 2)
    assert found["CE2"] == ("sent", None, 1)
    assert send(planned) == ("CE1",)
    after = bytes_below(planned.out)
    assert before.items() <= after.items(), "version 1 is not touched"
    assert people(planned, "CE1", 2)["P-BEN"]["elements"] == "appointment|name"
    assert "takes the place" not in (planned.out / "packets/CE1/v1/README.txt").read_text()


def test_a_release_killed_after_its_files_is_recorded_by_the_next(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(releasing_module, "release_ids", killed)
        with pytest.raises(KeyboardInterrupt):
            send(planned)
    times = {p: p.stat().st_mtime_ns for p in planned.out.rglob("*") if p.is_file()}
    assert planned.rows("events") == 0
    assert send(planned) == ("CE1", "CE2", "CE3", "CE4")
    assert {p: p.stat().st_mtime_ns for p in planned.out.rglob("*") if p.is_file()} == times
    assert planned.rows("events") == 4


def test_a_folder_without_its_manifest_is_written_anew(planned: Workspace, tmp_path: Path) -> None:
    send(planned)
    half = made.workspace_of(tmp_path / "again")
    run(half, made.settings())
    folder = half.out / "packets" / "CE1" / "v1"
    folder.mkdir(parents=True)
    (folder / "individuals.csv").write_text("half a fi")
    send(half)
    assert bytes_below(half.out) == bytes_below(planned.out), "equal bytes from equal data"


def test_a_plan_that_is_out_of_date_is_not_released(planned: Workspace) -> None:
    made.without(planned, "ssn")
    with pytest.raises(TryAgainLater, match="run `affected run` again"):
        send(planned)
    assert not list((planned.out / "packets").rglob("*"))


def test_an_unknown_entity_is_refused(planned: Workspace) -> None:
    with pytest.raises(OperatorError, match="no packet planned"):
        send(planned, "CE9")


def test_outside_a_rehearsal_files_about_people_are_sealed(tmp_path: Path) -> None:
    workspace = made.workspace_of(tmp_path, synthetic=False)
    run(workspace, made.settings(synthetic=False))
    send(workspace, synthetic=False)
    written = bytes_below(workspace.out)
    assert "packets/CE1/v1/individuals.csv.enc" in written
    assert b"ELM ST" not in b"".join(written.values())
    assert b"2 ELM ST" in workspace.get_output("packets/CE1/v1/individuals.csv")


# --- what travels ---------------------------------------------------------------------------


def test_the_packet_travels_as_one_file_that_its_passphrase_opens(planned: Workspace) -> None:
    send(planned, "CE1")
    folder = planned.out / "packets" / "CE1" / "v1"
    inside = opened((folder / "packet.zip").read_bytes(), passphrase(planned, "CE1", "CE1"))
    delivery = json.loads((folder / "delivery.json").read_text())
    assert (delivery["send"], delivery["closed_by"]) == ("packet.zip", "passphrase")
    beside = {"packet.zip", "delivery.json"}
    assert inside == {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in beside}


def test_the_signature_is_the_incidents_and_a_changed_manifest_shows(planned: Workspace) -> None:
    send(planned, "CE1")
    folder = planned.out / "packets" / "CE1" / "v1"
    key = load_pem_public_key((folder / "signing_key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    signed, text = (folder / "manifest.sig").read_bytes(), (folder / "manifest.json").read_bytes()
    key.verify(signed, text)
    with pytest.raises(InvalidSignature):
        key.verify(signed, text + b" ")
    assert fingerprint(planned) in (folder / "README.txt").read_text()


def test_a_practice_without_a_key_gets_its_passphrase_by_letter_once(
    planned: Workspace, letters: Any
) -> None:
    send(planned)
    word = passphrase(planned, "CE1", "CE1")
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", word)
    letter = letters["CE1"]
    assert (letter["passphrase"], letter["addressee"][2]) == (word, "12 Harbor Way")
    assert "what_happened" not in letter
    found = sorted(p.name.split("-")[0] for p in (planned.out / "letters/passphrases").iterdir())
    assert found == ["CE1", "CE2", "CE3", "CE4"]
    told = b"".join(bytes_below(planned.out / "packets").values())
    assert word.encode() not in told, "it travels by another way"
    letters.clear()
    made.without(planned, "ssn")
    run(planned, made.settings())
    send(planned)
    assert list(letters) == ["CE1, version 2"], "the letter before opens the next version, too"


def test_a_passphrase_is_another_for_every_recipient(planned: Workspace) -> None:
    words = {
        passphrase(planned, *pair) for pair in [("CE1", "CE1"), ("CE1", "CE3"), ("CE3", "CE3")]
    }
    assert len(words) == 3


def test_a_recipients_key_is_used_and_no_letter_with_a_passphrase_goes(planned: Workspace) -> None:
    identity = pyrage.x25519.Identity.generate()
    with_key(planned, "CE3", str(identity.to_public()))
    send(planned)
    folder = planned.out / "packets" / "CE2" / "v1"  # CE3 took CE2 over
    archive = pyrage.decrypt((folder / "packet.zip.age").read_bytes(), [identity])
    with zipfile.ZipFile(io.BytesIO(archive)) as inside:
        assert inside.read("individuals.csv") == (folder / "individuals.csv").read_bytes()
    letters = {p.name.split("-")[0] for p in (planned.out / "letters/passphrases").iterdir()}
    assert letters == {"CE1", "CE4"}


def test_a_packet_whose_key_cannot_be_used_is_withheld_and_the_others_go(
    planned: Workspace,
) -> None:
    with_key(planned, "CE1", "age1notakey")
    run(planned, made.settings())
    assert states(planned)["CE1"] == ("withheld", "packet_key_unusable", 1)
    assert send(planned) == ("CE2", "CE3", "CE4")
    with pytest.raises(OperatorError, match=r"correct packet_key in entities\.csv"):
        send(planned, "CE1")


def test_outside_a_rehearsal_nothing_of_the_passphrase_is_readable(tmp_path: Path) -> None:
    workspace = made.workspace_of(tmp_path, synthetic=False)
    run(workspace, made.settings(synthetic=False))
    send(workspace, synthetic=False)
    word = passphrase(workspace, "CE1", "CE1")
    everything = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    assert word.encode() not in everything
    letters = list((workspace.out / "letters/passphrases").iterdir())
    assert len(letters) == 4
    assert all(p.name.endswith(".pdf.enc") for p in letters)
    inside = opened((workspace.out / "packets/CE1/v1/packet.zip").read_bytes(), word)
    assert b"2 ELM ST" in inside["individuals.csv"]


def with_key(workspace: Workspace, entity: str, key: str) -> None:
    theirs = pl.when(pl.col("entity_id") == entity).then(pl.lit(key)).otherwise("packet_key")
    workspace.write("entities", workspace.read("entities").with_columns(packet_key=theirs))
    run(workspace, made.settings())


# --- delta, doubts, spreadsheet -------------------------------------------------------------


def rows_of(
    workspace: Workspace, name: str, entity: str = "CE1", version: int = 1
) -> list[dict[str, str]]:
    text = (workspace.out / f"packets/{entity}/v{version}/{name}").read_text()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_later_version_says_what_changed_by_reference_number(
    planned: Workspace, letters: Any
) -> None:
    send(planned)
    first = people(planned, "CE1")
    assert not (planned.out / "packets/CE1/v1/delta.csv").exists()
    owned = planned.read("ownership").filter(
        (pl.col("person_id") != "P-DOV") | (pl.col("entity_id") != "CE1")
    )
    eve = {
        "person_id": "P-EVE",
        "entity_id": "CE1",
        "status": "confirmed",
        "basis": "mrn",
        "probability": 1.0,
        "kinds": 0,
    }
    planned.write(
        "ownership", pl.concat([owned, TABLES["ownership"].complete(pl.DataFrame([eve]))])
    )
    made.without(planned, "ssn")
    run(planned, made.settings())
    send(planned)
    found = {
        (r["reference_no"], r["change"], r["fields"])
        for r in rows_of(planned, "delta.csv", version=2)
    }
    assert found == {
        (people(planned, "CE1", 2)["P-EVE"]["reference_no"], "added", ""),
        (first["P-DOV"]["reference_no"], "removed", ""),
        (first["P-BEN"]["reference_no"], "changed", "elements"),
    }
    assert letters["CE1, version 2"]["changes"] == {"added": "1", "removed": "1", "changed": "1"}


def test_every_version_before_must_be_there_to_compare_with(planned: Workspace) -> None:
    send(planned, "CE1")
    (planned.out / "packets/CE1/v1/individuals.csv").unlink()
    made.without(planned, "ssn")
    run(planned, made.settings())
    with pytest.raises(IntegrityError, match="restore it from a copy"):
        send(planned, "CE1")


def test_doubts_are_told_in_words_and_only_between_people_of_this_entity(
    planned: Workspace,
) -> None:
    pairs = [("P-ALMA", "P-DOV", 0.4), ("P-ALMA", "P-EVE", 0.6)]
    frame = pl.DataFrame(pairs, schema=["person_a", "person_b", "probability"], orient="row")
    planned.write("maybe_same", TABLES["maybe_same"].complete(frame.with_columns(
        match_weight=pl.lit(1.0), member_a=pl.lit(0), member_b=pl.lit(0))))  # fmt: skip
    send(planned)
    names = {p["reference_no"]: p["person_id"] for p in people(planned, "CE1").values()}
    doubts = rows_of(planned, "uncertain.csv")
    assert {(names[d["reference_no"]], names[d["perhaps_same_as"]]) for d in doubts} == {
        ("P-ALMA", "P-DOV"), ("P-DOV", "P-ALMA"),
    }, "nobody of CE2's is spoken of"  # fmt: skip
    ours = rows_of(planned, "uncertain.csv", "CE3")
    assert {d["person_id"] for d in ours} == {"P-ALMA", "P-DOV"}
    assert any(d["reason"].startswith("You hold a chart of this person") for d in ours)
    assert "CE1" not in (planned.out / "packets/CE3/v1/uncertain.csv").read_text()


def test_the_spreadsheet_is_the_list_with_texts_as_they_are(planned: Workspace) -> None:
    send(planned, "CE1")
    path = planned.out / "packets/CE1/v1/individuals.xlsx"
    header, *rows = (
        python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    )
    found = [dict(zip(header, row, strict=True)) for row in rows]
    plain = {p["person_id"]: p for p in people(planned, "CE1").values()}
    assert {row["person_id"]: row["reference_no"] for row in found} == {
        person: row["reference_no"] for person, row in plain.items()
    }
    ben = next(row for row in found if row["person_id"] == "P-BEN")
    assert (ben["first_name"], plain["P-BEN"]["first_name"]) == ("=Ben", "'=Ben")


def test_a_long_list_comes_as_csv_only(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "XLSX_MAX", 2)
    send(planned, "CE1")
    folder = planned.out / "packets/CE1/v1"
    assert not (folder / "individuals.xlsx").exists()
    assert "individuals.xlsx" not in (folder / "README.txt").read_text()


def test_a_list_bears_the_numbers_that_letters_bear(planned: Workspace) -> None:
    send(planned)
    pairs = planned.read("ownership").select("person_id", "entity_id")
    told = pl.DataFrame(schema={"person_id": pl.String, "entity_id": pl.String})
    letters = pairs.with_columns(reference_numbers(planned, pairs, told)).filter(entity_id="CE1")
    expected = dict(letters.select("person_id", "reference_no").iter_rows())
    assert {
        p: row["reference_no"] for p, row in people(planned, "CE1").items()
    }.items() <= expected.items()


@pytest.mark.parametrize(
    ("day", "said", "state"),
    [
        (date(2026, 4, 3), None, ("sent", None)),
        (date(2026, 4, 4), None, ("sent", "reply_overdue")),
        (date(2026, 4, 19), None, ("sent", "reply_overdue")),
        (date(2026, 4, 20), None, ("unreachable", "no_reply")),
        (date(2026, 4, 4), "receipt", ("received", "reply_overdue")),
        (date(2026, 4, 20), "receipt", ("received", "no_reply")),
        (date(2026, 4, 20), "accept", ("accepted", None)),
    ],
)
def test_silence_escalates_after_14_and_30_days(
    planned: Workspace, day: date, said: str | None, state: tuple[str, str | None]
) -> None:
    send(planned)
    if said:
        answer(planned, said)
    assert states(planned, as_of=day)["CE1"][:2] == state


# --- the letter -----------------------------------------------------------------------------


def test_the_letter_tells_numbers_kinds_and_both_days(planned: Workspace, letters: Any) -> None:
    send(planned)
    letter = letters["CE1, version 1"]
    assert letter["addressee"] == [
        "Dana Reyes",
        "Harbor Dental, PC",
        "12 Harbor Way",
        "Annapolis, MD 21401",
    ]
    assert letter["numbers"] == {"confirmed": "3", "possible": "0", "possible_unlisted": "1"}
    assert ("Social Security number", "1") in [
        (e["label"], e["people"]) for e in letter["elements"]
    ]
    assert letter["due"][0] == {
        "duty": "Letters to individuals, 45 CFR 164.404",
        "agent": "April 11, 2026",
        "independent": "60 days after you receive this letter",
    }
    assert letter["reply_by"] == "April 3, 2026"


def test_an_undecided_delegation_is_asked_and_a_decided_one_is_stated(
    planned: Workspace, letters: Any
) -> None:
    send(planned)
    asked = {row["duty"]: row["text"] for row in letters["CE1, version 1"]["delegation"]}
    assert asked["Letters to the individuals"] == "We do this for you (D-7, signed March 1, 2026)"
    assert asked["Notice to the media"] == "Please decide"
    assert letters["CE1, version 1"]["undecided"]


def test_an_unreviewed_rule_is_printed_in_no_letter(planned: Workspace, letters: Any) -> None:
    planned.write("duties", planned.read("duties").with_columns(reviewed=pl.lit(False)))
    send(planned)
    assert letters["CE1, version 1"]["due"] == []


def test_days_past_are_shown_as_past(planned: Workspace, letters: Any) -> None:
    send(planned, as_of=date(2026, 4, 12))
    assert letters["CE1, version 1"]["due"][0]["agent"] == "April 11, 2026 (passed)"


def test_a_hold_recorded_after_the_plan_stops_the_release(planned: Workspace) -> None:
    value = {"kind": "court", "official": "A", "agency": "B"}
    fact = {"fact_id": "f", "kind": "hold", "entity_id": "CE1", "value": json.dumps(value),
            "dated_on": date(2026, 3, 19), "recorded_at": made.RELEASED_AT}  # fmt: skip
    planned.append("facts", TABLES["facts"].complete(pl.DataFrame([fact])))
    assert send(planned) == ("CE2", "CE3", "CE4")


def test_a_name_that_cannot_be_printed_names_its_entity(planned: Workspace) -> None:
    odd = pl.when(pl.col("entity_id") == "CE1").then(pl.lit("\u5f35")).otherwise("contact_name")
    planned.write("entities", planned.read("entities").with_columns(contact_name=odd))
    run(planned, made.settings())
    with pytest.raises(OperatorError, match=r"entities\.csv: CE1: cannot be printed"):
        send(planned)


def test_a_sale_to_come_changes_no_recipient(planned: Workspace) -> None:
    entities = planned.read("entities").with_columns(successor_on=made.AS_OF + timedelta(days=1))
    planned.write("entities", entities)
    for as_of, told in ((made.AS_OF, "CE2"), (made.AS_OF + timedelta(days=1), "CE3")):
        run(planned, made.settings(as_of=as_of))
        packets = planned.read("packets").filter(pl.col("entity_id") == "CE2")
        assert packets["recipient_id"].to_list() == [told]


def test_a_practice_sold_twice_is_told_through_its_last_owner(
    planned: Workspace, letters: Any
) -> None:
    sold = {"CE2": "CE3", "CE3": "CE6"}
    successor = pl.col("entity_id").replace_strict(sold, default=None, return_dtype=pl.String)
    planned.write("entities", planned.read("entities").with_columns(successor_id=successor))
    run(planned, made.settings())
    to = dict(planned.read("packets").select("entity_id", "recipient_id").iter_rows())
    assert to["CE2"] == "CE6"
    send(planned, "CE2")
    letter = letters["CE2, version 1"]
    assert (letter["recipient"], letter["entity"]) == ("successor", "Old Mill Smiles LLC")
    assert letter["addressee"] == ["No Patients PC"]


def test_the_letter_fits_two_pages_for_every_kind_of_recipient(
    planned: Workspace, letters: Any
) -> None:
    send(planned)
    settings = made.settings()
    for letter in letters.values():
        with_word = "passphrase" in letter
        template = settings.passphrase_template if with_word else settings.template
        pages = preview(template, letter, document_date=made.AS_OF, ppi=20)
        assert len(pages) == (1 if with_word else 2)
