"""Pages of review over a finished run: answers by form, masks, groups, names, labels, and who may not."""

import re

import httpx
import polars as pl
import pytest

from flows.run import run_round
from flows.workbench.reviewing import fewest_merges, fewest_splits
from matching.errors import OperatorError
from matching.review.answers import Answers, pair_of
from tests.workbench_stand import desk_of, link, serving

RIGHTS = {"One": ("review", "reveal"), "Two": ("review",), "Lead": ("review", "approve"), "Eye": ()}


@pytest.fixture
def stand(own):
    desk = desk_of(own.workspace)
    yield desk
    desk.reviewing.showing.close()


@pytest.fixture
def client(stand):
    made = []
    with serving(stand) as address:

        def of(name):
            made.append(httpx.Client(base_url=address, follow_redirects=True, timeout=60))
            made[-1].get(link(stand, name, RIGHTS[name]))
            return made[-1]

        yield of
        for each in made:
            each.close()


def hidden(page):
    answer = page.split('<form id="answer"')[-1].split("</form>")[0]
    return dict(re.findall(r'name="(left|right|once)" value="([^"]+)"', answer))


def csrf(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text).group(1)


def post(client, path, page, **fields):
    own = client.get("/labels/none")  # an error page, with this session's number
    return client.post(path, data={"csrf": csrf(own), **hidden(page.text), **fields})


def test_answers_go_to_the_inbox_and_the_next_pair_comes(client, stand):
    one = client("One")
    page = one.get("/review")
    first = hidden(page.text)
    after = post(one, "/review/answer", page, value="match", note="same household")
    assert "Recorded: match." in after.text, after.text[:900]
    assert hidden(after.text)["once"] != first["once"]
    assert (hidden(after.text)["left"], hidden(after.text)["right"]) != (
        first["left"],
        first["right"],
    )
    found = stand.reviewing.answers.on((int(first["left"]), int(first["right"])))
    assert (found.value, found.by, found.note) == ("match", "One", "same household")
    assert "Recorded: match." in after.text


def test_a_form_sent_twice_is_one_answer(client, stand):
    one = client("One")
    page = one.get("/review")
    post(one, "/review/answer", page, value="no")
    post(one, "/review/answer", page, value="no")
    assert stand.reviewing.answers.rows().height == 1


def test_undo_brings_the_pair_back(client, stand):
    one = client("One")
    page = one.get("/review")
    after = post(one, "/review/answer", page, value="no")
    back = post(one, "/review/undo", after)
    assert hidden(back.text)["left"] == hidden(page.text)["left"]
    assert stand.reviewing.answers.decided() == {}
    assert "Taken back" in back.text


def test_two_reviewers_have_two_pairs(client):
    assert hidden(client("One").get("/review").text) != hidden(client("Two").get("/review").text)
    one, two = (client(name).get("/review").text for name in ("One", "Two"))
    assert hidden(one)["left"] + hidden(one)["right"] != hidden(two)["left"] + hidden(two)["right"]


def test_a_viewer_is_refused(client, stand):
    eye = client("Eye")
    for path in ("/review", "/names", "/labels", "/labels/affected.csv", "/review/agreement"):
        assert eye.get(path).status_code == 403
    page = client("One").get("/review")
    for path in (
        "/review/answer",
        "/review/undo",
        "/names/decide",
        "/labels/import",
        "/labels/learn",
    ):
        assert post(eye, path, page, value="match").status_code == 403
    assert stand.reviewing.answers.rows().is_empty()


def test_a_form_of_no_session_is_refused(client, stand):
    one = client("One")
    page = one.get("/review")
    answer = one.post("/review/answer", data={**hidden(page.text), "value": "match"})
    assert answer.status_code == 403
    assert stand.reviewing.answers.rows().is_empty()


def test_values_are_masked_until_revealed_and_that_is_audited(client, stand):
    two, one = client("Two"), client("One")
    page = one.get("/review")
    pair = (int(hidden(page.text)["left"]), int(hidden(page.text)["right"]))
    shown = stand.reviewing.showing.pair(pair)
    last = next(f for f in shown.fields if f.name == "last_name")
    words = [word for word in (*last.given, *last.cleaned) if word and len(word) > 2]
    body = page.text.split('<table class="pair">')[1]
    assert words
    assert not any(word in body for word in words)
    assert "Reveal" not in two.get("/review").text
    assert post(two, "/review/reveal", page).status_code == 403
    plain = post(one, "/review/reveal", page)
    assert any(word in plain.text for word in words)
    acts = [e for e in stand.reviewing.workspace.evidence.entries() if e["act"] == "reveal"]
    assert [(e["by"], e["left"], e["right"]) for e in acts] == [("One", *pair)]
    assert not any(word in str(acts) for word in words)
    one.get("/review")
    again = [e for e in stand.reviewing.workspace.evidence.entries() if e["act"] == "reveal"]
    assert len(again) == 1
    masked = post(one, "/review/reveal", page, every="off")
    assert not any(word in masked.text.split('<table class="pair">')[1] for word in words)


def test_no_value_of_a_record_is_in_an_address_or_a_hidden_field(client):
    page = client("One").get("/review").text
    for address in re.findall(r'(?:href|action)="([^"]+)"', page):
        assert "?" not in address
    assert all(value.isalnum() for value in hidden(page).values())


