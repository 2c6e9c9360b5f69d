"""Every fault of a relay ends in the right state, and nobody gets anything twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import notify.email
import notify.email.trial
from matching.store import CheckFailed, IntegrityError, OperatorError, TryAgainLater, Workspace
from matching.tables import TABLES
from notify.email import verp
from notify.email.outbox import Change, Outbox, opened
from notify.email.sink import Certificate, certificate
from notify.email.states import SendState
from tests.email_relay import QUICK, Clock, Handler, person, plan, serving, settings
from tests.notice_tables import AS_OF, NOW


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def states(workspace: Workspace) -> dict[str, int]:
    outbox = Outbox(workspace.root / "outbox.sqlite")
    found = {state: count for state, count in outbox.counts().items() if count}
    outbox.close()
    return found


def states_of_one(workspace: Workspace, state: str) -> bool:
    path = workspace.root / "outbox.sqlite"
    return path.exists() and states(workspace) == {state: 1}


def events(workspace: Workspace) -> list[tuple[str, str]]:
    rows = workspace.read("events").filter(channel="email").sort("piece_id", "recorded_at")
    return list(rows.select("kind", "detail").iter_rows())


def test_each_message_goes_out_once_and_is_told(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(5)])
    handler = Handler()
    with serving(handler, made) as port:
        first = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        again = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert sorted(to for _, to, _ in handler.taken) == [f"p{n}@mail.example" for n in range(5)]
    assert (first.states["accepted"], again.due, again.events) == (5, 0, 0)
    told = workspace.read("events")
    assert told["kind"].to_list() == ["accepted"] * 5
    assert set(told["piece_id"]) == set(workspace.read("outbox")["mailpiece_id"])
    assert told["batch_id"].unique().to_list() == ["EMAIL-1"]
    assert set(workspace.read("registry")["person_id"]) == {f"P{n:05d}" for n in range(5)}
    assert first.registered > 0


def test_the_envelope_names_the_piece_and_only_dsn_servers_get_dsn_options(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    handler = Handler()
    with serving(handler, made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    sender, _, content = handler.taken[0]
    piece = workspace.read("outbox")["mailpiece_id"][0]
    local, _, domain = sender.partition("@")
    assert verp.mailpiece_of(workspace.keys, local.removeprefix("bounce+")) == piece
    assert domain == "northwind.example"
    assert f"Message-ID: <{piece}@northwind.example>".encode() in content
    assert handler.options == [([], [])], "aiosmtpd offers no DSN"


FAULTS = {
    "451": ("RCPT", ["451 4.3.0 later"], "temporary", []),
    "450 at the end": ("DATA", ["450 4.2.1 busy"], "temporary", []),
    "550": ("RCPT", ["550 5.1.1 nobody"], "permanent", [("refused", "550 5.1.1")]),
    "554 at the end": ("DATA", ["554 5.6.0 no"], "permanent", [("refused", "554 5.6.0")]),
    "policy": ("RCPT", ["550 5.7.1 not you"], "temporary", []),
    "421 once": ("RCPT", ["421 4.3.2 bye"], "accepted", [("accepted", "250")]),
    "421 for ever": ("RCPT", ["421 4.3.2 bye"] * 9, "temporary", []),
    "stall after the text": ("DATA", ["stall"], "uncertain", [("uncertain", "lost")]),
    "close after the dot": ("DATA", ["close"], "uncertain", [("uncertain", "lost")]),
    "slow 250": ("DATA", ["slow"], "accepted", [("accepted", "250")]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_in_its_state_and_the_others_are_sent(
    workspace: Workspace, made: Certificate, clock: Clock, fault: str
) -> None:
    stage, answers, state, told = FAULTS[fault]
    plan(workspace, [person(0, domain="odd.example"), *(person(n) for n in range(1, 4))])
    handler = Handler({"p0@odd.example": list(answers)}, stage=stage)
    with serving(handler, made) as port:
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    expected = {"accepted": 3, state: 1} if state != "accepted" else {"accepted": 4}
    assert states(workspace) == expected
    assert sorted(events(workspace)) == sorted([("accepted", "250")] * 3 + told)
    assert (report.next_try_at is not None) == (state == "temporary")


def test_a_refusal_for_now_is_tried_again_and_in_time_becomes_a_letter(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    handler = Handler({"p0@mail.example": ["451 4.3.0 later"] * 99})
    tries = 0
    with serving(handler, made) as port:
        chosen = settings(port, made, retry_hours=6)
        while not states_of_one(workspace, "permanent"):
            report = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
            tries += report.due
            if tries == 1:
                early = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
                assert early.due == 0, "not before its time"
            clock.at = report.next_try_at or clock.at
    assert clock.at == pytest.approx(Clock().at + 6 * 3600)
    assert tries == 8, "5, 10, 20 ... minutes apart, and once at the very end"
    assert events(workspace) == [("refused", "451 4.3.0 gave_up")]


def test_an_uncertain_send_is_never_sent_again_and_in_time_replaced(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    handler = Handler({"p0@mail.example": ["close"]}, stage="DATA")
    with serving(handler, made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        assert notify.email.uncertain_waiting(workspace.root) == 1
        clock.at += 47 * 3600
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        assert notify.email.uncertain_waiting(workspace.root) == 1
        clock.at += 3600
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert notify.email.uncertain_waiting(workspace.root) == 0
    assert handler.taken == []
    assert [kind for kind, _ in events(workspace)] == ["uncertain", "uncertain_replaced"]


def test_a_bounce_ends_the_waiting(workspace: Workspace, made: Certificate, clock: Clock) -> None:
    plan(workspace, [person(0)])
    with serving(Handler({"p0@mail.example": ["close"]}, stage="DATA"), made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        told = workspace.read("events").with_columns(
            event_id=pl.lit("b"), kind=pl.lit("bounced"), detail=pl.lit("5.1.1")
        )
        workspace.append("events", told)
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert states(workspace) == {"permanent": 1}
    assert [kind for kind, _ in events(workspace)].count("refused") == 0


STOPPED = {
    "no STARTTLS": ({}, "offers no STARTTLS"),
    "bad certificate": ({"ca_file": ""}, "certificate"),
    "expired login": ({"username": "notices", "password_file": "password"}, "refuses the login"),
    "another name": ({"host": "localhost"}, "certificate"),
}


@pytest.mark.parametrize("fault", STOPPED)
def test_what_is_no_addressee_s_fault_stops_the_run_and_marks_nobody(
    workspace: Workspace, made: Certificate, clock: Clock, tmp_path: Path, fault: str
) -> None:
    values, said = STOPPED[fault]
    plan(workspace, [person(n) for n in range(3)])
    (tmp_path / "password").write_text("expired\n")
    handler = Handler()
    login = (lambda password: False) if "login" in fault else None
    shown = None if "STARTTLS" in fault else made
    with serving(handler, shown, login=login) as port:
        chosen = settings(port, made, **values).model_copy(update={"root": tmp_path})
        with pytest.raises(OperatorError, match=said) as caught:
            notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    assert "expired\n" not in str(caught.value)
    assert handler.taken == []
    assert states(workspace) == {"pending": 3}
    assert events(workspace) == []


def test_a_login_that_holds_is_used(
    workspace: Workspace, made: Certificate, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(workspace, [person(0)])
    monkeypatch.setenv("AFFECTED_SMTP_PASSWORD", "made-up")
    handler = Handler()
    with serving(handler, made, login=lambda password: password == b"made-up") as port:
        chosen = settings(port, made, username="notices")
        notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    assert len(handler.taken) == 1


def test_a_sender_that_the_relay_refuses_stops_the_run(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    class Strict(Handler):
        async def handle_MAIL(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
            return "550 5.7.60 not your address"

    plan(workspace, [person(n) for n in range(3)])
    with (
        serving(Strict(), made) as port,
        pytest.raises(OperatorError, match=r"refuses the sender \(550 5.7.60\)"),
    ):
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert states(workspace) == {"pending": 3}


def test_a_relay_that_does_not_answer_is_tried_again_later(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    with serving(Handler(), made) as port:
        pass
    with pytest.raises(TryAgainLater):
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert states(workspace) == {"pending": 1}


def test_a_made_up_incident_never_leaves_this_machine(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(OperatorError, match="synthetic"):
            notify.email.send(workspace, settings(25, made, host=host), [1], hooks=clock.hooks())


def skipped(workspace: Workspace) -> dict[str, int]:
    outbox = Outbox(workspace.root / "outbox.sqlite")
    found = outbox.reasons(SendState.SKIPPED)
    outbox.close()
    return found


def _fact(kind: str, entity: str, value: str) -> pl.DataFrame:
    row = {"fact_id": "f1", "kind": kind, "entity_id": entity, "value": value, "dated_on": AS_OF, "by": "x", "recorded_at": NOW}  # fmt: skip
    return TABLES["facts"].complete(pl.DataFrame([row]))


def _answer(field: str, answer: str, value: str) -> pl.DataFrame:
    row = {"response_id": "r1", "entity_id": "CE1", "person_id": "P00000", "packet_version": 1, "answer": answer, "field": field,
           "value": value, "dated_on": AS_OF, "by": "x", "recorded_at": NOW}  # fmt: skip
    return TABLES["responses"].complete(pl.DataFrame([row]))


def _mailed(kind: str, channel: str) -> pl.DataFrame:
    row = {"event_id": "m1", "kind": kind, "channel": channel, "entity_id": "CE1", "person_id": "P00000", "piece_id": "M",
           "batch_id": "B", "notice_version": 1, "wave": 1, "dated_on": AS_OF, "recorded_at": NOW}  # fmt: skip
    return TABLES["events"].complete(pl.DataFrame([row]))


SINCE = {
    "hold:court": ("facts", lambda: _fact("hold", "CE1", '{"kind": "court", "official": "J", "agency": "C"}'), 2),
    "entity_disputes_patient": ("responses", lambda: _answer("", "dispute", ""), 1),
    "deceased": ("responses", lambda: _answer("deceased", "flag", "Y"), 1),
    "confidential": ("responses", lambda: _answer("confidential", "flag", "Y"), 1),
    "already_told": ("events", lambda: _mailed("exported", "mail"), 1),
    "email_failed_before": ("events", lambda: _mailed("bounced", "email"), 1),
}  # fmt: skip


@pytest.mark.parametrize("reason", SINCE)
def test_news_since_the_plan_keeps_a_message_back(
    workspace: Workspace, made: Certificate, clock: Clock, reason: str
) -> None:
    table, row, count = SINCE[reason]
    plan(workspace, [person(0), person(1)])
    workspace.append(table, row())
    handler = Handler()
    with serving(handler, made) as port:
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert skipped(workspace) == {reason: count}
    assert dict(report.skipped) == {reason: count}
    assert len(handler.taken) == 2 - count
    assert "P00000" not in workspace.read("registry")["person_id"].to_list(), "never told"


def test_withdrawn_agreement_and_suppression_keep_a_message_back(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0), person(1), person(2)])
    charts = workspace.read("charts_std")
    withdrawn = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(AS_OF))
    workspace.write("charts_std", charts.with_columns(email_consent_withdrawn_on=withdrawn))
    order = {"record_id": "L1", "reason": "litigation", "authority": "counsel"}
    workspace.write("suppressions", TABLES["suppressions"].complete(pl.DataFrame([order])))
    handler = Handler()
    with serving(handler, made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert skipped(workspace) == {"no_consent": 1, "suppressed:litigation": 1}
    assert [to for _, to, _ in handler.taken] == ["p2@mail.example"]


def test_a_hold_that_ended_lets_the_message_go(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    workspace.append(
        "facts", _fact("hold", "", '{"kind": "court", "official": "J", "agency": "C"}')
    )
    handler = Handler()
    with serving(handler, made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        undone = _fact("withdrawal", "", "{}").with_columns(
            fact_id=pl.lit("f2"), supersedes=pl.lit("f1")
        )
        workspace.append("facts", undone)
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert states(workspace) == {"accepted": 1}


def test_what_can_never_be_sent_becomes_a_letter_and_is_counted(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    broken = [
        person(0, last_name="DOE\r\nBcc: all@mail.example"),
        person(1),
        person(2, domain="bad domain"),
        person(3),
    ]
    plan(workspace, [*broken, person(4)])
    charts = workspace.read("charts_std")
    late = pl.when(pl.int_range(pl.len()) == 1).then(pl.lit("a@b.example\r\nBcc: c@d.example"))
    workspace.write("charts_std", charts.with_columns(email=late.otherwise("email")))
    shared = {"field": "email", "value": "p3@mail.example", "people": 40}
    workspace.write("nonidentifying", TABLES["nonidentifying"].complete(pl.DataFrame([shared])))
    handler = Handler()
    with serving(handler, made) as port:
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert [to for _, to, _ in handler.taken] == ["p4@mail.example"]
    assert dict(report.refused) == {
        "local:bad_address": 1,
        "local:control_character": 2,
        "local:shared_address": 1,
    }
    assert [kind for kind, _ in events(workspace)].count("refused") == 4


def test_a_stop_sign_is_seen_and_what_is_left_can_be_sent(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(8)])
    handler = Handler({f"p{n}@mail.example": ["slow"] for n in range(8)}, stage="DATA")
    asked = iter([False] * 10)
    hooks = clock.hooks(stopped=lambda: next(asked, True))
    with serving(handler, made) as port:
        first = notify.email.send(workspace, settings(port, made), [1], hooks=hooks)
        assert first.stopped
        assert 0 < first.states["accepted"] < 8
        assert first.states["pending"] == 8 - first.states["accepted"]
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert states(workspace) == {"accepted": 8}
    assert len({to for _, to, _ in handler.taken}) == len(handler.taken) == 8


def test_a_warm_up_ends_the_day_and_doubles(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(9)])
    handler = Handler()
    with serving(handler, made) as port:
        chosen = settings(port, made, warm_up_first_day=2)
        for expected, days in ((2, 0), (6, 1)):
            clock.at += days * 86_400
            report = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
            if days == 0:
                again = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
                assert again.this_run == {}, "the day is used up"
            assert report.quota == 0
            assert len(handler.taken) == expected


def test_a_paused_domain_waits_while_others_are_sent(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    cases = [person(n, domain="strict.example") for n in range(4)]
    plan(workspace, [*cases, *(person(n) for n in range(4, 7))])
    refusing = {f"p{n}@strict.example": ["550 5.7.1 policy"] for n in range(4)}
    handler = Handler(refusing)
    with serving(handler, made) as port:
        chosen = settings(port, made, connections=1)
        notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    assert states(workspace) == {"accepted": 3, "temporary": 4}
    assert len(handler.answers["p0@strict.example"]) + len(handler.answers["p3@strict.example"]) > 0


def test_a_hold_that_comes_in_while_a_slow_wave_is_sent_stops_it(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(6)])
    hold = _fact("hold", "CE1", '{"kind": "court", "official": "J", "agency": "C"}')

    class Holding(Handler):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            if not self.taken:
                workspace.append("facts", hold)
            return await super().handle_DATA(server, session, envelope)

    handler = Holding()
    with serving(handler, made) as port:
        chosen = settings(port, made, rate=2.0, connections=1)
        report = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    assert report.states["accepted"] == len(handler.taken) < 6
    assert skipped(workspace) == {"hold:court": 6 - len(handler.taken)}


def test_a_new_plan_while_a_slow_wave_is_sent_stops_it(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(6)])

    class Planning(Handler):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            if not self.taken:
                workspace.write("outbox", workspace.read("outbox").head(2))
            return await super().handle_DATA(server, session, envelope)

    handler = Planning()
    with serving(handler, made) as port:
        chosen = settings(port, made, rate=2.0, connections=1)
        with pytest.raises(TryAgainLater, match="a new round replaced the plan"):
            notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    found = states(workspace)
    assert found["accepted"] == len(handler.taken) < 6
    assert found["accepted"] + found["pending"] == 6


def test_a_relay_with_fewer_seats_than_we_want_still_gets_everything(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(6)])
    handler = Handler({f"p{n}@mail.example": ["slow"] for n in range(6)}, stage="DATA")
    with serving(handler, made, most=1) as port:
        chosen = settings(port, made, connections=3)
        report = notify.email.send(workspace, chosen, [1], hooks=clock.hooks())
    assert report.states["accepted"] == 6


@pytest.mark.parametrize("offered", [True, False])
def test_an_address_beyond_ascii_needs_a_relay_that_takes_it(
    workspace: Workspace, made: Certificate, clock: Clock, offered: bool
) -> None:
    plan(workspace, [person(0), person(1)])
    charts = workspace.read("charts_std")
    odd = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("jané@mail.example"))
    workspace.write("charts_std", charts.with_columns(email=odd.otherwise("email")))
    handler = Handler()
    with serving(handler, made, utf8=offered) as port:
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert report.states["accepted"] == (2 if offered else 1)
    assert dict(report.refused) == ({} if offered else {"local:smtputf8": 1})


def test_a_server_that_offers_dsn_is_asked_for_it(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(workspace, [person(0)])
    charts = workspace.read("charts_std")
    workspace.write("charts_std", charts.with_columns(email=pl.lit("a+b=c@mail.example")))
    lines: list[bytes] = []
    serve = notify.email.trial.serve

    async def watched(shown: Any, taken: Any) -> Any:
        return await serve(shown, lambda mail, rcpt, text: lines.extend((mail, rcpt)))

    monkeypatch.setattr(notify.email.trial, "serve", watched)
    notify.email.dry_run(workspace, settings(25, None), [1], hooks=clock.hooks())
    piece = workspace.read("outbox")["mailpiece_id"][0]
    token = verp.token(workspace.keys, piece)
    mail, rcpt = (line.decode() for line in lines)
    assert mail == f"MAIL FROM:<bounce+{token}@northwind.example> RET=HDRS ENVID={piece}"
    assert (
        rcpt
        == "RCPT TO:<a+b=c@mail.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@mail.example"
    )


def test_a_damaged_outbox_is_told_and_nothing_is_sent(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0)])
    (workspace.root / "outbox.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 5_000)
    handler = Handler()
    with serving(handler, made) as port, pytest.raises(IntegrityError, match=r"outbox\.sqlite"):
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert handler.taken == []


# --- crashes ------------------------------------------------------------------------------------------


def test_a_crash_leaves_sending_uncertain_and_claimed_free(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(4)])
    planned = workspace.read("outbox")
    with suppress(KeyboardInterrupt), opened(workspace) as outbox:
        outbox.begin(now=clock(), connections=2)
        outbox.fill(planned, planned["mailpiece_id"], now=clock())
        places = [due.place for due in outbox.due([1], now=clock())]
        outbox.claim(places, now=clock())
        outbox.exchange([], places[:2], now=clock(), day="2026-03-20")
        outbox.exchange([Change(places[0], SendState.ACCEPTED, "250")], [], now=clock())
        raise KeyboardInterrupt  # the process is gone: one answer on disk that no event told, one in the dark
    handler = Handler()
    with serving(handler, made) as port:
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert dict(report.recovered) == {"uncertain": 1, "claimed": 2}
    assert (report.crashes, report.crashed_connections) == (1, 2)
    assert states(workspace) == {"accepted": 3, "uncertain": 1}
    assert len(handler.taken) == 2
    assert sorted(events(workspace)) == [("accepted", "250")] * 3 + [("uncertain", "crash")]


def test_events_are_told_once_though_the_outbox_forgot(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(n) for n in range(3)])
    with serving(Handler(), made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        with opened(workspace) as outbox:
            outbox._db.execute(
                "update outbox set noted = 0"
            )  # killed between the event and its note
        report = notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert report.events == 0
    assert len(events(workspace)) == 3


def test_a_row_that_is_not_claimed_cannot_be_sent(workspace: Workspace, clock: Clock) -> None:
    plan(workspace, [person(0)])
    planned = workspace.read("outbox")
    outbox = Outbox(None)
    outbox.begin(now=clock(), connections=1)
    outbox.fill(planned, planned["mailpiece_id"], now=clock())
    place = outbox.due([1], now=clock())[0].place
    with pytest.raises(AssertionError, match="not claimed"):
        outbox.exchange([], [place], now=clock(), day="d")
    for state in (SendState.ACCEPTED, SendState.UNCERTAIN, SendState.SENDING):
        with pytest.raises(AssertionError, match="not to"):
            outbox.exchange([Change(place, state)], [], now=clock())
    assert outbox.counts()["pending"] == 1
    outbox.close()


def test_a_plan_that_dropped_someone_skips_them(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0), person(1)])
    handler = Handler({"p0@mail.example": ["451 later"]})
    with serving(handler, made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
        gone = workspace.read("outbox").filter(pl.col("person_id") != "P00000")
        workspace.write("outbox", gone)
        clock.at += 3600
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    assert skipped(workspace) == {"not_planned": 1}


def test_the_outbox_holds_no_one_s_data(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0, last_name="QUETZALCOATLUS")])
    with serving(Handler(), made) as port:
        notify.email.send(workspace, settings(port, made), [1], hooks=clock.hooks())
    bytes_of = b"".join(path.read_bytes() for path in workspace.root.glob("outbox.sqlite*"))
    assert bytes_of
    assert b"mail.example" not in bytes_of
    assert b"QUETZAL" not in bytes_of


# --- before a wave ------------------------------------------------------------------------------------------


def test_a_dry_run_writes_messages_and_changes_nothing(workspace: Workspace, clock: Clock) -> None:
    plan(workspace, [person(n) for n in range(3)])
    report, found = notify.email.dry_run(workspace, settings(25, None), [1], hooks=clock.hooks())
    assert (found.messages, found.malformed, found.repeated, found.files) == (3, 0, 0, 3)
    assert report.states["accepted"] == 3
    assert len(list((workspace.out / "email" / "dry-run").glob("*.eml"))) == 3
    assert workspace.rows("events") == workspace.rows("registry") == 0
    assert not (workspace.root / "outbox.sqlite").exists()


def test_a_canary_goes_to_ourselves_alone_and_a_changed_wave_needs_another(
    workspace: Workspace, made: Certificate, clock: Clock
) -> None:
    plan(workspace, [person(0), person(1)])
    handler = Handler()
    with serving(handler, made) as port:
        chosen = settings(port, made, canary=["ours@northwind.example"])
        digest = notify.email.subject(workspace, chosen, 1)
        assert not notify.email.canary_accepted(workspace, 1, digest)
        assert notify.email.canary(workspace, chosen, 1, digest, hooks=clock.hooks()) == 1
        assert notify.email.canary_accepted(workspace, 1, digest)
        assert [to for _, to, _ in handler.taken] == ["ours@northwind.example"]
        assert b"JANE" not in handler.taken[0][2]
        workspace.write("outbox", workspace.read("outbox").head(1))
        changed = notify.email.subject(workspace, chosen, 1)
        assert not notify.email.canary_accepted(workspace, 1, changed)
        handler.answers["ours@northwind.example"] = ["550 5.1.1 gone"]
        with pytest.raises(CheckFailed, match=r"1 of 1 not taken \(550 5.1.1\)"):
            notify.email.canary(workspace, chosen, 1, digest, hooks=clock.hooks())


def test_an_expired_certificate_is_refused(
    workspace: Workspace, clock: Clock, tmp_path: Path
) -> None:
    old = certificate(tmp_path, valid_from=datetime.now(UTC) - timedelta(days=9))
    plan(workspace, [person(0)])
    with (
        serving(Handler(), old) as port,
        pytest.raises(OperatorError, match="certificate has expired"),
    ):
        notify.email.send(workspace, settings(port, old), [1], hooks=clock.hooks())
    assert QUICK.connect_tries == 3


@pytest.mark.parametrize(("lifted_on", "taken"), [(None, 0), (AS_OF, 0), (AS_OF.replace(year=AS_OF.year + 1), 1)])  # fmt: skip
def test_a_domain_that_bounced_us_for_policy_waits_until_it_is_lifted(
    workspace: Workspace, made: Certificate, clock: Clock, lifted_on: date | None, taken: int
) -> None:
    plan(workspace, [person(0), person(1)])
    bounced = _mailed("bounced", "email").with_columns(
        detail=pl.lit("5.7.26"), wave=pl.lit(1, pl.Int32)
    )
    workspace.append("events", bounced)
    handler = Handler()
    with serving(handler, made) as port:
        asked = settings(port, made)
        email = asked.email.model_copy(update={"policy_lifted_on": lifted_on})
        notify.email.send(
            workspace, asked.model_copy(update={"email": email}), [1], hooks=clock.hooks()
        )
    assert len(handler.taken) == taken


@pytest.mark.parametrize(("decided", "taken"), [("wait", 0), ("ba_notifies", 1)])
def test_patients_of_an_unreachable_entity_are_written_to_where_counsel_says_so(
    workspace: Workspace, made: Certificate, clock: Clock, decided: str, taken: int
) -> None:
    plan(workspace, [person(0)])
    workspace.write("delegation", TABLES["delegation"].empty())
    lost = {"entity_id": "CE1", "state": "unreachable", "version": 1, "recipient_id": "CE1", "content": "x",
            "confirmed": 1, "possible": 0, "possible_unlisted": 0}  # fmt: skip
    workspace.write("packets", TABLES["packets"].complete(pl.DataFrame([lost])))
    handler = Handler()
    with serving(handler, made) as port:
        asked = settings(port, made)
        counsel = asked.counsel.model_copy(update={"unreachable_entity": decided})
        asked = asked.model_copy(update={"counsel": counsel})
        notify.email.send(workspace, asked, [1], hooks=clock.hooks())
    assert len(handler.taken) == taken
