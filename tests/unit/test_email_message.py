"""One message: right for every name, safe against injection, silent about what it must not tell."""

from __future__ import annotations

import email
import email.policy
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.store import CheckFailed, OperatorError, Workspace
from notify.email import EmailSettings, verp
from notify.email.limits import Limits, Queue, allowance
from notify.email.message import Letterhead, Refused, frame, mailbox, message
from notify.email.settings import PACE
from notify.email.states import EVENT_OF, MAY_BECOME, OPEN, SendState
from notify.email.texts import checked_texts, lint, load_texts, said
from notify.facts import Email
from notify.letters.settings import CONFIGS
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT

HEAD = Letterhead("notices@northwind.example", "", "incident@northwind.example")
CONFIG = EmailSettings(
    incident=INCIDENT,
    business_associate=ASSOCIATE,
    email=Email.model_validate({"from": "notices@northwind.example"}),
    as_of=AS_OF,
)


def made(name: str = "JANE DOE", language: str = "en", **values: Any) -> bytes:
    words = said(
        CONFIG, checked_texts(CONFIG), language=language, possible=values.pop("possible", False),
        practice=values.pop("practice", "Bright Smile Dental"), elements=values.pop("elements", "name|ssn"),
    )  # fmt: skip
    own = {"message_id": "0123456789ABCDEF@northwind.example", "address": "jane@mail.example",
           "number": "VHYQ5DNFFN", "date": b"Fri, 20 Mar 2026 12:00:00 +0000", **values}  # fmt: skip
    return message(frame(words, HEAD), name=name, **own)


def read(data: bytes) -> Any:
    note = email.message_from_bytes(data.replace(b"\r\n..", b"\r\n."), policy=email.policy.SMTP)
    assert not note.defects
    return note


def bodies(note: Any) -> tuple[str, str]:
    return note.get_body(("plain",)).get_content(), note.get_body(("html",)).get_content()


@pytest.mark.parametrize("language", ["en", "es"])
def test_five_parts_number_telephone_and_page_in_text_and_html(language: str) -> None:
    texts = load_texts(CONFIG).texts[language]
    for body in bodies(read(made(language=language))):
        for block in texts.blocks.values():
            assert block.heading.upper() in body.upper()
        for must in ("VHYQ5DNFFN", ASSOCIATE.toll_free, ASSOCIATE.website, "Bright Smile Dental"):
            assert must in body


def test_headers_are_what_a_notice_needs_and_no_more() -> None:
    note = read(made())
    assert note["Subject"] == "Important notice about your information"
    assert note["Auto-Submitted"] == "auto-generated"
    assert note["Reply-To"] == "incident@northwind.example"
    assert note["To"] == "JANE DOE <jane@mail.example>"
    assert note["Message-ID"] == "<0123456789ABCDEF@northwind.example>"
    assert set(note.keys()) == {
        "Message-ID", "Date", "To", "From", "Reply-To", "Subject", "Auto-Submitted", "MIME-Version",
        "Content-Language", "Content-Type",
    }  # fmt: skip


def test_nothing_calls_home_and_nothing_is_attached() -> None:
    note = read(made())
    _, page = bodies(note)
    assert not any(word in page.lower() for word in ("<img", "href", "src=", "url(", "<script"))
    kinds = [part.get_content_type() for part in note.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize("possible", [False, True])
@pytest.mark.parametrize("language", ["en", "es"])
def test_what_shows_before_opening_tells_nothing(language: str, possible: bool) -> None:
    note = read(made(language=language, possible=possible, practice="Cedar Oncology"))
    text, _ = bodies(note)
    shown = (str(note["Subject"]) + " " + text)[:200]
    assert "Cedar" not in shown
    assert "Northwind" not in shown


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    name=st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=64
    ).filter(lambda text: text.strip() == text and " ".join(text.split()) == text)
)
def test_every_name_arrives_as_it_is(name: str) -> None:
    data = made(name)
    note = read(data)
    text, page = bodies(note)
    assert f"Dear {name}:" in text
    import html

    assert f"Dear {name}:" in html.unescape(page)
    assert [each.addr_spec for each in note["To"].addresses] == ["jane@mail.example"]
    head = data.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "name", ["José Núñez", "李小龍", 'O\'Neil, "Jr." <x@y.example>', "A=B", ".dot"]
)
def test_the_name_in_the_header_is_right(name: str) -> None:
    note = read(made(name))
    assert [each.display_name for each in note["To"].addresses] == [name]
    assert len(note.get_all("To")) == 1


