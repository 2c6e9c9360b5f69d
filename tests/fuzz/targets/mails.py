"""Mailboxes, single messages, and mails that came back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

from matching.intake.message import COLUMNS, row_of
from matching.keys import Keys
from notify.bounces.claims import piece_of
from notify.bounces.kinds import Kind
from notify.bounces.reading import read
from notify.bounces.sources import is_mail, mails_in
from notify.email import verp
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import FILES, Target
from tests.fuzz.targets.tables import behind, both, files, source

__all__ = ["TARGETS"]

KEYS = Keys(bytes(32), bytes(32))
OURS = {"0123456789ABCDEF", "7NRTB4X8K2M9QZ3H"}
CASES = Path(__file__).parents[2] / "spec" / "bounces"
BOUNCES = [data for path in sorted(CASES.glob("*.eml")) if len(data := path.read_bytes()) < 3_000]
MESSAGE = b"""From: =?utf-8?q?Zo=C3=AB_Wrenquist?= <zoe@example.com>
To: b@example.com, "C, D" <c@example.com>
Subject: Re: =?iso-8859-1?Q?Caf=E9?=
Date: Mon, 1 Jan 2024 10:00:00 -0500
Content-Type: multipart/mixed; boundary="B"

--B
Content-Type: text/html; charset=utf-8

<p>Wrenquist <b>943-55-0187</b></p>
--B
Content-Type: text/csv; name="../list.csv"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

YSxiCjEsMgo=
--B
Content-Type: message/rfc822

From: inner@example.com
Subject: forwarded

inner
--B--
"""
PLAIN = b"From: a@b.example\nSubject: Wrenquist\n\nHello\n>From the start\n"
FROM = b"From ann@example.com Mon Jan  1 10:00:00 2024\n"
TOKENS = (
    b"\n", b"\n\n", b"\r\n", b"--B", b"--B--", b"From x@y Tue Jan  2 10:00:00 2024\n", b"Content-Type: message/rfc822\n\n",
    b"Content-Type: multipart/mixed; boundary=B\n", b"Content-Transfer-Encoding: base64\n", b"quoted-printable", b"=?utf-8?B?",
    b"?=", b"=?x?q?", b"charset=utf-7", b"charset=idna", b"charset=base64", b"<", b">", b"<style>", b"&#x110000;", b"&nbsp;",
    b"filename*=utf-8''%ff", b'name="', b";", b'"', b"\xff", b"\x00", b"(" * 50, b"a@" * 30, b"Final-Recipient: rfc822;",
    b"Action: failed\n", b"Status: 5.1.1\n", b"Date: 31 Feb 99999", b"+9999", b"uuencode", b"begin 644 x\n", b"X:" + b" " * 50,
)  # fmt: skip


def _bounces(data: Sequence[bytes], folder: Path) -> int:
    """Every mail says something, and none names a piece without our own token for it."""
    believed = partial(verp.mailpiece_of, KEYS)
    path = folder / "mail"
    for number, one in enumerate(data):
        for notice in read(one):
            assert notice.findings
            assert all(finding.kind in set(Kind) for finding in notice.findings)
            assert piece_of(notice.claims, believed)[0] in {None, *OURS}
        if number % 32 == 0:
            path.write_bytes(one)
            is_mail(path)
            assert sum(len(mail) for mail in mails_in(path)) <= len(one)
    return 0


def _messages(data: Sequence[bytes], folder: Path) -> int:
    """Each is a row of the same columns, or no message; what it says is text that can be stored."""
    refused = 0
    for one in data:
        row = row_of(one, ENCODINGS[crc32(one) % len(ENCODINGS)])
        if row is None:
            refused += 1
            continue
        assert tuple(row) == COLUMNS
        "".join(value or "" for value in row.values()).encode()
    return refused


ENCODINGS = ("utf-8", "cp1252", "utf-16", "mixed")

TARGETS = (
    Target("bounces", Mutator(BOUNCES, TOKENS), _bounces, batch=64),
    *both("mbox", [FROM + MESSAGE + b"\n" + FROM + PLAIN], [MESSAGE, PLAIN], TOKENS, [source("mbox"), source("mbox", encoding="cp1252")], behind(FROM + PLAIN + b"\n", b"\n" + FROM + b"A: b\n\n")),
    Target("messages", Mutator([MESSAGE, PLAIN, BOUNCES[0]], TOKENS), _messages, batch=20),
    Target("eml", Mutator([MESSAGE, PLAIN], TOKENS), partial(files, entries=[source("eml"), source("eml", encoding="cp1252")], suffix=".eml"), in_test=FILES),
)  # fmt: skip
