"""The report: complete on a whole round, honest on half a one, the same twice, and without a person."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from matching.store import Workspace
from matching.tables import STEP_TABLES, TABLES
from notify.facts import Incident
from notify.report import ReportSettings, run

AS_OF = date(2026, 3, 20)
CANARY = "Zanzibarova"
PEOPLE, ENTITIES = 900, 40
STATES = ("MD", "VA", "PA", "DE", "UNK", "ZZ")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made, _ = Workspace.create(
        tmp_path / "ws", incident_id="t", synthetic=True, key_file=tmp_path / "key.json"
    )
    return made


@pytest.fixture
def whole(workspace: Workspace) -> Workspace:
    """A workspace with every table that the report reads."""
    for name, rows in whole_round().items():
        put(workspace, name, rows)
    return workspace


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a whole round, for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("whole")
    made, _ = Workspace.create(
        folder / "ws", incident_id="t", synthetic=True, key_file=folder / "key.json"
    )
    for name, rows in whole_round().items():
        put(made, name, rows)
    return page(made, gates=("letters",))


def put(workspace: Workspace, name: str, rows: pl.DataFrame | list[dict[str, object]]) -> None:
    table = TABLES[name]
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, infer_schema_length=None)
    full = table.complete(frame)
    blank = {pl.Boolean(): False, pl.Date(): AS_OF, pl.String(): "?", pl.Binary(): b""}
    must = [
        pl.col(name).fill_null(blank.get(dtype, 0))
        for name, dtype in table.polars.items()
        if not table.columns[name].null
    ]
    workspace.write(name, full.with_columns(must))


def whole_round() -> dict[str, pl.DataFrame | list[dict[str, object]]]:
    random = np.random.default_rng(7)
    ids = [f"P{i:012d}" for i in range(PEOPLE)]
    names = [f"E{i:03d}" for i in range(ENTITIES)]
    owner = random.geometric(0.12, PEOPLE) % ENTITIES
    ownership = [
        {
            "person_id": person,
            "entity_id": names[o] if o else "UNOWNED",
            "status": "confirmed" if random.random() < 0.9 else "possible",
            "basis": str(random.choice(["tenant_id", "location_id", "npi", "practice_name", "linked_charts"])) if o else "none",
            "probability": 0.99,
            "kinds": 0,
        }
        for person, o in zip(ids, owner, strict=True)
    ]  # fmt: skip
    return {
        "inventory": [
            file_row(0, "leaked", "leak/appointments.csv", 2000, 4),
            file_row(1, "leaked", "leak/reminders.jsonl", 900, 0),
            file_row(2, "leaked", "leak/again.jsonl", 900, 0) | {"repeats": 1},
            file_row(3, "master", "masters/E001.parquet", 5000, 0) | {"secured": "unknown"},
        ],
        "rejects": [{"file_no": 0, "row_no": i, "offset": 1, "reason": "too_few_fields"} for i in range(4)],
        "bridge": [
            {"position": i, "line": line, "reason": reason, "rows": rows}
            for i, (line, reason, rows) in enumerate([
                ("rows delivered", None, 3800), ("repeated files", None, -900), ("rejected", "too_few_fields", -4),
                ("mentions", None, 3100), ("excluded", "test_patient", -12), ("people", None, PEOPLE),
            ])
        ],
        "entities": [
            {"entity_id": n, "legal_name": f"Practice {n} & Sons <b>", "print_name": f"Smile {i % 30} Dental & Sons <b>",
             "kind": "covered_entity", "status": "open", "state": "MD", "agency": "undetermined"}
            for i, n in enumerate(names)
        ],
        "pairs": pairs(random),
        "persons": [
            {"person_id": p, "affected": "confirmed" if i % 9 else "possible", "orphan": i % 5 == 0, "deceased": i % 50 == 0,
             "language": "en", "first_identified_on": AS_OF, "mentions": 2, "charts": 1}
            for i, p in enumerate(ids)
        ],
        "ownership": ownership,
        "counts": counts(owner, names),
        "overlap": [{"entities": n, "confirmed": c, "upper": c + 5} for n, c in ((0, 3), (1, 4321), (2, 77))],
        "open_lines": [
            {"position": i, "entity_id": n, "state": "MD" if i % 2 else None, "at_least": 501 if i % 2 else 500,
             "confirmed": 480 + i, "expected": 499.5, "upper": 530, "unknown": 2, "chance": 0.47}
            for i, n in enumerate(names[1:21])
        ],
        "duties": duties(names),
        "packets": [
            {"entity_id": n, "state": "withheld" if i % 4 == 0 else "ready", "reason": "no_address" if i % 4 == 0 else None,
             "version": 1, "recipient_id": n, "confirmed": 20, "possible": 3, "possible_unlisted": 1}
            for i, n in enumerate(names)
        ],
        "ledger": ledger(ids, names, owner),
        "notices": [
            {"notice_id": f"N{p}", "person_id": p, "entity_id": names[o], "wave": 1, "channel": "mail" if i % 8 else "email",
             "variant": "MINOR" if i % 6 == 0 else "ADULT", "language": "es" if i % 7 == 0 else "en", "mail_by": AS_OF}
            for i, (p, o) in enumerate(zip(ids, owner, strict=True))
        ],
        "batches": [{"batch_id": "B00000000001", "wave": 1, "vendor": "plain", "pieces": 612, "seeds": 4, "content": "c"}],
    }  # fmt: skip


def file_row(position: int, side: str, path: str, rows: int, rejected: int) -> dict[str, object]:
    return {
        "position": position, "side": side, "path": path, "content": path, "guessed": 0, "date_order": "mdy", "file_no": position, "file_sha256": "0", "bytes": rows * 90,
        "format": Path(path).suffix[1:], "rows": rows, "parsed": rows - rejected, "rejected": rejected,
        "repeats": None, "same_rows_as": None, "ignored": None, "unjoined": None, "secured": "no", "final_newline": True, "received_from": "threat-intel vendor", "evidence": f"E-{position}",
    }  # fmt: skip


def pairs(random: np.random.Generator) -> pl.DataFrame:
    weight = np.concatenate([random.normal(24, 6, 6000), random.normal(-1, 2.5, 4000)])
    return pl.DataFrame(
        {"kind": random.choice(["leaked_master", "leaked_leaked", "master_master"], weight.size), "match_weight": weight}
    ).with_columns(
        left=pl.int_range(pl.len()),
        right=pl.int_range(pl.len()) + 1,
        band=pl.when(pl.col("match_weight") >= 12).then(pl.lit("match"))
        .when(pl.col("match_weight") >= 3).then(pl.lit("review")).otherwise(pl.lit("no")),
    )  # fmt: skip


def counts(owner: np.ndarray, names: list[str]) -> list[dict[str, object]]:
    rows = []
    for o, n in zip(*np.unique(owner, return_counts=True), strict=True):
        rows.append(count_row(names[o] if o else "UNOWNED", None, int(n)))
        rows += [count_row(names[o] if o else "UNOWNED", s, int(n) // len(STATES)) for s in STATES]
    rows += [count_row(None, s, PEOPLE // (i + 2)) for i, s in enumerate(STATES)]
    return [*rows, count_row(None, None, PEOPLE)]


def count_row(entity: str | None, state: str | None, n: int) -> dict[str, object]:
    low, high = n * 0.96, n * 1.03
    return {
        "entity_id": entity, "state": state, "confirmed": int(n * 0.9), "expected": n * 0.995,
        "expected_low": low, "expected_high": high, "upper": int(n * 1.1),
    }  # fmt: skip


def duties(names: list[str]) -> list[dict[str, object]]:
    due = {"entity": -12, "individual": 10, "hhs": 10, "media": 10, "state_ag": 3, "substitute": 40}
    return [
        {
            "duty_id": f"D{n}{recipient}{hypothesis}", "entity_id": n, "jurisdiction": "MD" if recipient == "state_ag" else "US",
            "duty": recipient, "recipient": recipient, "citation": "r", "rule_id": "r", "hypothesis": hypothesis, "count_used": 20,
            "crosses": "upper" if i % 9 == 0 else "confirmed", "anchor_on": AS_OF, "reviewed": recipient != "state_ag",
            "due_on": AS_OF + timedelta(days=days + (i % 3) * 4),
            "owed_by": "ba" if recipient == "entity" else "ce", "performed_by": "undecided" if i % 3 else "ba",
            "status": duty_status(i, recipient, hypothesis, days), "explanation": "",
        }
        for i, n in enumerate(names) for recipient, days in due.items() for hypothesis in ("agent", "independent")
    ]  # fmt: skip


def duty_status(i: int, recipient: str, hypothesis: str, days: int) -> str:
    if recipient == "media" and i % 2:
        return "not_required"
    if recipient == "entity" and i < 5:
        return "met"
    if hypothesis == "independent":
        return "waiting_receipt"
    return "overdue" if days < 0 else "due"


def ledger(ids: list[str], names: list[str], owner: np.ndarray) -> list[dict[str, object]]:
    states = [
        ("queued", None),
        ("queued", None),
        ("waiting_ce", "undecided"),
        ("excluded", "suppressed"),
        ("substitute", "no_address"),
    ]
    return [
        {"person_id": p, "entity_id": names[o] if o else "UNOWNED", "state": s if o else "unowned", "reason": r}
        for i, (p, o) in enumerate(zip(ids, owner, strict=True))
        for s, r in [states[i % len(states)]]
    ]  # fmt: skip


def settings(**changes: object) -> ReportSettings:
    facts = {
        "id": "northwind", "title": "Northwind <Dental> Software", "synthetic": True, "as_of": AS_OF,
        "breach_start": date(2025, 12, 21), "breach_end": date(2025, 12, 23), "known_on": date(2026, 3, 5),
        "what_happened": "On December 21, 2025 an unauthorized party copied files.",
    }  # fmt: skip
    given = {
        "incident": Incident.model_validate(facts),
        "business_associate_name": "Northwind & Co",
        "as_of": AS_OF,
        "include_at_bits": 3.0,
        "merge_at_bits": 12.0,
    }
    return ReportSettings.model_validate(given | changes)


def page(workspace: Workspace, **changes: object) -> str:
    run(workspace, settings(**changes))
    return (workspace.out / "report.html").read_text()


def section(html: str, anchor: str) -> str:
    found = re.search(rf'<section id="{anchor}".*?</section>', html, re.DOTALL)
    assert found, anchor
    return found.group()


def test_headline_gives_the_three_numbers_with_their_interval(html: str) -> None:
    glance = section(html, "glance")
    assert "<b>896</b><span>people expected" in glance
    assert "864 to 927, model only" in glance
    assert "<b>810</b><span>confirmed" in glance
    assert "<b>990</b><span>upper" in glance
    assert "<b>34</b><span>covered entities" in glance  # the owner unknown is no covered entity
    assert "<b>4</b><span>states" in glance  # neither unknown nor abroad is a state


def test_repeated_files_count_once(html: str) -> None:
    leaked = section(html, "leaked")
    assert "2,900 rows in 2 files were leaked" in leaked
    assert "2,896 were read, 4 could not be read" in leaked
    assert "1 file delivered again" in leaked
    assert "repeats leak/reminders.jsonl" in leaked


def test_overdue_duties_say_by_how_many_days(html: str) -> None:
    duties_now = section(html, "duties")
    assert "<b>35</b><span>overdue" in duties_now
    assert "12 overdue" in duties_now
    assert f"on {AS_OF}" in duties_now


def test_a_clock_that_waits_for_a_receipt_shows_no_day(html: str) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", section(html, "duties"), re.DOTALL)
    waiting = [row for row in rows if "independent" in row]
    assert len(waiting) == 6
    assert [row for row in waiting if re.search(r"20\d\d-\d\d-\d\d", row)] == []


def test_duties_that_are_met_or_not_required_are_not_owed(html: str) -> None:
    # 40 entities x 6 recipients x 2 hypotheses, less every second media duty and five packets received
    assert "<b>430</b><span>duties" in section(html, "duties")


def test_review_band_and_thresholds_are_stated(whole: Workspace) -> None:
    links = section(page(whole), "links")
    review = whole.read("pairs").filter(band="review").height
    assert f"{review:,} lie in the review band" in links
    assert "From 3 bits" in links


def test_open_legal_lines_and_contradictions_are_shown(html: str) -> None:
    doubt = section(html, "doubt")
    assert "20 legal lines could be flipped" in doubt
    assert doubt.count(">MD<") == 7, "the 15 least settled, every other in one state"
    assert "affected table WS open_questions" in doubt
    assert "0 times the rows of a person name one entity, and another one keeps a chart" in doubt
    assert "4,321" in section(html, "entities"), "people by number of entities"


def test_every_state_of_the_ledger_is_listed_with_its_reason(html: str) -> None:
    notices = section(html, "notices")
    for words in ("owner unknown", "waiting for the covered entity", "no address", "queued"):
        assert words in notices
    assert "900 notices are accounted for" in notices


def test_waiting_names_the_covered_entities(html: str) -> None:
    waiting = section(html, "waiting")
    assert "approve the gate `letters`" in waiting
    assert "say who sends the notices of their patients" in waiting
    assert "Dental &amp; Sons" in waiting


@pytest.mark.parametrize("present", [0, 6, 12, 19, 22, 25])
def test_a_round_that_stopped_still_reports_what_exists(workspace: Workspace, present: int) -> None:
    rows = whole_round()
    for table in STEP_TABLES[:present]:
        put(workspace, table.name, rows.get(table.name, TABLES[table.name].empty()))
    html = page(workspace)
    missing = "Not yet: the round stopped before the table `ledger` was made." in html
    assert missing == (not workspace.has("ledger"))


def test_tables_without_a_row_give_a_page(workspace: Workspace) -> None:
    for table in STEP_TABLES:
        workspace.write(table.name, table.empty())
    assert "Not yet" in section(page(workspace), "glance")


def test_equal_input_gives_equal_bytes(whole: Workspace, html: str) -> None:
    assert page(whole, gates=("letters",)) == html


class Outside(HTMLParser):
    """Collects whatever would make a browser fetch, run or jump elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe", "object", "form", "base", "foreignobject"}:
            self.found.append(tag)
        for name, value in attrs:
            local = (value or "").startswith("#")
            if (name in {"src", "href", "xlink:href", "style"} and not local) or name.startswith(
                "on"
            ):
                self.found.append(f"{tag} {name}")


