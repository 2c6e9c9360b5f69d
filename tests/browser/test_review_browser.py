"""Review by keyboard in a real browser: ten pairs, undo, reload, quick keys."""

from __future__ import annotations

from tests.workbench_stand import link

PAIR = "() => { const f = document.querySelector('#answer'); return f ? f.left.value + '/' + f.right.value : '' }"


def to_review(page, desk):
    page.goto(desk.address + "/review")
    page.wait_for_selector("#answer")
    return page


def press(page, key):
    """One key; gives the pair that was shown before, once another is."""
    before = page.evaluate(PAIR)
    page.keyboard.press(key)
    page.wait_for_function(f"before => ({PAIR})() !== before", arg=before)
    return before


def test_ten_pairs_by_keyboard_undo_and_reload(desk, enter):
    page = to_review(enter("One", "review"), desk)
    seen = [press(page, key) for key in "mnumnumnum"]
    assert len(set(seen)) == 10
    answers = desk.reviewing.answers
    assert len(answers.decided()) == 10
    page.keyboard.press("z")
    page.wait_for_function(f"last => ({PAIR})() === last", arg=seen[-1])
    assert len(answers.decided()) == 9
    page.reload()
    page.wait_for_selector("#answer")
    assert page.evaluate(PAIR) == seen[-1]
    assert len(answers.decided()) == 9


def test_a_key_right_after_a_new_pair_answers_it_and_stays_on_the_page(desk, enter):
    page = to_review(enter("One", "review"), desk)
    page.evaluate("window.stayed = true")
    press(page, "m")
    page.wait_for_timeout(20)
    press(page, "n")
    assert page.evaluate("window.stayed")
    assert sorted(a.value for a in desk.reviewing.answers.decided().values()) == ["match", "no"]


def test_keys_in_a_note_are_letters(desk, enter):
    page = to_review(enter("One", "review"), desk)
    before = page.evaluate(PAIR)
    page.locator("input[name=note]").press_sequentially("mnuz r")
    assert page.evaluate(PAIR) == before
    assert desk.reviewing.answers.rows().is_empty()
    page.keyboard.press("Escape")
    press(page, "n")
    assert [a.note for a in desk.reviewing.answers.decided().values()] == ["mnuz r"]


def test_arrow_and_space_go_on_without_an_answer(desk, enter):
    page = to_review(enter("One", "review"), desk)
    press(page, "ArrowRight")
    press(page, " ")
    assert desk.reviewing.answers.rows().is_empty()


def test_the_focus_and_the_words_follow_the_pair(desk, enter):
    page = to_review(enter("One", "review"), desk)
    press(page, "u")
    assert page.evaluate("document.activeElement.textContent") == "Is this one person?"
    assert page.locator("[role=status]").first.text_content() == "Recorded: unsure."


def test_forms_that_open_a_page_work_too(desk, enter):
    page = to_review(enter("One", "review", "reveal"), desk)
    page.keyboard.press("r")
    page.wait_for_selector("text=Mask again")
    page.get_by_role("button", name="Split or merge these records").click()
    page.wait_for_selector("text=Choose records")
    assert page.locator("[data-record]").count() >= 1
    page.goto(desk.address + "/names")
    page.goto(desk.address + "/labels")
    page.get_by_role("button", name="Record these labels").click()
    page.wait_for_selector("text=no labels")


def test_a_viewer_is_refused(desk, browser):
    page = browser.new_context().new_page()
    page.goto(desk.address + link(desk, "Eye", ()))
    assert page.goto(desk.address + "/review").status == 403
    assert "Reviewing needs the right" in page.content()
    page.context.close()
