"""The file that travels opens for its recipient alone, and the spreadsheet holds texts only."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta

import polars as pl
import pyrage
import pysequoia
import pytest
import python_calamine

from notify.packets.container import aes_zip, closed, plain_zip, way_of
from notify.packets.xlsx import CELL_MAX, xlsx
from tests.aes_zip import opened

TODAY = date(2026, 3, 20)
FILES = {
    "a.csv": b"name\r\nMax\r\n" * 500,
    "empty.txt": b"",
    "letter.pdf": b"%PDF-1.7 \x00\xff" * 9,
}


def test_an_aes_zip_opens_with_its_passphrase_and_with_no_other() -> None:
    archive = aes_zip(FILES, "ABCDE-FGHJK")
    assert opened(archive, "ABCDE-FGHJK") == FILES
    assert b"Max" not in archive
    with pytest.raises(AssertionError, match="another passphrase"):
        opened(archive, "ABCDE-FGHJX")


def test_equal_files_give_equal_bytes_and_another_content_another_key_stream() -> None:
    assert aes_zip(FILES, "S") == aes_zip(dict(reversed(FILES.items())), "S")
    one, two = aes_zip({"a": b"x" * 64}, "S"), aes_zip({"a": b"y" * 64}, "S")
    assert one[31:47] != two[31:47], "the salt follows the content"


def test_a_recipient_with_an_age_key_gets_age() -> None:
    identity = pyrage.x25519.Identity.generate()
    key = str(identity.to_public())
    data = closed(FILES, way="age", key=key, secret="")
    assert way_of(key, TODAY) == "age"
    assert pyrage.decrypt(data, [identity]) == plain_zip(FILES)


def test_a_recipient_with_an_openpgp_key_gets_openpgp() -> None:
    secret = pysequoia.Tsk.generate("Dana Reyes <dana@harbor.example>")
    key = str(secret.extract_certificate())
    data = closed(FILES, way="openpgp", key=key, secret="")
    assert way_of(key, TODAY) == "openpgp"
    assert pysequoia.decrypt(data, decryptor=secret.decryptor()).bytes == plain_zip(FILES)


@pytest.mark.parametrize(
    "key",
    [
        "age1qqqq",
        "AGE-SECRET-KEY-1QQQQ",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "packet key to follow",
    ],
)
def test_a_key_that_nothing_can_be_encrypted_to_is_told(key: str) -> None:
    assert way_of(key, TODAY) is None


def test_an_expired_openpgp_key_is_unusable() -> None:
    secret = pysequoia.Tsk.generate("Old <old@harbor.example>", validity_seconds=3 * 86_400)
    key = str(secret.extract_certificate())
    ends = secret.extract_certificate().expiration
    assert ends is not None
    assert way_of(key, ends.date()) == "openpgp"
    assert way_of(key, ends.date() + timedelta(days=1)) is None


def test_every_cell_of_the_spreadsheet_is_the_text_itself() -> None:
    texts = [
        "=1+1",
        "+4",
        "-x",
        "@cmd",
        "001",
        "1E5",
        "2026-03-05",
        "a & <b>",
        "_x0041_",
        "Zoë 李",
        None,
    ]
    frame = pl.DataFrame({"first": texts, "second": [*reversed(texts)]})
    data = xlsx(frame, sheet="individuals")
    rows = (
        python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        .get_sheet_by_name("individuals")
        .to_python()
    )
    assert rows[0] == ["first", "second"]
    assert [tuple(row) for row in rows[1:]] == [(a or "", b or "") for a, b in frame.iter_rows()]
    sheet = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b't="n"' not in sheet
    assert data == xlsx(frame, sheet="individuals")


def test_what_a_cell_cannot_hold_is_said_and_not_lost_in_silence() -> None:
    frame = pl.DataFrame({"a": ["x" * (CELL_MAX + 1), "bell\x07"]})
    rows = python_calamine.CalamineWorkbook.from_filelike(
        io.BytesIO(xlsx(frame, sheet="s"))
    ).get_sheet_by_index(0)
    assert rows.to_python()[1:] == [
        ["(too long for a spreadsheet: see the CSV file)"],
        ["bell\ufffd"],
    ]


def test_a_list_of_nobody_is_a_sheet_with_a_header() -> None:
    frame = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    rows = python_calamine.CalamineWorkbook.from_filelike(
        io.BytesIO(xlsx(frame, sheet="s"))
    ).get_sheet_by_index(0)
    assert rows.to_python() == [["a", "b"]]