@pytest.mark.parametrize("bad", ["A\r\nBcc: x@y.example", "A\nB", "A\x00", "A\u2028B", "A\x85B"])
def test_a_line_break_in_a_name_or_address_is_refused(bad: str) -> None:
    with pytest.raises(Refused, match="control_character"):
        made(bad)
    with pytest.raises(Refused, match="control_character"):
        mailbox(f"{bad}@mail.example")


@pytest.mark.parametrize(
    ("address", "wire", "utf8"),
    [
        ("jane.doe+x@Mail.Example", "jane.doe+x@mail.example", False),
        ("jane@bücher.example", "jane@xn--bcher-kva.example", False),
        ("jané@mail.example", "jané@mail.example", True),
    ],
)
def test_addresses_travel_in_their_form(address: str, wire: str, utf8: bool) -> None:
    assert mailbox(address) == (wire, wire.rpartition("@")[2], utf8)


@pytest.mark.parametrize(
    "address", ["", "jane", "@mail.example", "jane@", "jane doe@mail.example", "a@b@c>,<d@e", "a..b@c.example", "a@-b.example", "x" * 65 + "@mail.example", "a@b.example> SIZE=1"]
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="bad_address"):
        mailbox(address)


def test_a_line_that_begins_with_a_dot_is_doubled() -> None:
    data = made(practice="Bright\n.\nSmile")
    assert b"\r\n.\r\n" not in data


# --- texts -------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS / "email", tmp_path / "email")
    return tmp_path / "email"


def changed(folder: Path, old: str, new: str) -> EmailSettings:
    path = folder / "en.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return CONFIG.model_copy(update={"texts": folder})


def test_our_own_texts_are_sound() -> None:
    assert lint(CONFIG, load_texts(CONFIG)) == []


PROBLEMS = {
    "patient in the subject": ('subject = "Important notice about your information"', 'subject = "Notice to patients"', "'patients' tells"),
    "practice in the opening": ("Please read this notice.", "News of {ce_print_name}.", "unknown field {ce_print_name}"),
    "unknown field": ("Date of the breach", "{ssn} Date of the breach", "unknown field {ssn}"),
    "name elsewhere": ("We will not ask you for them.", "Bye, {recipient_name}.", "unknown field {recipient_name}"),
    "a link": ("Web: {ba_website}", "<a href='{ba_website}'>Web</a>", "markup"),
    "an image": ("Web: {ba_website}", "<img> {ba_website}", "markup"),
    "a value": ("Call {toll_free}.", "Born 1980-02-03? Call {toll_free}.", "birth date or SSN"),
    "no telephone": ("Call {toll_free}. The call is free.", "Call us.", "{toll_free} is missing"),
    "no kinds": ('bullets = "elements"', 'bullets = ""', "lists the kinds"),
    "a brace": ("Whom you can ask", "Whom } you can ask", "brace"),
    "sender before opening": ("Please read this notice.", "Northwind Dental Software, Inc. writes.", "tells what should not show"),
}  # fmt: skip


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_lint_finds_it_and_nothing_is_sent(folder: Path, problem: str) -> None:
    old, new, found = PROBLEMS[problem]
    broken = changed(folder, old, new)
    problems = lint(broken, load_texts(broken))
    assert any(found in each and each.startswith("en.toml: ") for each in problems), problems
    with pytest.raises(CheckFailed, match="e-mail texts: "):
        checked_texts(broken)


def test_a_missing_block_is_named(folder: Path) -> None:
    broken = changed(folder, "[blocks.what_we_are_doing]", "[blocks.nothing]")
    with pytest.raises(OperatorError, match=r"blocks.what_we_are_doing\]: missing"):
        load_texts(broken)


def test_a_greeting_without_its_name_is_named(folder: Path) -> None:
    broken = changed(folder, "Dear {recipient_name}:", "Hello:")
    with pytest.raises(OperatorError, match=r"greeting with \{recipient_name\}: missing"):
        load_texts(broken)


