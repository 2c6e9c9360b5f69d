"""Links open once; sessions end by themselves."""

from flows.workbench.sessions import IDLE_S, LONGEST_S, Sessions, role_of
from flows.workbench.weights import Trials


class Clock:
    """Seconds that a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def entered(clock, rights=("review",)):
    sessions = Sessions(clock)
    cookie, session = sessions.enter(sessions.link("R. Vance", rights))
    return sessions, cookie, session


def test_a_link_opens_once():
    sessions = Sessions(Clock())
    token = sessions.link("R. Vance", ("review",))
    first, second = sessions.enter(token), sessions.enter(token)
    assert first is not None
    assert second is None
    assert sessions.enter("another") is None


def test_a_link_that_nobody_opened_for_half_a_day_opens_nothing():
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.link("R. Vance", ())
    clock.now = 13 * 3600
    assert sessions.enter(token) is None


def test_who_does_nothing_is_out_and_a_page_that_asks_by_itself_does_nothing():
    clock = Clock()
    sessions, cookie, _ = entered(clock)
    clock.now = IDLE_S - 1
    assert sessions.of(cookie, polled=True) is not None
    clock.now = IDLE_S + 1
    assert sessions.of(cookie) is None


def test_who_works_stays_until_the_longest_time():
    clock = Clock()
    sessions, cookie, _ = entered(clock)
    while clock.now + IDLE_S / 2 <= LONGEST_S:
        clock.now += IDLE_S / 2
        assert sessions.of(cookie) is not None
    clock.now = LONGEST_S + 1
    assert sessions.of(cookie) is None


def test_who_left_is_out():
    sessions, cookie, _ = entered(Clock())
    sessions.leave(cookie)
    assert sessions.of(cookie) is None


def test_every_session_has_a_number_of_its_own():
    sessions = Sessions(Clock())
    numbers = {sessions.enter(sessions.link("A", ()))[1].csrf for _ in range(3)}
    assert len(numbers) == 3


def test_roles():
    assert [role_of(r) for r in ((), ("reveal",), ("review",), ("review", "approve"))] == [
        "viewer", "viewer", "reviewer", "lead",
    ]  # fmt: skip


def test_trials_go_back_one_by_one_or_all_at_once():
    trials = Trials()
    one, two = (("sex", 1, -5.0),), (("sex", 1, -5.0), ("sex", 2, 1.0))
    trials.put("A", one)
    trials.put("A", two)
    trials.put("A", two)
    assert trials.undoable("A") == 2
    assert trials.undo("A", every=False) == one
    trials.put("A", two)
    assert trials.undo("A", every=True) == ()
    assert trials.of("B") == ()
    assert trials.undo("B", every=False) == ()
