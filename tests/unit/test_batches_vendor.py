"""Vendor profiles and transport: nothing sealed is lost, nothing private gets in, files open for one key."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from matching.store import OperatorError, Workspace
from matching.tables import MAIL_V1
from notify import printed
from notify.batches import BatchesSettings, own_copy
from notify.batches.layout import fields, mail_file, read_fixed
from notify.batches.schema import ADDRESS_SEALED, COLUMNS, LIMITS, ROW_SEALED
from notify.batches.settings import load_vendor
from notify.batches.vendors import Vendor
from notify.letters.settings import CONFIGS
from tests.batch_tables import (
    MAILED,
    PEOPLE,
    SETTINGS,
    plan,
    release,
    vendor_key,
    with_profile,
)

CANARIES = {
    "date_of_birth": "1937-11-29",
    "ssn": "666554321",
    "mrn": "CHARTCANARY77",
    "member_id": "MEMBERCANARY88",
    "phone": "2025550147",
    "phone2": "2025550148",
    "email": "canary@people.example",
}
"""Values of the columns that no mail file may show (DOMAIN 5.3), in cleaned and in raw tables."""


def _rows(folder: Path, name: str = "MAIL_v1.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text("utf-8"))))


def test_the_schema_is_the_order_of_the_table_and_the_seals_are_the_documented_runs() -> None:
    names = [column.name for column in COLUMNS]
    assert tuple(names) == MAIL_V1
    at = names.index
    runs = [*names[at("letter_version") : at("care_of") + 1], *names[at("ce_id") : at("state_addenda") + 1]]  # fmt: skip
    assert ["mailpiece_id", *runs] == list(ROW_SEALED)
    place = names[at("delivery_line") : at("country_line") + 1]
    assert ["mailpiece_id", *place] == list(ADDRESS_SEALED)


def test_the_window_is_as_wide_as_the_file() -> None:
    assert {name: LIMITS[name] for name in printed.LIMITS} == printed.LIMITS


def test_no_private_value_of_any_record_reaches_a_batch(workspace: Workspace) -> None:
    private = {"chart": CANARIES, "leaked": CANARIES, "raw": CANARIES}
    plan(workspace, [{**private, "elements": ["ssn", "name"]}, private])
    folder = release(workspace)
    assert len(_rows(folder)) > 2
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    shown = [name for name, value in CANARIES.items() if value.encode() in written]
    shown += ["birth year"] if b"1937" in written else []
    assert shown == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ('[columns]\ndrop = ["city"]', "columns.drop: city: covered by a seal"),
        ('[columns]\ndrop = ["row_seal"]', "columns.drop: row_seal: covered by a seal"),
        ('[columns]\ndrop = ["ssn"]', "columns.drop: no MAIL v1 column ssn"),
        ('[columns]\nblank = ["city"]', "columns.blank: Extra inputs"),
        ('[columns]\nadd = ["date_of_birth"]', "columns.add: Extra inputs"),
        ('[columns]\norder = ["mailpiece_id", "date_of_birth"]', "no MAIL v1 column date_of_birth"),
        ('[columns]\norder = ["mailpiece_id"]', "columns.order: addr_seal, address_source"),
        ('[rename]\nphone = "TEL"', "rename: no MAIL v1 column phone"),
        ('[rename]\ncity = "TOWN"\nstate = "TOWN"', "two columns would be called TOWN"),
        ('[rename]\ncity = "state"', "rename.city: state is another column"),
        ("[rename]\ncity = 'a,\"b'", "rename.city: no usable name"),
        ('encoding = "ascii"', "encoding: a CSV is UTF-8"),
        ('[openpgp]\nkey = "none.asc"\nfingerprint = "' + "0" * 40 + '"', "openpgp.key: no file"),
        ('[openpgp]\nkey = "../plain.toml"\nfingerprint = "' + "0" * 40 + '"', "same folder"),
        ('[openpgp]\nkey = "-----BEGIN PGP nothing"\nfingerprint = "' + "0" * 40 + '"', "no OpenPGP"),
    ],
)  # fmt: skip
def test_a_profile_that_would_unseal_or_leak_is_refused_by_name(
    workspace: Workspace, tmp_path: Path, changes: str, said: str
) -> None:
    plan(workspace, PEOPLE)
    before = workspace.digest("pieces"), workspace.digest("batches")
    settings = with_profile(tmp_path, changes)
    with pytest.raises(OperatorError, match=r"plain\.toml: ") as refused:
        plan(workspace, None, settings)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(OperatorError):
        release(workspace, settings)
    assert (workspace.digest("pieces"), workspace.digest("batches")) == before
    assert not (workspace.out / "batches").exists()


def _with_key(
    tmp_path: Path, armor: str, fingerprint: str, more: str = "", *, file: bool = False
) -> BatchesSettings:
    text = "house.asc" if file else armor
    pgp = f"{more}\n[openpgp]\nkey = '''{text}'''\nfingerprint = '{fingerprint}'\n"
    settings = with_profile(tmp_path, pgp)
    if file:
        (tmp_path / "vendors" / "house.asc").write_text(armor)
    return settings


def _print(armor: str) -> str:
    return str(pysequoia.Cert.from_bytes(armor.encode()).fingerprint)


def test_a_key_that_is_not_the_pinned_one_or_is_over_is_refused(tmp_path: Path) -> None:
    _, armor = vendor_key()
    _, other = vendor_key()
    short = pysequoia.Tsk.generate("Old <old@vendor.example>", validity_seconds=3 * 86_400)
    ends = short.extract_certificate().expiration
    assert ends is not None
    late = str(short.extract_certificate())
    cases = [
        (armor, _print(other), date(2026, 3, 20), "openpgp.fingerprint: not that"),
        (late, _print(late), date(ends.year + 1, 1, 1), "openpgp.key: expired"),
    ]
    for key, pinned, today, said in cases:
        settings = _with_key(tmp_path, key, pinned).model_copy(update={"as_of": today})
        with pytest.raises(OperatorError, match=said):
            load_vendor(settings)
    grouped = _print(armor).upper()
    grouped = " ".join(grouped[i : i + 4] for i in range(0, len(grouped), 4))
    assert load_vendor(_with_key(tmp_path, armor, grouped, file=True)).openpgp is not None


def test_a_revoked_or_secret_key_is_refused(tmp_path: Path) -> None:
    secret, armor = vendor_key()
    certificate = pysequoia.Cert.from_bytes(armor.encode())
    word = certificate.revoke(secret.certifier())
    revoked = str(pysequoia.Cert.from_bytes(bytes(certificate) + bytes(word)))
    with pytest.raises(OperatorError, match=r"openpgp\.key: revoked"):
        load_vendor(_with_key(tmp_path, revoked, _print(armor)))
    with pytest.raises(OperatorError, match=r"openpgp\.key: a secret key"):
        load_vendor(_with_key(tmp_path, str(secret), _print(armor)))


def _real(tmp_path: Path) -> Workspace:
    made, _ = Workspace.create(
        tmp_path / "real", incident_id="real", synthetic=False, key_file=tmp_path / "real.json"
    )
    return made


def test_a_real_batch_opens_with_the_vendors_key_alone(tmp_path: Path) -> None:
    workspace = _real(tmp_path)
    secret, armor = vendor_key()
    settings = _with_key(tmp_path, armor, _print(armor))
    plan(workspace, PEOPLE, settings)
    folder = release(workspace, settings, approvals={}, config_sha256="c0")
    stem = f"TEST_{folder.name}_001"
    names = {path.name for path in folder.iterdir()}
    sent = {f"{stem}_MAIL_v1.csv.zst.pgp", f"{stem}_manifest.json.pgp", f"{stem}.done"}
    assert sent | {"manifest.sig", "signing_key.pem", "verify_batch.py", ".done"} <= names
    assert not any(name.startswith("MAIL_v1.csv") for name in names)
    assert (folder / f"{stem}.done").stat().st_size == 0
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"BALTIMORE" not in written
    assert workspace.keys.seal_key(folder.name).hex().encode() not in written

    def opened(name: str) -> bytes:
        data = (folder / name).read_bytes()
        return bytes(pysequoia.decrypt(data, decryptor=secret.decryptor()).bytes)

    packed = opened(f"{stem}_MAIL_v1.csv.zst.pgp")
    mail = pa.input_stream(pa.BufferReader(packed), compression="zstd").read()
    manifest = opened(f"{stem}_manifest.json.pgp")
    said = json.loads(manifest)
    (listed,) = (file for file in said["files"] if file["name"] == "MAIL_v1.csv")
    assert listed["sha256"] == hashlib.sha256(mail).hexdigest() == said["mail_sha256"]
    stored = (folder / f"{stem}_MAIL_v1.csv.zst.pgp").read_bytes()
    assert listed["stored_sha256"] == hashlib.sha256(stored).hexdigest()
    assert mail.count(b"\n") == MAILED + 1 + 1
    kept = workspace.get_output(own_copy(folder.name))
    assert pa.input_stream(pa.BufferReader(kept), compression="zstd").read() == mail
    key = load_pem_public_key((folder / "signing_key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    key.verify((folder / "manifest.sig").read_bytes(), manifest)
    assert workspace.get_output(f"batches/{folder.name}/manifest.json") == manifest
    assert said["config_sha256"] == "c0"
    assert said["templates"][0]["sha256"].startswith(said["templates"][0]["letter_sha8"])
    with pytest.raises(Exception, match=r"."):
        pysequoia.decrypt(stored, decryptor=vendor_key()[0].decryptor())


def test_renamed_and_reordered_columns_hold_the_same_rows(
    workspace: Workspace, tmp_path: Path
) -> None:
    order = ["row_seal", "addr_seal", *reversed(MAIL_V1[:-2])]
    order.remove("imb_mid")
    text = f"line_end = 'crlf'\n[rename]\ncity = 'TOWN'\n[columns]\ndrop = ['imb_mid']\norder = {order}"
    plan(workspace, PEOPLE)
    plain = _rows(release(workspace))
    settings = with_profile(tmp_path, text)
    other = mail_file(workspace.read("pieces"), load_vendor(settings)).decode()
    assert other.count("\r\n") == len(plain) + 1
    rows = list(csv.DictReader(io.StringIO(other, newline="")))
    assert list(rows[0]) == ["TOWN" if name == "city" else name for name in order]
    for found, row in zip(rows, plain, strict=True):
        found["city"] = found.pop("TOWN")
        assert found == {name: row[name] for name in order}


def _fixed(**changes: Any) -> Vendor:
    return Vendor.model_validate({"name": "host", "format": "fixed", **changes})


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp037"])
def test_fixed_width_reads_back_to_equal_values(workspace: Workspace, encoding: str) -> None:
    plan(workspace, PEOPLE)
    pieces = workspace.read("pieces").sort("seq_no")
    vendor = _fixed(encoding=encoding, line_end="crlf", rename={"city": "TOWN"})
    data = mail_file(pieces, vendor)
    lines = data.decode(encoding).split("\r\n")
    assert {len(line) for line in lines[:-1]} == {sum(LIMITS.values())}
    said = {"encoding": encoding, "newline": vendor.newline}
    read = read_fixed(data, fields(vendor), said)
    assert read.equals(pieces.select(pl.col(MAIL_V1).cast(pl.String)))


def test_what_fixed_width_cannot_hold_is_refused_with_its_count(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    pieces = workspace.read("pieces")
    with pytest.raises(
        OperatorError, match="ascii of fixed width cannot hold: recipient_name 1"
    ) as e:
        mail_file(pieces, _fixed(encoding="ascii"))
    assert "ZOË" not in str(e.value)
    edge = pieces.with_columns(ce_print_name=pl.lit("Bright Smile "))
    with pytest.raises(OperatorError, match=f"ce_print_name {pieces.height}"):
        mail_file(edge, _fixed())


def test_a_fixed_width_batch_travels_with_its_layout(workspace: Workspace, tmp_path: Path) -> None:
    settings = with_profile(tmp_path, "format = 'fixed'")
    plan(workspace, PEOPLE, settings)
    folder = release(workspace, settings)
    places = _rows(folder, "MAIL_v1.layout.csv")
    assert [place["name"] for place in places] == list(MAIL_V1)
    line = (folder / "MAIL_v1.txt").read_text("utf-8").split("\n")[1]
    city = next(place for place in places if place["name"] == "city")
    start = int(city["start"]) - 1
    assert line[start : start + int(city["length"])].strip() in {"BALTIMORE", "SPRINGFIELD"}


def test_a_template_with_a_missing_block_stops_the_plan_and_the_release(
    workspace: Workspace, tmp_path: Path
) -> None:
    plan(workspace, PEOPLE)
    before = workspace.digest("pieces"), workspace.digest("batches")
    shutil.copytree(CONFIGS / "letters", tmp_path / "letters")
    text = tmp_path / "letters" / "individual" / "en.toml"
    text.write_text(
        text.read_text("utf-8").replace("[blocks.contact]", "[blocks.contacts]"), "utf-8"
    )
    settings = SETTINGS.model_copy(update={"letters": tmp_path / "letters"})
    for act in (lambda: plan(workspace, None, settings), lambda: release(workspace, settings)):
        with pytest.raises(OperatorError, match=r"en\.toml: \[blocks\.contact\]: missing"):
            act()
    assert (workspace.digest("pieces"), workspace.digest("batches")) == before
    assert not (workspace.out / "batches").exists()


def test_the_profile_that_ships_names_every_key_of_a_profile() -> None:
    text = (CONFIGS / "vendors" / "plain.toml").read_text("utf-8")
    missing = [
        key for key in Vendor.model_fields if not re.search(rf"^(# )?\[*{key}\b", text, re.M)
    ]
    assert missing == []
