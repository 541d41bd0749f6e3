"""The exam of the host family: what the contract in protocols.py promises, asked of a real host with a real member.

A driver's test file subclasses `HostExam` and gives a fixture `subject`: a good version, another good one, one whose
files are missing, one that reports a version that is not its own; and ways to disturb the world behind its back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from reconciler.core.model import Pin, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.examining import Examinable, Grade, Stocked
from reconciler.drivers.protocols import MemberHost
from reconciler.errors import ReconcilerError, Refused, Unreachable

BLUE, GREEN = Slot.BLUE, Slot.GREEN
STOPPED, READY, UNREADY = MemberStatus.STOPPED, MemberStatus.READY, MemberStatus.UNREADY
STANDBY = MemberStatus.STANDBY
LIMIT_S = 30.0


class Subject(Protocol):
    good: Pin
    other: Pin
    missing: Pin
    liar: Pin
    secret: str  # known to the member, and to nobody who reads a message

    def open(self) -> MemberHost:
        """A host as a reconciler opens it: each call is a new one, on the same world."""

    def lives(self, slot: Slot) -> int:
        """How many members run in a slot, counted in the world and not by the host."""

    def traces(self) -> Any:
        """All that a reading could change: files with their times, say."""

    def freeze(self, slot: Slot) -> None:
        """The member keeps its connections and answers nothing."""

    def damage(self, slot: Slot) -> None:
        """What runs there can no longer be found out."""

    def deadline(self) -> float: ...


def until(host: MemberHost, slot: Slot, true: Callable[[MemberReading], bool]) -> MemberReading:
    limit = time.monotonic() + LIMIT_S
    while not true(found := host.read(slot)):
        assert time.monotonic() < limit, f"it never came about; last seen: {found} ({found.detail})"
        time.sleep(0.05)
    return found


def ready(host: MemberHost, slot: Slot, pin: Pin) -> None:
    host.stage(slot, pin)
    host.start(slot, pin)
    until(host, slot, lambda found: found.status is READY)


def stopped(host: MemberHost, slot: Slot) -> None:
    host.stop(slot)
    until(host, slot, lambda found: found.status is STOPPED)


class HostExam:
    @pytest.fixture
    def host(self, subject: Subject) -> Any:
        host = subject.open()
        yield host
        host.close()

    def test_a_member_that_was_never_started_reads_as_stopped(self, host: MemberHost) -> None:
        assert host.read(BLUE) == MemberReading(STOPPED)

    def test_a_started_member_becomes_ready_at_its_pins_label(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        assert host.read(BLUE) == MemberReading(READY, subject.good.label)
        assert host.read(GREEN).status is STOPPED

    def test_both_slots_run_side_by_side(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        ready(host, GREEN, subject.other)
        assert host.read(BLUE).version == subject.good.label
        assert host.read(GREEN).version == subject.other.label
        assert host.address(BLUE) != host.address(GREEN)

    def test_reading_changes_nothing(self, subject: Subject, host: MemberHost) -> None:
        before = subject.traces()
        host.read(BLUE)
        assert subject.traces() == before
        ready(host, BLUE, subject.good)
        before = subject.traces()
        for slot in Slot:
            host.read(slot)
        assert subject.traces() == before

    def test_being_examined_changes_nothing_and_finds_nothing_wrong_where_it_runs(
        self, subject: Subject, host: MemberHost
    ) -> None:
        if not isinstance(host, Examinable):
            pytest.skip("it has nothing to say")
        ready(host, BLUE, subject.good)
        before = subject.traces()
        found = host.examine()
        assert subject.traces() == before
        assert {one.grade for one in found} <= {Grade.OK}, found

    def test_what_a_start_would_miss_is_known_without_touching_anything(
        self, subject: Subject, host: MemberHost
    ) -> None:
        if not isinstance(host, Stocked):
            pytest.skip("it does not tell before it is staged")
        before = subject.traces()
        assert host.lacking(BLUE, subject.good) == ""
        assert host.lacking(BLUE, subject.missing)
        assert subject.traces() == before

    def test_staging_starts_nothing(self, subject: Subject, host: MemberHost) -> None:
        host.stage(BLUE, subject.good)
        assert subject.lives(BLUE) == 0

    def test_starting_twice_is_one_member(self, subject: Subject, host: MemberHost) -> None:
        host.start(BLUE, subject.good)
        host.start(BLUE, subject.good)
        until(host, BLUE, lambda found: found.status is READY)
        host.start(BLUE, subject.good)
        assert subject.lives(BLUE) == 1

    def test_another_version_is_refused_while_one_runs(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        with pytest.raises(Refused, match="stop"):
            host.start(BLUE, subject.other)
        assert host.read(BLUE) == MemberReading(READY, subject.good.label)
        assert subject.lives(BLUE) == 1

    def test_a_stopped_member_reads_as_stopped_and_can_be_started_again(
        self, subject: Subject, host: MemberHost
    ) -> None:
        ready(host, BLUE, subject.good)
        stopped(host, BLUE)
        assert subject.lives(BLUE) == 0
        ready(host, BLUE, subject.other)
        assert host.read(BLUE).version == subject.other.label

    def test_stopping_twice_or_what_never_ran_is_safe(self, subject: Subject, host: MemberHost) -> None:
        host.stop(GREEN)
        ready(host, BLUE, subject.good)
        host.stop(BLUE)
        host.stop(BLUE)
        until(host, BLUE, lambda found: found.status is STOPPED)
        host.stop(BLUE)
        assert host.read(BLUE).status is STOPPED

    def test_stopping_one_slot_leaves_the_other_running(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        ready(host, GREEN, subject.good)
        stopped(host, BLUE)
        assert host.read(GREEN) == MemberReading(READY, subject.good.label)

    @pytest.mark.parametrize("act", ["stage", "start"])
    def test_missing_files_are_refused_with_the_place(self, subject: Subject, host: MemberHost, act: str) -> None:
        with pytest.raises(Refused, match=subject.missing.version):
            getattr(host, act)(BLUE, subject.missing)
        assert host.read(BLUE).status is STOPPED

    def test_the_version_is_what_the_member_itself_reports(self, subject: Subject, host: MemberHost) -> None:
        host.start(BLUE, subject.liar)
        found = until(host, BLUE, lambda found: found.version is not None)
        assert found.status is not READY
        assert found.version != subject.liar.label

    def test_a_member_that_does_not_answer_is_alive_and_not_ready(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        subject.freeze(BLUE)
        began = time.monotonic()
        found = host.read(BLUE)
        assert found.status is UNREADY
        assert time.monotonic() - began < 10 * subject.deadline(), "a reading must end, whatever the member does"

    def test_unknown_is_not_stopped(self, subject: Subject, host: MemberHost) -> None:
        ready(host, BLUE, subject.good)
        subject.damage(BLUE)
        with pytest.raises(Unreachable):
            host.read(BLUE)
        with pytest.raises(Unreachable):
            host.start(BLUE, subject.good)

    def test_a_member_outlives_its_host_and_is_found_again(self, subject: Subject) -> None:
        first = subject.open()
        ready(first, BLUE, subject.good)
        first.close()
        second = subject.open()
        try:
            assert second.read(BLUE) == MemberReading(READY, subject.good.label)
            second.start(BLUE, subject.good)
            assert subject.lives(BLUE) == 1
            stopped(second, BLUE)
        finally:
            second.close()

    def test_no_secret_is_in_a_message(self, subject: Subject, host: MemberHost) -> None:
        said = []
        for act in (
            lambda: host.stage(BLUE, subject.missing),
            lambda: ready(host, BLUE, subject.good),
            lambda: host.start(BLUE, subject.other),
            lambda: stopped(host, BLUE),
            lambda: host.start(BLUE, subject.liar),
        ):
            try:
                act()
            except ReconcilerError as error:
                said.append(str(error))
            said.append(repr(host.read(BLUE)))
        assert len(said) > 5
        assert not [text for text in said if subject.secret in text]

    def test_closing_twice_is_safe(self, subject: Subject) -> None:
        host = subject.open()
        ready(host, BLUE, subject.good)
        host.close()
        host.close()


class StandbyExam:
    """What a host promises of a member that can stand by; the subject's pins are those of such a member."""

    @pytest.fixture
    def host(self, subject: Subject) -> Any:
        host = subject.open()
        yield host
        host.close()

    def test_a_started_member_stands_by(self, subject: Subject, host: MemberHost) -> None:
        standing_by(host, BLUE, subject.good)
        assert host.read(BLUE) == MemberReading(STANDBY, subject.good.label)

    def test_a_granted_member_reads_as_ready_and_nobody_else_does(self, subject: Subject, host: MemberHost) -> None:
        standing_by(host, BLUE, subject.good)
        standing_by(host, GREEN, subject.other)
        host.grant(BLUE, 3)
        until(host, BLUE, lambda found: found.status is READY)
        assert host.read(GREEN).status is STANDBY

    def test_granting_twice_is_one_change(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        before = subject.traces()
        host.grant(BLUE, 3)
        assert subject.traces() == before
        assert host.read(BLUE).status is READY

    def test_a_released_member_stops_and_then_stands_by(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        host.release(BLUE, 4)
        seen = {host.read(BLUE).status}
        until(host, BLUE, lambda found: bool(seen.add(found.status)) or found.status is STANDBY)
        assert seen <= {MemberStatus.STOPPING, STANDBY}
        assert subject.lives(BLUE) == 1

    def test_releasing_twice_or_who_owns_nothing_writes_nothing(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        standing_by(host, GREEN, subject.other)
        host.release(GREEN, 4)
        assert host.read(BLUE).status is READY
        host.release(BLUE, 5)
        until(host, BLUE, lambda found: found.status is STANDBY)
        before = subject.traces()
        host.release(BLUE, 6)
        assert subject.traces() == before

    @pytest.mark.parametrize("number", [1, 3, 4])
    def test_a_number_that_is_not_above_all_before_is_refused(
        self, subject: Subject, host: MemberHost, number: int
    ) -> None:
        owning(host, BLUE, subject.good, 3)
        host.release(BLUE, 4)
        until(host, BLUE, lambda found: found.status is STANDBY)
        with pytest.raises(Refused, match="4"):
            host.grant(GREEN, number)
        with pytest.raises(Refused, match="4"):
            subject.open().grant(BLUE, number)
        assert host.read(BLUE).status is STANDBY

    def test_a_release_by_an_older_number_is_refused(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        with pytest.raises(Refused):
            host.release(BLUE, 2)
        assert host.read(BLUE).status is READY

    def test_a_newer_number_for_the_owner_is_taken_over_by_it(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        host.grant(BLUE, 8)
        until(host, BLUE, lambda found: found.status is READY)

    def test_ownership_does_not_outlive_the_process(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        stopped(host, BLUE)
        standing_by(host, BLUE, subject.good)
        assert host.read(BLUE).status is STANDBY

    def test_one_that_does_not_answer_proves_nothing_and_is_ended_in_the_end(
        self, subject: Subject, host: MemberHost
    ) -> None:
        owning(host, BLUE, subject.good, 3)
        subject.freeze(BLUE)
        host.release(BLUE, 4)
        assert host.read(BLUE).status in (UNREADY, MemberStatus.STOPPING)
        limit = time.monotonic() + LIMIT_S
        while host.read(BLUE).status is not STOPPED:
            assert time.monotonic() < limit
            host.release(BLUE, 5)
            time.sleep(0.1)
        assert subject.lives(BLUE) == 0

    def test_reading_changes_nothing(self, subject: Subject, host: MemberHost) -> None:
        owning(host, BLUE, subject.good, 3)
        host.release(BLUE, 4)
        before = subject.traces()
        for slot in Slot:
            host.read(slot)
        assert subject.traces() == before


def standing_by(host: MemberHost, slot: Slot, pin: Pin) -> None:
    host.stage(slot, pin)
    host.start(slot, pin)
    until(host, slot, lambda found: found.status is STANDBY)


def owning(host: MemberHost, slot: Slot, pin: Pin, number: int) -> None:
    standing_by(host, slot, pin)
    host.grant(slot, number)
    until(host, slot, lambda found: found.status is READY)
