"""Pages of the workbench as a browser gets them: numbers, rights, the policy, errors without data."""

import re
import shutil

import polars as pl
import pytest
from starlette.testclient import TestClient

import flows.scenarios
from flows.rounds import open_round
from flows.workbench.app import make_app
from flows.workbench.desk import Desk
from flows.workbench.guard import HEADERS
from flows.workbench.sessions import Sessions
from matching.errors import OperatorError
from matching.files import locked
from matching.tuning import Thresholds

AT = "http://127.0.0.1:8000"
LEAD = ("review", "approve", "reveal")


@pytest.fixture(scope="module")
def root(ran, tmp_path_factory):
    folder = tmp_path_factory.mktemp("workbench") / "ws"
    shutil.copytree(ran.workspace, folder)
    return folder


@pytest.fixture(scope="module")
def desk(root):
    desk = Desk(root, Sessions(), cookie="affected-test")
    desk.bench.load()
    desk.bench.begin(after_s=0.0)
    return desk


@pytest.fixture
def enter(desk):
    app = make_app(desk)

    def of(*rights, name="R. Vance"):
        browser = TestClient(app, base_url=AT, raise_server_exceptions=False)
        answer = browser.get(f"/enter/{desk.sessions.link(name, rights)}", follow_redirects=False)
        assert answer.status_code == 303
        return browser

    return of


def csrf(browser):
    return re.search(r'name="csrf" value="([^"]+)"', browser.get("/thresholds").text).group(1)


def posted(browser, path, **fields):
    return browser.post(path, data={"csrf": csrf(browser), **fields}, follow_redirects=False)


def test_numbers_of_the_round_are_its_own(desk, enter):
    counts = desk.workspace.read("counts")
    run = counts.filter(pl.col("entity_id").is_null(), pl.col("state").is_null()).row(0, named=True)
    page = enter().get("/thresholds").text
    assert f'data-number="upper">{run["upper"]:,}<' in page
    found = desk.bench.tuning.numbers(Thresholds.of(desk.bench.matching))
    for name in ("confirmed", "upper"):
        assert found.union[name] == run[name]
    assert found.union["expected"] == pytest.approx(run["expected"])


def test_other_thresholds_are_looked_up(desk, enter):
    found = desk.bench.tuning.numbers(Thresholds(3.0, 9.0, 14.0))
    text = enter().get("/thresholds/numbers?include=3&merge=9&attribute=14").text
    assert f'data-number="upper">{found.union["upper"]:,.0f}<' in text
    assert found.union["upper"] > desk.bench.of_run.union["upper"]


@pytest.mark.parametrize("query", ["merge=2", "include=9", "attribute=4", "merge=no", "include=1"])
def test_thresholds_out_of_order_are_one_line(enter, query):
    answer = enter().get(f"/thresholds/numbers?{query}")
    assert answer.status_code == 422
    assert "bits" in answer.text


def test_until_the_round_is_loaded_its_own_numbers_are_shown(root):
    desk = Desk(root, Sessions(), cookie="affected-cold")
    browser = TestClient(make_app(desk), base_url=AT)
    browser.get(f"/enter/{desk.sessions.link('A', ())}")
    whole = browser.get("/thresholds").text
    assert "data-number" in whole
    answer = browser.get("/thresholds/numbers?merge=9").text
    assert "being prepared" in answer
    assert "data-number" in answer


def test_weights_are_tried_counted_and_undone(desk, enter):
    browser = enter(*LEAD)
    shown = browser.get("/thresholds/weights").text
    name, bits = re.search(r'name="(first_name:\d+)" value="([-\d.]+)"', shown).groups()
    assert (
        posted(browser, "/thresholds/weights/edit", **{name: str(float(bits) - 6)}).status_code
        == 303
    )
    edits = desk.trials.of("R. Vance")
    assert len(edits) == 1
    while not desk.bench.counted(edits):
        pass
    answer = browser.get("/thresholds").text
    assert "1 level weight is changed" in answer
    tried = desk.bench.numbers(Thresholds.of(desk.bench.matching), edits)
    assert tried.union["upper"] != desk.bench.of_run.union["upper"]
    posted(browser, "/thresholds/weights/undo")
    assert desk.trials.of("R. Vance") == ()