# --- tokens, limits, states ------------------------------------------------------------------------------


def test_a_token_is_known_again_in_any_case_and_a_forged_one_is_not(workspace: Workspace) -> None:
    piece = "0123456789ABCDEF"
    token = verp.token(workspace.keys, piece)
    assert len(token) == 24
    assert verp.mailpiece_of(workspace.keys, token.lower()) == piece
    for place in range(24):
        other = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        assert verp.mailpiece_of(workspace.keys, other) is None
    for text in ("", piece, token + "0", "é" * 24):
        assert verp.mailpiece_of(workspace.keys, text) is None


class Item:
    def __init__(self, domain: str) -> None:
        self.domain = domain


def drained(limits: Limits, domains: list[str], *, until: float) -> list[tuple[float, str]]:
    """When each message leaves where each transaction takes a tenth of a second."""
    queue: Queue[Item] = Queue(limits)
    queue.put([Item(domain) for domain in domains])
    left: list[tuple[float, str]] = []
    going: list[tuple[float, str]] = []
    now = 0.0
    while now < until:
        for end, domain in [each for each in going if each[0] <= now + 1e-9]:
            going.remove((end, domain))
            queue.done(domain)
        found = queue.pick(now)
        if isinstance(found, Item):
            left.append((now, found.domain))
            going.append((now + 0.1, found.domain))
        else:
            now = round(now + 0.05, 6)
    return left


def test_a_domain_s_rate_holds_and_others_pass_it() -> None:
    left = drained(
        Limits(rates={"slow.example": 2.0}), ["slow.example"] * 9 + ["b.example"] * 9, until=3.0
    )
    slow = [at for at, domain in left if domain == "slow.example"]
    assert len(slow) == pytest.approx(7, abs=1)
    assert all(sum(1 for each in slow if at <= each < at + 1) <= 3 for at in slow)
    assert sum(1 for at, domain in left if domain == "b.example" and at == 0.0) == 9


def test_the_rate_of_all_holds() -> None:
    left = drained(Limits(rate=10.0), [f"d{n}.example" for n in range(60)], until=3.0)
    assert len(left) == pytest.approx(30, abs=2)


def test_a_domain_has_its_connections_and_no_more() -> None:
    left = drained(Limits(domain_connections=2), ["a.example"] * 20, until=0.35)
    assert len(left) == 8


def test_a_paused_domain_gives_its_messages_back() -> None:
    queue: Queue[Item] = Queue(Limits())
    queue.put([Item("a.example"), Item("b.example"), Item("a.example")])
    assert len(queue.pause("a.example")) == 2
    assert len(queue.put([Item("a.example")])) == 1
    found = queue.pick(0.0)
    assert isinstance(found, Item)
    assert found.domain == "b.example"
    assert queue.pick(0.0) is None
    assert queue.size == 0


@pytest.mark.parametrize(
    ("days", "most"),
    [({}, 500), ({"2026-03-01": 500}, 1000), ({"2026-03-01": 500, "2026-03-02": 7}, 2000), ({"2026-03-20": 480}, 20), ({"2026-03-20": 600}, 0)],
)  # fmt: skip
def test_a_warm_up_doubles_on_each_day_of_sending(days: dict[str, int], most: int) -> None:
    assert allowance(500, days, "2026-03-20") == most
    assert allowance(0, days, "2026-03-20") is None


def test_states_are_whole_and_an_uncertain_row_is_never_sent_again() -> None:
    assert set(MAY_BECOME) == set(SendState)
    reached, grown = {SendState.UNCERTAIN}, True
    while grown:
        more = {new for state in reached for new in MAY_BECOME[state]} - reached
        reached, grown = reached | more, bool(more)
    assert reached == {SendState.UNCERTAIN, SendState.REPLACED, SendState.PERMANENT}
    ended = {state for state, new in MAY_BECOME.items() if not new}
    assert ended <= set(EVENT_OF), "every end is told"
    assert not ended & OPEN


def test_pace_is_not_part_of_what_is_approved() -> None:
    names = {key.alias or name for name, key in Email.model_fields.items()}
    assert names >= PACE
    assert names - PACE == {"host", "port", "tls", "ca_file", "username", "password_file", "from", "from_name", "reply_to", "bounce_domain", "canary"}  # fmt: skip
