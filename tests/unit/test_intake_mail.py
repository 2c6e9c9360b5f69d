"""Mail: one row a message, whatever MIME it breaks; attachments are named, counted and given out."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.intake import mail
from matching.intake.content import Content
from matching.intake.mail import attachments
from matching.intake.message import html_text
from matching.intake.pieces import START
from matching.intake.readers import ROW_NO, column_names, portions, read
from matching.sources import LeakedSource

MBOX = LeakedSource(path="x", format="mbox")
EML = LeakedSource(path="x", format="eml")
PLAIN = b"""From ann@example.com Mon Jan  1 10:00:00 2024
From: =?utf-8?q?Zo=C3=AB_Lee?= <zoe@example.com>
To: b@example.com, "C, D" <c@example.com>
Subject: Re: =?iso-8859-1?Q?Caf=E9?=
Date: Mon, 1 Jan 2024 10:00:00 -0500
Message-ID: <1@x>
X-Clinic: Smile

Hello
>From the start
From the desk of nobody
From 3 to 4:30 we are closed

"""
MULTI = b"""From x@y Tue Jan  2 10:00:00 2024
From: x@y.example
Content-Type: multipart/mixed; boundary="B"

--B
Content-Type: multipart/alternative; boundary="A"

--A
Content-Type: text/plain; charset=nonsense

Hi you
--A
Content-Type: text/html

<p>Hi <b>you</b></p>
--A--
--B
Content-Type: text/csv; name="../list|1.csv"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

YSxiCjEsMgo=
--B
Content-Type: message/rfc822

From: inner@example.com
Subject: forwarded
Content-Type: multipart/mixed; boundary="C"

--C

inner text
--C
Content-Type: application/zip

zzz
--C--
--B--
behind the last part

"""
BROKEN = b"""From z@z Wed Jan  3 10:00:00 2024
A line without colon
Subject: caf\xe9

body \xff
"""


def written(tmp_path: Path, data: bytes) -> Content:
    path = tmp_path / "a"
    path.write_bytes(data)
    return Content(path)


@pytest.mark.parametrize("size", [7, 64, 1 << 20])
def test_a_mailbox_is_parted_alike_in_any_blocks(tmp_path: Path, size: int) -> None:
    data = b"\n" + PLAIN + MULTI + BROKEN
    content = written(tmp_path, data)
    pieces = list(mail.MailBox().pieces(content, MBOX, "", size=size))
    batches = [piece.parse() for piece in pieces]
    rows = [row for b in batches for row in b.rows.iter_rows(named=True)]
    assert [row[ROW_NO] for row in rows] == [0, 1, 2]
    assert sum(b.covered for b in batches) == len(data)
    first, second, third = rows
    assert first["from"] == "Zoë Lee <zoe@example.com>"
    assert (first["from_name"], first["from_email"]) == ("Zoë Lee", "zoe@example.com")
    assert first["to_email"] == "b@example.com|c@example.com"
    assert (first["subject"], first["date"]) == ("Re: Café", "2024-01-01 10:00:00-05:00")
    assert first["body"].split("\n")[:4] == [
        "Hello", "From the start", "From the desk of nobody", "From 3 to 4:30 we are closed"]  # fmt: skip
    assert (first["attachments"], first["headers"]) == (None, "x-clinic: Smile")
    for text in ("Hi you", "subject: forwarded", "inner text", "behind the last part"):
        assert second["body"].count(text) == 1
    assert second["attachment_count"] == "2"
    assert "café" in third["body"]
    assert "ÿ" in third["body"]


def test_attachments_are_given_out_under_the_names_of_the_row(tmp_path: Path) -> None:
    content = written(tmp_path, PLAIN + MULTI)
    found = list(attachments(content, MBOX))
    named = [names for batch in read(content, MBOX) for names in batch.rows["attachments"]]
    assert "|".join(one.name for one in found) == named[1]
    assert [(one.row_no, one.data.strip()) for one in found] == [(1, b"a,b\n1,2"), (1, b"zzz")]
    assert not any("/" in one.name or "|" in one.name for one in found)


def test_reading_goes_on_where_a_piece_ended(tmp_path: Path) -> None:
    content = written(tmp_path, (PLAIN + MULTI) * 4)
    pieces = list(mail.MailBox().pieces(content, MBOX, "", size=500))
    assert len(pieces) > 3
    half = pieces[1].end
    rest = [p.parse().rows for p in mail.MailBox().pieces(content, MBOX, "", half, size=500)]
    assert [n for frame in rest for n in frame[ROW_NO]] == list(range(half.row, 8))
    (portion,) = portions(content, MBOX, start=START)
    assert portion.end.row == 8


def test_what_is_no_message_is_a_reject(tmp_path: Path) -> None:
    content = written(tmp_path, b"noise before\n\n" + PLAIN)
    batches = list(read(content, MBOX))
    assert [r for b in batches for r in b.rejects.rows()] == [(0, 0, "stray_text")]
    assert [n for b in batches for n in b.rows[ROW_NO]] == [1]
    with pytest.raises(OperatorError, match="no mailbox"):
        column_names(written(tmp_path, b"noise only\n"), MBOX)


def test_a_message_that_is_too_long_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MESSAGE_BYTES_MAX", 4000)
    long = PLAIN + b"x" * 20_000 + b"\n\n"
    content = written(tmp_path, PLAIN + long + BROKEN)
    batches = [p.parse() for p in mail.MailBox().pieces(content, MBOX, "", size=1000)]
    assert [n for b in batches for n in b.rows[ROW_NO]] == [0, 2]
    assert [r for b in batches for r in b.rejects.rows()] == [(1, len(PLAIN), "too_long")]
    assert sum(b.covered for b in batches) == content.size()


def test_nested_without_end_is_bounded(tmp_path: Path) -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(300)
    )
    content = written(tmp_path, b"Subject: deep\n" + nested + b"\nlast words")
    (batch,) = read(content, EML)
    assert batch.rows["subject"].to_list() == ["deep"]
    assert batch.covered == content.size()


@pytest.mark.parametrize("data", [b"\x00\xff" * 50, b"Subject: =?x?y?z\nDate: 99\nFrom: <<>,;\n\n", b"Content-Type: text/plain; charset=\xff\n\nText"])  # fmt: skip
def test_broken_mime_never_stops_a_file(tmp_path: Path, data: bytes) -> None:
    content = written(tmp_path, data)
    (batch,) = read(content, EML)
    assert batch.rows.height == 1
    assert batch.covered == content.size()


def test_html_is_what_a_reader_sees() -> None:
    html = "<head><title>t</title></head><p>A &amp; B</p><script>x()</script><table><tr><td>1<td>2</table>"
    assert html_text(html) == "A & B\n1 2"
