"""E-mails out through a relay, bounces back, and the letters that take their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.email_incident import Served
from flows import gates
from flows.inbox import take_returns
from flows.rounds import open_round, save
from flows.run import run_round
from flows.send import send
from flows.verify import exit_code, verify
from notify.email.verp import token
from tests.flow.conftest import Ran

BOUNCE = """\
From: MAILER-DAEMON@relay.example
To: bounce+{token}@example.com
Subject: Undelivered Mail Returned to Sender
Date: {date}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The address does not exist.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; someone@example.com
Action: failed
Status: {status}
Diagnostic-Code: smtp; {code} no

--b--
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def through(root: Path, served: Served) -> None:
    """The incident's relay is the one of this machine."""
    workspace, current = open_round(root)
    email = {**current.config["email"], "host": "127.0.0.1", "port": served.port, "tls": "tls",
             "ca_file": str(served.certificate.pem), "from": "notices@northwind.example"}  # fmt: skip
    save(workspace, replace(current, config={**current.config, "email": email}))


def mails(folder: Path, root: Path, pieces: list[str], status: str, code: int) -> list[Path]:
    keys = open_round(root)[0].keys
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    paths = []
    for piece in pieces:
        path = folder / f"{piece}.eml"
        said = {"token": token(keys, piece).lower(), "date": now, "status": status, "code": code}
        path.write_text(BOUNCE.format(**said), encoding="utf-8")
        paths.append(path)
    return paths


def test_a_bounced_email_becomes_a_letter_and_nobody_is_told_twice(
    own: Ran, approver: str, tmp_path: Path, served: Served
) -> None:
    root = own.workspace
    through(root, served)
    workspace, current = open_round(root)
    planned = workspace.read("outbox")
    assert planned.height >= 10
    gates.approve(workspace, current, "send:EMAIL-1", by=approver)
    assert send(root)["states"]["accepted"] == planned.height
    assert sorted(served.ids()) == sorted(planned["mailpiece_id"])
    lost = planned["mailpiece_id"].head(5).to_list()
    forged = mails(tmp_path, root, lost[:1], "5.1.1", 550)[0]
    forged.write_text(forged.read_text().replace("bounce+", "bounce+0").replace("0@", "@"))
    said = take_returns(root, [forged], by=approver)["files"][0]
    assert (said["events"], said["quarantined"]) == (0, 1)
    files = mails(tmp_path, root, lost, "5.1.1", 550)
    told = [file["events"] for file in take_returns(root, files, by=approver)["files"]]
    assert told == [1] * len(lost)
    again = take_returns(root, files, by=approver)["files"]
    assert all(file["before"] for file in again)
    run_round(own.incident, workspace=root, engine="local", approve_as=approver)
    opened, _ = open_round(root)
    pieces = opened.read("pieces").filter(pl.col("remail_of").is_in(lost))
    assert pieces["remail_of"].n_unique() + _not_mailable(opened, lost) == len(lost)
    assert set(pieces["wave"]) == {"2"}
    assert opened.rows("outbox") == 0
    states = Counter(opened.read("ledger")["state"])
    assert states["e-mailed"] == planned.height - len(lost)
    figures = verify(root)
    assert exit_code(figures) == 0, figures


def _not_mailable(workspace: object, pieces: list[str]) -> int:
    """Of those, people whom no letter reaches either."""
    notices = workspace.read("notices")  # type: ignore[attr-defined]
    return int(notices.filter(pl.col("remail_of").is_in(pieces), channel="substitute").height)
