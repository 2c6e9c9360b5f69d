"""Whatever bytes come back: they are read, in bounded time, and no other piece is ever named."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.keys import Keys
from notify.bounces import Kind, read
from notify.bounces.claims import piece_of
from notify.bounces.mime import parse
from notify.email import verp

KEYS = Keys(bytes(32), bytes(32))
MAILS = [p.read_bytes() for p in sorted((Path(__file__).parents[1] / "spec" / "bounces").glob("*.eml"))]  # fmt: skip
SMALL = [mail for mail in MAILS if len(mail) < 5_000]
OURS = {"0123456789ABCDEF", "7NRTB4X8K2M9QZ3H"}
BELIEVED = partial(verp.mailpiece_of, KEYS)
HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: a@b.example\nSubject: Undelivered\n"
PIECES = st.sampled_from(
    [b"\n", b"\n\n", b"--B0UND\n", b"--", b"Content-Type: message/rfc822\n\n", b"charset=utf-7", b"\x00", b"\xff", b"<",
     b"Content-Type: multipart/mixed; boundary=B0UND\n", b"Content-Transfer-Encoding: base64\n", b"=?utf-8?B?/",
     b"Final-Recipient: ", b"Action: failed\n", b"a@" * 200, b"(" * 500, b" " * 500, b"rfc822;", b"charset=idna"]
)  # fmt: skip


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(SMALL), st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 400), PIECES), max_size=8))  # fmt: skip
def test_a_mangled_mail_is_read_and_names_no_other_piece(
    mail: bytes, cuts: list[tuple[int, int, bytes]]
) -> None:
    for at, length, piece in cuts:
        mail = mail[:at] + piece + mail[at + length :]
    for notice in read(mail):
        assert notice.findings
        assert piece_of(notice.claims, BELIEVED)[0] in {None, *OURS}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_mail(data: bytes) -> None:
    assert parse(data).type
    assert read(data)[0].findings[0].kind in set(Kind)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 23), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_token_with_one_other_character_is_not_ours(at: int, other: str) -> None:
    good = verp.token(KEYS, "0123456789ABCDEF")
    changed = good[:at] + other + good[at + 1 :]
    assert (verp.mailpiece_of(KEYS, changed) is None) == (changed != good)
    assert verp.mailpiece_of(KEYS, good.lower()) == "0123456789ABCDEF"


@pytest.mark.parametrize(
    "mail",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(20_000)),
        b"Content-Type: message/rfc822\n\n" * 50_000,
        HEAD + b"\n" + b"a@" * 1_000_000,
        HEAD + b"\n" + (b'"' * 1_900 + b"@\n") * 1_000,
        HEAD + b"Content-Type: text/html\n\n" + b"<style>" * 200_000,
        HEAD + b"Content-Type: text/html\n\n" + b"<" * 1_000_000,
        HEAD + b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--aX\n" * 400_000,
        HEAD + b"\nThis message was created automatically by mail delivery\n" + (b"a" * 398 + b"\n") * 3_000,
        HEAD + b"\n" + b"<u@x.example>: 550 5.1.1 user unknown\n" * 50_000,
        HEAD + b"X: y\n" * 300_000,
    ],
    ids=["parts", "mails", "ats", "quotes", "styles", "tags", "marks", "line", "recipients", "fields"],
)  # fmt: skip
def test_a_hostile_mail_takes_no_longer_than_its_size_allows(mail: bytes) -> None:
    begun = time.process_time()
    assert read(mail)
    assert time.process_time() - begun < 5.0  # a tenth of it on the slowest machine tried
