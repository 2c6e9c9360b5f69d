"""Thresholds and scenarios in a real browser: sliders, refusals, restarts, accessibility, print."""

from __future__ import annotations

import pytest

import flows.scenarios
from tests.workbench_stand import desk_of, link, serving

LEAD = ("review", "approve", "reveal")
PAGES = (
    "/thresholds",
    "/thresholds/weights",
    "/scenarios",
    "/review",
    "/review/agreement",
    "/names",
    "/labels",
)


def numbers(page):
    return page.eval_on_selector_all("[data-number]", "all => all.map(one => one.textContent)")


def slide(page, name, times, key="ArrowRight"):
    """Move a slider by keyboard and wait until the numbers are new."""
    before = numbers(page)
    page.focus(f"input[type=range][data-of={name}]")
    for _ in range(times):
        page.keyboard.press(key)
    page.wait_for_function(
        "before => { const now = [...document.querySelectorAll('[data-number]')].map(one => one.textContent);"
        " return now.length && now.join() !== before.join() && !document.querySelector('[aria-busy=true]'); }",
        arg=before,
    )
    return numbers(page)


@pytest.fixture
def lead(desk, enter):
    desk.bench.load()
    page = enter("Lead", *LEAD)
    page.wait_for_selector("#charts[data-drawn=yes]")
    return page


def test_a_slider_moves_every_number_and_pushes_its_neighbours(lead):
    before = numbers(lead)
    after = slide(lead, "merge", 40)
    assert len(before) == len(after) == 6
    changed = [name for name, was, now in zip(("confirmed", "expected", "upper", "review", "missed", "cost"), before, after, strict=True) if was != now]  # fmt: skip
    assert {"upper", "review", "missed", "cost"} <= set(changed)
    slide(lead, "include", 90)
    include, merge = (
        float(lead.input_value(f"input[type=number][data-of={n}]")) for n in ("include", "merge")
    )
    assert include < merge
    lead.click("#back")
    lead.wait_for_function(
        "was => document.querySelector('[data-number=upper]').textContent === was", arg=before[2]
    )


def test_a_number_typed_is_as_good_as_a_slider(lead):
    before = numbers(lead)
    lead.fill("input[type=number][data-of=merge]", "9")
    lead.press("input[type=number][data-of=merge]", "Tab")
    lead.wait_for_function(
        "was => document.querySelector('[data-number=upper]').textContent !== was", arg=before[2]
    )
    assert lead.input_value("input[type=range][data-of=merge]") == "9"


def test_four_charts_are_drawn(lead):
    assert lead.locator("#charts canvas").count() == 4


def test_a_scenario_is_saved_and_approved(desk, lead):
    slide(lead, "merge", 20)
    lead.fill("form.save input[name=name]", "cautious")
    lead.fill("form.save input[name=note]", "fewer merges")
    lead.click("text=Save as a scenario")
    lead.wait_for_selector("text=Put aside: cautious.")
    lead.click("button:has-text('Approve')")
    lead.wait_for_selector("text=Approved: the next")
    assert flows.scenarios.approved(desk.workspace).scenario.merge_at_bits == 7.0


def test_a_viewer_looks_only(desk, enter):
    page = enter("Eye")
    assert page.locator("form.save").count() == 0
    page.goto(desk.address + "/thresholds/weights")
    assert page.locator(".levels input").count() == 0


def test_what_was_put_aside_survives_a_reload_and_a_restart(desk, browser, lead):
    lead.fill("form.save input[name=name]", "kept")
    lead.click("text=Save as a scenario")
    lead.wait_for_selector("text=Put aside: kept.")
    lead.reload()
    assert lead.locator("th:has-text('kept')").count() == 1
    again = desk_of(desk.root)
    with serving(again) as address:
        page = browser.new_context().new_page()
        assert page.goto(address + "/scenarios").status == 401  # sessions end with the server
        page.goto(address + link(again, "Lead", LEAD))
        page.goto(address + "/scenarios")
        assert page.locator("th:has-text('kept')").count() == 1
        page.context.close()
    again.reviewing.showing.close()


@pytest.mark.parametrize("path", PAGES)
def test_accessibility_has_no_serious_finding(desk, lead, path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    lead.goto(desk.address + path)
    lead.wait_for_load_state("networkidle")
    found = axe.Axe().run(lead).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"][:80])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_small_screen(desk, lead, path):
    lead.goto(desk.address + path)
    assert lead.evaluate("document.documentElement.scrollWidth") <= 1366


def test_on_paper_there_is_no_navigation(lead):
    lead.emulate_media(media="print")
    assert not lead.locator("nav").is_visible()
    assert lead.locator("[data-number=upper]").is_visible()
