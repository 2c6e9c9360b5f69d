"""Every HIPAA duty of 1,000 random small incidents, computed twice: no difference."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.tables import TABLES
from notify.duties import DutiesSettings, run
from notify.facts import Hold, Incident
from tests.hipaa_oracle import Breach, Key, LawHold, Number, Owed, Practice, owed

FEDERAL = Path(__file__).parents[2] / "configs" / "jurisdictions" / "us.toml"
INCIDENTS = 1_000
TELLING = (0, 1, 2, 9, 10, 11, 250, 499, 500, 501, 502)
"""Numbers on both sides of every line."""
PLACES = ("MD", "VA", "MP", "UNK", "AE", "ZZ")
DUTIES = ("individual", "substitute", "media", "hhs")
KINDS = {"written": "law_enforcement_written", "oral": "law_enforcement_oral", "court": "court"}
START = date(2025, 10, 1)


class Memory:
    """A workspace that keeps its tables in memory: encrypting and syncing them is not what is judged."""

    def __init__(self) -> None:
        self.tables: dict[str, pl.DataFrame] = {}

    def read(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        frame = self.tables.get(name, TABLES[name].empty())
        return frame.select(columns) if columns else frame

    def scan(self, name: str) -> pl.LazyFrame:
        return self.read(name).lazy()

    def lazy_parts(self, name: str) -> list[tuple[None, pl.LazyFrame]]:
        return [(None, self.scan(name))]

    def write(self, name: str, frame: pl.DataFrame) -> None:
        table = TABLES[name]
        self.tables[name] = table.conform(frame.lazy()).sort(table.key, nulls_last=True).collect()

    def put_output(self, relative: str, data: bytes, *, personal: bool) -> None:
        pass


def test_no_difference_on_random_incidents(tmp_path: Path) -> None:
    draw = random.Random(164_404)
    breaches = [random_breach(draw, f"E{number:04}") for number in range(INCIDENTS)]
    workspace = Memory()
    (tmp_path / "rules").mkdir()
    shutil.copy(FEDERAL, tmp_path / "rules")
    workspace.write("events", returned_letters(breaches))
    seen: set[str] = set()
    for breach in breaches:
        found = engine(workspace, breach, tmp_path / "rules")
        expected = owed(breach)
        assert found == expected, breach
        seen |= {f"{row.status} {row.crosses}" for row in expected.values()}
    # the comparison says something only if it went through every state a duty can be in
    states = {text.split(" ")[0] for text in seen}
    assert states == {"not_required", "met", "held", "waiting_receipt", "overdue", "planned", "due"}


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ("us-164.404-individual", "days = 60", "days = 61"),
        ("us-164.406-media", 'min_op = "gt"', 'min_op = "ge"'),
        ("us-164.408-hhs-500", "min_n = 500", "min_n = 501"),
        ("us-164.408-hhs-500", 'count_basis = "all"', 'count_basis = "state_residents"'),
        ("us-164.404-substitute", "min_n = 10", "min_n = 9"),
        ("us-164.408-hhs-annual", 'clock_anchor = "ce_discovery_year_end"', 'clock_anchor = "ce_discovery"'),
        ("us-164.410-entity", 'clock_anchor = "ba_discovery"', 'clock_anchor = "ce_discovery"'),
    ],
)  # fmt: skip
def test_a_broken_rule_is_noticed(tmp_path: Path, rule: str, right: str, wrong: str) -> None:
    """The comparison above can fail: one wrong word in one rule differs on some of 200 incidents."""
    text = FEDERAL.read_text(encoding="utf-8")
    head, name, rest = text.partition(f'rule_id = "{rule}"')
    assert right in rest.split("[[rule]]")[0]
    (tmp_path / "us.toml").write_text(head + name + rest.replace(right, wrong, 1), encoding="utf-8")
    draw = random.Random(164_404)
    breaches = [random_breach(draw, f"E{number:04}") for number in range(200)]
    workspace = Memory()
    workspace.write("events", returned_letters(breaches))
    assert any(engine(workspace, breach, tmp_path) != owed(breach) for breach in breaches)


def random_breach(draw: random.Random, entity_id: str) -> Breach:
    known_on = START + timedelta(days=draw.randrange(0, 160))
    earlier = known_on - timedelta(days=draw.randrange(0, 90))
    should = draw.choice([None, None, earlier])
    today = known_on + timedelta(days=draw.choice([0, 1, 15, 29, 30, 31, 59, 60, 61, 62, 200]))

    def around(share: float) -> date | None:
        day = known_on + timedelta(days=draw.randrange(-40, 60))
        return day if draw.random() < share else None

    residents = {place: random_number(draw) for place in draw.sample(PLACES, draw.randrange(1, 5))}
    practice = Practice(
        entity_id=entity_id,
        state=draw.choice(["MD", "VA"]),
        is_covered_entity=draw.random() < 0.9,
        agency=draw.choice(["agent", "independent", "undetermined", "undetermined"]),
        contract_days=draw.choice([None, None, 3, 10, 59, 60, 61]),
        knew_on=around(0.2),
        received_on=around(0.4),
        residents=residents,
        returned=draw.choice([0, 0, 0, 1, 9, 10]),
        performs={duty: draw.choice(["ba", "ce"]) for duty in DUTIES if draw.random() < 0.5},
    )
    holds = tuple(
        random_hold(draw, known_on, entity_id) for _ in range(draw.choice([0, 0, 0, 1, 2, 3]))
    )
    return Breach(known_on, should, today, holds, practice)


def random_number(draw: random.Random) -> Number:
    low, high = sorted((draw.choice(TELLING), draw.choice(TELLING)))
    high = max(high, 1)
    return draw.choice(
        [Number(high, float(high), high), Number(low, round(draw.uniform(low, high), 3), high)]
    )


def random_hold(draw: random.Random, known_on: date, entity_id: str) -> LawHold:
    stated_on = known_on + timedelta(days=draw.randrange(-20, 70))
    until = stated_on + timedelta(days=draw.randrange(0, 80))
    return LawHold(
        draw.choice(["written", "oral", "court"]), stated_on, draw.choice([None, until]),
        draw.choice(["", entity_id, "E-OTHER"]),
    )  # fmt: skip


def returned_letters(breaches: list[Breach]) -> pl.DataFrame:
    rows = [
        {
            "event_id": f"{b.practice.entity_id}-{n}", "kind": "returned", "channel": "mail",
            "entity_id": b.practice.entity_id, "person_id": f"P{n}", "batch_id": "b",
            "piece_id": f"{b.practice.entity_id}-{n}",
            "notice_version": 1, "wave": 1, "dated_on": b.known_on, "detail": "VAC",
            "recorded_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        for b in breaches
        for n in range(b.practice.returned)
    ]  # fmt: skip
    return TABLES["events"].complete(pl.DataFrame(rows))


def engine(workspace: Any, breach: Breach, rules: Path) -> dict[Key, Owed]:
    practice = breach.practice
    put(workspace, "entities", [{
        "entity_id": practice.entity_id, "legal_name": "One PC", "print_name": "One", "status": "open",
        "kind": "covered_entity" if practice.is_covered_entity else "business_associate",
        "agency": practice.agency, "state": practice.state, "baa_days": practice.contract_days,
        "known_on": practice.knew_on, "received_on": practice.received_on,
    }])  # fmt: skip
    put(workspace, "counts", list(counts(practice)))
    put(workspace, "delegation", [
        {"entity_id": practice.entity_id, "duty": duty, "by": by} for duty, by in practice.performs.items()
    ])  # fmt: skip
    run(workspace, settings(breach, rules))
    return {
        (row["rule_id"], row["hypothesis"], row["jurisdiction"]): Owed(
            row["status"], row["due_on"], row["crosses"], row["count_used"], row["performed_by"]
        )
        for row in workspace.read("duties").to_dicts()
    }


def counts(practice: Practice) -> list[dict[str, Any]]:
    def row(state: str | None, number: Number) -> dict[str, Any]:
        return {
            "entity_id": practice.entity_id, "state": state, "confirmed": number.confirmed,
            "expected": number.expected, "expected_low": number.expected,
            "expected_high": number.expected, "upper": number.upper,
        }  # fmt: skip

    each = list(practice.residents.values())
    total = Number(
        sum(n.confirmed for n in each), sum(n.expected for n in each), sum(n.upper for n in each)
    )
    return [row(state, n) for state, n in practice.residents.items()] + [row(None, total)]


def put(workspace: Any, name: str, rows: list[dict[str, Any]]) -> None:
    table = TABLES[name]
    workspace.write(name, table.complete(pl.DataFrame(rows)) if rows else table.empty())


def settings(breach: Breach, rules: Path) -> DutiesSettings:
    return DutiesSettings(
        incident=Incident(
            id="oracle", title="Oracle", known_on=breach.known_on, what_happened="Something.",
            should_have_known_on=breach.should_have_known_on,
            breach_start="unknown", breach_end="unknown",
        ),
        as_of=breach.today,
        holds=tuple(
            Hold(kind=KINDS[h.kind], entity_id=h.entity, official="A", agency="B",
                 stated_on=h.stated_on, until=h.until)
            for h in breach.holds
        ),
        jurisdictions=rules,
    )  # fmt: skip
