"""Returned mail becomes events of the pieces it is about; anything else changes nothing and keeps its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import notify.bounces.intake as intake
from matching.keys import Keys
from matching.store import OperatorError, Workspace
from matching.tables import TABLES
from notify.bounces import BouncesTaken, classify_file_kind, refused_by_policy, take
from notify.email import verp
from notify.ledger.fold import pieces
from notify.notices.told import told

CASES = Path(__file__).parents[1] / "spec" / "bounces"
SENT_ON, TODAY = date(2026, 4, 7), date(2026, 4, 20)
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
IDS = ("A123456789ABCDEF", "B123456789ABCDEF", "C123456789ABCDEF")
SHOWN = verp.token(Keys(bytes(32), bytes(32)), "0123456789ABCDEF")


def send(workspace: Workspace, *piece_ids: str, kind: str = "accepted") -> None:
    rows = [
        {"event_id": f"{kind}-{piece}", "kind": kind, "channel": "email", "entity_id": "CE1", "person_id": f"P{piece}",
         "piece_id": piece, "batch_id": "wave-1", "notice_version": 3, "wave": 1, "dated_on": SENT_ON,
         "recorded_at": NOW - timedelta(days=1)}
        for piece in piece_ids
    ]  # fmt: skip
    workspace.append("events", TABLES["events"].complete(pl.DataFrame(rows)))


def mail(workspace: Workspace, case: str, piece: str = IDS[0]) -> bytes:
    """A mail of the spec cases, about a piece of this workspace."""
    token = verp.token(workspace.keys, piece)
    return (CASES / f"{case}.eml").read_bytes().replace(SHOWN.encode(), token.encode())


def put(folder: Path, **mails: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in mails.items():
        (folder / f"{name}.eml").write_bytes(data)
    return folder


def taken(workspace: Workspace, path: Path) -> BouncesTaken:
    return take(workspace, path, by="Ops", today=TODAY, recorded_at=NOW)


def came_back(workspace: Workspace) -> pl.DataFrame:
    return (
        workspace.read("events")
        .filter(pl.col("kind").is_in(["bounced", "complained"]))
        .sort("event_id")
    )


@pytest.fixture
def sent(workspace: Workspace) -> Workspace:
    send(workspace, *IDS)
    return workspace


def test_a_bounce_is_an_event_of_its_piece(sent: Workspace, tmp_path: Path) -> None:
    found = taken(sent, put(tmp_path / "in", a=mail(sent, "dsn_hard")))
    event = came_back(sent).row(0, named=True)
    wanted = {"kind": "bounced", "channel": "email", "piece_id": IDS[0], "person_id": f"P{IDS[0]}", "entity_id": "CE1",
              "batch_id": "wave-1", "notice_version": 3, "wave": 1, "detail": "5.1.1", "dated_on": date(2026, 4, 7),
              "address": None}  # fmt: skip
    assert {name: event[name] for name in wanted} == wanted
    file = sent.read("return_files").row(0, named=True)
    assert event["source_sha256"] == file["file_sha256"]
    assert [file[n] for n in ("kind", "rows", "taken", "known", "quarantined", "by")] == [
        "BOUNCE", 1, 1, 0, 0, "Ops",
    ]  # fmt: skip
    assert (found.mails, found.bounced, dict(found.kinds)) == (1, 1, {"hard": 1})


def test_a_bounced_e_mail_turns_into_a_letter(sent: Workspace, tmp_path: Path) -> None:
    taken(sent, put(tmp_path / "in", a=mail(sent, "dsn_quota")))
    states = dict(pieces(sent).select("piece_id", "state").collect().iter_rows())
    assert states == {IDS[0]: "bounced", IDS[1]: "accepted", IDS[2]: "accepted"}
    assert told(sent).filter(pl.col("person_id") == f"P{IDS[0]}")["told"].to_list() == ["paper"]


def test_the_same_file_again_adds_nothing(sent: Workspace, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", a=mail(sent, "dsn_hard"), b=mail(sent, "dsn_hard", IDS[1]))
    taken(sent, folder)
    before = {name: sent.digest(name) for name in ("events", "return_files", "quarantine")}
    (folder / "copy.eml").write_bytes((folder / "a.eml").read_bytes())
    again = taken(sent, folder)
    assert (again.before, again.mails, again.bounced) == (3, 0, 0)
    assert {name: sent.digest(name) for name in before} == before


def test_the_same_news_in_another_file_is_known(sent: Workspace, tmp_path: Path) -> None:
    taken(sent, put(tmp_path / "one", a=mail(sent, "dsn_hard")))
    other = mail(sent, "dsn_hard").replace(b"Subject: ", b"X-Copy: 1\nSubject: ", 1)
    found = taken(sent, put(tmp_path / "two", b=other, c=other + b"\n"))
    assert (found.bounced, found.known) == (0, 2)
    assert came_back(sent).height == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("token_forged", "forged_token"),
        ("no_token_one_id", "not_proved"),
        ("no_token_no_id", "no_token"),
        ("human_answer", "unrecognised"),
    ],
)
def test_what_proves_nothing_changes_nothing(
    sent: Workspace, tmp_path: Path, case: str, reason: str
) -> None:
    found = taken(sent, put(tmp_path / "in", a=mail(sent, case)))
    assert came_back(sent).is_empty()
    assert sent.read("quarantine")["reason"].to_list() == [reason]
    assert (found.quarantined, dict(found.reasons)) == (1, {reason: 1})


def test_a_token_of_another_incident_is_forged(sent: Workspace, tmp_path: Path) -> None:
    taken(sent, put(tmp_path / "in", a=(CASES / "dsn_hard.eml").read_bytes()))
    assert sent.read("quarantine")["reason"].to_list() == ["forged_token"]


def test_a_bounce_before_the_word_of_its_sending_is_tried_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = put(tmp_path / "in", a=mail(workspace, "dsn_hard"))
    assert dict(taken(workspace, folder).reasons) == {"unknown_piece": 1}
    assert taken(workspace, folder).bounced == 0
    assert workspace.rows("quarantine") == 1
    send(workspace, IDS[0])
    assert taken(workspace, folder).bounced == 1
    assert workspace.rows("return_files") == 1


def test_a_refused_piece_cannot_come_back(workspace: Workspace, tmp_path: Path) -> None:
    send(workspace, IDS[0], kind="refused")
    found = taken(workspace, put(tmp_path / "in", a=mail(workspace, "dsn_hard")))
    assert dict(found.reasons) == {"refused_before": 1}
    assert came_back(workspace).is_empty()


def test_an_uncertain_piece_that_bounces_was_sent(workspace: Workspace, tmp_path: Path) -> None:
    send(workspace, IDS[0], kind="uncertain")
    assert taken(workspace, put(tmp_path / "in", a=mail(workspace, "dsn_hard"))).bounced == 1


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("Thu, 9 Apr 2026 23:30:00 -0500", date(2026, 4, 10)),
        ("Mon, 6 Apr 2026 23:59:00 +0000", TODAY),
        ("Tue, 21 Apr 2026 00:01:00 +0000", TODAY),
        ("soon", TODAY),
        ("Tue, 7 Apr 99999 00:00:00 +9999", TODAY),
    ],
)
def test_its_day_is_the_utc_day_of_its_date_where_that_can_be(
    sent: Workspace, tmp_path: Path, written: str, day: date
) -> None:
    data = mail(sent, "dsn_hard").replace(
        b"Date: Tue, 7 Apr 2026 09:15:00 +0000", b"Date: " + written.encode()
    )
    taken(sent, put(tmp_path / "in", a=data))
    assert came_back(sent)["dated_on"].to_list() == [day]


def test_order_and_splitting_of_files_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number, at_once in enumerate((20_000, 1)):
        monkeypatch.setattr(intake, "MAILS_AT_ONCE", at_once)
        root = tmp_path / str(number)
        workspace, _ = Workspace.create(
            root / "ws", incident_id="test", synthetic=True, key_file=root / "key.json"
        )
        send(workspace, *IDS)
        mails = {
            "a": mail(workspace, "dsn_hard"), "b": mail(workspace, "dsn_given_up"), "c": mail(workspace, "arf_abuse"),
            "d": mail(workspace, "dsn_policy", IDS[1]), "e": mail(workspace, "token_forged"),
        }  # fmt: skip
        order = sorted(mails, reverse=bool(number))
        for name in order:
            taken(workspace, put(root / name, **{name: mails[name]}))
        states = pieces(workspace).sort("piece_id").collect()
        found.append((came_back(workspace).drop("recorded_at"), states))
    assert found[0][0].height == 4
    assert found[0][0].equals(found[1][0])
    assert found[0][1].equals(found[1][1])


def test_delays_answers_and_deliveries_are_counted_and_change_nothing(
    sent: Workspace, tmp_path: Path
) -> None:
    cases = ("dsn_delayed", "auto_german", "dsn_success", "dsn_relayed", "arf_not_spam")
    found = taken(sent, put(tmp_path / "in", **{case: mail(sent, case) for case in cases}))
    assert came_back(sent).is_empty()
    assert dict(found.kinds) == dict.fromkeys(("delayed", "auto_reply", "success", "relayed", "report"), 1)  # fmt: skip
    assert (found.quarantined, sent.rows("return_files")) == (0, 5)


def test_a_complaint_is_its_own_event(sent: Workspace, tmp_path: Path) -> None:
    found = taken(sent, put(tmp_path / "in", a=mail(sent, "arf_fraud")))
    assert (found.complained, came_back(sent)["kind"].to_list()) == (1, ["complained"])


def test_policy_names_pieces_whose_domain_to_pause_and_no_others(
    sent: Workspace, tmp_path: Path
) -> None:
    mails = {
        "a": mail(sent, "dsn_policy_dmarc", IDS[0]), "b": mail(sent, "dsn_account_disabled", IDS[1]),
        "c": mail(sent, "dsn_hard", IDS[2]),
    }  # fmt: skip
    taken(sent, put(tmp_path / "in", **mails))
    paused = refused_by_policy(sent).collect()
    assert paused.select("piece_id", "detail").rows() == [(IDS[0], "5.7.26")]
    assert refused_by_policy(sent, since=NOW).collect().is_empty()
    assert came_back(sent)["kind"].to_list() == ["bounced"] * 3


def test_a_digest_counts_for_each_of_its_pieces(sent: Workspace, tmp_path: Path) -> None:
    other = verp.token(Keys(bytes(32), bytes(32)), "7NRTB4X8K2M9QZ3H").encode()
    data = mail(sent, "dsn_in_digest").replace(other, verp.token(sent.keys, IDS[1]).encode())
    found = taken(sent, put(tmp_path / "in", a=data))
    assert (found.mails, found.bounced) == (1, 2)
    assert set(came_back(sent)["piece_id"]) == set(IDS[:2])


def test_an_mbox_and_a_maildir_are_read_mail_by_mail(sent: Workspace, tmp_path: Path) -> None:
    box = b"".join(
        b"From MAILER-DAEMON Tue Apr  7 09:15:00 2026\n"
        + mail(sent, "dsn_hard", piece).replace(b"\nFrom ", b"\n>From ") + b"\n\n"
        for piece in IDS[:2]
    )  # fmt: skip
    (tmp_path / "box").write_bytes(box)
    assert taken(sent, tmp_path / "box").bounced == 2
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "dir" / folder).mkdir(parents=True)
    (tmp_path / "dir" / "cur" / "1.host:2,S").write_bytes(mail(sent, "dsn_quota", IDS[2]))
    (tmp_path / "dir" / "tmp" / "2.host").write_bytes(b"half")
    found = taken(sent, tmp_path / "dir")
    assert (found.mails, found.bounced) == (1, 1)


@pytest.mark.parametrize(
    ("name", "data", "is_mail"),
    [
        ("a.eml", b"Return-Path: <>\r\nFrom: a@b.example\r\n\r\nx", True),
        ("box", b"From a Tue Apr  7 09:15:00 2026\nReceived: x\nTo: b\n\nx", True),
        ("returns.csv", b"mailpiece_id,event_date\nX,2026-04-07\n", False),
        ("note.txt", b"Note: see below\n\nhello", False),
        ("empty", b"", False),
        ("sealed.age", b"age-encryption.org/v1\n-> X25519 abc\n", False),
    ],
)
def test_mail_is_told_from_other_files(
    tmp_path: Path, name: str, data: bytes, is_mail: bool
) -> None:
    (tmp_path / name).write_bytes(data)
    assert classify_file_kind(tmp_path / name) is is_mail
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(data)
    assert classify_file_kind(tmp_path / "folder") is is_mail


def test_nothing_of_a_mail_is_kept_but_ids_codes_and_days(
    sent: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    every = {path.stem: mail(sent, path.stem) for path in CASES.glob("*.eml")}
    assert taken(sent, put(tmp_path / "in", **every)).mails == len(every) > 60
    tables = (sent.read("events"), sent.read("quarantine"), sent.read("return_files"))
    texts = [str(value) for table in tables for row in table.rows() for value in row]
    assert not [text for text in texts if "@" in text or "ruiz" in text.lower()]
    assert not caplog.records


def test_one_bad_mail_never_stops_the_rest(
    sent: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = intake.read

    def failing(data: bytes) -> Any:
        if b"X-Poison" in data:
            raise RecursionError(data)
        return real(data)

    monkeypatch.setattr(intake, "read", failing)
    folder = put(
        tmp_path / "in",
        a=b"X-Poison: ana.ruiz@far.example\nFrom: a\nTo: b\n\n",
        b=mail(sent, "dsn_hard"),
    )
    found = taken(sent, folder)
    assert (found.bounced, dict(found.reasons)) == (1, {"unreadable": 1})


@pytest.mark.parametrize("death", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("table", ["events", "quarantine", "return_files"])
def test_a_run_that_dies_while_it_appends_is_finished_by_the_next(
    sent: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    death: type[BaseException],
) -> None:
    monkeypatch.setattr(intake, "MAILS_AT_ONCE", 1)
    folder = put(tmp_path / "in", a=mail(sent, "dsn_hard"), b=mail(sent, "token_forged"))
    real = Workspace.append

    def dying(self: Workspace, name: str, frame: pl.DataFrame) -> int:
        if name == table:
            raise death
        return real(self, name, frame)

    monkeypatch.setattr(Workspace, "append", dying)
    with pytest.raises(death):
        taken(sent, folder)
    monkeypatch.setattr(Workspace, "append", real)
    taken(sent, folder)
    assert came_back(sent).height == 1
    assert (sent.rows("quarantine"), sent.rows("return_files")) == (1, 2)


def test_a_file_that_breaks_off_is_read_when_it_is_given_again(
    sent: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "in", a=mail(sent, "dsn_hard"), b=mail(sent, "dsn_hard", IDS[1]))
    real = intake.mails_in

    def breaking(path: Path) -> Any:
        if path.name == "a.eml":
            raise OSError(5, "Input/output error")
        yield from real(path)

    monkeypatch.setattr(intake, "mails_in", lambda path: (mail for mail in breaking(path)))
    found = taken(sent, folder)
    assert (found.bounced, dict(found.reasons)) == (1, {"unreadable_file": 1})
    with pytest.raises(OperatorError, match="cannot be read"):
        taken(sent, folder / "a.eml")
    monkeypatch.setattr(intake, "mails_in", real)
    found = taken(sent, folder)
    assert (found.bounced, found.before) == (1, 1)


def test_other_files_of_a_folder_are_left_alone(sent: Workspace, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", a=mail(sent, "dsn_hard"))
    (folder / "uaa.csv").write_text("mailpiece_id,event_date\nX,2026-04-07\n")
    found = taken(sent, folder)
    assert (found.bounced, dict(found.reasons)) == (1, {"not_a_mail": 1})
    assert (sent.rows("return_files"), sent.rows("quarantine")) == (1, 0)


def test_files_that_are_not_there_are_the_operators_matter(sent: Workspace, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no such file"):
        taken(sent, tmp_path / "nowhere")
    (tmp_path / "none").mkdir()
    assert taken(sent, tmp_path / "none").mails == 0
