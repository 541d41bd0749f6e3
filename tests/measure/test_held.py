"""What is remembered of sessions: when they were open, what was seen of them in a window, and when they were lost."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import Release, Slot
from reconciler.core.reading import Window
from reconciler.drivers.journey import USE
from reconciler.drivers.protocols import Session
from reconciler.measure.held import Held

AT_0 = Window("t1", Release(Slot.GREEN, "1.4.2"), Release(Slot.BLUE, "1.4.1"), 0, 10.0)
AT_25 = replace(AT_0, rung=25, opened=20.0)
ROUND = 1.0


class Story:
    """A generator's words, one request after the other."""

    def __init__(self) -> None:
        self.held, self._count = Held(ROUND), 0

    def sends(self, start: float, session: int = 1, step: str = USE) -> int:
        self._count += 1
        self.held.sent(self._count, {"road": "users", "step": step, "start": start, "session": session})
        return self._count

    def hears(
        self, number: int, slot: str = "blue", error: str = "", lost: bool = False, status: int | None = 200
    ) -> None:
        said = {"latency": 0.1, "status": status, "slot": slot, "ok": not error, "error": error, "lost": lost}
        self.held.answered(number, said)

    def uses(self, start: float, session: int = 1, step: str = USE, **said: object) -> Story:
        self.hears(self.sends(start, session, step), **said)  # type: ignore[arg-type]
        return self

    def told(self, window: Window, now: float) -> Session:
        (one,) = self.held.told(window, now)
        return one


def test_it_is_open_once_its_content_was_read_back() -> None:
    story = Story().uses(1.0, step="write")
    assert story.told(AT_0, 2.0).opened is None
    assert story.uses(2.0, error="what it had stored is gone").told(AT_0, 3.0).opened is None
    assert story.uses(3.0).told(AT_0, 4.0).opened == 3.1


def test_open_before_the_newcomer_had_weight_is_what_was_seen_open_then() -> None:
    story = Story().uses(1.0)
    assert story.told(AT_0, 2.0).before
    assert story.told(AT_25, 3.0).before
    assert not Story().uses(1.0).told(AT_25, 2.0).before


def test_it_is_kept_only_if_it_was_found_whole_in_the_window_asked_about() -> None:
    story = Story().uses(1.0)
    assert not story.told(AT_0, 2.0).kept, "that was before anybody asked"
    assert story.uses(2.5).told(AT_0, 3.0).kept
    assert not story.told(AT_25, 4.0).kept
    assert story.uses(4.5, slot="green").told(AT_25, 5.0).kept
    assert story.told(AT_25, 5.0).slots == {"blue", "green"}
    assert (story.told(AT_25, 5.0).uses, story.told(replace(AT_25, opened=30.0), 6.0).uses) == (1, 0)


def test_what_got_no_answer_is_not_kept_until_it_gets_one() -> None:
    story = Story().uses(1.0)
    story.told(AT_0, 2.0)
    assert not story.uses(2.5, status=None, error="no complete answer").told(AT_0, 3.0).kept
    assert story.uses(3.5).told(AT_0, 4.0).kept


def test_one_that_is_waited_for_when_its_turn_comes_again_is_not_kept() -> None:
    story = Story().uses(1.0)
    story.told(AT_0, 2.0)
    story.uses(2.5)
    hanging = story.sends(3.5)
    assert story.told(AT_0, 3.6).kept
    assert not story.told(AT_0, 3.6 + ROUND).kept
    story.hears(hanging)
    assert story.told(AT_0, 3.6 + ROUND).kept


def test_a_request_that_could_not_be_sent_is_none() -> None:
    story = Story().uses(1.0)
    story.told(AT_0, 2.0)
    story.uses(2.5)
    story.held.unsent(story.sends(3.0))
    assert story.told(AT_0, 9.0).kept


def test_what_is_lost_stays_lost_and_the_first_loss_is_the_one_that_is_told() -> None:
    story = Story().uses(1.0)
    story.told(AT_0, 2.0)
    story.uses(2.5, slot="green", error="another session's id", lost=True)
    found = story.told(AT_25, 3.0)
    assert found.lost
    assert (found.lost.error, found.lost.slot, found.lost_at) == ("another session's id", "green", 25)
    later = story.uses(4.0).uses(5.0, error="gone too", lost=True).told(replace(AT_25, rung=50), 6.0)
    assert (later.lost, later.lost_at, later.kept) == (found.lost, 25, False)


def test_what_was_lost_while_gateway_or_stable_failed_is_excused() -> None:
    story = Story().uses(1.0, session=1).uses(1.1, session=2)
    story.held.told(AT_0, 2.0)
    story.uses(2.5, session=1, error="gone", lost=True)
    later = replace(AT_25, fair=21.0)
    story.held.told(later, 3.0)
    story.uses(3.5, session=2, error="gone", lost=True)
    assert [one.excused for one in story.held.told(later, 4.0)] == [True, False]


def test_nothing_is_known_of_them_once_their_generator_has_ended() -> None:
    story = Story().uses(1.0)
    late = story.sends(2.0)
    story.held.abandon("it died")
    assert story.held.answered(late, {}) is None
    assert list(story.held.told(AT_0, 3.0)) == []


def test_its_size_is_the_number_of_sessions() -> None:
    story = Story()
    for turn in range(3000):
        story.uses(float(turn), session=turn % 3 + 1, slot=f"made-up-{turn}")
    assert len(story.held.told(AT_0, 9999.0)) == 3
    assert {one.slots for one in story.held.told(AT_0, 9999.0)} == {frozenset([""])}
