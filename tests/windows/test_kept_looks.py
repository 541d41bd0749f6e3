"""A look that is used again: for how long, and what ends that. On a clock that is a value."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from reconciler.core.model import Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.windows.kept import LONGEST, Kept
from reconciler.errors import Refused, Unreachable

BLUE, GREEN = Slot.BLUE, Slot.GREEN
STOPPED, READY, STANDBY = MemberStatus.STOPPED, MemberStatus.READY, MemberStatus.STANDBY
UNSETTLED = [one for one in MemberStatus if one not in (STOPPED, READY, STANDBY)]
EVERY = 2.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Member:
    """What its machine shows, and what it says itself."""

    shown: str = "as it is"
    unseen: int = 0  # counts up there, and tells nothing
    says: dict[Slot, MemberReading] = field(
        default_factory=lambda: {BLUE: MemberReading(READY, "1"), GREEN: MemberReading(STOPPED)}
    )


class Stand:
    def __init__(self, every: float = EVERY, *, grow: bool = True) -> None:
        self.clock, self.member, self.looks, self.asked = Clock(), Member(), 0, 0
        self.kept = Kept[tuple[str, int]](every, self.clock, grow=grow, told=lambda seen: seen[0])  # type: ignore[arg-type]
        self.meanwhile: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def look(self) -> tuple[str, int]:
        self.looks += 1
        self.meanwhile()
        return self.member.shown, self.looks

    def judge(self, slot: Slot) -> MemberReading:
        self.asked += 1
        if self.error:
            raise self.error
        return self.member.says[slot]

    def read(self, slot: Slot) -> MemberReading:
        return self.kept.read(slot, self.look, lambda _: self.judge(slot))

    def both(self, after: float = 0.0) -> int:
        """Both slots are read `after` so many seconds; the looks that this took."""
        self.clock.seconds += after
        before = self.looks
        assert [self.read(slot) for slot in Slot] == [self.member.says[slot] for slot in Slot]
        return self.looks - before

    def spans(self, count: int) -> list[float]:
        """For how long each of the next looks is used, read four times a second."""
        found: list[float] = []
        self.both()
        while len(found) < count:
            began, now = self.clock.seconds, 0
            while not now:
                now = self.both(after=0.25)
            found.append(self.clock.seconds - began)
        return found


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_one_look_serves_both_slots_and_what_the_member_says_is_asked_at_every_reading(stand: Stand) -> None:
    assert stand.both() == 1
    assert [stand.both(after=0.5) for _ in range(3)] == [0, 0, 0]
    assert stand.asked == 8
    assert stand.both(after=0.5) == 1, "two seconds are over"


def test_a_settled_look_is_used_twice_as_long_each_time_and_never_longer_than_thirty_seconds(stand: Stand) -> None:
    assert stand.spans(7) == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert EVERY * LONGEST == 30.0


def test_one_that_has_only_its_look_is_looked_at_as_often_as_ever() -> None:
    assert Stand(grow=False).spans(4) == [2.0] * 4


def test_who_wants_a_look_each_time_has_it_and_one_for_both_slots() -> None:
    stand = Stand(0.0)
    assert [stand.both() for _ in range(4)] == [1] * 4


def test_what_counts_up_there_all_the_time_is_no_other_look_and_anything_else_is(stand: Stand) -> None:
    assert stand.spans(3) == [2.0, 4.0, 8.0]
    stand.member.shown = "another process"  # and it says the same
    assert stand.spans(3) == [16.0, 2.0, 4.0], "seen when the one before was too old"


def test_another_word_when_the_look_was_too_old_anyway_begins_anew_as_well(stand: Stand) -> None:
    stand.both()
    stand.member.says[BLUE] = MemberReading(READY, "2")
    assert stand.both(after=2.0) == 1
    assert stand.both(after=2.0) == 1, "not twice as long"


@pytest.mark.parametrize("status", UNSETTLED)
@pytest.mark.parametrize("slot", Slot)
def test_what_is_not_settled_is_looked_at_anew_at_every_reading(stand: Stand, slot: Slot, status: MemberStatus) -> None:
    stand.spans(3)
    settled = stand.member.says[slot]
    stand.member.says[slot] = MemberReading(status)
    stand.both(after=0.5)
    assert [stand.both(after=0.5) for _ in range(4)] == [1] * 4
    stand.member.says[slot] = settled
    assert stand.both(after=0.5) == 1
    assert stand.spans(2) == [2.0, 4.0], "and from the beginning"


@pytest.mark.parametrize("found", [MemberReading(READY, "2"), MemberReading(STANDBY, "1"), MemberReading(STOPPED)])
def test_another_word_of_the_member_is_never_believed_without_a_new_look(stand: Stand, found: MemberReading) -> None:
    stand.spans(3)
    looks, stand.member.says[BLUE] = stand.looks, found
    assert stand.read(BLUE) == found
    assert stand.looks == looks + 1
    stand.read(GREEN)
    assert stand.looks == looks + 1, "which is the other slot's as well"
    assert stand.spans(2) == [2.0, 4.0]


def test_a_word_that_a_new_look_explains_otherwise_is_what_the_new_look_says(stand: Stand) -> None:
    """Of a process that Windows has started since, a kept look would say that it is a stranger."""
    stand.both()
    stand.member.shown = "process 2"
    judge = lambda seen: MemberReading(READY if seen[0] == "process 2" else MemberStatus.UNREADY)  # noqa: E731
    assert stand.kept.read(BLUE, stand.look, judge).status is READY


def test_a_change_of_ours_ends_it_and_so_does_one_of_which_nobody_knows(stand: Stand) -> None:
    stand.spans(3)
    with stand.kept.changing():
        pass
    assert stand.both() == 1
    assert stand.spans(2) == [2.0, 4.0]
    with pytest.raises(Refused), stand.kept.changing():
        raise Refused("no")
    assert stand.both() == 1
    assert stand.spans(1) == [2.0]
    with pytest.raises(Unreachable), stand.kept.changing():
        raise Unreachable("no answer")
    assert [stand.both(after=0.5) for _ in range(59)] == [1] * 59, "it may still be made"
    assert stand.both(after=0.5) == 1
    assert [stand.both(after=0.5) for _ in range(4)] == [0, 0, 0, 1], "and then from the beginning"


def test_a_look_that_was_under_way_when_something_was_changed_is_not_kept(stand: Stand) -> None:
    def changed() -> None:
        with stand.kept.changing():
            pass

    stand.meanwhile = changed
    stand.read(BLUE)
    stand.meanwhile = lambda: None
    stand.read(GREEN)
    assert stand.looks == 2


def test_nor_is_one_that_was_made_in_the_midst_of_a_change(stand: Stand) -> None:
    stand.both()
    with stand.kept.changing():
        assert stand.both() == 1, "nor is what was seen before used in it"
    assert stand.both() == 1


def test_half_a_look_waits_a_second_for_the_other_slots_reading_and_no_longer(stand: Stand) -> None:
    stand.read(BLUE)
    stand.clock.seconds += 0.9
    stand.read(GREEN)
    assert stand.looks == 1
    stand.clock.seconds += EVERY
    stand.read(BLUE)
    stand.clock.seconds += 1.0
    stand.read(GREEN)
    assert stand.looks == 3


def test_a_reading_that_could_not_be_made_out_ends_it(stand: Stand) -> None:
    stand.both()
    stand.error = Unreachable("who owns is unknown")
    for _ in range(3):
        with pytest.raises(Unreachable):
            stand.read(BLUE)
    assert stand.looks == 3, "once with the kept one"
    stand.error = None
    assert stand.both() == 1


def test_a_look_that_fails_leaves_nothing(stand: Stand) -> None:
    stand.both()
    stand.clock.seconds += EVERY

    def fails() -> None:
        raise Unreachable("no answer")

    stand.meanwhile = fails
    for _ in range(2):
        with pytest.raises(Unreachable):
            stand.read(BLUE)
    assert stand.looks == 3
    stand.meanwhile = lambda: None
    assert stand.spans(2) == [2.0, 4.0]


def test_a_late_reading_says_nothing_about_a_look_that_was_made_since(stand: Stand) -> None:
    """The loop has given it up; its thread goes on."""
    late, go = threading.Event(), threading.Event()

    def slowly(_: tuple[str, int]) -> MemberReading:
        late.set()
        assert go.wait(30)
        return MemberReading(STOPPED)

    thread = threading.Thread(target=lambda: stand.kept.read(BLUE, stand.look, slowly))
    thread.start()
    assert late.wait(30)
    with stand.kept.changing():
        pass
    assert stand.both() == 1
    go.set()
    thread.join(30)
    assert stand.both() == 0
