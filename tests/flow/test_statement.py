"""The statement for a regulator: what was done since a day, who was not reached and why, and nobody's data."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.rounds import open_round
from flows.status import status, write_statement
from matching.errors import UsageError
from notify.report.map import PLACES, _shade, _short
from notify.report.progress import progress

DAY = date(2026, 3, 20)


def test_progress_counts_what_happened_from_that_day_on(demo: Path) -> None:
    workspace, _ = open_round(demo)
    workspace.inbox_parts = None
    events = workspace.scan("events").collect()
    by = {row["what"]: row for row in progress(workspace, DAY)}
    letters = events.filter(channel="mail", kind="exported")
    assert by["letters handed to the mail vendor"]["pieces"] == letters.height
    assert by["letters handed to the mail vendor"]["entities"] == letters["entity_id"].n_unique()
    packets = events.filter(channel="packet")
    assert by["packets released to covered entities"]["pieces"] == packets.height
    assert progress(workspace, date(2026, 3, 21)) == []
    assert progress(workspace, None) == progress(workspace, date(2000, 1, 1))


def test_status_says_it_too(demo: Path) -> None:
    assert "since" not in status(demo)
    said = status(demo, since=DAY)
    assert said["since"] == "2026-03-20"
    assert {"what", "pieces", "entities", "first_on", "last_on"} == set(said["done"][0])


def test_statement_is_whole_and_names_nobody(demo: Path, tmp_path: Path) -> None:
    page = write_statement(demo, tmp_path / "statement.html", since=DAY).read_text()
    for anchor in ("progress", "unreached", "packets", "notices", "accuracy", "doubt", "method"):
        assert f'<section id="{anchor}"' in page
    assert "data-audit-head" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page), "it fetches nothing"
    workspace, _ = open_round(demo)
    names = workspace.scan("leaked").select("first_name", "last_name", "street", "ssn").collect()
    # names that are also words of the page or of a practice would say nothing
    for value in {*names["street"].drop_nulls(), *names["ssn"].drop_nulls()}:
        assert value not in page
    people = workspace.scan("persons").select("person_id").collect()["person_id"]
    assert not any(person in page for person in people)


def test_an_entity_without_a_packet_is_named_with_its_reason(demo: Path, tmp_path: Path) -> None:
    from notify.report.statement import _not_reached

    workspace, _ = open_round(demo)
    rounds = _not_reached(workspace)  # as the round began: nothing was released yet
    ready = workspace.scan("packets").filter(state="ready").collect()
    assert len(rounds.grids[0].rows) == ready.height
    workspace.inbox_parts = None
    assert _not_reached(workspace).grids == ()


def test_a_place_where_no_page_belongs_is_refused(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.html"):
        write_statement(demo, tmp_path / "statement.pdf", since=None)


def test_every_state_of_residence_has_its_tile(demo: Path) -> None:
    workspace, _ = open_round(demo)
    states = (
        workspace.scan("counts").select(pl.col("state").drop_nulls().unique()).collect()["state"]
    )
    assert set(states) <= set(PLACES)
    assert len(PLACES) == 50 + 1 + 5 + 2, "states, the District, territories, unknown and abroad"
    assert len(set(PLACES.values())) == len(PLACES)


@pytest.mark.parametrize(
    ("people", "short", "shade"),
    [(0.2, "", "none"), (1, "1", "from 1"), (499.4, "499", "from 1"), (500, "500", "from 500"),
     (5_249, "5.2k", "from 5k"), (49_999, "50k", "from 5k"), (1_300_000, "1.3M", "from 500k")],
)  # fmt: skip
def test_tiles_say_numbers_short_and_shade_by_lines(people: float, short: str, shade: str) -> None:
    assert (_short(people), _shade(people)) == (short, shade)