def test_the_page_fetches_and_runs_nothing(html: str) -> None:
    outside = Outside()
    outside.feed(html)
    assert outside.found == []
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert "url(" not in html


def test_names_of_entities_and_titles_are_escaped(html: str) -> None:
    assert "Sons <b>" not in html
    assert "Northwind <Dental>" not in html
    assert "Northwind &lt;Dental&gt; Software" in html


def test_no_column_of_a_person_reaches_the_page(whole: Workspace) -> None:
    mention = {"mention_id": 1, "record_id": CANARY, "file_no": 0, "row_no": 0, "role": "patient"}
    names = {"first_name": CANARY, "last_name": CANARY, "email": f"{CANARY}@example.com"}
    put(whole, "leaked", [mention | names])
    put(whole, "leaked_std", [{"mention_id": 1} | names])
    put(whole, "nonidentifying", [{"field": "phone", "value": CANARY, "people": 9}])
    put(
        whole,
        "members",
        [{"person_id": CANARY, "mention_id": 1, "side": "leaked", "record_id": CANARY}],
    )
    put(whole, "pieces", [{"batch_id": "B", "seq_no": 1, "mailpiece_id": "M", "last_name": CANARY}])
    whole.append("responses", TABLES["responses"].complete(pl.DataFrame({
        "response_id": ["r"], "entity_id": ["E001"], "answer": ["correct"], "value": [CANARY],
        "recorded_at": [datetime(2026, 3, 1, tzinfo=UTC)],
    })))  # fmt: skip
    html = page(whole)
    assert CANARY.lower() not in html.lower()
    assert "P000000000001" not in html  # nor an id of a person


def test_synthetic_data_is_marked_and_real_data_is_not(tmp_path: Path) -> None:
    for synthetic in (True, False):
        made, _ = Workspace.create(
            tmp_path / f"{synthetic}",
            incident_id="t",
            synthetic=synthetic,
            key_file=tmp_path / f"{synthetic}.json",
        )
        facts = settings().incident.model_copy(update={"synthetic": synthetic})
        assert ('class="synthetic"' in page(made, incident=facts)) == synthetic
