"""A served workbench and pages of people who entered it, in Debian's chromium."""

from __future__ import annotations

import shutil

import pytest

from flows.run import run_round
from tests.workbench_stand import desk_of, link, serving

CHROMIUM = shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def incident(tmp_path_factory):
    from flows.rehearse import rehearse

    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTED_KEYS", str(folder / "keys"))
        rehearse(folder / "incident", people=400, seed=3, profile="dental")
        workspace = folder / "ws"
        run_round(folder / "incident" / "incident.toml", workspace=workspace, until="counts", engine="local")  # fmt: skip
        yield workspace


@pytest.fixture(scope="module")
def browser():
    """Ended with its file: while it is there its event loop runs, and no other can."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("needs Debian's chromium")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def desk(incident, tmp_path):
    root = tmp_path / "ws"
    shutil.copytree(incident, root)
    desk = desk_of(root)
    with serving(desk) as address:
        desk.address = address
        yield desk
    desk.reviewing.showing.close()


@pytest.fixture
def enter(desk, browser):
    """Pages of people who entered; what the console says is an error."""
    opened, said = [], []

    def of(name, *rights):
        page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(desk.address + link(desk, name, rights))
        opened.append(page)
        return page

    yield of
    for page in opened:
        page.context.close()
    # htmx writes down each request that a newer one took the place of
    assert [text for text in said if not text.startswith("htmx:")] == []