def test_a_group_is_split_and_merged_by_pair_decisions(client, stand, own):
    workspace = stand.reviewing.workspace
    sizes = workspace.read("members").group_by("person_id").len().filter(len=3)
    person = sizes["person_id"].sort()[0]
    members = workspace.read("members").filter(person_id=person)["mention_id"].to_list()
    one = client("One")
    page = one.get("/review")
    fields = {"left": str(members[0]), "right": str(members[1])}
    group = one.post("/review/group", data={"csrf": csrf(one.get("/labels")), **fields})
    assert group.text.count("data-record=") == 3
    split = one.post(
        "/review/group/decide",
        data={
            "csrf": csrf(one.get("/labels")),
            **fields,
            "once": "g1",
            "value": "split",
            "chosen": str(members[0]),
        },
    )
    assert "the next run makes it so" in split.text
    decided = stand.reviewing.answers.decided()
    assert decided
    assert {answer.value for answer in decided.values()} == {"no"}
    assert all(members[0] in pair for pair in decided)
    assert len(workspace.manifest("decisions").parts) == 1
    back = post(one, "/review/undo", page)
    assert "Taken back" in back.text
    assert stand.reviewing.answers.decided() == {}


def test_fewest_decisions():
    assert fewest_splits([1], [2, 3], {(1, 2)}) == [((1, 2), "no")]
    assert fewest_splits([1], [2, 3], {(1, 2), (1, 3), (2, 3)}) == [((1, 2), "no"), ((1, 3), "no")]
    assert fewest_splits([4], [2, 3], set()) == [((2, 4), "no")]
    assert fewest_merges([1, 2, 3], {1: "A", 2: "A", 3: "B"}) == [((1, 3), "match")]
    with pytest.raises(OperatorError, match="two persons or more"):
        fewest_merges([1, 2], {1: "A", 2: "A"})
    with pytest.raises(OperatorError, match="leave some"):
        fewest_splits([1], [], set())


def test_a_disagreement_goes_to_a_third_and_a_lead_not_to_the_two(client, stand):
    answers = stand.reviewing.answers
    stand.reviewing.queue.share = 1.0
    page = client("One").get("/review")
    pair = (int(hidden(page.text)["left"]), int(hidden(page.text)["right"]))
    first = post(client("One"), "/review/answer", page, value="match", note="same home")
    assert "Recorded: match." in first.text, first.text[:900]
    two = client("Two")
    stand.reviewing.choose("Two", pair, "second")
    blind = two.get("/review")
    assert hidden(blind.text)["left"] == str(pair[0])
    assert "same home" not in blind.text
    assert "disagree" not in blind.text
    post(two, "/review/answer", blind, value="no", note="twins")
    assert answers.on(pair).value == "match"
    assert "1 wait for a third person" in two.get("/review/agreement").text
    lead = client("Lead")
    assert "twins" in lead.get("/review/agreement").text
    chosen = post(lead, "/review/choose", blind, why="adjudicate")
    assert "same home" in chosen.text
    assert "twins" in chosen.text
    refused = post(two, "/review/choose", blind, why="adjudicate")
    assert "somebody else settles it" in refused.text
    post(lead, "/review/answer", chosen, value="no")
    assert answers.on(pair).by == "Lead"
    assert "None that you may settle" in lead.get("/review/agreement").text


def test_labels_out_and_in(client, stand, own):
    one = client("One")
    page = one.get("/review")
    post(one, "/review/answer", page, value="match")
    csv = one.get("/labels/affected.csv").text
    assert len(csv.splitlines()) == 2
    text = csv.replace("\nmatch,", "\nno,")
    taken = one.post("/labels/import", data={"csrf": csrf(one.get("/labels")), "csv": text})
    assert "1 labels recorded." in taken.text
    pair = (int(hidden(page.text)["left"]), int(hidden(page.text)["right"]))
    assert Answers(stand.reviewing.workspace).on(pair).value == "no"
    assert (
        "no labels"
        in one.post("/labels/import", data={"csrf": csrf(one.get("/labels")), "csv": " "}).text
    )
    assert one.post("/labels/learn", data={"csrf": csrf(one.get("/labels"))}).status_code == 403
    lead = client("Lead")
    assert (
        "label 30 or more"
        in lead.post("/labels/learn", data={"csrf": csrf(lead.get("/labels"))}).text
    )


def test_practice_names_are_decided_once_for_all_their_rows(client, stand):
    one = client("One")
    page = one.get("/names")
    assert page.status_code == 200
    practices = stand.reviewing.practices
    if not practices.names:
        pytest.skip("the rehearsal has no unresolved name")
    name = practices.waiting()[0]
    entity = sorted(practices.entities)[0]
    data = {"csrf": csrf(page), "record": str(name.record), "entity": entity, "once": "n1"}
    after = one.post("/names/decide", data=data)
    assert f"Recorded for {name.rows:,} rows" in after.text
    one.post("/names/decide", data=data)
    assert practices.decided[name.name_place][0] == entity
    assert stand.reviewing.answers.rows().height == 1
    assert "Choose a practice" in one.post("/names/decide", data={**data, "entity": "CE999x"}).text


def test_answers_survive_the_next_rounds_and_an_undo_does_too(client, stand, own):
    """A pair that the run merged is parted by a page, stays so in another round, and is one again after the undo."""
    workspace = stand.workspace  # as the run leaves it
    members = workspace.read("members")
    two = (
        members.group_by("person_id").agg("mention_id").filter(pl.col("mention_id").list.len() == 2)
    )
    pair = pair_of(*two.sort("person_id")["mention_id"][0].to_list())
    answers = stand.reviewing.answers

    def persons():
        run_round(own.incident, workspace=own.workspace, until="people", engine="local")
        found = workspace.read("members").filter(pl.col("mention_id").is_in(pair))
        return found["person_id"].n_unique()

    answers.answer(pair, "no", by="One")
    assert persons() == 2
    assert persons() == 2
    assert Answers(workspace).on(pair).value == "no"
    answers.undo(by="One")
    assert persons() == 1
