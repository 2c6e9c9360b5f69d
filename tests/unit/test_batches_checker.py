"""verify_batch.py, as a vendor runs it: every kind of damage is found, named by seq_no, and nobody is shown."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from matching.store import Workspace
from notify.batches.verify_batch import main
from tests.batch_tables import MAILED, PEOPLE, plan, release, with_profile

ROWS = MAILED + 2
Table = list[list[str]]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released batch."""
    root = tmp_path_factory.mktemp("sent")
    made, _ = Workspace.create(
        root / "ws", incident_id="test", synthetic=True, key_file=root / "key.json"
    )
    plan(made, PEOPLE)
    return release(made)


@pytest.fixture
def batch(sent: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(sent, tmp_path / "batch"))


def _read(batch: Path) -> Table:
    return list(csv.reader(io.StringIO((batch / "MAIL_v1.csv").read_text("utf-8"))))


def _written(path: Path, table: Table) -> Path:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table[1:])
    path.write_text(",".join(table[0]) + "\n" + text.getvalue(), "utf-8")
    return path


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(list(arguments))
    lines = capsys.readouterr().out.splitlines()
    private = ("BALTIMORE", "MAIN ST", "JANE", "DOE", "ZOË", "21201", "ELSEWHERE")
    assert not [word for word in private for line in lines if word in line]
    return code, lines


def test_a_whole_batch_passes_as_a_program_of_its_own(batch: Path) -> None:
    call = [sys.executable, "-I", "-S", str(batch / "verify_batch.py"), str(batch)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{ROWS} rows checked: all is well" in done.stdout


def test_one_rows_address_from_another_row(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _read(batch)
    at = table[0].index("delivery_line")
    table[3][at] = "1 ELSEWHERE"
    _written(batch / "MAIL_v1.csv", table)
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert "WRONG: addr_seal does not fit: seq_no 3" in lines
    assert "WRONG: bytes changed: MAIL_v1.csv" in lines
    assert not [line for line in lines if "row_seal does" in line]


def test_addresses_of_all_rows_shifted_by_one(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _read(batch)
    first, last = table[0].index("recipient_name"), table[0].index("care_of")
    names = [row[first : last + 1] for row in table[1:]]
    for row, other in zip(table[1:], [*names[1:], names[0]], strict=True):
        row[first : last + 1] = other
    _written(batch / "MAIL_v1.csv", table)
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert "WRONG: row_seal does not fit: seq_no 1" in lines


def test_two_rows_swapped(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _read(batch)
    table[2], table[3] = table[3], table[2]
    _written(batch / "MAIL_v1.csv", table)
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert "WRONG: seq_no is not contiguous: row 2" in lines


def test_a_file_cut_in_half(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = batch / "MAIL_v1.csv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert "WRONG: bytes changed: MAIL_v1.csv" in lines
    assert [line for line in lines if "quote" in line or "totals: rows" in line or "fields" in line]


def test_whole_rows_cut_off_show_in_every_total(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _written(batch / "MAIL_v1.csv", _read(batch)[:-2])
    code, lines = _said(capsys, str(batch))
    assert code == 1
    for what in ("rows", "last seq_no", "control sum of row_seal", "pieces"):
        assert [line for line in lines if line.startswith(f"WRONG: totals: {what}:")], what


@pytest.mark.parametrize("file", ["MAIL_v1.csv", "elements.csv", "return_addresses.csv"])
def test_one_flipped_byte(batch: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    path = batch / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert f"WRONG: bytes changed: {file}" in lines


def test_a_changed_manifest_breaks_the_signature(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = batch / "manifest.json"
    path.write_text(path.read_text().replace('"pages": null', '"pages": 1'))
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert [line for line in lines if "signature" in line and line.startswith("WRONG")]


def test_another_signing_key_than_the_one_agreed_on(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _said(capsys, str(batch), "--signing-key", str(batch / "signing_key.pem"))[0] == 0
    other = Ed25519PrivateKey.generate().public_key()
    pinned = tmp_path / "agreed.pem"
    pinned.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    code, lines = _said(capsys, str(batch), "--signing-key", str(pinned))
    assert code == 1
    assert "WRONG: signature: manifest.json is not what the owner of agreed.pem signed" in lines


def test_without_openssl_it_says_that_the_signature_was_not_checked(
    batch: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(batch))
    code, lines = _said(capsys, str(batch))
    assert code == 0
    assert "note: signature not checked: openssl is not installed" in lines


def test_the_seal_key_of_another_batch(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = batch / "manifest.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "seal_key": "00" * 32}))
    code, lines = _said(capsys, str(batch))
    assert code == 1
    found = [line for line in lines if line.startswith("WRONG: row_seal does not fit: seq_no")]
    assert len(found) == ROWS


@pytest.mark.parametrize("name", ["manifest.json", "MAIL_v1.csv", "manifest.sig"])
def test_a_missing_file_is_named(
    batch: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (batch / name).unlink()
    code, lines = _said(capsys, str(batch))
    assert code == 1
    assert name in lines[0]


def test_after_the_merge_addresses_may_be_new_but_letters_may_not(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _read(batch)
    street, name = table[0].index("delivery_line"), table[0].index("recipient_name")
    table[1][street] = "9 ELSEWHERE AVE"
    presorted = [table[0], *reversed(table[1:-1])]
    merged = _written(tmp_path / "merged.csv", presorted)
    code, lines = _said(capsys, str(batch), "--after-merge", str(merged))
    assert (code, lines[-1]) == (0, f"{ROWS - 1} rows checked: all is well")
    assert [line for line in lines if "1 rows of the batch are not in this file" in line]
    presorted[1][name], presorted[2][name] = presorted[2][name] + "X", presorted[1][name] + "Y"
    shifted = _written(tmp_path / "shifted.csv", [*presorted, presorted[3]])
    code, lines = _said(capsys, str(batch), "--after-merge", str(shifted))
    assert code == 1
    assert len([line for line in lines if "row_seal does not fit" in line]) == 2
    assert [line for line in lines if "piece twice" in line]


@pytest.mark.parametrize(
    "profile",
    [
        "line_end = 'crlf'\n[rename]\ncity = 'TOWN'\nmailpiece_id = 'KEYLINE'",
        "[columns]\ndrop = ['is_seed', 'seq_no', 'imb_mid', 'dpv']",
        "format = 'fixed'\nline_end = 'crlf'",
        "format = 'fixed'\nencoding = 'cp037'",
    ],
)
def test_renamed_dropped_and_fixed_width_files_are_read_by_the_manifest(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: str
) -> None:
    settings = with_profile(tmp_path, profile)
    plan(workspace, PEOPLE, settings)
    folder = release(workspace, settings)
    code, lines = _said(capsys, str(folder))
    assert (code, lines[-1]) == (0, f"{MAILED + 1} rows checked: all is well")
    mail = next(folder.glob("MAIL_v1.[ct]*"))
    data = mail.read_bytes()
    at = len(data) * 2 // 3
    mail.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert _said(capsys, str(folder))[0] == 1