def test_a_scenario_is_put_aside_and_approved_by_a_lead_only(desk, enter):
    lead, viewer = enter(*LEAD), enter(name="V. Iewer")
    fields = {
        "name": "cautious",
        "note": "fewer merges",
        "include": "3",
        "merge": "8",
        "attribute": "14",
    }
    assert posted(viewer, "/scenarios/save", **fields).status_code == 403
    assert posted(lead, "/scenarios/save", **fields).status_code == 303
    (saved,) = flows.scenarios.saved(desk.workspace)
    assert saved.scenario.numbers["upper"] > 0
    assert "cautious" in viewer.get("/scenarios").text
    assert posted(viewer, "/scenarios/approve", fact=saved.fact_id).status_code == 403
    assert posted(lead, "/scenarios/approve", fact=saved.fact_id).status_code == 303
    assert flows.scenarios.approved(desk.workspace).scenario.merge_at_bits == 8.0


def test_counted_from_kept_pairs_only_cannot_be_approved(desk, enter):
    lead = enter(*LEAD, name="Bold")
    shown = lead.get("/thresholds/weights").text
    name = re.search(r'name="(first_name:\d+)"', shown).group(1)
    posted(lead, "/thresholds/weights/edit", **{name: "20"})
    edits = desk.trials.of("Bold")
    while not desk.bench.counted(edits):
        pass
    assert "From kept pairs only" in lead.get("/thresholds").text
    fields = {"name": "bold", "include": "3", "merge": "8", "attribute": "14"}
    assert posted(lead, "/scenarios/save", **fields).status_code == 303
    bold = next(one for one in flows.scenarios.saved(desk.workspace) if one.scenario.name == "bold")
    answer = posted(lead, "/scenarios/approve", fact=bold.fact_id)
    assert answer.status_code == 422
    assert "kept pairs only" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/thresholds/weights/edit",
        "/thresholds/weights/undo",
        "/scenarios/save",
        "/review/answer",
        "/leave",
    ],
)
def test_a_form_of_no_session_is_refused(enter, path):
    assert enter(*LEAD).post(path, data={"csrf": "guessed"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/thresholds",
        "/thresholds/numbers",
        "/thresholds/charts",
        "/thresholds/weights",
        "/scenarios",
        "/review",
        "/names",
        "/labels",
    ],
)
def test_nobody_sees_a_page_without_a_link(desk, path):
    browser = TestClient(make_app(desk), base_url=AT)
    answer = browser.get(path, follow_redirects=False)
    assert answer.status_code == 401
    assert "data-number" not in answer.text


@pytest.mark.parametrize(
    "path", ["/thresholds", "/thresholds/charts", "/static/style.css", "/nothing", "/enter/used"]
)
def test_every_answer_bears_the_policy(enter, path):
    answer = enter().get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


def test_other_hosts_sites_methods_and_sizes_are_refused(enter):
    browser = enter(*LEAD)
    assert browser.get("/thresholds", headers={"host": "attacker.example"}).status_code == 421
    foreign = {"origin": "http://attacker.example"}
    assert browser.post("/leave", data={"csrf": csrf(browser)}, headers=foreign).status_code == 403
    cross = {"sec-fetch-site": "cross-site"}
    assert browser.post("/leave", data={"csrf": csrf(browser)}, headers=cross).status_code == 403
    assert browser.delete("/thresholds").status_code == 405
    assert browser.post("/leave", headers={"content-length": str(1 << 30)}).status_code == 413


def test_our_bug_shows_and_logs_no_data(desk, enter, monkeypatch, caplog):
    browser = enter()

    def fails(*_):
        raise ValueError("CANARY")

    monkeypatch.setattr("flows.workbench.thresholds.charts", fails)
    answer = browser.get("/thresholds/charts")
    assert answer.status_code == 500
    assert "CANARY" not in answer.text
    assert "CANARY" not in "".join(
        r.getMessage() for r in caplog.records if r.name.startswith("affected")
    )


def test_it_works_while_a_run_holds_its_lock(root, enter):
    with locked(root / "run.lock"):
        assert enter().get("/thresholds").status_code == 200


def test_who_entered_stands_in_the_audit_log(desk, enter):
    enter(*LEAD, name="A. Uditor")
    acts = [
        e
        for e in desk.workspace.evidence.entries()
        if e["act"] == "tune" and e["by"] == "A. Uditor"
    ]
    assert [e["role"] for e in acts] == ["lead"]


def test_a_workspace_before_counts_is_refused(tmp_path):
    with pytest.raises(OperatorError):
        Desk(tmp_path, Sessions(), cookie="x")


def test_weights_that_change_nothing_change_nothing(desk):
    tuning = desk.bench.tuning
    at = Thresholds(3.0, 7.0, 14.0)
    again = tuning.reweighed({})
    assert again.numbers(at).counts.equals(tuning.numbers(at).counts)
    with pytest.raises(OperatorError, match="no level"):
        tuning.reweighed({("nothing", 1): 0.0})


def test_the_round_s_matching_is_what_the_desk_shows(root, desk):
    assert desk.bench.matching == open_round(root)[1].incident.matching
